/**
 * A configuration as it may be shown: references to the environment as they are written, secrets
 * that stand in it as `***`. And back: what comes back masked keeps the value that it had.
 */
import { isObject } from '../json.ts';
import { mask } from '../log.ts';

/** What stands in place of a secret. */
export const MASK = '***';

/** Keys whose value is a secret, or a group of nothing else. */
const SECRET_KEY = /^(secret|api[-_]?key|password|token|.*[-_](key|token|secret))$/i;
/** Groups whose values may all be secrets: what a provider wants in a header is nobody's business. */
const SECRET_GROUP = /^headers$/i;
/** Names of headers that never hold a secret; any other may. */
export const PLAIN_HEADER =
  /^(accept.*|content-.*|user-agent|anthropic-(version|beta)|openai-(beta|organization|project)|http-referer|x-title)$/i;

const REFERENCE = /\$\$\{|\$\{([A-Za-z_][A-Za-z0-9_]*)(:-[^}]*)?\}/g;
/** `Bearer ` before a key says nothing. */
const SCHEME = /^(bearer|basic|token)\s+/i;

/**
 * The value with its secrets masked. Nothing is changed in place.
 *
 * @param known secrets that must not be shown wherever they stand
 */
export function maskConfig(value: unknown, known: readonly string[] = []): unknown {
  const long = known.filter((secret) => secret.length >= KNOWN_MIN);
  return replaceKnown(maskAt(value, false), long);
}
/** A shorter one may well be a word of the configuration itself. */
const KNOWN_MIN = 12;

function replaceKnown(value: unknown, known: readonly string[]): unknown {
  if (known.length === 0) return value;
  if (typeof value === 'string') return mask(value, known);
  if (Array.isArray(value)) return value.map((item) => replaceKnown(item, known));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, replaceKnown(inner, known)]),
  );
}

function maskAt(value: unknown, isSecret: boolean): unknown {
  if (typeof value === 'string') return isSecret ? maskSecret(value) : maskUrl(value);
  if (Array.isArray(value)) return value.map((item) => maskAt(item, isSecret));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [key, maskEntry(key, inner, isSecret)]),
  );
}

function maskEntry(key: string, value: unknown, isSecret: boolean): unknown {
  if (SECRET_GROUP.test(key) && isObject(value)) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, maskAt(inner, !PLAIN_HEADER.test(name))]),
    );
  }
  const isScalar = typeof value === 'string' || Array.isArray(value);
  const named = isScalar && SECRET_KEY.test(key);
  return maskAt(value, isSecret || named);
}

/** References stay, their defaults and all other text go. */
function maskSecret(value: string): string {
  const scheme = SCHEME.exec(value)?.[0] ?? '';
  const rest = value.slice(scheme.length);
  let masked = '';
  let end = 0;
  for (const match of rest.matchAll(REFERENCE)) {
    const [token, name, fallback] = match;
    if (name === undefined) continue;
    if (match.index > end) masked += MASK;
    masked += fallback ? `\${${name}:-${MASK}}` : token;
    end = match.index + token.length;
  }
  if (end < rest.length) masked += MASK;
  return scheme + masked;
}

/** Credentials within a URL: before the host, or as a parameter that says so. */
function maskUrl(value: string): string {
  if (!value.includes('://')) return value;
  return value
    .replace(
      /(:\/\/)([^/?#]+)@/,
      (_all, start: string, user: string) => `${start}${maskUser(user)}@`,
    )
    .replace(
      /([?&][\w-]*(?:key|token|secret|sig|signature|password)=)([^&#]+)/gi,
      (_all, start: string, secret: string) => start + maskSecret(secret),
    );
}

function maskUser(user: string): string {
  const colon = user.search(/:(?!-)/);
  if (colon < 0) return maskSecret(user);
  return `${user.slice(0, colon)}:${maskSecret(user.slice(colon + 1))}`;
}

/** What came back masked, with the values that it had; `lost` are the places where none is known. */
export function unmaskConfig(
  value: unknown,
  before: unknown,
  known: readonly string[] = [],
): { value: unknown; lost: readonly (readonly (string | number)[])[] } {
  const shown = maskConfig(before, known);
  const lost: (string | number)[][] = [];
  const restore = (
    now: unknown,
    old: unknown,
    masked: unknown,
    path: readonly (string | number)[],
  ): unknown => {
    if (typeof now === 'string') {
      if (!now.includes(MASK)) return now;
      if (now === masked && typeof old === 'string') return old;
      lost.push([...path]);
      return now;
    }
    if (Array.isArray(now)) {
      return now.map((item: unknown, index) =>
        restore(item, element(old, index), element(masked, index), [...path, index]),
      );
    }
    if (!isObject(now)) return now;
    return Object.fromEntries(
      Object.entries(now).map(([key, item]) => [
        key,
        restore(item, member(old, key), member(masked, key), [...path, key]),
      ]),
    );
  };
  return { value: restore(value, before, shown, []), lost };
}

function element(list: unknown, index: number): unknown {
  return Array.isArray(list) ? list[index] : undefined;
}

function member(group: unknown, key: string): unknown {
  return isObject(group) && Object.hasOwn(group, key) ? group[key] : undefined;
}
