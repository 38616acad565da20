/**
 * Where things stand in a YAML text. Bun's reader gives values without positions, so the text is
 * read a second time, here. Only texts that Bun took are read: what is not understood (`? key`, a
 * collection as a key) ends the reading, and what stands after it is located at the innermost part
 * that was read. What an alias or a merge key brings is located where that stands.
 */
import {
  agreed,
  DEEPEST,
  type Locator,
  Lost,
  locatorOf,
  type Node,
  nodeAt,
  readUntilLost,
} from './position-tree.ts';

/** Locates paths in `text`, whose value Bun read as `value`. Never throws. */
export function locateYaml(text: string, value: unknown): Locator {
  return locatorOf(text, agreed(new YamlReader(text).read(), value));
}

const BLANK = /[ \t]*/y;
/** Between tokens: white space and comments, which stand at the start of a line or after a blank. */
const SPACE = /(?:\s|(?<=^|\s)#[^\r\n]*)*/y;
const LINE = /[^\r\n]*/y;
/** An anchor or a tag, and the blanks after it. */
const PROPERTY = /[&!][^\s,[\]{}]*(?=[\s,[\]{}]|$)[ \t]*/y;
const QUOTED = /"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'/sy;
const LINE_END = /[ \t]*(?:[\r\n]|$|(?<=\s)#)/y;
const DASH = /-(?=\s|$)/y;
const EXPLICIT_KEY = /\?(?=\s|$)/y;
const COLON = /[ \t]*:(?=\s|$)/y;
/** A plain key, up to its colon. */
const PLAIN_KEY = /(?![[\]{},#&*!|>'"%@`])(?![-?:](?:\s|$))(?:[^\s:]|:(?!\s|$)|[ \t]+(?![\s#]))+/y;
/** The same inside of `{}` and `[]`, where a comma or a bracket ends it; it may be of several lines. */
const FLOW_PLAIN = /(?:[^\s:,[\]{}]|:(?![\s,[\]{}]|$)|\s+(?![\s#:,[\]{}]))+/y;
const MARKER = /(?:---|\.\.\.)(?=\s|$)/y;
const BLOCK_SCALAR = /[|>][-+\d]*(?=\s|$)/y;

class YamlReader {
  readonly #text: string;
  /** Where the text begins: a byte order mark is no part of its first line. */
  readonly #begin: number;
  #offset: number;

  constructor(text: string) {
    this.#text = text;
    this.#begin = text.startsWith('\uFEFF') ? 1 : 0;
    this.#offset = this.#begin;
  }

  read(): Node {
    this.#space();
    while (this.#here === '%') {
      this.#match(LINE);
      this.#space();
    }
    if (this.#sees(MARKER)) {
      this.#offset += 3;
      this.#space();
    }
    const root = nodeAt(this.#offset);
    // What follows the first document is left out: `agreed` then drops the parts.
    if (!this.#atEnd(-1)) readUntilLost(() => this.#block(root, -1, 0));
    return root;
  }

  get #here(): string {
    return this.#text.charAt(this.#offset);
  }

  #sees(pattern: RegExp): boolean {
    pattern.lastIndex = this.#offset;
    return pattern.test(this.#text);
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#offset += found.length;
    return found;
  }

  #space(): void {
    this.#match(SPACE);
  }

  /** Past anchors and tags: whether there were any. */
  #properties(): boolean {
    const start = this.#offset;
    while (this.#match(PROPERTY) !== undefined) this.#match(BLANK);
    return this.#offset > start;
  }

  /** How far the reader is from the start of its line. */
  #column(): number {
    let start = this.#offset;
    while (start > this.#begin && !/[\r\n]/.test(this.#text.charAt(start - 1))) start--;
    return this.#offset - start;
  }

  /** Whether the token here no longer belongs to what is indented deeper than `parent`. */
  #atEnd(parent: number): boolean {
    if (this.#offset >= this.#text.length) return true;
    const column = this.#column();
    return column <= parent || (column === 0 && this.#sees(MARKER));
  }

  // ---------------------------------------------------------------------------- by indentation

  /** The value that begins here; its lines are indented deeper than `parent`. */
  #block(node: Node, parent: number, depth: number, inMapping = false): void {
    if (depth > DEEPEST) throw new Lost();
    const column = this.#column();
    const start = this.#offset;
    const hasProperties = this.#properties();
    const content = this.#offset;
    if (hasProperties && this.#sees(LINE_END)) this.#below(node, parent, depth, inMapping);
    else if (this.#sees(DASH)) this.#sequence(node, column, depth);
    else if (this.#match(BLOCK_SCALAR) !== undefined) this.#blockScalar(parent);
    else {
      const isMapping = this.#key() !== undefined;
      // Properties on the line of a key are the key's own; the mapping begins with them.
      this.#offset = isMapping ? start : content;
      if (isMapping) this.#mapping(node, column, depth);
      else this.#scalarOrFlow(node, parent, depth);
    }
  }

  /** The value that begins on a line after this one, if there is one. */
  #below(node: Node, parent: number, depth: number, inMapping = false): void {
    this.#space();
    // The list of a key may stand as far to the left as the key itself.
    const isList = inMapping && this.#sees(DASH);
    if (!this.#atEnd(isList ? parent - 1 : parent)) this.#block(node, parent, depth);
  }

  #sequence(node: Node, column: number, depth: number): void {
    for (let index = 0; ; index++) {
      const dash = this.#offset++;
      this.#match(BLANK);
      const isBelow = this.#sees(LINE_END);
      const part = nodeAt(isBelow ? dash : this.#offset);
      node.parts.set(index, part);
      if (isBelow) this.#below(part, column, depth + 1);
      else this.#block(part, column, depth + 1);
      this.#space();
      if (this.#atEnd(column - 1) || this.#column() !== column || !this.#sees(DASH)) return;
    }
  }

  #mapping(node: Node, column: number, depth: number): void {
    for (;;) {
      this.#properties();
      const keyStart = this.#offset;
      const raw = this.#key();
      if (raw === undefined) throw new Lost();
      this.#match(BLANK);
      const isBelow = this.#sees(LINE_END);
      const part = nodeAt(isBelow ? keyStart : this.#offset, keyStart);
      const name = keyName(raw);
      if (name !== undefined) node.parts.set(name, part);
      if (isBelow) this.#below(part, column, depth + 1, true);
      else this.#block(part, column, depth + 1, true);
      this.#space();
      if (this.#atEnd(column - 1) || this.#column() !== column || this.#sees(DASH)) return;
    }
  }

  /** A key and its colon, as written; `undefined` when this is none, and the reader may have moved. */
  #key(): string | undefined {
    const isAlias = this.#here === '*';
    const raw = isAlias ? this.#match(/\*\S+/y) : (this.#match(QUOTED) ?? this.#match(PLAIN_KEY));
    return this.#match(COLON) === undefined ? undefined : raw;
  }

  #blockScalar(parent: number): void {
    this.#match(LINE);
    for (;;) {
      const end = this.#offset;
      this.#match(/\r\n|[\r\n]/y);
      const indent = this.#match(/ */y) ?? '';
      const isBlank = this.#sees(LINE_END) && this.#here !== '#';
      const isInside = isBlank || (indent.length > parent && !this.#atEnd(-1));
      if (!isInside || this.#offset >= this.#text.length) {
        this.#offset = isInside ? this.#text.length : end;
        return;
      }
      this.#match(LINE);
    }
  }

  #scalarOrFlow(node: Node, parent: number, depth: number): void {
    if (this.#here === '{' || this.#here === '[') this.#flow(node, depth);
    else if (this.#match(QUOTED) === undefined) this.#plain(parent);
    // Anything else on the line means that this was a key of a kind that is not read here.
    if (!this.#sees(LINE_END)) throw new Lost();
  }

  /** A plain scalar goes on over the lines that are indented deeper than its parent. */
  #plain(parent: number): void {
    if (this.#sees(EXPLICIT_KEY)) throw new Lost();
    let end = this.#offset;
    while (!this.#atEnd(parent)) {
      this.#match(LINE);
      end = this.#offset;
      this.#space();
    }
    this.#offset = end;
  }

  // ---------------------------------------------------------------------------- in brackets

  #flow(node: Node, depth: number): void {
    if (depth > DEEPEST) throw new Lost();
    if (this.#here === '{') this.#flowMapping(node, depth);
    else if (this.#here === '[') this.#flowSequence(node, depth);
    else if (this.#match(QUOTED) === undefined) this.#match(FLOW_PLAIN);
  }

  #flowMapping(node: Node, depth: number): void {
    this.#offset++;
    for (;;) {
      this.#space();
      if (this.#here === '}') break;
      this.#flowProperties();
      const keyStart = this.#offset;
      const raw = this.#match(QUOTED) ?? this.#match(FLOW_PLAIN);
      if (raw === undefined || raw === '?') throw new Lost();
      this.#space();
      this.#flowPair(node, raw, keyStart, depth);
      if (this.#here === '}') break;
      if (this.#here !== ',') throw new Lost();
      this.#offset++;
    }
    this.#offset++;
  }

  #flowSequence(node: Node, depth: number): void {
    this.#offset++;
    for (let index = 0; ; index++) {
      this.#space();
      if (this.#here === ']') break;
      const start = this.#offset;
      const part = nodeAt(start);
      node.parts.set(index, part);
      this.#flowProperties();
      const keyStart = this.#offset;
      const isCollection = this.#here === '{' || this.#here === '[';
      this.#flow(part, depth + 1);
      const raw = this.#text.slice(keyStart, this.#offset);
      this.#space();
      // `[a: 1]` is a list of a mapping.
      if (this.#here === ':' && !isCollection) this.#flowPair(part, raw, keyStart, depth + 1);
      if (this.#here === ']') break;
      if (this.#here !== ',' || this.#offset === start) throw new Lost();
      this.#offset++;
    }
    this.#offset++;
  }

  /** What follows a key: a colon and a value, either of which may be left out. */
  #flowPair(node: Node, raw: string, keyStart: number, depth: number): void {
    let start = keyStart;
    const part = () => {
      const made = nodeAt(start, keyStart);
      const name = keyName(raw);
      if (name !== undefined) node.parts.set(name, made);
      return made;
    };
    if (this.#here !== ':') {
      part();
      return;
    }
    this.#offset++;
    this.#space();
    if (!/[,\]}]/.test(this.#here)) start = this.#offset;
    const made = part();
    this.#flowProperties();
    this.#flow(made, depth + 1);
    this.#space();
  }

  #flowProperties(): void {
    while (this.#properties()) this.#space();
  }
}

/** What a key is called; Bun itself reads escapes, numbers and words such as `~`. */
function keyName(raw: string): string | undefined {
  // An alias says nothing without its anchor, a merge key is none of the value's.
  if (raw === '<<' || raw.startsWith('*')) return undefined;
  try {
    const value: unknown = Bun.YAML.parse(raw);
    return typeof value === 'object' && value !== null ? undefined : String(value);
  } catch {
    // A key whose name is unknown is not located.
    return undefined;
  }
}
