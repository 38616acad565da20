/** `${NAME}` and `${NAME:-default}` in the strings of a configuration. */

export type Environment = Readonly<Record<string, string | undefined>>;

export interface Expanded {
  /** The text with everything that is known put in; what is missing stays as it is written. */
  readonly text: string;
  /** Variables that are not set and have no default. */
  readonly missing: readonly string[];
  /** The first `${…` that is neither of the two forms. */
  readonly malformed: string | undefined;
}

/** A reference as JSON Schema can recognise it. */
export const REFERENCE = '\\$\\{[A-Za-z_][A-Za-z0-9_]*(:-[^}]*)?\\}';

const TOKEN = /\$\$\{|\$\{([^}]*)(\}?)/g;
const NAME = /^([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?$/s;

/** True when the text takes something from the environment. */
export function hasReference(text: string): boolean {
  return text.includes('${');
}

/**
 * Puts variables in. As in a shell's `:-`, a variable set to nothing counts as not set: a template
 * `.env` full of `KEY=` must not look like a key. Line ends at the end of a value are left out, as
 * `$(…)` does. `$${` is a literal `${`.
 */
export function expand(text: string, env: Environment): Expanded {
  if (!hasReference(text)) return { text, missing: [], malformed: undefined };
  const missing: string[] = [];
  let malformed: string | undefined;
  const result = text.replace(
    TOKEN,
    (token, inner: string | undefined, end: string | undefined) => {
      if (inner === undefined) return '${';
      const parts = end === '}' ? NAME.exec(inner) : null;
      if (parts === null) {
        malformed ??= token;
        return token;
      }
      const [, name = '', fallback] = parts;
      const value = env[name]?.replace(/[\r\n]+$/, '');
      if (value !== undefined && value !== '') return value;
      if (fallback !== undefined) return fallback;
      missing.push(name);
      return token;
    },
  );
  return { text: result, missing, malformed };
}
