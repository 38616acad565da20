/**
 * What was used in the last minute, for limits that no minute may exceed, wherever it begins. A few
 * numbers, whatever the traffic: amounts of the same half second are kept as one, and as long as
 * the youngest of them, so that an amount may count up to half a second too long, never too short.
 */

/** An amount and the beginning of its step, Unix ms. */
export type MinuteEntry = readonly [at: number, amount: number];

const STEP_MS = 500;
/** Steps after which an amount no longer counts: a minute, and the step that it came in. */
const STEPS = 60_000 / STEP_MS + 1;

/** Times are Unix milliseconds. */
export class SlidingMinute {
  /** The oldest first, one a step. */
  #entries: { step: number; amount: number }[] = [];
  #sum = 0;

  add(amount: number, now: number): void {
    this.#forget(now);
    const step = stepOf(now);
    const last = this.#entries.at(-1);
    if (last?.step === step) last.amount += amount;
    else this.#entries.push({ step, amount });
    this.#sum += amount;
  }

  /** What counts now. */
  sum(now: number): number {
    this.#forget(now);
    return this.#sum;
  }

  /** From when on the sum is below `limit`, when nothing is added. */
  belowAt(limit: number, now: number): number {
    let left = this.sum(now);
    if (left < limit) return now;
    for (const { step, amount } of this.#entries) {
      left -= amount;
      if (left < limit) return endOf(step);
    }
    return this.emptyAt(now);
  }

  /** From when on nothing counts any more, when nothing is added. */
  emptyAt(now: number): number {
    this.#forget(now);
    const last = this.#entries.at(-1);
    return last === undefined ? now : endOf(last.step);
  }

  /** What counts now, to be restored in another process. */
  save(now: number): MinuteEntry[] {
    this.#forget(now);
    return this.#entries.map(({ step, amount }) => [step * STEP_MS, amount]);
  }

  /** Replaces what counts. */
  restore(entries: readonly MinuteEntry[]): void {
    this.#entries = entries
      .map(([at, amount]) => ({ step: stepOf(at), amount }))
      .sort((a, b) => a.step - b.step);
    this.#sum = entries.reduce((sum, [, amount]) => sum + amount, 0);
  }

  #forget(now: number): void {
    const step = stepOf(now);
    const ahead = (this.#entries.at(-1)?.step ?? step) - step;
    // The clock was set back: what is left of each amount's minute stays what it was.
    if (ahead > 0) for (const entry of this.#entries) entry.step -= ahead;
    while (this.#entries[0] !== undefined && this.#entries[0].step + STEPS <= step) {
      this.#sum -= this.#entries[0].amount;
      this.#entries.shift();
    }
  }
}

function stepOf(at: number): number {
  return Math.floor(at / STEP_MS);
}

function endOf(step: number): number {
  return (step + STEPS) * STEP_MS;
}
