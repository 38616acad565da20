/** What the readers of all languages find: where each value of a text, and its key, begins. */
import { isObject } from '../json.ts';
import type { Path } from './problem.ts';

/** A line and a column, both from 1. */
export interface Position {
  readonly line: number;
  readonly column: number;
}

/** Tells where things stand in a text. */
export interface Locator {
  /** The position of what `path` names, or of the innermost part of it that is there. */
  locate(path: Path, onKey?: boolean): Position;
}

/** One value: where it and its key begin (offsets), and what is in it. */
export interface Node {
  readonly start: number;
  readonly keyStart: number;
  readonly parts: Map<string | number, Node>;
}

/** A value that begins here, and so far has nothing in it. */
export function nodeAt(start: number, keyStart = start): Node {
  return { start, keyStart, parts: new Map() };
}

/** Deeper than this no configuration goes; it keeps the readers off the end of the stack. */
export const DEEPEST = 500;

/** Thrown where a reader no longer understands its text; what it read until then stays. */
export class Lost extends Error {}

/** Reads as far as the text is understood. */
export function readUntilLost(read: () => void): void {
  try {
    read();
  } catch (fault) {
    if (!(fault instanceof Lost)) throw fault;
  }
}

/** Finds paths in the tree of a text. */
export function locatorOf(text: string, root: Node): Locator {
  return {
    locate(path, onKey = false) {
      let node = root;
      for (const key of path) {
        const part = node.parts.get(key);
        if (part === undefined) return positionAt(text, node.start);
        node = part;
      }
      return positionAt(text, onKey ? node.keyStart : node.start);
    },
  };
}

/** Line and column of an offset. */
export function positionAt(text: string, offset: number): Position {
  const before = text.slice(0, offset);
  const lineStart = Math.max(before.lastIndexOf('\n'), before.lastIndexOf('\r')) + 1;
  return {
    line: before.split(/\r\n|\n|\r/).length,
    column: offset - lineStart + 1,
  };
}

/**
 * The tree without what Bun read differently: where the parts of a node are not those of the value,
 * the text was misunderstood there, and no place is better than a wrong one. A value may have keys
 * that the node lacks (a merge key brings them); they are then located at the node.
 */
export function agreed(node: Node, value: unknown): Node {
  const parts = new Map<string | number, Node>();
  if (node.parts.size === 0) return node;
  const isList = Array.isArray(value);
  if (isList && value.length !== node.parts.size) return { ...node, parts };
  for (const [key, part] of node.parts) {
    if (isList && typeof key === 'number') parts.set(key, agreed(part, value[key]));
    else if (isObject(value) && typeof key === 'string' && Object.hasOwn(value, key)) {
      parts.set(key, agreed(part, value[key]));
    } else return { ...node, parts: new Map() };
  }
  return { ...node, parts };
}
