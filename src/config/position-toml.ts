/**
 * Where things stand in a TOML text. Bun's reader gives values without positions, so the text is
 * read a second time, here. Only texts that Bun took are read: what is not understood ends the
 * reading, and what stands after it is located at the innermost part that was read.
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
export function locateToml(text: string, value: unknown): Locator {
  return locatorOf(text, agreed(new TomlReader(text).read(), value));
}

const BLANK = /[ \t]*/y;
const SPACE = /(?:[\s\uFEFF]|#[^\n]*)*/y;
const BARE_KEY = /[\w-]+/y;
const BASIC = /"(?:[^"\\\n]|\\.)*"/y;
const LITERAL = /'[^'\n]*'/y;
/** Up to two quotes may stand right before the closing three. */
const LONG_BASIC = /"""(?:[^\\]|\\.)*?"""(?:"{0,2})/sy;
const LONG_LITERAL = /'''.*?'''(?:'{0,2})/sy;
/** A number, a word or a date, whose time may stand after a space. */
const BARE_VALUE = /[^\s,[\]{}#"'=]+(?: \d\d:\d\d[^\s,[\]{}#"'=]*)?/y;
/** What a value that holds no others may look like; the long strings begin as the short ones do. */
const SCALARS = [LONG_BASIC, LONG_LITERAL, BASIC, LITERAL, BARE_VALUE];

/** One segment of a dotted key. */
interface Segment {
  readonly name: string;
  readonly offset: number;
}

class TomlReader {
  readonly #text: string;
  #offset = 0;

  constructor(text: string) {
    this.#text = text;
  }

  read(): Node {
    this.#match(SPACE);
    const root = nodeAt(this.#offset);
    readUntilLost(() => this.#document(root));
    return root;
  }

  #match(pattern: RegExp): string | undefined {
    pattern.lastIndex = this.#offset;
    const found = pattern.exec(this.#text)?.[0];
    if (found !== undefined) this.#offset += found.length;
    return found;
  }

  #skip(mark: string): boolean {
    if (!this.#text.startsWith(mark, this.#offset)) return false;
    this.#offset += mark.length;
    return true;
  }

  #document(root: Node): void {
    let table = root;
    while (this.#offset < this.#text.length) {
      if (this.#skip('[[')) table = this.#header(root, ']]');
      else if (this.#skip('[')) table = this.#header(root, ']');
      else this.#pair(table, 0);
      this.#match(SPACE);
    }
  }

  /** `[table]` or `[[list]]`, after its opening mark: the table that the next pairs are of. */
  #header(root: Node, close: ']' | ']]'): Node {
    const segments = this.#key();
    const last = segments.pop();
    if (last === undefined || !this.#skip(close)) throw new Lost();
    const parent = descend(root, segments);
    const old = parent.parts.get(last.name);
    if (close === ']') {
      // `[a]` may follow `[a.b]`; its own header is the better place.
      const table = { ...nodeAt(last.offset), parts: old?.parts ?? new Map() };
      parent.parts.set(last.name, table);
      return table;
    }
    const list = old ?? nodeAt(last.offset);
    const item = nodeAt(last.offset);
    parent.parts.set(last.name, list);
    list.parts.set(list.parts.size, item);
    return item;
  }

  /** `key = value`. */
  #pair(table: Node, depth: number): void {
    const segments = this.#key();
    const last = segments.pop();
    if (last === undefined || !this.#skip('=')) throw new Lost();
    this.#match(BLANK);
    const node = nodeAt(this.#offset, last.offset);
    descend(table, segments).parts.set(last.name, node);
    this.#value(node, depth);
  }

  /** The segments of a key, and past the blanks after it; none when this is no key. */
  #key(): Segment[] {
    const segments: Segment[] = [];
    do {
      this.#match(BLANK);
      const offset = this.#offset;
      const raw = this.#match(BARE_KEY) ?? this.#match(BASIC) ?? this.#match(LITERAL);
      const name = raw === undefined ? undefined : keyName(raw);
      if (name === undefined) return [];
      segments.push({ name, offset });
      this.#match(BLANK);
    } while (this.#skip('.'));
    return segments;
  }

  #value(node: Node, depth: number): void {
    if (depth > DEEPEST) throw new Lost();
    if (this.#skip('[')) this.#list(node, depth);
    else if (this.#skip('{')) this.#inlineTable(node, depth);
    else if (SCALARS.every((scalar) => this.#match(scalar) === undefined)) throw new Lost();
  }

  #list(node: Node, depth: number): void {
    for (let index = 0; ; index++) {
      this.#match(SPACE);
      if (this.#skip(']')) return;
      const part = nodeAt(this.#offset);
      node.parts.set(index, part);
      this.#value(part, depth + 1);
      this.#match(SPACE);
      if (this.#skip(']')) return;
      if (!this.#skip(',')) throw new Lost();
    }
  }

  #inlineTable(node: Node, depth: number): void {
    for (;;) {
      this.#match(SPACE);
      if (this.#skip('}')) return;
      this.#pair(node, depth + 1);
      this.#match(SPACE);
      if (this.#skip('}')) return;
      if (!this.#skip(',')) throw new Lost();
    }
  }
}

/** Follows a dotted key, making what is not there yet; of a list of tables the last one is meant. */
function descend(table: Node, segments: readonly Segment[]): Node {
  let node = table;
  for (const { name, offset } of segments) {
    const part = node.parts.get(name) ?? nodeAt(offset);
    node.parts.set(name, part);
    node = part.parts.get(part.parts.size - 1) ?? part;
  }
  return node;
}

/** What a key is called; Bun itself reads the escapes of a quoted one. */
function keyName(raw: string): string | undefined {
  if (raw.startsWith("'")) return raw.slice(1, -1);
  if (!raw.startsWith('"')) return raw;
  try {
    const value: unknown = Reflect.get(Bun.TOML.parse(`k = ${raw}`), 'k');
    return typeof value === 'string' ? value : undefined;
  } catch {
    // A key whose name is unknown is not located.
    return undefined;
  }
}
