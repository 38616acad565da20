/**
 * Reads the free text of a custom tool out of the JSON arguments `{"input":"…"}` that it was wrapped
 * into, while they stream. A model may answer otherwise (other keys first, another key, a bare string,
 * no JSON at all, quotes not escaped); then the text that was most likely meant is given, and nothing
 * that the model wrote is lost without a report.
 */
import { isObject, type JsonObject, parseJson } from '../json.ts';

/** The one argument of a function that stands for a custom tool. */
export const INPUT = 'input';

/** Told of what the model gave beside the input: the name of an argument, or nothing for debris. */
export type LostArgument = (key?: string) => void;

/** The input out of whole arguments. */
export function unwrapInput(text: string, lost?: LostArgument): string {
  const reader = new InputReader(lost);
  return reader.push(text) + reader.end();
}

const SPACE = /^[ \t\r\n]*$/;
const WRAPPED = /^\s*\{\s*"input"\s*:/;
const SIMPLE_ESCAPES: Record<string, string> = {
  '"': '"',
  '\\': '\\',
  '/': '/',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
};

/** Looks for the value of a top-level key `input` in JSON that comes in pieces. */
class HeadScanner {
  /** Open braces and brackets. */
  #depth = 0;
  /** What the open string holds so far, undefined outside of strings. */
  #string: string | undefined;
  /** True directly after a backslash within a string. */
  #isEscaped = false;
  /** The last key at depth 1; cleared by the comma that ends its value. */
  #key: string | undefined;
  /** The first letter that is not space; '' until it came. */
  #first = '';

  /** False once the text cannot be a JSON object or string any more. */
  get canBeJson(): boolean {
    return this.#first === '' || this.#first === '{' || this.#first === '"';
  }

  /** Where in the piece the input's text begins, behind its opening quote; undefined when not yet. */
  push(piece: string): number | undefined {
    for (let at = 0; at < piece.length; at += 1) {
      const letter = piece.charAt(at);
      if (this.#string !== undefined) this.#inString(this.#string, letter);
      else if (letter === '"' && this.#depth === 1 && this.#key === INPUT) return at + 1;
      else this.#between(letter);
      if (!this.canBeJson) return undefined;
    }
    return undefined;
  }

  #inString(before: string, letter: string): void {
    if (this.#isEscaped) this.#isEscaped = false;
    else if (letter === '\\') this.#isEscaped = true;
    else if (letter === '"') {
      if (this.#depth === 1) this.#key ??= before;
      this.#string = undefined;
      return;
    }
    // Only a key is ever read, and ours is short.
    if (before.length <= INPUT.length) this.#string = before + letter;
  }

  #between(letter: string): void {
    if (this.#first === '') this.#first = letter.trim();
    if (letter === '"') this.#string = '';
    else if (letter === '{' || letter === '[') this.#depth += 1;
    else if (letter === '}' || letter === ']') this.#depth -= 1;
    else if (letter === ',' && this.#depth === 1) this.#key = undefined;
  }
}

/** One call's arguments, piece by piece. */
export class InputReader {
  /** `head`: looking for the input. `text`: inside its string. `tail`: behind it. `raw`: no JSON. */
  #at: 'head' | 'text' | 'tail' | 'raw' = 'head';
  /** What came before the input's opening quote; everything, while there is none. */
  #head = '';
  /** The unfinished escape at the end of the last piece, with a high surrogate that waits for its half. */
  #escape = '';
  /** What came since the quote that probably closed the input, that quote excluded. */
  #tail = '';
  readonly #scanner = new HeadScanner();
  readonly #lost: LostArgument | undefined;

  constructor(lost?: LostArgument) {
    this.#lost = lost;
  }

  /** The next piece of the arguments gives the next piece of the input. */
  push(piece: string): string {
    switch (this.#at) {
      case 'text':
        return this.#read(piece);
      case 'tail':
        return this.#readTail(piece);
      case 'raw':
        return piece;
      case 'head':
        return this.#readHead(piece);
    }
  }

  /** The arguments are complete: what was held back. */
  end(): string {
    switch (this.#at) {
      case 'text':
      case 'raw':
        // Cut off within the string, an escape that is not whole stands for no character.
        return '';
      case 'tail':
        return this.#endTail();
      case 'head':
        return this.#endHead();
    }
  }

  #readHead(piece: string): string {
    const start = this.#scanner.push(piece);
    this.#head += start === undefined ? piece : piece.slice(0, start);
    if (start !== undefined) {
      this.#at = 'text';
      return this.#read(piece.slice(start));
    }
    if (this.#scanner.canBeJson) return '';
    // No JSON: the model wrote the input itself.
    this.#at = 'raw';
    return this.#head;
  }

  /** Text inside the string, up to the quote that closes it. */
  #read(piece: string): string {
    const source = this.#escape + piece;
    this.#escape = '';
    let out = '';
    let from = 0;
    for (let at = 0; at < source.length; at += 1) {
      const code = source.charCodeAt(at);
      if (code === 0x22) {
        out += source.slice(from, at);
        this.#at = 'tail';
        return out + this.#readTail(source.slice(at + 1));
      }
      if (code !== 0x5c) continue;
      out += source.slice(from, at);
      const found = readEscape(source, at);
      if (found === undefined) {
        this.#escape = source.slice(at);
        return out;
      }
      out += found.text;
      from = found.end;
      at = found.end - 1;
    }
    return out + source.slice(from);
  }

  /** Behind a quote: what cannot follow a closing one shows that the quote was part of the text. */
  #readTail(piece: string): string {
    const before = this.#tail;
    this.#tail += piece;
    if (!SPACE.test(before)) return '';
    const next = this.#tail.trimStart().charAt(0);
    if (next === '' || next === '}' || next === ',') return '';
    const more = this.#tail;
    this.#tail = '';
    this.#at = 'text';
    return `"${this.#read(more)}`;
  }

  #endTail(): string {
    const tail = this.#tail;
    if (SPACE.test(tail)) return '';
    const whole = parseJson(`${this.#head}"${tail}`);
    if (isObject(whole)) {
      for (const key of Object.keys(whole)) if (key !== INPUT) this.#lost?.(key);
      return '';
    }
    const closing = /"\s*\}\s*$/.exec(tail);
    if (closing !== null) return `"${unescapeLoosely(tail.slice(0, closing.index))}`;
    if (tail.trim() !== '}') this.#lost?.();
    return '';
  }

  #endHead(): string {
    const head = this.#head;
    if (SPACE.test(head)) return head;
    const value = parseJson(head);
    if (typeof value === 'string') {
      // Some providers encode arguments twice.
      return WRAPPED.test(value) ? unwrapInput(value, this.#lost) : value;
    }
    if (!isObject(value)) return head;
    return likelyInput(value, this.#lost) ?? head;
  }
}

/** The input of an object that has none in its place; undefined when nothing in it stands out. */
function likelyInput(value: JsonObject, lost?: LostArgument): string | undefined {
  const keys = Object.keys(value);
  if (keys.length === 0) return '';
  const input = value[INPUT];
  if (input !== undefined) {
    for (const key of keys) if (key !== INPUT) lost?.(key);
    if (input === null) return '';
    return typeof input === 'string' ? input : JSON.stringify(input);
  }
  const [key] = keys;
  const only = key === undefined || keys.length > 1 ? undefined : value[key];
  return typeof only === 'string' ? only : undefined;
}

/**
 * The escape at `at` (a backslash) and where it ends; undefined when it is not whole. A high surrogate
 * waits for its other half, so that no piece of text ends within a character. What JSON does not know
 * as an escape (`\d`) stands for itself.
 */
function readEscape(source: string, at: number): { text: string; end: number } | undefined {
  const letter = source.charAt(at + 1);
  if (letter === '') return undefined;
  if (letter !== 'u') return { text: SIMPLE_ESCAPES[letter] ?? `\\${letter}`, end: at + 2 };
  const unit = readUnit(source, at);
  if (unit === undefined) return undefined;
  if (unit === -1) return { text: '\\u', end: at + 2 };
  if (unit < 0xd800 || unit > 0xdbff) return { text: String.fromCharCode(unit), end: at + 6 };
  const alone = { text: String.fromCharCode(unit), end: at + 6 };
  const rest = source.slice(at + 6, at + 8);
  if (rest === '' || rest === '\\') return undefined;
  if (rest !== '\\u') return alone;
  const low = readUnit(source, at + 6);
  if (low === undefined) return undefined;
  if (low < 0xdc00 || low > 0xdfff) return alone;
  return { text: String.fromCharCode(unit, low), end: at + 12 };
}

/** The code unit of a `\uXXXX` at `at`; -1 when it is none, undefined when it is not whole. */
function readUnit(source: string, at: number): number | undefined {
  const digits = source.slice(at + 2, at + 6);
  if (!/^[0-9a-fA-F]*$/.test(digits)) return -1;
  return digits.length < 4 ? undefined : Number.parseInt(digits, 16);
}

function unescapeLoosely(text: string): string {
  let out = '';
  for (let at = 0; at < text.length; at += 1) {
    const found = text.charAt(at) === '\\' ? readEscape(text, at) : undefined;
    out += found === undefined ? text.charAt(at) : found.text;
    if (found !== undefined) at = found.end - 1;
  }
  return out;
}
