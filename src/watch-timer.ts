/**
 * Timers for what almost never happens: one coarse tick serves all of them, where a timer each costs
 * more than anything else that is done for a small request (measured: 1.5 µs of 10).
 */

/** Called at each tick; gives true when it wants no further one. */
type Check = () => boolean;

const TICK_MS = 250;
const checks = new Set<Check>();
let ticker: ReturnType<typeof setInterval> | undefined;

/**
 * Calls `check` every quarter of a second until it gives true or the returned function is called.
 * The tick itself runs only while something is watched, and keeps no process alive.
 */
export function watchCoarsely(check: Check): () => void {
  checks.add(check);
  if (ticker === undefined) {
    ticker = setInterval(tick, TICK_MS);
    ticker.unref();
  }
  return () => checks.delete(check);
}

function tick(): void {
  if (checks.size === 0) {
    clearInterval(ticker);
    ticker = undefined;
    return;
  }
  for (const check of checks) if (check()) checks.delete(check);
}

/** Times below this get a timer of their own; the coarse tick would be too late for them. */
export const COARSE_MS = 2000;

/** Calls `act` after `ms`, or up to a tick later where `ms` is long; the returned function prevents it. */
export function after(ms: number, act: () => void): () => void {
  if (ms < COARSE_MS) {
    const timer = setTimeout(act, ms);
    return () => clearTimeout(timer);
  }
  const due = performance.now() + ms;
  return watchCoarsely(() => {
    if (performance.now() < due) return false;
    act();
    return true;
  });
}
