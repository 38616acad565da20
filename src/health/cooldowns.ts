/**
 * Targets that rest after a failure. One failure makes one decision, per provider and model; what
 * concerns credentials or the account makes the whole provider rest. An attempt only says something
 * of the time after it began: of a burst that fails together the first failure counts, and an answer
 * that began before a failure does not prove that the target is well again.
 */
import type { CooldownConfig } from '../config/config.ts';
import type { GatewayError } from '../errors.ts';

/** Rest after the first failure, by reason, when the provider names no time: ms. */
const DEFAULT_MS = {
  rate_limit: 60_000,
  credentials: 3_600_000,
  timeout: 30_000,
  server: 120_000,
  connection: 60_000,
} as const;
export type CooldownReason = keyof typeof DEFAULT_MS;

export function isCooldownReason(value: unknown): value is CooldownReason {
  return typeof value === 'string' && Object.hasOwn(DEFAULT_MS, value);
}

export interface Cooldown {
  /** Unix ms. */
  readonly until: number;
  readonly reason: CooldownReason;
  /** Failures in a row. */
  readonly failures: number;
  /** When the last of them was noticed: Unix ms. */
  readonly at: number;
  /** Unix ms before which the provider itself said that it would refuse; it may lie before `until`. */
  readonly namedUntil?: number;
}

/** The same with the target that rests; without a model the whole provider does. */
export interface CooldownEntry {
  readonly provider: string;
  readonly model?: string;
  readonly cooldown: Cooldown;
}

/** The same of a target that may be well again: then it has no cooldown. */
export interface Remembered {
  readonly provider: string;
  readonly model?: string;
  readonly cooldown: Cooldown | null;
}

/** What happened to targets, complete enough for another process to draw the same conclusion. Times: Unix ms. */
export type CooldownChange =
  | {
      readonly kind: 'failed';
      readonly provider: string;
      readonly model: string;
      readonly reason: CooldownReason;
      /** Seconds, as the provider said. */
      readonly retryAfter?: number;
      readonly minMs: number;
      readonly maxMs: number;
      /** When the attempt began, and when its failure was noticed. */
      readonly startedAt: number;
      readonly at: number;
    }
  | {
      readonly kind: 'answered';
      readonly provider: string;
      readonly model: string;
      readonly startedAt: number;
    }
  | { readonly kind: 'cleared'; readonly provider?: string; readonly model?: string };

/** How long failures in a row are remembered after their rest is over. */
const REMEMBERED_MS = 24 * 3_600_000;

/** Names may hold any character but this. */
const SEPARATOR = '\u0000';

function key(provider: string, model?: string): string {
  return model === undefined ? provider : provider + SEPARATOR + model;
}

function targetOf(id: string): { provider: string; model?: string } {
  const [provider = '', model] = id.split(SEPARATOR);
  return model === undefined ? { provider } : { provider, model };
}

/** Why a failure makes its target rest; undefined when it says nothing of the target's health. */
export function cooldownReason(error: GatewayError): CooldownReason | undefined {
  switch (error.kind) {
    case 'upstream_credentials':
      return 'credentials';
    case 'upstream_timeout':
      return 'timeout';
    case 'upstream_unreachable':
      return 'connection';
    case 'upstream_garbled':
      return 'server';
    case 'upstream_refused':
      // OpenAI's 429 for an account without credit; no waiting for a window helps.
      if (error.code === 'insufficient_quota') return 'credentials';
      if (error.status === 429) return 'rate_limit';
      if (error.status === 408) return 'timeout';
      if (error.status >= 500) return 'server';
      // 409 and 425 are about one request, unless the provider asks for a pause.
      return error.retryable && error.retryAfter !== undefined ? 'rate_limit' : undefined;
    default:
      return undefined;
  }
}

export class Cooldowns {
  readonly #entries = new Map<string, Cooldown>();
  readonly #now: () => number;
  /** Hears of every change that `apply` makes; set by whoever keeps the entries. */
  onChange: (change: CooldownChange) => void = () => undefined;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** False when certainly no target rests. */
  get isAny(): boolean {
    return this.#entries.size > 0;
  }

  /** Unix ms until which the target rests; undefined when it is well. */
  until(provider: string, model: string): number | undefined {
    return this.#latest(provider, model, (entry) => entry.until);
  }

  /** Unix ms until which the provider itself said that it would refuse; undefined when it named no time. */
  namedUntil(provider: string, model: string): number | undefined {
    return this.#latest(provider, model, (entry) => entry.namedUntil ?? 0);
  }

  #latest(provider: string, model: string, pick: (entry: Cooldown) => number): number | undefined {
    if (this.#entries.size === 0) return undefined;
    const whole = this.#entries.get(key(provider));
    const own = this.#entries.get(key(provider, model));
    const latest = Math.max(whole ? pick(whole) : 0, own ? pick(own) : 0);
    return latest > this.#now() ? latest : undefined;
  }

