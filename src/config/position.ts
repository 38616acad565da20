/**
 * Where things stand in the text of a configuration. Bun's importers give values without positions,
 * say nothing of a key written twice, and take trailing text after a JSONC document; so the text is
 * read a second time, here, only for line and column.
 */
import {
  DEEPEST,
  type Locator,
  locatorOf,
  type Node,
  nodeAt,
  type Position,
  positionAt,
} from './position-tree.ts';
import type { Path } from './problem.ts';

/** How a text is written: strict JSON, JSON with comments and trailing commas, or JSON5. */
export type Dialect = 'json' | 'jsonc' | 'json5';

/** What a text was found to hold. */
export interface Scan extends Locator {
  /** Keys that stand twice in one object; the path and position are those of the later one. */
  readonly duplicates: readonly { readonly path: Path; readonly position: Position }[];
  /** Why the text is not of its dialect; what stands before it could still be read. */
  readonly error: { readonly message: string; readonly position: Position } | undefined;
}

class SyntaxFault {
  readonly message: string;
  readonly offset: number;
  constructor(message: string, offset: number) {
    this.message = message;
    this.offset = offset;
  }
}

/** Reads a text for positions. Never throws. */
export function scanPositions(text: string, dialect: Dialect): Scan {
  const reader = new Reader(text, dialect);
  const fault = reader.read();
  const position = (offset: number) => positionAt(text, offset);
  return {
    ...locatorOf(text, reader.root),
    duplicates: reader.duplicates.map(({ path, offset }) => ({ path, position: position(offset) })),
    error: fault && { message: fault.message, position: position(fault.offset) },
  };
}

