/**
 * The one record that is kept of a request. It is opened when the request arrives, filled on the
 * way, and closed exactly once, however the request ends; what it says is final then.
 */
import type { Ledger } from '../ledger.ts';
import type { Finish, FormatName, Usage } from '../unified.ts';
import { totalInput } from '../unified.ts';
import { Meter } from './meter.ts';
import type { Cost } from './price.ts';

export type Outcome = 'success' | 'error' | 'timeout' | 'stall' | 'cancelled';

/**
 * `measured`: the provider's final counts. `partial`: the answer broke off; the provider's counts so
 * far, the output at least as estimated from what arrived. `estimated`: the provider gave none.
 * `none`: nothing was used, or nothing is known of it.
 */
export type UsageSource = 'measured' | 'partial' | 'estimated' | 'none';

/** One line of the usage log. */
export interface UsageRecord {
  readonly id: string;
  /** ISO 8601, when the request arrived. */
  readonly timestamp: string;
  readonly clientIp: string | null;
  /** The name of the client's key, never the key. */
  readonly apiKey: string | null;
  readonly clientFormat: FormatName | null;
  readonly providerFormat: FormatName | 'demo' | null;
  readonly passthrough: boolean;
  readonly streaming: boolean;
  /** The model as the client asked for it. */
  readonly alias: string | null;
  /** Provider and model of the last attempt. */
  readonly provider: string | null;
  readonly model: string | null;
  readonly attempts: readonly AttemptRecord[];
  readonly usage: UsageCounts | null;
  readonly usageSource: UsageSource;
  readonly cost: Cost | null;
  readonly durationMs: number;
  /** From the request's arrival to the first output; null for answers in one piece. */
  readonly ttftMs: number | null;
  readonly tokensPerSecond: number | null;
  /** What of `durationMs` was neither spent in an attempt nor waiting for the next one. */
  readonly overheadMs: number;
  readonly finish: Finish | null;
  readonly toolCalls: number;
  readonly dropped: readonly string[];
  readonly approximated: readonly string[];
  readonly outcome: Outcome;
  /** The HTTP status of the answer; 499 when the client left. */
  readonly status: number;
  readonly error: string | null;
}

export interface AttemptRecord {
  readonly provider: string;
  readonly model: string;
  /** The provider's HTTP status; null when none arrived. */
  readonly status: number | null;
  /** Why it failed; null when it did not. */
  readonly reason: string | null;
  readonly ms: number;
}

/** Nothing is counted twice: `input` excludes both cache counts, `output` includes `reasoning`. */
export interface UsageCounts {
  readonly input: number;
  readonly output: number;
  readonly cached: number;
  readonly cacheWrite: number;
  /** As far as the provider names them. */
  readonly reasoning: number;
  readonly total: number;
}

export interface Clock {
  /** Unix milliseconds. */
  now(): number;
  /** Milliseconds that never jump. */
  monotonic(): number;
}

export interface OpenRecord {
  readonly id: string;
  readonly clock: Clock;
  readonly clientIp?: string | null;
  readonly clientFormat?: FormatName | null;
  /** Losses of the request's and the reply's client side. */
  readonly ledger?: Ledger;
  /** The price of an answer, from the configuration that the request began with. */
  price?(usage: Usage, provider: string, model: string): Cost | null;
  /** Input tokens when no provider counts them. */
  estimateInput?(): number;
  /** Gets the record, once. */
  onClose(record: UsageRecord): void;
}

/** What becomes known of a request while it runs. */
export interface RequestFacts {
  apiKey?: string;
  alias?: string;
  clientFormat?: FormatName;
  streaming?: boolean;
  ledger?: Ledger;
}

export interface AttemptFacts {
  readonly provider: string;
  readonly model: string;
  readonly providerFormat: FormatName | 'demo';
  readonly passthrough: boolean;
  /** Losses on this provider's side, where they are kept apart. */
  readonly ledger?: Ledger;
}

