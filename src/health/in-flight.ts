/** The requests that run now, each with its current attempt. */
import type { Meter } from '../usage/meter.ts';

/** An attempt while it runs. */
export interface RunningAttempt {
  /** The request's id. */
  readonly id: string;
  readonly alias: string;
  readonly provider: string;
  readonly model: string;
  readonly streaming: boolean;
  readonly meter: Pick<Meter, 'hasOutput' | 'outputChars' | 'toolCalls'>;
}

/** A running request as it is told to people. */
export interface Progress {
  readonly id: string;
  readonly alias: string;
  readonly provider: string;
  readonly model: string;
  readonly streaming: boolean;
  /** Since its first attempt began. */
  readonly ms: number;
  readonly attempts: number;
  readonly hasOutput: boolean;
  /** Characters of output so far. */
  readonly outputChars: number;
  readonly toolCalls: number;
}

/** The requests that run, in this process or in all that serve together, as people and selectors ask. */
export type Running = Pick<
  InFlight,
  'at' | 'size' | 'openStreams' | 'counts' | 'list' | 'progress'
>;

interface Entry {
  attempt: RunningAttempt;
  attempts: number;
  readonly since: number;
}

export class InFlight {
  readonly #entries = new Map<string, Entry>();
  readonly #counts = new Map<string, number>();
  readonly #monotonic: () => number;

  /** @param monotonic a clock that never jumps, in milliseconds */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  get size(): number {
    return this.#entries.size;
  }

  /** Streams that clients are being sent. */
  get openStreams(): number {
    let count = 0;
    for (const { attempt } of this.#entries.values()) if (attempt.streaming) count += 1;
    return count;
  }

  /** An attempt begins; it takes the place of the request's earlier one. */
  begin(attempt: RunningAttempt): void {
    const before = this.#entries.get(attempt.id);
    if (before === undefined) {
      this.#entries.set(attempt.id, { attempt, attempts: 1, since: this.#monotonic() });
    } else {
      this.#count(before.attempt, -1);
      before.attempt = attempt;
      before.attempts += 1;
    }
    this.#count(attempt, 1);
  }

  /** The request is over. One that never began an attempt is none of ours. */
  end(id: string): void {
    const entry = this.#entries.get(id);
    if (entry === undefined) return;
    this.#entries.delete(id);
    this.#count(entry.attempt, -1);
  }

  /** Attempts that run at a target now. */
  at(provider: string, model: string): number {
    return this.#counts.get(targetKey(provider, model)) ?? 0;
  }

  progress(id: string): Progress | undefined {
    const entry = this.#entries.get(id);
    return entry && this.#progressOf(entry);
  }

  /** Those that run longest, at most so many. */
  list(limit: number): Progress[] {
    const found: Progress[] = [];
    for (const entry of this.#entries.values()) {
      if (found.length >= limit) break;
      found.push(this.#progressOf(entry));
    }
    return found;
  }

  /** By target, only where something runs. */
  counts(): { provider: string; model: string; count: number }[] {
    return [...this.#counts].map(([key, count]) => ({ ...targetOf(key), count }));
  }

  #progressOf({ attempt, attempts, since }: Entry): Progress {
    const { id, alias, provider, model, streaming, meter } = attempt;
    const { hasOutput, outputChars, toolCalls } = meter;
    const ms = Math.round(this.#monotonic() - since);
    const who = { id, alias, provider, model, streaming };
    return { ...who, ms, attempts, hasOutput, outputChars, toolCalls };
  }

  #count({ provider, model }: RunningAttempt, change: number): void {
    const key = targetKey(provider, model);
    const count = (this.#counts.get(key) ?? 0) + change;
    if (count > 0) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}

/** Names may hold any character but this. */
const SEPARATOR = '\u0000';

/** One key for a provider and a model. */
export function targetKey(provider: string, model: string): string {
  return provider + SEPARATOR + model;
}

export function targetOf(key: string): { provider: string; model: string } {
  const [provider = '', model = ''] = key.split(SEPARATOR);
  return { provider, model };
}
