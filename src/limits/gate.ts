/** So many at once; who comes then waits in line, in the order of coming and within bounds. */

export interface GateBounds {
  /** How many may be inside at once. */
  readonly max: number;
  /** How many may wait. */
  readonly maxQueued: number;
  /** How long one may wait, ms. */
  readonly maxWaitMs: number;
}

/** Gives the place back; a second call does nothing. */
export type Leave = () => void;

interface Waiter {
  admit(leave: Leave): void;
}

export class Gate {
  #inside = 0;
  /** In the order of coming; those that gave up have taken themselves out. */
  readonly #queue = new Set<Waiter>();
  /** Those of the last one who came: a changed configuration counts from the next request on. */
  #bounds: GateBounds;

  constructor(bounds: GateBounds) {
    this.#bounds = bounds;
  }

  get inside(): number {
    return this.#inside;
  }

  get queued(): number {
    return this.#queue.size;
  }

  set bounds(bounds: GateBounds) {
    this.#bounds = bounds;
  }

  /** A place, when one is free and nobody waits for it. */
  tryEnter(): Leave | undefined {
    if (this.#inside >= this.#bounds.max || this.#queue.size > 0) return undefined;
    return this.#place();
  }

  /**
   * A place, at once or after a wait; undefined when the line is too long or too slow, or when
   * `onStop` said that nobody needs it any more.
   * @param onStop takes a function that ends the wait
   */
  enter(onStop: (stop: () => void) => void): Promise<Leave | undefined> {
    const free = this.tryEnter();
    if (free) return Promise.resolve(free);
    const { maxQueued, maxWaitMs } = this.#bounds;
    if (this.#queue.size >= maxQueued) return Promise.resolve(undefined);
    return new Promise((resolve) => {
      const settle = (leave: Leave | undefined): void => {
        clearTimeout(timer);
        this.#queue.delete(waiter);
        resolve(leave);
      };
      const waiter: Waiter = { admit: settle };
      const timer = setTimeout(settle, maxWaitMs, undefined);
      this.#queue.add(waiter);
      onStop(() => settle(undefined));
    });
  }

  #place(): Leave {
    this.#inside += 1;
    let left = false;
    return () => {
      if (left) return;
      left = true;
      this.#inside -= 1;
      this.#next();
    };
  }

  #next(): void {
    for (const waiter of this.#queue) {
      if (this.#inside >= this.#bounds.max) return;
      this.#queue.delete(waiter);
      waiter.admit(this.#place());
    }
  }
}
