/**
 * What comes and goes all the time, as requests do. A `Set` would serve as well, but each time one is
 * rebuilt the old table stays until the next full collection, with all that was in it, as tables are
 * linked to what followed them: of each request a third survived it so, and the collector took twice
 * its time (bench: plain, 1 KB).
 */

/** Knows its place; what is in two rosters at once needs two. */
export interface Listed {
  /** Negative while it is in no roster. For the roster alone. */
  place: number;
}

/** In no order. */
export class Roster<T extends Listed> {
  readonly #all: T[] = [];

  get size(): number {
    return this.#all.length;
  }

  /** Those that are in it now. */
  list(): T[] {
    return [...this.#all];
  }

  /** @returns false when it is in already */
  add(one: T): boolean {
    if (one.place >= 0) return false;
    one.place = this.#all.length;
    this.#all.push(one);
    return true;
  }

  /** @returns false when it is not in it */
  delete(one: T): boolean {
    const { place } = one;
    if (place < 0) return false;
    one.place = -1;
    const last = this.#all.pop();
    if (last === undefined || last === one) return true;
    this.#all[place] = last;
    last.place = place;
    return true;
  }
}
