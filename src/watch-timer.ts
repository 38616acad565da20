/**
 * Timers for what almost never happens: one coarse tick serves all of them, where a timer each costs
 * more than anything else that is done for a small request (measured: 1.5 µs of 10).
 */
import { type Listed, Roster } from './roster.ts';

/** What the tick looks at; the object itself is kept, so that watching it makes no other. */
export interface Watched extends Listed {
  /** Called at each tick; gives true when it wants no further one. */
  tick(): boolean;
}

const TICK_MS = 250;
const watched = new Roster<Watched>();
let ticker: ReturnType<typeof setInterval> | undefined;

/**
 * Looks at `one` every quarter of a second until it wants no more or `unwatch` is called. The tick
 * itself runs only while something is watched, and keeps no process alive.
 */
export function watchCoarsely(one: Watched): void {
  watched.add(one);
  if (ticker === undefined) {
    ticker = setInterval(tick, TICK_MS);
    ticker.unref();
  }
}

export function unwatch(one: Watched): void {
  watched.delete(one);
}

function tick(): void {
  if (watched.size === 0) {
    clearInterval(ticker);
    ticker = undefined;
    return;
  }
  for (const one of watched.list()) {
    // Another's tick may have ended it.
    if (one.place >= 0 && one.tick()) watched.delete(one);
  }
}

/** Times below this get a timer of their own; the coarse tick would be too late for them. */
export const COARSE_MS = 2000;

/** A time that is seldom reached. */
export class Deadline implements Watched {
  place = -1;
  readonly #due: number;
  readonly #act: () => void;
  /** Set where the time is short. */
  readonly #timer: ReturnType<typeof setTimeout> | undefined;

  /** Calls `act` after `ms`, or up to a tick later where `ms` is long. */
  constructor(ms: number, act: () => void) {
    this.#due = performance.now() + ms;
    this.#act = act;
    if (ms < COARSE_MS) this.#timer = setTimeout(act, ms);
    else watchCoarsely(this);
  }

  /** It is over before its time. */
  cancel(): void {
    if (this.#timer === undefined) unwatch(this);
    else clearTimeout(this.#timer);
  }

  tick(): boolean {
    if (performance.now() < this.#due) return false;
    this.#act();
    return true;
  }
}
