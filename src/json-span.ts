/**
 * Finds where the values of top-level keys stand in JSON text, so that one value can be replaced and
 * every other byte stays. The text must already be known to be valid JSON with an object at the top.
 */
export interface Span {
  /** Offset of the value's first character. */
  start: number;
  /** Offset behind its last. */
  end: number;
}

const QUOTE = 34;
const BACKSLASH = 92;

/** Offset behind the closing quote of the string whose opening quote is at `from`. */
function endOfString(text: string, from: number): number {
  let quote = text.indexOf('"', from + 1);
  for (;;) {
    let backslashes = 0;
    while (text.charCodeAt(quote - 1 - backslashes) === BACKSLASH) backslashes += 1;
    if (backslashes % 2 === 0) return quote + 1;
    quote = text.indexOf('"', quote + 1);
  }
}

/** Offset of the next character that is not white space. */
function skipSpace(text: string, from: number): number {
  let i = from;
  for (;;) {
    const c = text.charCodeAt(i);
    if (c !== 32 && c !== 10 && c !== 13 && c !== 9) return i;
    i += 1;
  }
}

/** Offset behind the value that starts at `from`. */
function endOfValue(text: string, from: number): number {
  const first = text.charCodeAt(from);
  if (first === QUOTE) return endOfString(text, from);
  if (first !== 123 && first !== 91) {
    let i = from;
    for (;;) {
      const c = text.charCodeAt(i);
      if (c === 44 || c === 125 || c === 93 || c <= 32 || Number.isNaN(c)) return i;
      i += 1;
    }
  }
  let depth = 0;
  for (let i = from; ; ) {
    const c = text.charCodeAt(i);
    if (c === QUOTE) {
      i = endOfString(text, i);
      continue;
    }
    if (c === 123 || c === 91) depth += 1;
    else if (c === 125 || c === 93) {
      depth -= 1;
      if (depth === 0) return i + 1;
    }
    i += 1;
  }
}

/** Spans of the values of `keys` in the object that opens at `from`; of a repeated key the last, as in `JSON.parse`. */
export function topLevelSpans(text: string, keys: readonly string[], from = 0): Map<string, Span> {
  const found = new Map<string, Span>();
  let i = skipSpace(text, from);
  if (text.charCodeAt(i) === 0xfeff) i = skipSpace(text, i + 1);
  i = skipSpace(text, i + 1);
  while (text.charCodeAt(i) === QUOTE) {
    const keyEnd = endOfString(text, i);
    const raw = text.slice(i + 1, keyEnd - 1);
    const key = raw.includes('\\') ? String(JSON.parse(`"${raw}"`)) : raw;
    const start = skipSpace(text, skipSpace(text, keyEnd) + 1);
    const end = endOfValue(text, start);
    if (keys.includes(key)) found.set(key, { start, end });
    i = skipSpace(text, end);
    if (text.charCodeAt(i) === 44) i = skipSpace(text, i + 1);
  }
  return found;
}

/** The text with some spans replaced. */
export function splice(text: string, edits: readonly (Span & { with: string })[]): string {
  let out = '';
  let from = 0;
  for (const edit of [...edits].sort((a, b) => a.start - b.start)) {
    out += text.slice(from, edit.start) + edit.with;
    from = edit.end;
  }
  return out + text.slice(from);
}
