/** Finds lines of a log of day files, the newest first, page by page. */
import type { JsonObject } from '../json.ts';
import { dayPath, type Line, listDays, scanBackward } from './line-scan.ts';

export interface LogFilter {
  readonly provider?: string | undefined;
  readonly model?: string | undefined;
  readonly alias?: string | undefined;
  /** The name of a client's key. */
  readonly apiKey?: string | undefined;
  /** An outcome, or `failed` for all but success. */
  readonly outcome?: string | undefined;
  /** Unix ms, inclusive. */
  readonly from?: number | undefined;
  /** Unix ms, exclusive. */
  readonly to?: number | undefined;
  /** Text that stands anywhere in the line; case does not matter for ASCII letters. */
  readonly q?: string | undefined;
}

export interface LogQuery extends LogFilter {
  /** How many lines at most. */
  readonly limit: number;
  /** Where the page before ended. */
  readonly cursor?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Blocks that one page may read; for tests. */
  readonly maxBlocks?: number;
}

export interface LogPage {
  readonly records: readonly JsonObject[];
  /** Where the next page begins, also when this one ended because it had read enough; null: no more. */
  readonly cursor: string | null;
}

/** A page ends after about a gigabyte; the next one goes on from there. */
const MAX_BLOCKS = 4096;

/**
 * One page of the lines in `dir` that the filter lets through, the newest first. A cursor stays
 * good while lines are appended.
 *
 * @throws RangeError when the cursor is not one of ours
 */
export async function queryLog(dir: string, query: LogQuery): Promise<LogPage> {
  const place = query.cursor === undefined ? undefined : parseCursor(query.cursor);
  const records: JsonObject[] = [];
  let blocks = query.maxBlocks ?? MAX_BLOCKS;
  for (const day of await listDays(dir)) {
    if ((place && day > place.day) || !mayHold(day, query)) continue;
    const scan = { path: dayPath(dir, day), ...needlesOf(query) };
    const end = place?.day === day ? place.offset : undefined;
    for await (const { lines, reached } of scanBackward(scan, end)) {
      query.signal?.throwIfAborted();
      for (const line of lines) {
        if (!matches(line, query)) continue;
        records.push(line.value);
        if (records.length >= query.limit) return { records, cursor: cursorText(day, line.offset) };
      }
      blocks -= 1;
      if (blocks <= 0) return { records, cursor: cursorText(day, reached) };
    }
  }
  return { records, cursor: null };
}

/** The newest line with this id; undefined when there is none. */
export async function findRecord(
  dir: string,
  id: string,
  signal?: AbortSignal,
): Promise<JsonObject | undefined> {
  const needles = [`"id":${JSON.stringify(id)}`];
  for (const day of await listDays(dir)) {
    for await (const { lines } of scanBackward({ path: dayPath(dir, day), needles })) {
      signal?.throwIfAborted();
      const found = lines.find(({ value }) => value['id'] === id);
      if (found) return found.value;
    }
  }
  return undefined;
}

// ------------------------------------------------------------------------------ filter

/** What a record of the log says under the same name, the rarest value first. */
const EXACT = ['apiKey', 'model', 'alias', 'provider', 'outcome'] as const;

/** What a line's text must contain, so that most lines are never parsed. */
export function needlesOf(filter: LogFilter): { needles: string[]; looseNeedle?: string } {
  const needles = EXACT.flatMap((key) => {
    const value = filter[key];
    if (value === undefined || (key === 'outcome' && value === 'failed')) return [];
    return [`"${key}":${JSON.stringify(value)}`];
  });
  if (filter.q === undefined || filter.q === '') return { needles };
  return { needles, looseNeedle: JSON.stringify(filter.q).slice(1, -1) };
}

/** Whether a line that contains the needles is meant. */
export function matches({ value, text }: Line, filter: LogFilter): boolean {
  for (const key of EXACT) {
    const wanted = filter[key];
    if (wanted === undefined) continue;
    if (key === 'outcome' && wanted === 'failed') {
      if (value['outcome'] === 'success') return false;
    } else if (value[key] !== wanted) return false;
  }
  if (filter.q !== undefined) {
    const q = JSON.stringify(filter.q).slice(1, -1).toLowerCase();
    if (!text.toLowerCase().includes(q)) return false;
  }
  if (filter.from === undefined && filter.to === undefined) return true;
  const at = Date.parse(String(value['timestamp']));
  return at >= (filter.from ?? Number.NEGATIVE_INFINITY) && at < (filter.to ?? Infinity);
}

/** Whether a day's file can hold a line of the filter's time: lines stand in the file of their day. */
export function mayHold(day: string, { from, to }: LogFilter): boolean {
  const start = Date.parse(`${day}T00:00:00Z`);
  return (to === undefined || start < to) && (from === undefined || start + DAY_MS > from);
}
const DAY_MS = 86_400_000;

// ------------------------------------------------------------------------------ cursor

function cursorText(day: string, offset: number): string {
  return Buffer.from(`${day}:${offset}`).toString('base64url');
}

function parseCursor(cursor: string): { day: string; offset: number } {
  const text = Buffer.from(cursor, 'base64url').toString('utf8');
  const [, day, offset] = /^(\d{4}-\d{2}-\d{2}):(\d{1,15})$/.exec(text) ?? [];
  if (day === undefined) throw new RangeError('the cursor is not one that a page gave');
  return { day, offset: Number(offset) };
}
