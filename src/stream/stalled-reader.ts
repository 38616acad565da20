/**
 * A reader that takes a large answer slowly: its sockets take megabytes at once, then nothing for a
 * long while. What was made on the way is garbage that nothing makes the collector look at, as nothing
 * new is made meanwhile. So it is asked to (bench: slow-reader).
 */
/** Less is not worth a collection, bytes. */
const WORTH_SWEEPING = 2 * 1024 * 1024;
/** A reader that has taken nothing for so long has stopped for a while, ms. */
const STALL_MS = 40;
/** Collections of all streams together are no more frequent, ms, */
const REST_MS = 1000;
/** and take no more than this part of the time, however much there is to go through. */
const MAX_PART = 0.02;
/** When the next one may be. */
let restUntil = Number.NEGATIVE_INFINITY;

/** @returns false when the last collection was just now */
function collect(): boolean {
  const from = performance.now();
  if (from < restUntil) return false;
  Bun.gc(true);
  const until = performance.now();
  restUntil = until + Math.max(REST_MS, (until - from) / MAX_PART);
  return true;
}

export class StalledReader {
  readonly #sweep: () => boolean;
  readonly #stallMs: number;
  /** Bytes given since the last collection. */
  #given = 0;
  /** `#given` when it was looked at last. */
  #seen = 0;
  /** Set from so many bytes on until the collection. */
  #timer: ReturnType<typeof setTimeout> | undefined;

  /** @param sweep called when the reader has stopped; gives false to be called again */
  constructor(sweep = collect, stallMs = STALL_MS) {
    this.#sweep = sweep;
    this.#stallMs = stallMs;
  }

  /** So many bytes were given. */
  gave(bytes: number): void {
    this.#given += bytes;
    if (this.#timer === undefined && this.#given >= WORTH_SWEEPING) this.#arm();
  }

  /** Nothing more is given. */
  end(): void {
    clearTimeout(this.#timer);
  }

  #arm(): void {
    this.#timer = setTimeout(() => this.#look(), this.#stallMs);
    this.#timer.unref();
  }

  #look(): void {
    const isStalled = this.#given === this.#seen;
    this.#seen = this.#given;
    if (!isStalled || !this.#sweep()) {
      this.#arm();
      return;
    }
    this.#timer = undefined;
    this.#given = 0;
  }
}
