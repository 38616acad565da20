/**
 * Keeps traces: decides which requests get one, writes one file per request when it is over, and a
 * line to find it by. `DIR/YYYY-MM-DD/ID.json` and `DIR/YYYY-MM-DD.jsonl`.
 */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, type JsonObject, parseJson } from '../json.ts';
import { nothingThere } from './line-scan.ts';
import { maskedJson } from './masked-json.ts';
import type { UsageRecord } from './record.ts';
import {
  OpenTrace,
  type TraceBudget,
  type TraceDocument,
  type TracePart,
  type TraceSink,
} from './trace.ts';

export type TraceMode = 'off' | 'on' | 'errors';

export interface TracesOptions {
  readonly dir: string;
  /** Asked at each request. */
  readonly settings: () => { readonly mode: TraceMode; readonly maxBytes: number };
  /** Values that must never be written. */
  readonly secrets: () => Iterable<string>;
  /** Takes the line by which a trace is found. */
  readonly index: (line: object) => void;
  /** Hears of a trouble once when it begins. */
  readonly onProblem: (message: string) => void;
  /** Bytes that all open traces together may hold. */
  readonly maxHeldBytes?: number;
  /** How long a reply that is not read to its end holds up its trace. */
  readonly settleMs?: number;
}

export interface Traces {
  /** A sink for a request that has arrived; undefined when none is kept, and nothing is copied then. */
  open(id: string): TraceSink | undefined;
  /** The sink of a request that runs, where it has one. */
  of(id: string): TraceSink | undefined;
  /** The request is over; its trace is written when its reply is out, or dropped. */
  close(record: UsageRecord): void;
  /** Resolves when all that is due is written. */
  drain(): Promise<void>;
}

const MAX_HELD = 128 * 1024 * 1024;
const SETTLE_MS = 5_000;

export function createTraces(options: TracesOptions): Traces {
  const { dir, settings, onProblem, settleMs = SETTLE_MS } = options;
  const open = new Map<string, { trace: OpenTrace; mode: TraceMode }>();
  const writing = new Set<Promise<void>>();
  const budget = createBudget(options.maxHeldBytes ?? MAX_HELD);
  let isFailing = false;

  /** Writes a trace, or drops it, once. */
  function finish(trace: OpenTrace): void {
    if (!open.delete(trace.id)) return;
    const task = write(trace).finally(() => {
      trace.release();
      writing.delete(task);
    });
    writing.add(task);
  }

  async function write(trace: OpenTrace): Promise<void> {
    const document = trace.document();
    if (document === undefined) return;
    const text = serializeTrace(document, options.secrets());
    const day = document.timestamp.slice(0, 10);
    try {
      await mkdir(join(dir, day), { recursive: true, mode: 0o750 });
      await writeFile(tracePath(dir, day, trace.id), text, { mode: 0o640 });
      options.index(indexLine(document.record, text.length));
      isFailing = false;
    } catch (error) {
      if (!isFailing) onProblem(`cannot write a trace in ${dir}: ${String(error)}`);
      isFailing = true;
    }
  }

  return {
    open(id) {
      const { mode, maxBytes } = settings();
      if (mode === 'off') return undefined;
      const trace = new OpenTrace({ id, maxBytes, budget, onDone: finish });
      open.set(id, { trace, mode });
      return trace;
    },
    of: (id) => open.get(id)?.trace,
    close(record) {
      const entry = open.get(record.id);
      if (entry === undefined) return;
      const { trace, mode } = entry;
      if (mode === 'errors' && record.outcome === 'success') {
        open.delete(record.id);
        trace.release();
        return;
      }
      trace.close(record);
      if (open.has(record.id)) setTimeout(finish, settleMs, trace).unref();
    },
    async drain() {
      for (const { trace } of open.values()) if (trace.record) finish(trace);
      await Promise.all(writing);
    },
  };
}

/** A trace as it stands in its file; undefined when there is none. */
export async function readTrace(
  dir: string,
  timestamp: string,
  id: string,
): Promise<JsonObject | undefined> {
  const day = timestamp.slice(0, 10);
  if (!/^[\w-]+$/.test(id) || !/^\d{4}-\d{2}-\d{2}$/.test(day)) return undefined;
  const text = await readFile(tracePath(dir, day, id), 'utf8').catch(nothingThere);
  const value = typeof text === 'string' ? parseJson(text) : undefined;
  return isObject(value) ? value : undefined;
}

function tracePath(dir: string, day: string, id: string): string {
  return join(dir, day, `${id}.json`);
}

function createBudget(max: number): TraceBudget {
  let held = 0;
  return {
    take(bytes) {
      if (held + bytes > max) return false;
      held += bytes;
      return true;
    },
    give(bytes) {
      held -= bytes;
    },
  };
}

function indexLine(record: UsageRecord, bytes: number): object {
  const { id, timestamp, apiKey, clientFormat, providerFormat, alias, provider, model } = record;
  const { outcome, status, durationMs, error } = record;
  const who = { id, timestamp, apiKey, clientFormat, providerFormat, alias, provider, model };
  return { ...who, outcome, status, durationMs, error, bytes };
}

// ------------------------------------------------------------------------------ secrets

const SECRET_HEADER = /key|token|secret|auth|cookie|password|credential|signature/i;
const HARMLESS_HEADER = /^(x-ratelimit-|anthropic-ratelimit-|access-control-)/i;
const SECRET_QUERY = /([?&](?:key|api[-_]?key|access_token|token|sig|signature)=)[^&#\s"\\]+/gi;

/** The text of a trace: credentials in headers and URLs masked, and known secrets wherever they stand. */
export function serializeTrace(document: TraceDocument, secrets: Iterable<string>): string {
  const attempts = document.attempts.map(({ providerRequest, providerReply }) => ({
    providerRequest: masked(providerRequest),
    providerReply: providerReply && masked(providerReply),
  }));
  const clientRequest = document.clientRequest && masked(document.clientRequest);
  const clientReply = document.clientReply && masked(document.clientReply);
  return maskedJson({ ...document, clientRequest, attempts, clientReply }, secrets, 2);
}

function masked(part: TracePart): TracePart {
  const headers = maskedHeaders(part.headers);
  return part.url === undefined
    ? { ...part, headers }
    : { ...part, url: maskedUrl(part.url), headers };
}

function maskedHeaders(headers: TracePart['headers']): TracePart['headers'] {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      SECRET_HEADER.test(name) && !HARMLESS_HEADER.test(name) ? '***' : value,
    ]),
  );
}

function maskedUrl(url: string): string {
  return url.replace(SECRET_QUERY, '$1***').replace(/(:\/\/)[^/@\s]+@/, '$1***@');
}
