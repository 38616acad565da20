/** The requests that run now, each with its current attempt. */
import { type Listed, Roster } from '../roster.ts';
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

/** A request from its first attempt on. */
export interface RunningRequest extends Listed {
  attempt: RunningAttempt;
  attempts: number;
  /** Monotonic ms. */
  readonly since: number;
}

export class InFlight {
  readonly #requests = new Roster<RunningRequest>();
  /** By target; those of none stay for the next, while they are few. */
  readonly #counts = new Map<string, number>();
  readonly #monotonic: () => number;

  /** @param monotonic a clock that never jumps, in milliseconds */
  constructor(monotonic: () => number) {
    this.#monotonic = monotonic;
  }

  get size(): number {
    return this.#requests.size;
  }

  /** Streams that clients are being sent. */
  get openStreams(): number {
    let count = 0;
    for (const { attempt } of this.#requests.list()) if (attempt.streaming) count += 1;
    return count;
  }

  /** The first attempt of a request begins, or another one, which takes the place of the one before. */
  begin(attempt: RunningAttempt, before?: RunningRequest): RunningRequest {
    this.#count(attempt, 1);
    if (before !== undefined) {
      this.#count(before.attempt, -1);
      before.attempt = attempt;
      before.attempts += 1;
      return before;
    }
    const request = { attempt, attempts: 1, since: this.#monotonic(), place: -1 };
    this.#requests.add(request);
    return request;
  }

  /** The request is over. A second call does nothing. */
  end(request: RunningRequest): void {
    if (this.#requests.delete(request)) this.#count(request.attempt, -1);
  }

  /** Attempts that run at a target now. */
  at(provider: string, model: string): number {
    return this.#counts.get(targetKey(provider, model)) ?? 0;
  }

  progress(id: string): Progress | undefined {
    const request = this.#requests.list().find(({ attempt }) => attempt.id === id);
    return request && this.#progressOf(request);
  }

  /** Those that run longest, at most so many. */
  list(limit: number): Progress[] {
    const oldestFirst = this.#requests.list().sort((a, b) => a.since - b.since);
    return oldestFirst.slice(0, limit).map((request) => this.#progressOf(request));
  }

  /** By target, only where something runs. */
  counts(): { provider: string; model: string; count: number }[] {
    return [...this.#counts]
      .filter(([, count]) => count > 0)
      .map(([key, count]) => ({ ...targetOf(key), count }));
  }

  #progressOf({ attempt, attempts, since }: RunningRequest): Progress {
    const { id, alias, provider, model, streaming, meter } = attempt;
    const { hasOutput, outputChars, toolCalls } = meter;
    const ms = Math.round(this.#monotonic() - since);
    const who = { id, alias, provider, model, streaming };
    return { ...who, ms, attempts, hasOutput, outputChars, toolCalls };
  }

  #count({ provider, model }: RunningAttempt, change: number): void {
    const key = targetKey(provider, model);
    const count = (this.#counts.get(key) ?? 0) + change;
    // A key that goes and comes with each request makes the table anew all the time, see `roster.ts`.
    if (count > 0 || this.#counts.size <= MAX_KEPT) this.#counts.set(key, count);
    else this.#counts.delete(key);
  }
}

const MAX_KEPT = 1000;

/** Names may hold any character but this. */
const SEPARATOR = '\u0000';

/** The last one: what is asked for one request is asked several times. */
let last = { provider: '', model: '', key: SEPARATOR };

/** One key for a provider and a model. */
export function targetKey(provider: string, model: string): string {
  if (last.provider === provider && last.model === model) return last.key;
  last = { provider, model, key: provider + SEPARATOR + model };
  return last.key;
}

export function targetOf(key: string): { provider: string; model: string } {
  const [provider = '', model = ''] = key.split(SEPARATOR);
  return { provider, model };
}
