/** What the usage log amounts to, by day, provider, model, alias or key. */
import { type JsonObject, number, object, text } from '../json.ts';
import { Digest } from './digest.ts';
import { dayPath, listDays, scanForward } from './line-scan.ts';
import { type LogFilter, matches, mayHold, needlesOf } from './query.ts';

export const GROUPINGS = ['day', 'provider', 'model', 'alias', 'apiKey'] as const;
export type Grouping = (typeof GROUPINGS)[number];

export interface SummaryQuery extends LogFilter {
  readonly by: Grouping;
  readonly signal?: AbortSignal | undefined;
}

export interface Tokens {
  readonly input: number;
  readonly cached: number;
  readonly cacheWrite: number;
  readonly output: number;
  readonly reasoning: number;
  readonly total: number;
}

export interface Percentiles {
  readonly p50: number | null;
  readonly p95: number | null;
}

export interface Group {
  /** The day, or the name that the group shares; null where the records have none. */
  readonly key: string | null;
  readonly requests: number;
  /** All that neither succeeded nor was given up by the client. */
  readonly errors: number;
  readonly cancelled: number;
  readonly tokens: Tokens;
  /** USD, of those requests whose price is known; null when it is of none. */
  readonly cost: number | null;
  /** Requests that used tokens at a price that nobody knows. */
  readonly unpriced: number;
  /** Of successful requests. */
  readonly durationMs: Percentiles;
  /** Of successful streams. */
  readonly ttftMs: Percentiles;
}

export interface Summary {
  readonly by: Grouping;
  readonly groups: readonly Group[];
  readonly total: Group;
}

/** More groups than these are counted together: clients choose the names that they ask for. */
const MAX_GROUPS = 1000;
const OTHERS = '(others)';

/** Reads the usage log in `dir` once; memory depends on the number of groups alone. */
export async function summarizeUsage(dir: string, query: SummaryQuery): Promise<Summary> {
  const groups = new Map<string | null, Tally>();
  const total = new Tally();
  for (const day of (await listDays(dir)).reverse()) {
    if (!mayHold(day, query)) continue;
    for await (const { lines } of scanForward({ path: dayPath(dir, day), ...needlesOf(query) })) {
      query.signal?.throwIfAborted();
      for (const line of lines) {
        if (!matches(line, query)) continue;
        total.add(line.value);
        tallyOf(groups, keyOf(line.value, query.by, day)).add(line.value);
      }
    }
  }
  return {
    by: query.by,
    groups: [...groups]
      .map(([key, tally]) => tally.result(key))
      .sort((a, b) => compare(a, b, query.by)),
    total: total.result(null),
  };
}

function keyOf(record: JsonObject, by: Grouping, day: string): string | null {
  return by === 'day' ? day : (text(record[by]) ?? null);
}

function tallyOf(groups: Map<string | null, Tally>, key: string | null): Tally {
  const known = groups.get(key);
  if (known) return known;
  if (groups.size >= MAX_GROUPS && key !== OTHERS) return tallyOf(groups, OTHERS);
  const made = new Tally();
  groups.set(key, made);
  return made;
}

/** Days in their order, else the busiest first. */
function compare(a: Group, b: Group, by: Grouping): number {
  if (by === 'day') return String(a.key).localeCompare(String(b.key));
  return b.requests - a.requests || String(a.key).localeCompare(String(b.key));
}

const COUNTS = ['input', 'cached', 'cacheWrite', 'output', 'reasoning', 'total'] as const;

class Tally {
  #requests = 0;
  #errors = 0;
  #cancelled = 0;
  readonly #tokens = { input: 0, cached: 0, cacheWrite: 0, output: 0, reasoning: 0, total: 0 };
  #cost: number | null = null;
  #unpriced = 0;
  readonly #duration = new Digest();
  readonly #ttft = new Digest();

  add(record: JsonObject): void {
    const { outcome } = record;
    this.#requests += 1;
    if (outcome === 'success') {
      this.#duration.add(number(record['durationMs']) ?? Number.NaN);
      this.#ttft.add(number(record['ttftMs']) ?? Number.NaN);
    } else if (outcome === 'cancelled') this.#cancelled += 1;
    else this.#errors += 1;
    const usage = object(record['usage']);
    for (const name of COUNTS) this.#tokens[name] += number(usage?.[name]) ?? 0;
    const cost = number(object(record['cost'])?.['total']);
    if (cost !== undefined) this.#cost = (this.#cost ?? 0) + cost;
    else if (usage !== undefined) this.#unpriced += 1;
  }

  result(key: string | null): Group {
    return {
      key,
      requests: this.#requests,
      errors: this.#errors,
      cancelled: this.#cancelled,
      tokens: { ...this.#tokens },
      cost: this.#cost === null ? null : Math.round(this.#cost * 1e9) / 1e9,
      unpriced: this.#unpriced,
      durationMs: { p50: this.#duration.quantile(0.5), p95: this.#duration.quantile(0.95) },
      ttftMs: { p50: this.#ttft.quantile(0.5), p95: this.#ttft.quantile(0.95) },
    };
  }
}
