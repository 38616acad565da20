import { object, parseJson, text } from '../json.ts';

const HEAD = /^\s*\{\s*"response"\s*:\s*"/;
/** The escape of the first half of a pair of surrogates. */
const HIGH_SURROGATE = /^\\u[dD][89abAB]/;
/** White space that JSON wants escaped and models do not always escape. */
const ESCAPED: Readonly<Record<string, string>> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' };

/** Reads the string of `{"response":"…"}` while it streams. */
export class ResponseReader {
  /** `head`: before the string. `text`: inside. `tail`: behind it. */
  #at: 'head' | 'text' | 'tail' = 'head';
  /** Everything, while the string has not begun; then an escape that is not whole. */
  #raw = '';

  /** The next piece of the arguments gives the next piece of the string. */
  push(piece: string): string {
    if (this.#at === 'tail') return '';
    this.#raw += piece;
    if (this.#at === 'head') {
      const head = HEAD.exec(this.#raw);
      if (!head) return '';
      this.#raw = this.#raw.slice(head[0].length);
      this.#at = 'text';
    }
    const { end, isClosed } = scan(this.#raw);
    const whole = this.#raw.slice(0, end);
    this.#raw = this.#raw.slice(end);
    if (isClosed) this.#at = 'tail';
    return decode(whole);
  }

  /** The arguments are complete: what a model wrote that did not keep to the form. */
  end(): string {
    const raw = this.#raw;
    if (this.#at !== 'head' || raw.trim() === '') return '';
    const value = parseJson(raw);
    if (typeof value === 'string') return value;
    const said = object(value);
    if (!said) return raw;
    return text(said['response']) ?? (Object.keys(said).length === 0 ? '' : raw);
  }
}

/** How far the text of a JSON string reaches without cutting a character. */
function scan(raw: string): { end: number; isClosed: boolean } {
  let at = 0;
  while (at < raw.length) {
    const letter = raw.charAt(at);
    if (letter === '"') return { end: at, isClosed: true };
    const length = letter === '\\' ? escapeLength(raw, at) : 1;
    if (at + length > raw.length) break;
    at += length;
  }
  return { end: at, isClosed: false };
}

function escapeLength(raw: string, at: number): number {
  if (raw.charAt(at + 1) !== 'u') return 2;
  const isPair =
    HIGH_SURROGATE.test(raw.slice(at, at + 6)) && '\\u'.startsWith(raw.slice(at + 6, at + 8));
  return isPair ? 12 : 6;
}

function decode(escaped: string): string {
  if (escaped === '') return '';
  const legal = escaped.replace(/[\n\r\t]/g, (letter) => ESCAPED[letter] ?? letter);
  return text(parseJson(`"${legal}"`)) ?? escaped;
}
