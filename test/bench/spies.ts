/**
 * Counts what a program does to values, bytes, timers and listeners, by standing before the
 * functions of the runtime. Only for a process of its own: it changes them for everybody.
 */

/** What was counted; the counts of whole bodies are those of at least `wholeFrom` characters or bytes. */
export interface Counts {
  parses: number;
  serializations: number;
  wholeParses: number;
  wholeSerializations: number;
  /** Bytes made of other bytes or of text, and text of bytes. */
  wholeCopies: number;
  timersStarted: number;
  /** Members taken out of a `Set` or `Map`: what that costs the collector is said in `src/roster.ts`. */
  deletions: number;
}

function none(): Counts {
  return {
    parses: 0,
    serializations: 0,
    wholeParses: 0,
    wholeSerializations: 0,
    wholeCopies: 0,
    timersStarted: 0,
    deletions: 0,
  };
}

/** Calls `see` with arguments and result of each call. */
function watch(
  holder: object,
  name: string,
  see: (args: readonly unknown[], result: unknown) => void,
): void {
  const original: unknown = Reflect.get(holder, name);
  if (typeof original !== 'function') throw new Error(`there is no function ${name}`);
  const watched = new Proxy(original, {
    apply(target, self, args) {
      const result: unknown = Reflect.apply(target, self, args);
      see(args, result);
      return result;
    },
  });
  replace(holder, name, watched);
}

function replace(holder: object, name: string, value: unknown): void {
  if (!Reflect.set(holder, name, value)) throw new Error(`${name} cannot be watched`);
}

function sizeOf(value: unknown): number {
  if (typeof value === 'string') return value.length;
  return ArrayBuffer.isView(value) ? value.byteLength : 0;
}

/** The spies of this process; to be made once, before what they watch is loaded. */
export class Spies {
  #counts = none();
  /** A text or buffer of this size or more is a whole body. */
  wholeFrom = Number.POSITIVE_INFINITY;
  readonly #timers = new Set<unknown>();
  #listeners = 0;

  constructor() {
    this.#watchJson();
    this.#watchCopies();
    this.#watchTimers();
    this.#watchListeners();
    this.#watchTables();
  }

  /** What was counted since the last call. */
  take(): Counts {
    const counts = this.#counts;
    this.#counts = none();
    return counts;
  }

  /** Timers that neither ran nor were cleared. */
  get timersLeft(): number {
    return this.#timers.size;
  }

  /** Listeners of abort signals that were added and not removed. */
  get listenersLeft(): number {
    return this.#listeners;
  }

  #watchJson(): void {
    watch(JSON, 'parse', ([text]) => {
      this.#counts.parses += 1;
      if (sizeOf(text) >= this.wholeFrom) this.#counts.wholeParses += 1;
    });
    watch(JSON, 'stringify', (_, text) => {
      this.#counts.serializations += 1;
      if (sizeOf(text) >= this.wholeFrom) this.#counts.wholeSerializations += 1;
    });
  }

  #watchCopies(): void {
    const see = (args: readonly unknown[], result: unknown): void => {
      // A view of what is there already is no copy.
      if (args[0] instanceof ArrayBuffer) return;
      if (sizeOf(result) >= this.wholeFrom) this.#counts.wholeCopies += 1;
    };
    for (const name of ['concat', 'from', 'alloc', 'allocUnsafe', 'copyBytesFrom']) {
      watch(Buffer, name, see);
    }
    watch(Buffer.prototype, 'toString', see);
    watch(Uint8Array.prototype, 'slice', see);
    watch(TextEncoder.prototype, 'encode', see);
    watch(TextDecoder.prototype, 'decode', (_, text) => see([], text));
  }

  #watchTimers(): void {
    for (const [start, stop] of TIMERS) {
      const original = globalThis[start];
      watch(globalThis, stop, ([timer]) => this.#timers.delete(timer));
      const started = (act: (...args: unknown[]) => void, ms?: number, ...args: unknown[]) => {
        const timer = original(() => {
          if (start === 'setTimeout') this.#timers.delete(timer);
          act(...args);
        }, ms);
        this.#timers.add(timer);
        this.#counts.timersStarted += 1;
        return timer;
      };
      replace(globalThis, start, started);
    }
  }

  #watchTables(): void {
    for (const prototype of [Set.prototype, Map.prototype]) {
      watch(prototype, 'delete', (_, wasThere) => {
        if (wasThere === true) this.#counts.deletions += 1;
      });
    }
  }

  #watchListeners(): void {
    const prototype = EventTarget.prototype;
    // An abort takes the listeners with it that were added for one.
    watch(prototype, 'addEventListener', () => {
      this.#listeners += 1;
    });
    watch(prototype, 'removeEventListener', () => {
      this.#listeners -= 1;
    });
  }
}

const TIMERS = [
  ['setTimeout', 'clearTimeout'],
  ['setInterval', 'clearInterval'],
] as const;
