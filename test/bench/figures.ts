/** What the bench says: figures of the gateway beside those of the floor, and the targets they meet or miss. */

/** What a figure may be at most, or must be at least. */
export type Target = { readonly most: number } | { readonly least: number };

/** How a figure of the gateway is judged: as a multiple of the floor's, by what it adds to it, or as it is. */
export type Comparison = 'ratio' | 'added' | 'alone';

/** A measured quantity over all rounds. */
export interface Figure {
  readonly name: string;
  readonly comparison: Comparison;
  /** Medians; the floor's is missing where it was not asked. */
  readonly floor?: number;
  readonly plexus: number;
  /** What is judged: the median over rounds of the ratio or of the difference, or the figure itself. */
  readonly judged: number;
  readonly target?: Target;
  readonly isMet?: boolean;
}

export interface Row {
  readonly case: string;
  readonly figures: readonly Figure[];
}

/** The quantities of one round by name; what a system does not tell is not there. */
export type Sample = Readonly<Record<string, number | undefined>>;

/** Samples of the same rounds. */
export interface Rounds {
  readonly floor: readonly Sample[];
  readonly plexus: readonly Sample[];
}

/** How a quantity is judged, by name; the order is that of the table. */
export type Judgement = Readonly<Record<string, readonly [Comparison, Target?]>>;

/** The figures of a case. */
export function rowOf(name: string, { floor, plexus }: Rounds, judgement: Judgement): Row {
  const figures: Figure[] = [];
  for (const [key, [comparison, target]] of Object.entries(judgement)) {
    const own = valuesOf(plexus, key);
    if (own.length === 0) continue;
    const base = valuesOf(floor, key);
    const judged = judge(comparison, own, base);
    figures.push({
      name: key,
      comparison,
      ...(base.length === 0 ? {} : { floor: median(base) }),
      plexus: median(own),
      judged,
      ...(target === undefined ? {} : { target, isMet: meets(judged, target) }),
    });
  }
  return { case: name, figures };
}

function valuesOf(samples: readonly Sample[], key: string): number[] {
  return samples.flatMap((sample) => sample[key] ?? []);
}

function judge(comparison: Comparison, own: readonly number[], base: readonly number[]): number {
  if (comparison === 'alone') return median(own);
  return median(
    own.map((value, round) => {
      const floor = base[round] ?? Number.NaN;
      return comparison === 'ratio' ? value / floor : value - floor;
    }),
  );
}

function meets(value: number, target: Target): boolean {
  return 'most' in target ? value <= target.most : value >= target.least;
}

/** A quantile between 0 and 1; NaN of nothing. */
export function quantile(values: readonly number[], q: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  const at = (sorted.length - 1) * q;
  const low = sorted[Math.floor(at)] ?? Number.NaN;
  const high = sorted[Math.ceil(at)] ?? Number.NaN;
  return low + (high - low) * (at - Math.floor(at));
}

export function median(values: readonly number[]): number {
  return quantile(values, 0.5);
}

// ------------------------------------------------------------------------------ the table

const HEADINGS = ['', '', 'floor', 'plexus', 'compared', 'target', ''];

/** Rows as lines of text, one for each figure. */
export function table(title: string, rows: readonly Row[]): string {
  const lines = rows.flatMap((row) =>
    row.figures.map((figure, index) => [index === 0 ? row.case : '', ...cells(figure)]),
  );
  const all = [HEADINGS, ...lines];
  const widths = HEADINGS.map((_, column) =>
    Math.max(...all.map((line) => (line[column] ?? '').length)),
  );
  const text = all.map((line) =>
    line
      .map((cell, column) => {
        const width = widths[column] ?? 0;
        return column < 2 ? cell.padEnd(width) : cell.padStart(width);
      })
      .join('  ')
      .trimEnd(),
  );
  return `${title}\n${text.join('\n')}\n`;
}

function cells({ name, comparison, floor, plexus, judged, target, isMet }: Figure): string[] {
  return [
    name,
    floor === undefined ? '' : rounded(floor),
    rounded(plexus),
    compared(comparison, judged),
    target === undefined ? '' : 'most' in target ? `≤ ${target.most}` : `≥ ${target.least}`,
    isMet === undefined ? '' : isMet ? 'met' : 'MISSED',
  ];
}

function compared(comparison: Comparison, judged: number): string {
  if (comparison === 'alone') return '';
  if (comparison === 'ratio') return `× ${judged.toFixed(2)}`;
  return `${judged < 0 ? '−' : '+'} ${rounded(Math.abs(judged))}`;
}

function rounded(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? '–' : 'never';
  return value.toFixed(Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2);
}