/** One attempt while it runs. */
export interface OpenAttempt {
  /** Sees every chunk, or the whole reply, that this attempt gives. */
  readonly meter: Meter;
  /** The attempt is over: its body has been read, or it failed for `reason`. A second call does nothing. */
  end(status: number | null, reason?: string): void;
}

export interface RequestEnd {
  readonly outcome: Outcome;
  readonly status: number;
  readonly error?: string;
}

export interface RecordBuilder {
  readonly id: string;
  readonly isClosed: boolean;
  /** Later facts replace earlier ones. */
  note(facts: RequestFacts): void;
  attempt(facts: AttemptFacts): OpenAttempt;
  /** Time in which the gateway deliberately waited before another attempt; not its overhead. */
  waited(ms: number): void;
  /** Ends the record and an attempt that is still open. A second call does nothing. */
  close(end: RequestEnd): void;
}

/** Longest error text that is kept; providers answer with whole web pages at times. */
const ERROR_MAX = 2000;

/** Opens the record of a request that has just arrived. */
export function openRecord(options: OpenRecord): RecordBuilder {
  return new RequestRecord(options);
}

class RequestRecord implements RecordBuilder {
  readonly clock: Clock;
  readonly #options: OpenRecord;
  readonly #startedAt: number;
  readonly #arrivedAt: number;
  readonly #attempts: AttemptRecord[] = [];
  #apiKey: string | undefined;
  #alias: string | undefined;
  #clientFormat: FormatName | undefined;
  #streaming = false;
  #ledger: Ledger | undefined;
  /** Set by `attempt`; stays the last one after its end. */
  #last: RunningAttempt | undefined = undefined;
  #waitedMs = 0;
  #isClosed = false;

  constructor(options: OpenRecord) {
    this.clock = options.clock;
    this.#options = options;
    this.#startedAt = options.clock.monotonic();
    this.#arrivedAt = options.clock.now();
    this.#clientFormat = options.clientFormat ?? undefined;
    this.#ledger = options.ledger;
  }

  get id(): string {
    return this.#options.id;
  }

  get isClosed(): boolean {
    return this.#isClosed;
  }

  note(more: RequestFacts): void {
    if (more.apiKey !== undefined) this.#apiKey = more.apiKey;
    if (more.alias !== undefined) this.#alias = more.alias;
    if (more.clientFormat !== undefined) this.#clientFormat = more.clientFormat;
    if (more.streaming !== undefined) this.#streaming = more.streaming;
    if (more.ledger !== undefined) this.#ledger = more.ledger;
  }

  attempt(about: AttemptFacts): OpenAttempt {
    this.#last?.end(null, 'superseded');
    this.#last = new RunningAttempt(about, this);
    return this.#last;
  }

