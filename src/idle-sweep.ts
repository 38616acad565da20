/**
 * Memory that a crowd of requests has taken is collected once they have gone: left to itself the
 * collector waits for new requests to make it necessary. Measured after 1,000 streams (bench: memory).
 */
import { type Watched, watchCoarsely } from './watch-timer.ts';

/** Fewer requests leave nothing worth a collection. */
const CROWD = 200;
/** Ticks of a quarter of a second in which nothing runs. */
const QUIET_TICKS = 6;

export class IdleSweep implements Watched {
  place = -1;
  readonly #running: () => number;
  readonly #sweep: () => void;
  #requests = 0;
  #quietTicks = 0;
  #isWatching = false;

  /**
   * @param running how many requests run
   * @param sweep called once after each crowd
   */
  constructor(running: () => number, sweep: () => void) {
    this.#running = running;
    this.#sweep = sweep;
  }

  /** A request has come. */
  request(): void {
    this.#requests += 1;
    this.#quietTicks = 0;
    if (this.#isWatching || this.#requests < CROWD) return;
    this.#isWatching = true;
    watchCoarsely(this);
  }

  tick(): boolean {
    if (this.#running() > 0) {
      this.#quietTicks = 0;
      return false;
    }
    this.#quietTicks += 1;
    if (this.#quietTicks < QUIET_TICKS) return false;
    this.#requests = 0;
    this.#isWatching = false;
    this.#sweep();
    return true;
  }
}
