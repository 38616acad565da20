/**
 * Reads what is nearly JSON: JSON5, and beyond that what models produce — text or a code fence around
 * it, line breaks inside strings, quotes of other kinds, Python's words, missing commas, missing or
 * surplus brackets at the end.
 */
import { JSON5 } from 'bun';

/** Behind the object: part of it was not understood, and would be lost. */
const ANOTHER_KEY = /"\s*:/;

/** The value that was meant; undefined when no object can be seen in the text. */
export function mendJson(text: string): unknown {
  try {
    return JSON5.parse(text);
  } catch {
    // Not even JSON5: read what can be read.
  }
  let from = text.indexOf('{');
  while (from >= 0) {
    const reader = new LooseReader(text, from);
    const value = reader.object();
    const next = text.indexOf('{', reader.at);
    // Some providers send `{}` first and the arguments behind it.
    if (next < 0 || Object.keys(value).length > 0) {
      return ANOTHER_KEY.test(text.slice(reader.at)) ? undefined : value;
    }
    from = next;
  }
  return undefined;
}

const QUOTES: Readonly<Record<string, string>> = {
  '"': '"',
  "'": "'",
  '\u201c': '\u201d',
  '\u2018': '\u2019',
};
const ESCAPES: Readonly<Record<string, string>> = { b: '\b', f: '\f', n: '\n', r: '\r', t: '\t' };
const WORDS: Readonly<Record<string, unknown>> = {
  true: true,
  True: true,
  false: false,
  False: false,
  null: null,
  None: null,
  undefined: null,
};
const NUMBER = /^[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d+)?$/;
/** What ends a word without quotes. */
const WORD_END = /[,:\]}\n\r]/;

/** Reads from a position on; never fails, and stops where the text does. */
class LooseReader {
  at: number;
  readonly #text: string;

  constructor(text: string, at: number) {
    this.#text = text;
    this.at = at;
  }

  /** An object whose opening brace is at the position. */
  object(): Record<string, unknown> {
    const entries: Array<[string, unknown]> = [];
    this.at += 1;
    while (!this.#endsWith('}')) {
      const key = this.#key();
      this.#skip();
      if (this.#text.charAt(this.at) === ':') this.at += 1;
      this.#skip();
      if (this.at >= this.#text.length && key !== '') break;
      if (key !== '' || !/[,}]/.test(this.#text.charAt(this.at)))
        entries.push([key, this.#value()]);
    }
    return Object.fromEntries(entries);
  }

  #array(): unknown[] {
    const items: unknown[] = [];
    this.at += 1;
    while (!this.#endsWith(']')) items.push(this.#value());
    return items;
  }

  /** Skips to the next entry; true, and past it, at the closing bracket or the end of the text. */
  #endsWith(bracket: string): boolean {
    this.#skip();
    while (this.#text.charAt(this.at) === ',') {
      this.at += 1;
      this.#skip();
    }
    const letter = this.#text.charAt(this.at);
    if (letter === bracket) this.at += 1;
    // A bracket of the other kind closes what is around this.
    return letter === '' || letter === '}' || letter === ']';
  }

  #key(): string {
    const quote = QUOTES[this.#text.charAt(this.at)];
    return quote === undefined ? this.#word() : this.#string(quote);
  }

  #value(): unknown {
    this.#skip();
    const letter = this.#text.charAt(this.at);
    if (letter === '{') return this.object();
    if (letter === '[') return this.#array();
    const quote = QUOTES[letter];
    if (quote !== undefined) return this.#string(quote);
    const start = this.at;
    const word = this.#word();
    // Nothing was read, as at a stray colon: step over it.
    if (this.at === start) this.at += 1;
    if (NUMBER.test(word)) return Number(word);
    return Object.hasOwn(WORDS, word) ? WORDS[word] : word;
  }

  #word(): string {
    const rest = this.#text.slice(this.at);
    const end = rest.search(WORD_END);
    const word = end < 0 ? rest : rest.slice(0, end);
    this.at += word.length;
    return word.trim();
  }

  /** A string up to its quote; a quote that nothing of JSON follows belongs to the text. */
  #string(quote: string): string {
    let out = '';
    for (this.at += 1; this.at < this.#text.length; this.at += 1) {
      const letter = this.#text.charAt(this.at);
      if (letter === '\\') out += this.#escape();
      else if (letter === quote && this.#isClosing()) break;
      else out += letter;
    }
    this.at += 1;
    return out;
  }

  #isClosing(): boolean {
    return (
      /^\s*(?:$|[,:}\]])/.test(this.#text.slice(this.at + 1, this.at + 40)) || this.#opensKey()
    );
  }

  /** A comma is missing: `"a": "x" "b": 1`. */
  #opensKey(): boolean {
    return /^\s*"[^"\n]{1,64}"\s*:/.test(this.#text.slice(this.at + 1, this.at + 120));
  }

  #escape(): string {
    this.at += 1;
    const letter = this.#text.charAt(this.at);
    if (letter === 'u') {
      const digits = this.#text.slice(this.at + 1, this.at + 5);
      if (/^[\da-fA-F]{4}$/.test(digits)) {
        this.at += 4;
        return String.fromCharCode(Number.parseInt(digits, 16));
      }
    }
    if (ESCAPES[letter] !== undefined) return ESCAPES[letter];
    // Anything else that is not an escape keeps its backslash: paths and patterns.
    return /["'\\/]/.test(letter) || letter === '' ? letter : `\\${letter}`;
  }

  #skip(): void {
    while (/\s/.test(this.#text.charAt(this.at))) this.at += 1;
  }
}
