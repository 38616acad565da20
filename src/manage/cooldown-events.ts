/** Tells listeners when a target begins to rest and when it is well again. */
import type { Cooldowns } from '../health/cooldowns.ts';
import { targetKey, targetOf } from '../health/in-flight.ts';
import type { UsageRecord } from '../usage/record.ts';
import type { EventHub } from './events.ts';

export class CooldownEvents {
  readonly #cooldowns: Pick<Cooldowns, 'list'>;
  readonly #events: Pick<EventHub, 'publish'>;
  /** Until when each target rests, as it was told last. */
  #told = new Map<string, number>();

  constructor(cooldowns: Pick<Cooldowns, 'list'>, events: Pick<EventHub, 'publish'>) {
    this.#cooldowns = cooldowns;
    this.#events = events;
  }

  /** Looks for a change after a request that may have made one. */
  look({ attempts, outcome }: Pick<UsageRecord, 'attempts' | 'outcome'>): void {
    const failed = outcome !== 'success' || attempts.some(({ reason }) => reason !== null);
    if (!failed && this.#told.size === 0) return;
    const now = new Map<string, number>();
    for (const { provider, model, cooldown } of this.#cooldowns.list()) {
      const key = targetKey(provider, model ?? '');
      now.set(key, cooldown.until);
      if (this.#told.get(key) === cooldown.until) continue;
      const { reason, failures } = cooldown;
      const until = new Date(cooldown.until).toISOString();
      const who = { provider, model: model ?? null };
      this.#events.publish('state_change', { change: 'cooldown', ...who, reason, failures, until });
    }
    for (const key of this.#told.keys()) {
      if (now.has(key)) continue;
      const { provider, model } = targetOf(key);
      const who = { provider, model: model === '' ? null : model };
      this.#events.publish('state_change', { change: 'cooldown-ended', ...who });
    }
    this.#told = now;
  }
}
