/**
 * Percentiles of many values in little memory: counts of values by their logarithm, so that each
 * answer is within one per cent of the truth, whatever the number of values.
 */
const RATIO = Math.log(1.02);
/** Smaller values count as this one. */
const SMALLEST = 0.01;

export class Digest {
  readonly #counts = new Map<number, number>();
  #size = 0;

  get size(): number {
    return this.#size;
  }

  /** Adds a value; only finite ones from 0 up count. */
  add(value: number): void {
    if (!(value >= 0) || value === Number.POSITIVE_INFINITY) return;
    const slot = Math.round(Math.log(Math.max(value, SMALLEST)) / RATIO);
    this.#counts.set(slot, (this.#counts.get(slot) ?? 0) + 1);
    this.#size += 1;
  }

  /** The value below which a share of the values lies, to two digits after the point; null without values. */
  quantile(share: number): number | null {
    if (this.#size === 0) return null;
    let rank = Math.max(1, Math.ceil(share * this.#size));
    for (const slot of [...this.#counts.keys()].sort((a, b) => a - b)) {
      rank -= this.#counts.get(slot) ?? 0;
      if (rank <= 0) return Math.round(Math.exp(slot * RATIO) * 100) / 100;
    }
    return null;
  }
}
