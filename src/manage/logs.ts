/** `/v0/logs`: what the day files know, asked with a query string. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { GatewayError, invalid } from '../errors.ts';
import type { JsonObject } from '../json.ts';
import { nothingThere } from '../usage/line-scan.ts';
import type { LogFolders } from '../usage/log-folders.ts';
import { findRecord, type LogFilter, queryLog } from '../usage/query.ts';
import { pruneDays } from '../usage/retention.ts';
import { GROUPINGS, type Grouping, summarizeUsage } from '../usage/summary.ts';
import { parseTime } from '../usage/time.ts';
import { readTrace } from '../usage/traces.ts';

const TYPES = { usage: 'usage', error: 'errors', trace: 'traces' } as const;
type LogType = keyof typeof TYPES;

export interface LogsParts {
  readonly folders: LogFolders;
  /** Writes out what is still in a queue. */
  flush(): Promise<void>;
  now(): number;
}

const DAY_MS = 86_400_000;
const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1000;

/** `GET /v0/logs` */
export async function listLogs(
  parts: LogsParts,
  query: URLSearchParams,
  signal: AbortSignal,
): Promise<object> {
  const type = oneOf(query, 'type', Object.keys(TYPES), 'usage');
  const filter = readFilter(query, parts.now());
  const limit = readLimit(query);
  const cursor = query.get('cursor') || undefined;
  await parts.flush();
  const dir = parts.folders[TYPES[isType(type) ? type : 'usage']];
  try {
    const page = await queryLog(dir, { ...filter, limit, cursor, signal });
    return { type, ...page };
  } catch (cause) {
    if (cause instanceof RangeError) throw invalid('cursor', cause.message);
    throw cause;
  }
}

/** `GET /v0/logs/{id}`: everything that is known of one request. */
export async function showLog(
  parts: LogsParts,
  id: string,
  running: object | undefined,
  signal: AbortSignal,
): Promise<object> {
  await parts.flush();
  const { folders } = parts;
  const usage = await findRecord(folders.usage, id, signal);
  const indexed = usage ?? (await findRecord(folders.traces, id, signal));
  const failed = usage?.['outcome'] !== 'success' && usage?.['outcome'] !== 'cancelled';
  const error = failed ? await findRecord(folders.errors, id, signal) : undefined;
  const timestamp = String((indexed ?? error)?.['timestamp'] ?? '');
  const trace = await readTrace(folders.traces, timestamp, id);
  if (!usage && !error && !trace && !running) {
    throw new GatewayError('not_found', `There is nothing known of a request "${id}".`, {
      code: 'unknown_request',
    });
  }
  return {
    id,
    usage: usage ?? null,
    error: error ?? null,
    trace: trace ? withoutRecord(trace) : null,
    running: running ?? null,
  };
}

/** The record stands beside the trace already. */
function withoutRecord({ record: _, ...trace }: JsonObject): JsonObject {
  return trace;
}

/** `GET /v0/logs/summary` */
export async function summarizeLogs(
  parts: LogsParts,
  query: URLSearchParams,
  signal: AbortSignal,
): Promise<object> {
  const name = query.get('by') ?? query.get('groupBy') ?? 'day';
  // The log's word is apiKey; people say key.
  const by: string = name === 'key' ? 'apiKey' : name;
  if (!isGrouping(by)) throw invalid('by', `must be one of ${[...GROUPINGS].join(', ')}`);
  const now = parts.now();
  const filter = readFilter(query, now);
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  const from = filter.from ?? today - 6 * DAY_MS;
  await parts.flush();
  const summary = await summarizeUsage(parts.folders.usage, { ...filter, from, by, signal });
  return {
    from: new Date(from).toISOString(),
    to: new Date(filter.to ?? now).toISOString(),
    ...summary,
  };
}

