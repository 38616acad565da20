/**
 * Targets that rest after a failure. One failure makes one decision, per provider and model; what
 * concerns credentials or the account makes the whole provider rest.
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

export interface Cooldown {
  /** Unix ms. */
  until: number;
  reason: CooldownReason;
  /** Failures in a row. */
  failures: number;
  /** True when the provider itself named the time. */
  named: boolean;
}

/** `provider` or `provider\u0000model`: names may hold any other character. */
function key(provider: string, model?: string): string {
  return model === undefined ? provider : `${provider}\u0000${model}`;
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
      if (error.status === 429) return 'rate_limit';
      if (error.status === 408) return 'timeout';
      return error.status >= 500 ? 'server' : undefined;
    default:
      return undefined;
  }
}

export class Cooldowns {
  readonly #entries = new Map<string, Cooldown>();
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Unix ms until which the target rests; undefined when it is well. */
  until(provider: string, model: string): number | undefined {
    const now = this.#now();
    const ends = [this.#entries.get(key(provider)), this.#entries.get(key(provider, model))]
      .map((entry) => entry?.until ?? 0)
      .filter((until) => until > now);
    return ends.length === 0 ? undefined : Math.max(...ends);
  }

  /** Called once for each failure of a target. */
  fail(provider: string, model: string, error: GatewayError, config: CooldownConfig): void {
    const reason = cooldownReason(error);
    if (reason === undefined || !config.enabled) return;
    const id = reason === 'credentials' ? key(provider) : key(provider, model);
    const now = this.#now();
    const before = this.#entries.get(id);
    const failures = (before?.failures ?? 0) + 1;
    const named = error.retryAfter !== undefined;
    const wished = named
      ? (error.retryAfter ?? 0) * 1000
      : DEFAULT_MS[reason] * 2 ** Math.min(failures - 1, 20);
    const until = now + Math.min(config.maxMs, Math.max(config.minMs, wished));
    // A longer rest that is already running is not cut short.
    if (before && before.until > until) this.#entries.set(id, { ...before, failures });
    else this.#entries.set(id, { until, reason, failures, named });
  }

  /** A target answered: its failures are forgotten. */
  succeed(provider: string, model: string): void {
    if (this.#entries.size === 0) return;
    this.#entries.delete(key(provider));
    this.#entries.delete(key(provider, model));
  }

  /** Those that rest now, for people. */
  list(): { provider: string; model: string | undefined; cooldown: Cooldown }[] {
    const now = this.#now();
    return [...this.#entries]
      .filter(([, cooldown]) => cooldown.until > now)
      .map(([id, cooldown]) => {
        const [provider = '', model] = id.split('\u0000');
        return { provider, model, cooldown };
      });
  }

  clear(): void {
    this.#entries.clear();
  }
}
