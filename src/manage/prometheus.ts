/** Counters and histograms with a bound on their number of series, in Prometheus' text format. */

export type Labels = readonly (readonly [name: string, value: string])[];

export interface Sample {
  readonly labels: Labels;
  readonly value: number;
}

/**
 * Series of one metric. What is beyond goes to one series whose label values are all `other`: some
 * values are a client's choice, and a scraper must not be drowned.
 */
const MAX_SERIES = 500;

/** A series as another process takes it: its labels, then a counter's value or a histogram's sum and counts. */
export type SharedSeries = readonly [labels: string, ...values: number[]];

export class Counter {
  readonly #name: string;
  readonly #help: string;
  readonly #series = new Map<string, CounterSeries>();

  constructor(name: string, help: string) {
    this.#name = name;
    this.#help = help;
  }

  /** The series of these labels, to be kept by who adds to it often. @param labels as `labelText` gives them */
  series(labels: string): CounterSeries {
    const key = seriesKey(this.#series, labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = { value: 0 };
      this.#series.set(key, series);
    }
    return series;
  }

  get name(): string {
    return this.#name;
  }

  save(): SharedSeries[] {
    return [...this.#series].map(([labels, { value }]) => [labels, value]);
  }

  /** Adds what another process has counted. */
  merge(shared: readonly SharedSeries[]): void {
    for (const [labels, value = 0] of shared) this.add(labels, value);
  }

  /** @param labels as `labelText` gives them */
  add(labels: string, value = 1): void {
    this.series(labels).value += value;
  }

  render(): string {
    const lines = [...this.#series].map(
      ([key, { value }]) => `${this.#name}${braces(key)} ${short(value)}\n`,
    );
    return head(this.#name, this.#help, 'counter') + lines.join('');
  }
}

/** One series of a counter. */
export interface CounterSeries {
  value: number;
}

/** One series of a histogram: how many values fell under each bound and over the last, and their sum. */
export class HistogramSeries {
  readonly counts: number[];
  sum = 0;
  readonly #bounds: readonly number[];

  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.counts = new Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    const bounds = this.#bounds;
    let slot = 0;
    while (slot < bounds.length && value > (bounds[slot] ?? 0)) slot += 1;
    this.counts[slot] = (this.counts[slot] ?? 0) + 1;
    this.sum += value;
  }
}

export class Histogram {
  readonly #name: string;
  readonly #help: string;
  readonly #bounds: readonly number[];
  readonly #series = new Map<string, HistogramSeries>();

  /** @param bounds upper bounds, ascending; the infinite one is not among them */
  constructor(name: string, help: string, bounds: readonly number[]) {
    this.#name = name;
    this.#help = help;
    this.#bounds = bounds;
  }

  /** The series of these labels, to be kept by who adds to it often. @param labels as `labelText` gives them */
  series(labels: string): HistogramSeries {
    const key = seriesKey(this.#series, labels);
    let series = this.#series.get(key);
    if (series === undefined) {
      series = new HistogramSeries(this.#bounds);
      this.#series.set(key, series);
    }
    return series;
  }

  get name(): string {
    return this.#name;
  }

  save(): SharedSeries[] {
    return [...this.#series].map(([labels, { sum, counts }]) => [labels, sum, ...counts]);
  }

  /** Adds what another process has observed. */
  merge(shared: readonly SharedSeries[]): void {
    for (const [labels, sum = 0, ...counts] of shared) {
      const series = this.series(labels);
      series.sum += sum;
      for (const [slot, count] of counts.entries()) {
        series.counts[slot] = (series.counts[slot] ?? 0) + count;
      }
    }
  }

  /** @param labels as `labelText` gives them */
  observe(labels: string, value: number): void {
    this.series(labels).observe(value);
  }

  render(): string {
    const lines: string[] = [];
    for (const [key, { counts, sum }] of this.#series) {
      let total = 0;
      for (const [index, count] of counts.entries()) {
        total += count;
        const le = `le="${this.#bounds[index] ?? '+Inf'}"`;
        lines.push(`${this.#name}_bucket${braces(key === '' ? le : `${key},${le}`)} ${total}\n`);
      }
      lines.push(`${this.#name}_sum${braces(key)} ${short(sum)}\n`);
      lines.push(`${this.#name}_count${braces(key)} ${total}\n`);
    }
    return head(this.#name, this.#help, 'histogram') + lines.join('');
  }
}

/** Values that are what they are at the moment of asking. */
export function renderGauge(
  name: string,
  help: string,
  samples: readonly Sample[],
  type: 'gauge' | 'counter' = 'gauge',
): string {
  const lines = samples.map(
    ({ labels, value }) => `${name}${braces(labelText(labels))} ${value}\n`,
  );
  return head(name, help, type) + lines.join('');
}

/** Without the dust that binary fractions add. */
function short(value: number): number {
  return Number(value.toPrecision(12));
}

function head(name: string, help: string, type: string): string {
  return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n`;
}

/** The labels under which a series is kept: its own, or those of the rest when there are too many. */
export function seriesKey(series: ReadonlyMap<string, unknown>, labels: string): string {
  if (series.has(labels) || series.size < MAX_SERIES) return labels;
  return labels.replace(/="(?:[^"\\]|\\.)*"/g, '="other"');
}

/** Labels as they stand between the braces. */
export function labelText(labels: Labels): string {
  return labels.map(([name, value]) => `${name}="${escaped(value)}"`).join(',');
}

function braces(labels: string): string {
  return labels === '' ? '' : `{${labels}}`;
}

/** A label's value as the text format wants it; long ones are of no use to a scraper. */
function escaped(value: string): string {
  return value
    .slice(0, 128)
    .replace(/[\\"\n]/g, (character) => (character === '\n' ? '\\n' : `\\${character}`));
}