  /**
   * Called once for each failure of a target.
   * @param startedAt when the failed attempt began, Unix ms
   */
  fail(
    provider: string,
    model: string,
    error: GatewayError,
    config: CooldownConfig,
    startedAt: number = this.#now(),
  ): void {
    const reason = cooldownReason(error);
    if (reason === undefined || !config.enabled) return;
    const { retryAfter } = error;
    this.apply({
      kind: 'failed',
      provider,
      model,
      reason,
      ...(retryAfter === undefined ? {} : { retryAfter }),
      minMs: config.minMs,
      maxMs: config.maxMs,
      startedAt,
      at: this.#now(),
    });
  }

  /**
   * Makes a change, also one that another process has noticed.
   * @returns what is remembered now of the targets that it changed
   */
  apply(change: CooldownChange): readonly Remembered[] {
    const ids = this.#apply(change);
    if (ids.length > 0 || change.kind === 'cleared') this.onChange(change);
    return ids.map((id) => ({ ...targetOf(id), cooldown: this.#entries.get(id) ?? null }));
  }

  /** Takes what counts from now on, as told by the process that keeps it for all. */
  take(remembered: readonly Remembered[]): void {
    for (const { provider, model, cooldown } of remembered) {
      if (cooldown === null) this.#entries.delete(key(provider, model));
      else this.#entries.set(key(provider, model), cooldown);
    }
  }

  /** @returns the entries that it changed */
  #apply(change: CooldownChange): readonly string[] {
    if (change.kind === 'failed') return [this.#rest(change)];
    if (change.kind === 'answered') return this.#forget(change);
    return this.#clear(change);
  }

  #rest(failure: CooldownChange & { readonly kind: 'failed' }): string {
    const { provider, model, reason, retryAfter, startedAt, at: now } = failure;
    const id = reason === 'credentials' ? key(provider) : key(provider, model);
    const before = this.#entries.get(id);
    const isSameBurst = before !== undefined && startedAt < before.at;
    const failures = isSameBurst ? before.failures : (before?.failures ?? 0) + 1;
    const wished =
      retryAfter === undefined
        ? DEFAULT_MS[reason] * 2 ** Math.min(failures - 1, 20)
        : retryAfter * 1000;
    const bounded = now + Math.min(failure.maxMs, Math.max(failure.minMs, wished));
    // A rest that is already running is not cut short; one of the same burst is not made longer
    // unless the provider says so.
    const until =
      isSameBurst && retryAfter === undefined
        ? before.until
        : Math.max(bounded, before?.until ?? 0);
    const named =
      retryAfter === undefined
        ? before?.namedUntil
        : Math.max(now + Math.min(failure.maxMs, wished), before?.namedUntil ?? 0);
    this.#entries.set(id, {
      until,
      reason: before && before.until > bounded ? before.reason : reason,
      failures,
      at: isSameBurst ? before.at : now,
      ...(named === undefined ? {} : { namedUntil: named }),
    });
    return id;
  }

  /**
   * A target answered: its failures are forgotten.
   * @param startedAt when the attempt began, Unix ms
   */
  succeed(provider: string, model: string, startedAt: number = this.#now()): void {
    if (this.#entries.size === 0) return;
    this.apply({ kind: 'answered', provider, model, startedAt });
  }

  #forget({ provider, model, startedAt }: CooldownChange & { readonly kind: 'answered' }) {
    return [key(provider), key(provider, model)].filter((id) => {
      const entry = this.#entries.get(id);
      return entry !== undefined && startedAt >= entry.at && this.#entries.delete(id);
    });
  }

  /** Those that rest now, for people. */
  list(): CooldownEntry[] {
    const now = this.#now();
    return this.#all().filter(({ cooldown }) => cooldown.until > now);
  }

  /** All that is remembered, for the next start: failures in a row count on for a day. */
  save(): CooldownEntry[] {
    const oldest = this.#now() - REMEMBERED_MS;
    return this.#all().filter(({ cooldown }) => cooldown.until > oldest);
  }

  /** Takes up what was saved. */
  restore(entries: readonly CooldownEntry[]): void {
    for (const { provider, model, cooldown } of entries) {
      this.#entries.set(key(provider, model), cooldown);
    }
  }

  #all(): CooldownEntry[] {
    return [...this.#entries].map(([id, cooldown]) => ({ ...targetOf(id), cooldown }));
  }

  /** Forgets failures: all, those of a provider, or those of one of its models and of the whole provider. */
  clear(provider?: string, model?: string): void {
    const named = provider === undefined ? {} : { provider };
    this.apply({ kind: 'cleared', ...named, ...(model === undefined ? {} : { model }) });
  }

  #clear({ provider, model }: CooldownChange & { readonly kind: 'cleared' }): readonly string[] {
    return [...this.#entries.keys()].filter((id) => {
      const own = targetOf(id);
      if (provider !== undefined && own.provider !== provider) return false;
      if (model !== undefined && own.model !== undefined && own.model !== model) return false;
      return this.#entries.delete(id);
    });
  }
}
