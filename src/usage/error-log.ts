/** The error log: a line for each request that failed, without its content. */
import type { AttemptRecord, UsageRecord } from './record.ts';

export interface ErrorLine {
  readonly id: string;
  readonly timestamp: string;
  readonly status: number;
  /** What went wrong: the kind of the last attempt's failure, else what the status stands for. */
  readonly kind: string;
  readonly message: string | null;
  readonly outcome: UsageRecord['outcome'];
  readonly apiKey: string | null;
  readonly alias: string | null;
  readonly provider: string | null;
  readonly model: string | null;
  readonly attempts: readonly AttemptRecord[];
}

/** The line for a request; undefined for one that did not fail. A client that left is no failure. */
export function errorLine(record: UsageRecord): ErrorLine | undefined {
  if (record.outcome === 'success' || record.outcome === 'cancelled') return undefined;
  const { id, timestamp, status, error, outcome, apiKey, alias, provider, model } = record;
  const { attempts } = record;
  return {
    id,
    timestamp,
    status,
    kind: kindOf(record),
    message: error,
    outcome,
    apiKey,
    alias,
    provider,
    model,
    attempts,
  };
}

/** What a refusal of the gateway itself means, by its status. */
const KINDS: Readonly<Record<number, string>> = {
  400: 'invalid_request',
  401: 'unauthorized',
  403: 'forbidden',
  404: 'unknown_model',
  413: 'too_large',
  429: 'limited',
  500: 'internal',
  503: 'unavailable',
};

function kindOf({ attempts, outcome, status }: UsageRecord): string {
  return attempts.at(-1)?.reason ?? KINDS[status] ?? outcome;
}
