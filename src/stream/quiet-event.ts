/** Events of one name that need not be read: how they begin, and how much text they hold. */
import { COLON, QUOTE, valueAt } from '../json-span.ts';
import { closingQuote } from './byte-run.ts';

/** What is known of them, by name. */
export type QuietEvents = ReadonlyMap<string, QuietEvent>;

/** @param keys by name: under which one a piece of text may stand; none for events without one */
export function quietEvents(keys: Readonly<Record<string, readonly string[]>>): QuietEvents {
  return new Map(Object.entries(keys).map(([name, each]) => [name, new QuietEvent(name, each)]));
}

export class QuietEvent {
  /** The line that names them, with its end. */
  readonly head: Buffer;
  readonly #keys: readonly Buffer[];

  constructor(name: string, keys: readonly string[]) {
    this.head = Buffer.from(`event: ${name}\n`);
    this.#keys = keys.map((key) => Buffer.from(`"${key}"`));
  }

  /** True when they hold a further piece of the answer. */
  get isPiece(): boolean {
    return this.#keys.length > 0;
  }

  /** Where the words begin in the event that goes from `from`, behind its head, to `to`; `to` without any. */
  wordsAt(bytes: Buffer, from: number, to: number): number {
    for (const key of this.#keys) {
      const at = bytes.indexOf(key, from);
      const value = at < 0 || at >= to ? undefined : valueAt(bytes, at + key.length);
      if (value !== undefined && bytes[value] === QUOTE) return value + 1;
    }
    return to;
  }
}

/** True when the value of some key may begin there, behind its quote: `":"`. */
export function isBehindKey(bytes: Buffer, at: number): boolean {
  return bytes[at - 1] === QUOTE && bytes[at - 2] === COLON && bytes[at - 3] === QUOTE;
}

/** Bytes of the words that begin at `start` in an event that ends at `to`. */
export function wordsLength(bytes: Buffer, start: number, to: number): number {
  const end = start < to ? closingQuote(bytes, start) : -1;
  return end >= 0 && end < to ? end - start : 0;
}
