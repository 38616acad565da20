/** What was lost on the way to a provider, in the client's own words. */
import type { Format } from '../formats/format.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { Ledger } from '../ledger.ts';

/** The client's side of a request. */
interface Asked {
  readonly format: Pick<Format, 'fields'>;
  readonly body: JsonObject;
}

/** Spells what the provider's side reported, in names of the middle language, as the client does. */
export function spellLosses(provider: Ledger, asked: Asked): void {
  provider.respell((path) => spell(path, asked));
}

/**
 * The wire paths of a field of the middle language. Where several wire fields amount to one, those
 * that the client wrote are meant.
 */
function spell(path: string, { format: { fields }, body }: Asked): string[] {
  const [head = path, second = ''] = path.split('.', 2);
  // A place in a list was stamped by the reader of the body: it is the client's own.
  if (/^\d+$/.test(second)) return [resolve(path, body)];
  // Fields of a client may be called `constructor`.
  const named = own(fields, path) ?? own(fields, head);
  if (named === undefined) return [resolve(path, body)];
  const candidates = typeof named === 'string' ? [named] : named;
  const written = candidates.flatMap((candidate) => writtenPath(body, candidate) ?? []);
  const inner =
    own(fields, path) === undefined && path !== head ? path.split('.').at(-1) : undefined;
  if (inner !== undefined) {
    const exact = written.flatMap((place) => findNear(place.split('.'), [inner], body) ?? []);
    if (exact.length > 0) return exact;
  }
  return written.length > 0 ? written : candidates.slice(0, 1);
}

function own<T>(of: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(of, key) ? of[key] : undefined;
}

/** Names that the formats have for what encoders report below a part, a call or a tool. */
const SPELLINGS: Readonly<Record<string, readonly string[]>> = {
  cache_control: ['cache_control', 'prompt_cache_breakpoint'],
  filename: ['filename', 'title', 'displayName', 'display_name'],
  opaque: ['thoughtSignature', 'thought_signature', 'signature'],
  signature: ['signature', 'thoughtSignature', 'thought_signature'],
  thoughtSignature: ['thoughtSignature', 'thought_signature'],
  arguments: ['arguments', 'input', 'args'],
};

/**
 * A path below something that a decoder stamped, as it stands in the body: `tools.0.strict` is
 * `tools.0.function.strict` to a chat client. What is not there stays as it was reported.
 */
function resolve(path: string, body: JsonObject): string {
  let value: unknown = body;
  const walked: string[] = [];
  const names = path.split('.');
  for (const name of names) {
    const next = child(value, name);
    if (next === undefined) {
      const last = names.at(-1) ?? name;
      return findNear(walked, own(SPELLINGS, last) ?? [last], body) ?? path;
    }
    walked.push(name);
    value = next;
  }
  return path;
}

/** Below the place that was reached; else beside what leads there, but not beside the message or item. */
function findNear(
  walked: readonly string[],
  names: readonly string[],
  body: JsonObject,
): string | undefined {
  for (let length = walked.length; length >= Math.min(2, walked.length); length -= 1) {
    const place = walked.slice(0, length);
    const value = place.reduce<unknown>(child, body);
    const found = findBelow(value, names, length === walked.length ? 3 : 0);
    if (found !== undefined) return [...place, found].join('.');
  }
  return undefined;
}

function child(value: unknown, name: string): unknown {
  if (Array.isArray(value)) return value[Number(name)];
  return isObject(value) ? value[name] : undefined;
}

/** The nearest field of one of these names, as a path. */
function findBelow(value: unknown, names: readonly string[], depth: number): string | undefined {
  if (!isObject(value)) return undefined;
  const own = names.find((name) => isPresent(value, name));
  if (own !== undefined || depth === 0) return own;
  for (const [key, inner] of Object.entries(value)) {
    const below = findBelow(inner, names, depth - 1);
    if (below !== undefined) return `${key}.${below}`;
  }
  return undefined;
}

/** The path as it stands in the body, which may spell its names with underscores (protobuf JSON). */
function writtenPath(body: JsonObject, path: string): string | undefined {
  let value: unknown = body;
  const names: string[] = [];
  for (const name of path.split('.')) {
    if (!isObject(value)) return undefined;
    const underscored = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    const found = [name, underscored].find((key) => isPresent(value, key));
    if (found === undefined) return undefined;
    names.push(found);
    value = value[found];
  }
  return names.join('.');
}

function isPresent(value: unknown, key: string): boolean {
  return isObject(value) && value[key] !== undefined && value[key] !== null;
}