const SPACE = { json: /[ \t\n\r]*/y, jsonc: /[ \t\n\r]*/y, json5: /[\s\uFEFF]*/y };
const STRICT_NUMBER = /-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?(?![\w.+-])/y;
const LOOSE_NUMBER =
  /[+-]?(0[xX][\da-fA-F]+|Infinity|NaN|(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?)(?![\w.+-])/y;
const WORD = /[\p{L}\p{Nl}$_][\p{L}\p{Nl}\p{Mn}\p{Mc}\p{Nd}\p{Pc}$\u200C\u200D]*/uy;
const STRICT_ESCAPE = /\\(["\\/bfnrt]|u[\da-fA-F]{4})/y;

class Reader {
  readonly duplicates: { path: Path; offset: number }[] = [];
  root: Node = nodeAt(0);
  readonly #text: string;
  readonly #dialect: Dialect;
  #offset: number;

  constructor(text: string, dialect: Dialect) {
    this.#text = text;
    this.#dialect = dialect;
    // A byte order mark is no part of the text.
    this.#offset = text.startsWith('\uFEFF') ? 1 : 0;
  }

  read(): SyntaxFault | undefined {
    try {
      this.#space();
      if (this.#offset >= this.#text.length) this.#fail('the file is empty');
      this.root = this.#node(this.#offset);
      this.#value(this.root, []);
      this.#space();
      if (this.#offset < this.#text.length)
        this.#fail('nothing may follow the end of the document');
      return undefined;
    } catch (fault) {
      if (fault instanceof SyntaxFault) return fault;
      throw fault;
    }
  }

  #fail(message: string, offset = this.#offset): never {
    throw new SyntaxFault(message, offset);
  }

  #unexpected(expected: string): never {
    if (this.#offset >= this.#text.length)
      this.#fail(`the file ends where ${expected} is expected`);
    const found = String.fromCodePoint(this.#text.codePointAt(this.#offset) ?? 0);
    this.#fail(`expected ${expected}, found ${JSON.stringify(found)}`);
  }

  #node(keyStart: number): Node {
    return nodeAt(this.#offset, keyStart);
  }

  get #here(): string {
    return this.#text.charAt(this.#offset);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#offset += found.length;
    return found;
  }

  #space(): void {
    for (;;) {
      this.#match(SPACE[this.#dialect]);
      const two = this.#text.slice(this.#offset, this.#offset + 2);
      if (two !== '//' && two !== '/*') return;
      if (this.#dialect === 'json') {
        this.#fail('comments are not allowed in a .json file; name it .jsonc to use them');
      }
      const end =
        two === '//'
          ? this.#text.slice(this.#offset).search(/[\n\r]/)
          : this.#text.indexOf('*/', this.#offset + 2) + 2 - this.#offset;
      if (two === '/*' && end + this.#offset < this.#offset + 4)
        this.#fail('this comment never ends');
      this.#offset = end < 0 ? this.#text.length : this.#offset + end;
    }
  }

  #value(node: Node, path: Path): void {
    if (path.length > DEEPEST) this.#fail('this is nested too deeply');
    const first = this.#here;
    if (first === '{') this.#object(node, path);
    else if (first === '[') this.#array(node, path);
    else if (first === '"' || (first === "'" && this.#dialect === 'json5')) this.#string();
    else this.#bare(first);
  }

  /** A number, `true`, `false` or `null`. */
  #bare(first: string): void {
    if (this.#match(this.#dialect === 'json5' ? LOOSE_NUMBER : STRICT_NUMBER) !== undefined) return;
    const start = this.#offset;
    const word = this.#match(WORD);
    if (word === 'true' || word === 'false' || word === 'null') return;
    this.#offset = start;
    if (first === "'") this.#fail('strings are written in double quotes');
    if (word !== undefined) this.#fail('expected a value; strings are written in quotes');
    this.#unexpected('a value');
  }

  #object(node: Node, path: Path): void {
    this.#offset++;
    for (;;) {
      this.#space();
      if (this.#here === '}') break;
      const keyStart = this.#offset;
      const key = this.#key();
      this.#space();
      if (this.#here !== ':') this.#unexpected('":"');
      this.#offset++;
      this.#space();
      const part = this.#node(keyStart);
      const partPath = [...path, key];
      if (node.parts.has(key)) this.duplicates.push({ path: partPath, offset: keyStart });
      node.parts.set(key, part);
      this.#value(part, partPath);
      this.#space();
      if (!this.#comma('}')) break;
    }
    this.#offset++;
  }

  #array(node: Node, path: Path): void {
    this.#offset++;
    for (let index = 0; ; index++) {
      this.#space();
      if (this.#here === ']') break;
      const part = this.#node(this.#offset);
      node.parts.set(index, part);
      this.#value(part, [...path, index]);
      this.#space();
      if (!this.#comma(']')) break;
    }
    this.#offset++;
  }

  /** Past a comma: true when another entry may follow. Leaves the reader at `close` otherwise. */
  #comma(close: string): boolean {
    if (this.#here === close) return false;
    if (this.#here !== ',') this.#unexpected(`"," or "${close}"`);
    const comma = this.#offset++;
    this.#space();
    if (this.#here === close && this.#dialect === 'json') {
      this.#fail(`a comma must not stand before "${close}"`, comma);
    }
    return true;
  }

  #key(): string {
    if (this.#here === '"') return this.#string();
    if (this.#dialect === 'json5') {
      if (this.#here === "'") return this.#string();
      const word = this.#match(WORD);
      if (word !== undefined) return word;
    }
    this.#unexpected(this.#dialect === 'json5' ? 'a key' : 'a key in double quotes');
  }

  #string(): string {
    const start = this.#offset;
    const quote = this.#here;
    const loose = this.#dialect === 'json5';
    let result = '';
    this.#offset++;
    for (;;) {
      const here = this.#here;
      if (here === quote) break;
      if (here === '') this.#fail('this string never ends', start);
      if (here === '\n' || here === '\r') this.#fail('this string does not end on its line', start);
      if (here < ' ' && !loose) this.#fail('control characters in a string are written as \\u00XX');
      result += here === '\\' ? this.#escape() : here;
      if (here !== '\\') this.#offset++;
    }
    this.#offset++;
    return result;
  }

  #escape(): string {
    const start = this.#offset;
    const found = this.#match(STRICT_ESCAPE);
    if (found !== undefined) {
      const value: unknown = JSON.parse(`"${found}"`);
      return typeof value === 'string' ? value : '';
    }
    if (this.#dialect !== 'json5') this.#fail('this is not an escape that JSON knows', start);
    const loose = this.#match(/\\(x[\da-fA-F]{2}|\r\n|.)/sy) ?? '';
    if (loose.length === 4) return String.fromCharCode(Number.parseInt(loose.slice(2), 16));
    return /[\r\n\u2028\u2029]/.test(loose) ? '' : loose.slice(1);
  }
}
