/** JSON text without the secrets that its strings hold; numbers and structure stay what they are. */
import { mask } from '../log.ts';

/** @param space as in `JSON.stringify` */
export function maskedJson(value: object, secrets: Iterable<string>, space?: number): string {
  const known = [...secrets];
  const text = JSON.stringify(value, undefined, space);
  // Nearly always there is none, and the text is right as it is.
  if (mask(text, known) === text) return text;
  return JSON.stringify(
    value,
    (_key, inner: unknown) => (typeof inner === 'string' ? mask(inner, known) : inner),
    space,
  );
}