  /** An attempt is over. */
  ended(attempt: AttemptRecord): void {
    if (!this.#isClosed) this.#attempts.push(attempt);
  }

  waited(ms: number): void {
    this.#waitedMs += ms;
  }

  close(end: RequestEnd): void {
    if (this.#isClosed) return;
    const options = this.#options;
    const last = this.#last;
    const attempts = this.#attempts;
    const succeeded = end.outcome === 'success';
    last?.end(succeeded ? end.status : null, succeeded ? undefined : end.outcome);
    this.#isClosed = true;
    const endedAt = this.clock.monotonic();
    const durationMs = endedAt - this.#startedAt;
    const meter = last?.meter;
    const { usage, source } = countUsage(meter, options);
    const firstOutputAt = meter?.firstOutputAt;
    let busyMs = this.#waitedMs;
    for (const { ms } of attempts) busyMs += ms;
    const about = last?.about;
    const ledger = this.#ledger;
    options.onClose({
      id: options.id,
      timestamp: new Date(this.#arrivedAt).toISOString(),
      clientIp: options.clientIp ?? null,
      apiKey: this.#apiKey ?? null,
      clientFormat: this.#clientFormat ?? null,
      providerFormat: about?.providerFormat ?? null,
      passthrough: about?.passthrough ?? false,
      streaming: this.#streaming,
      alias: this.#alias ?? null,
      provider: about?.provider ?? null,
      model: about?.model ?? null,
      attempts,
      usage: usage && usageCounts(usage),
      usageSource: source,
      cost: usage && about ? (options.price?.(usage, about.provider, about.model) ?? null) : null,
      durationMs: hundredths(durationMs),
      ttftMs: firstOutputAt === undefined ? null : hundredths(firstOutputAt - this.#startedAt),
      tokensPerSecond:
        meter && last ? tokensPerSecond(meter, source, last.startedAt, endedAt) : null,
      overheadMs: hundredths(Math.max(0, durationMs - busyMs)),
      finish: meter?.finish ?? null,
      toolCalls: meter?.toolCalls ?? 0,
      dropped: union(ledger?.dropped, about?.ledger?.dropped),
      approximated: union(ledger?.approximated, about?.ledger?.approximated),
      outcome: end.outcome,
      status: end.status,
      error: end.error === undefined ? null : shorten(end.error),
    });
  }
}

class RunningAttempt implements OpenAttempt {
  readonly about: AttemptFacts;
  readonly meter: Meter;
  readonly startedAt: number;
  readonly #record: RequestRecord;
  #isOver = false;

  constructor(about: AttemptFacts, record: RequestRecord) {
    this.about = about;
    this.meter = new Meter(record.clock.monotonic);
    this.startedAt = record.clock.monotonic();
    this.#record = record;
  }

  end(status: number | null, reason?: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    const { provider, model } = this.about;
    const ms = hundredths(this.#record.clock.monotonic() - this.startedAt);
    this.#record.ended({ provider, model, status, reason: reason ?? null, ms });
  }
}

/** About how many tokens a text of so many characters has. */
function tokensOf(chars: number): number {
  return Math.ceil(chars / 4);
}

function countUsage(
  meter: Meter | undefined,
  options: OpenRecord,
): { usage: Usage | null; source: UsageSource } {
  if (meter === undefined) return { usage: null, source: 'none' };
  const { usage } = meter;
  if (
    usage !== undefined &&
    meter.hasFinalUsage &&
    (meter.finish !== undefined || meter.isComplete)
  ) {
    return { usage, source: 'measured' };
  }
  const output = tokensOf(meter.outputChars);
  if (usage !== undefined) {
    return { usage: { ...usage, output: Math.max(usage.output, output) }, source: 'partial' };
  }
  if (!meter.hasOutput) return { usage: null, source: 'none' };
  const input = options.estimateInput?.() ?? 0;
  return { usage: { input, cached: 0, cacheWrite: 0, output }, source: 'estimated' };
}

/** The counts as the record shows them. */
export function usageCounts(usage: Usage): UsageCounts {
  const { input, output, cached, cacheWrite, reasoning = 0 } = usage;
  return { input, output, cached, cacheWrite, reasoning, total: totalInput(usage) + output };
}

/**
 * Output tokens, reasoning among them, over the time in which they were made. Reasoning that was
 * not shown was made before the first output, so the time then counts from the attempt's start.
 */
function tokensPerSecond(
  meter: Meter,
  source: UsageSource,
  attemptStartedAt: number,
  endedAt: number,
): number | null {
  const { usage, firstOutputAt } = meter;
  if (source !== 'measured' || usage === undefined || firstOutputAt === undefined) return null;
  const isHidden = (usage.reasoning ?? 0) > 0 && !meter.hasReasoning;
  const from = isHidden ? attemptStartedAt : firstOutputAt;
  const ms = (meter.finishedAt ?? endedAt) - from;
  // An answer that came all at once, from a cache or a buffer, has no speed.
  if (ms < 1 || usage.output === 0) return null;
  return hundredths((usage.output * 1000) / ms);
}

const NONE: readonly string[] = [];

function union(a: readonly string[] = NONE, b: readonly string[] = NONE): readonly string[] {
  return a.length + b.length === 0 ? NONE : [...new Set([...a, ...b])];
}

function shorten(text: string): string {
  return text.length <= ERROR_MAX ? text : `${text.slice(0, ERROR_MAX)}…`;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