/** `DELETE /v0/logs`: days before `before`, or more than `olderThanDays` days old, or all of them. */
export async function deleteLogs(parts: LogsParts, query: URLSearchParams): Promise<object> {
  const type = oneOf(query, 'type', [...Object.keys(TYPES), 'all'], 'all');
  const before = query.get('before');
  const olderThanDays = query.get('olderThanDays');
  const all = query.get('all') === 'true';
  if ([before !== null, olderThanDays !== null, all].filter(Boolean).length !== 1) {
    throw invalid(
      'before',
      'exactly one of before=YYYY-MM-DD, olderThanDays=N and all=true says what goes',
    );
  }
  const days = all ? undefined : keptDays(before, olderThanDays, parts.now());
  await parts.flush();
  const deleted: Record<string, readonly string[]> = {};
  for (const [name, folder] of Object.entries(TYPES)) {
    if (type !== 'all' && type !== name) continue;
    const dir = parts.folders[folder];
    deleted[name] =
      days === undefined ? await deleteAll(dir) : await pruneDays(dir, days, parts.now());
  }
  return { deleted };
}

/** How many days before today are kept. */
function keptDays(before: string | null, olderThanDays: string | null, now: number): number {
  if (olderThanDays !== null) {
    if (/^[1-9]\d{0,4}$/.test(olderThanDays)) return Number(olderThanDays);
    throw invalid(
      'olderThanDays',
      'must be a number of days, at least 1; today goes with all=true',
    );
  }
  const at = /^\d{4}-\d{2}-\d{2}$/.test(before ?? '')
    ? Date.parse(`${before}T00:00:00Z`)
    : Number.NaN;
  const days = Math.floor(now / DAY_MS) - at / DAY_MS;
  if (days >= 1) return days;
  throw invalid('before', 'must be a day before today as YYYY-MM-DD; today goes with all=true');
}

/** Every day file and folder of ours. A writer that has one open makes a new one. */
async function deleteAll(dir: string): Promise<string[]> {
  const names = (await readdir(dir).catch(nothingThere)).filter((name) => OURS.test(name));
  for (const name of names) await rm(join(dir, name), { recursive: true, force: true });
  return names.sort();
}
const OURS = /^\d{4}-\d{2}-\d{2}(\.jsonl)?$/;

// ------------------------------------------------------------------------------ query string

/** The filters of a query string. @throws GatewayError 400 that names the parameter */
export function readFilter(query: URLSearchParams, now: number): LogFilter {
  const plain = (name: string): string | undefined => query.get(name) ?? undefined;
  return {
    provider: plain('provider'),
    model: plain('model'),
    alias: plain('alias'),
    apiKey: plain('apiKey') ?? plain('key'),
    outcome: plain('outcome'),
    q: plain('q') || undefined,
    from: readTime(query, 'from', now),
    to: readTime(query, 'to', now),
  };
}

/** A time: ISO 8601, a day, Unix milliseconds or seconds, or a span back from now such as `24h`. */
function readTime(query: URLSearchParams, name: string, now: number): number | undefined {
  const value = query.get(name);
  if (value === null || value === '') return undefined;
  const at = parseTime(value, now);
  if (at === undefined) {
    throw invalid(name, 'must be a time such as 2030-12-31T18:00:00Z, 2030-12-31 or 24h');
  }
  return at;
}

function readLimit(query: URLSearchParams): number {
  const value = query.get('limit');
  if (value === null) return DEFAULT_LIMIT;
  const limit = /^\d{1,9}$/.test(value) ? Number(value) : 0;
  if (limit < 1 || limit > MAX_LIMIT) throw invalid('limit', `must be from 1 to ${MAX_LIMIT}`);
  return limit;
}

function oneOf(
  query: URLSearchParams,
  name: string,
  allowed: readonly string[],
  fallback: string,
): string {
  const value = query.get(name) ?? fallback;
  if (!allowed.includes(value)) throw invalid(name, `must be one of ${allowed.join(', ')}`);
  return value;
}

function isType(value: string): value is LogType {
  return Object.hasOwn(TYPES, value);
}

function isGrouping(value: string): value is Grouping {
  return GROUPINGS.some((grouping) => grouping === value);
}
