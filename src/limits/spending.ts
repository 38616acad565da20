/** Money that was spent in the current UTC day or month; a new period begins at 0. */

/** The period that a time lies in, Unix ms: its beginning, and that of the next one. */
type PeriodOf = (at: number) => readonly [from: number, until: number];

const day: PeriodOf = (at) => {
  const date = new Date(at);
  const [year, month, ofMonth] = [date.getUTCFullYear(), date.getUTCMonth(), date.getUTCDate()];
  return [Date.UTC(year, month, ofMonth), Date.UTC(year, month, ofMonth + 1)];
};
const month: PeriodOf = (at) => {
  const date = new Date(at);
  const [year, ofYear] = [date.getUTCFullYear(), date.getUTCMonth()];
  return [Date.UTC(year, ofYear), Date.UTC(year, ofYear + 1)];
};
const PERIODS = { day, month };

/** Times are Unix milliseconds. */
export class Spending {
  readonly #periodOf: PeriodOf;
  /** The last period in which anything was spent. */
  #from = 0;
  #until = 0;
  #usd = 0;

  constructor(period: keyof typeof PERIODS) {
    this.#periodOf = PERIODS[period];
  }

  /** Counts what was spent at a time; that of an earlier period no longer matters. */
  add(at: number, usd: number): void {
    if (at < this.#from) return;
    if (at >= this.#until) {
      [this.#from, this.#until] = this.#periodOf(at);
      this.#usd = 0;
    }
    this.#usd += usd;
  }

  /** What was spent in the period of `now`. */
  sum(now: number): number {
    return now < this.#until ? this.#usd : 0;
  }

  /** When the period of `now` ends. */
  endsAt(now: number): number {
    return now < this.#until ? this.#until : this.#periodOf(now)[1];
  }

  /** When the period of `now` began. */
  beganAt(now: number): number {
    return this.#periodOf(now)[0];
  }
}
