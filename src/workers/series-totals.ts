/** Counters and histograms of all workers, added up, whichever of them has ended since. */
import type { SharedMetrics } from '../manage/metrics.ts';
import { type SharedSeries, seriesKey } from '../manage/prometheus.ts';

export class SeriesTotals {
  /** By metric and labels. */
  readonly #metrics = new Map<string, Map<string, number[]>>();

  merge(shared: SharedMetrics): void {
    for (const [name, series] of Object.entries(shared)) {
      const totals = this.#metrics.get(name) ?? new Map<string, number[]>();
      this.#metrics.set(name, totals);
      for (const one of series) add(totals, one);
    }
  }

  save(): SharedMetrics {
    return Object.fromEntries(
      [...this.#metrics].map(([name, totals]) => [
        name,
        [...totals].map(([labels, values]): SharedSeries => [labels, ...values]),
      ]),
    );
  }
}

function add(totals: Map<string, number[]>, [labels, ...values]: SharedSeries): void {
  const key = seriesKey(totals, labels);
  const before = totals.get(key) ?? [];
  totals.set(
    key,
    values.map((value, index) => value + (before[index] ?? 0)),
  );
}
