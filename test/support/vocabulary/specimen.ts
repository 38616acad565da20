/**
 * Requests whose every leaf can be told apart, for the proof that nothing is lost in silence. A
 * vocabulary is a function that builds a tree with the help of a `Builder`; leaves are marked texts,
 * or values that name what else the client could have written.
 */
import { isObject, type JsonObject } from '../../../src/json.ts';

/** A leaf of a tree: what the client wrote, and what it could have written instead. */
export class Leaf {
  readonly value: unknown;
  /** Other legal values; undefined leaves the field out. Empty: the value itself must arrive. */
  readonly others: readonly unknown[];
  /** The text that must arrive. */
  readonly mark: string | undefined;

  constructor(value: unknown, others: readonly unknown[], mark?: string) {
    this.value = value;
    this.others = others;
    this.mark = mark;
  }
}

/** Seeded choices (xorshift), so that a failure can be repeated. */
export class Builder {
  #state: number;
  #marks = 0;
  /** Everything that may be there is there. */
  readonly #all: boolean;

  constructor(seed: number, all = false) {
    this.#state = seed * 2654435761 + 1;
    this.#all = all;
  }

  random(): number {
    this.#state ^= this.#state << 13;
    this.#state ^= this.#state >>> 17;
    this.#state ^= this.#state << 5;
    return (this.#state >>> 0) / 2 ** 32;
  }

  /** A text that occurs nowhere else. */
  text(prefix = '', suffix = ''): Leaf {
    this.#marks += 1;
    const mark = `mark${this.#marks}x`;
    return new Leaf(prefix + mark + suffix, [], mark);
  }

  /** Base64 of a text that occurs nowhere else; it must arrive as it is, or as that text. */
  base64(): Leaf {
    this.#marks += 1;
    const mark = btoa(`data of mark${this.#marks}x.`);
    return new Leaf(mark, [], mark);
  }

  /** A value out of those that are legal; `undefined` among them: it may be left out. */
  oneOf(...values: readonly unknown[]): Leaf {
    const index = Math.floor(this.random() * values.length);
    const value = values[index];
    return new Leaf(
      value,
      values.filter((_, at) => at !== index),
    );
  }

  /** A number beside which the client could have written another, or none. */
  number(value: number, other: number): Leaf {
    return new Leaf(value, [other, undefined]);
  }

  /** Half of the time the fields, else nothing. */
  maybe(fields: () => object): object {
    return this.#all || this.random() < 0.5 ? fields() : {};
  }

  /** One of several things that exclude each other. */
  pick<T>(...makers: readonly (() => T)[]): T {
    const maker = makers[Math.floor(this.random() * makers.length)] ?? makers[0];
    if (maker === undefined) throw new Error('nothing to pick from');
    return maker();
  }

  /** Some of these, at least one. */
  some<T>(...makers: readonly (() => T)[]): T[] {
    const kept = makers.filter(() => this.#all || this.random() < 0.4);
    return kept.length > 0 ? kept.map((maker) => maker()) : [this.pick(...makers)];
  }
}

export interface FoundLeaf {
  readonly path: string;
  readonly leaf: Leaf;
}

/** The leaves of a tree with their paths. */
export function leavesOf(tree: unknown, path = ''): FoundLeaf[] {
  if (tree instanceof Leaf) return tree.value === undefined ? [] : [{ path, leaf: tree }];
  const below = (key: string | number): string => (path === '' ? String(key) : `${path}.${key}`);
  if (Array.isArray(tree)) return tree.flatMap((value, index) => leavesOf(value, below(index)));
  if (!isObject(tree)) return [];
  return Object.entries(tree).flatMap(([key, value]) => leavesOf(value, below(key)));
}

/** The tree as a request's body; one leaf may stand for another value. */
export function bodyOf(tree: object, changed?: Leaf, other?: unknown): JsonObject {
  const plain = (value: unknown): unknown => {
    if (value instanceof Leaf) return value === changed ? other : value.value;
    if (Array.isArray(value)) return value.map(plain).filter((entry) => entry !== undefined);
    if (!isObject(value)) return value;
    return Object.fromEntries(
      Object.entries(value)
        .map(([key, entry]) => [key, plain(entry)] as const)
        .filter(([, entry]) => entry !== undefined),
    );
  };
  const body = plain(tree);
  if (!isObject(body)) throw new Error('a request is an object');
  return body;
}
