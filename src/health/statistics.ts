/**
 * What was measured of each target in the last five minutes. Fed from usage records; time moves in
 * steps of ten seconds, so that a target costs a few hundred numbers however busy it is.
 */
import type { UsageRecord } from '../usage/record.ts';
import { targetKey, targetOf } from './in-flight.ts';

const SLOT_MS = 10_000;
const SLOTS = 30;
/** The window that the figures speak of. */
export const WINDOW_MS = SLOT_MS * SLOTS;
/** Literal `provider/model` names are a client's choice, so their number needs a bound. */
const MAX_TARGETS = 1000;

/** The figures of a target; null where nothing was measured. */
export interface Figures {
  /** Attempts that ended. */
  readonly attempts: number;
  readonly errors: number;
  /** 0 to 1. */
  readonly errorRate: number | null;
  /** Means. */
  readonly ttftMs: number | null;
  readonly tokensPerSecond: number | null;
  /** Of whole answers, streamed or not. */
  readonly durationMs: number | null;
  readonly outputTokens: number | null;
}

/** Sums and counts of ten seconds. `step` says which ten seconds; an older one's numbers are void. */
export interface Slot {
  step: number;
  attempts: number;
  errors: number;
  ttft: Mean;
  speed: Mean;
  duration: Mean;
  output: Mean;
}
interface Mean {
  sum: number;
  count: number;
}
const MEANS = ['ttft', 'speed', 'duration', 'output'] as const;

/** A target's slot, for another process that measures the same targets. */
export interface SharedSlot {
  readonly provider: string;
  readonly model: string;
  readonly slot: Slot;
}

const EMPTY: Figures = {
  attempts: 0,
  errors: 0,
  errorRate: null,
  ttftMs: null,
  tokensPerSecond: null,
  durationMs: null,
  outputTokens: null,
};

export class Statistics {
  /** By target, the one that was heard of longest ago first. */
  readonly #targets = new Map<string, Slot[]>();
  /** The last of them. */
  #latest: string | undefined;
  readonly #now: () => number;

  constructor(now: () => number) {
    this.#now = now;
  }

  /** Takes a request that has ended: each attempt counts for its own target. */
  add(record: UsageRecord): void {
    const { attempts, outcome } = record;
    let earlierMs = 0;
    for (const [index, attempt] of attempts.entries()) {
      const slot = this.#slot(attempt.provider, attempt.model);
      const isLast = index === attempts.length - 1;
      if (isLast && outcome === 'cancelled') {
        // Whether it would have succeeded, nobody knows; what it showed until then still counts.
        measure(slot, record, earlierMs);
        continue;
      }
      slot.attempts += 1;
      if (attempt.reason !== null || (isLast && outcome !== 'success')) slot.errors += 1;
      else {
        measure(slot, record, earlierMs);
        plus(slot.duration, attempt.ms);
        plus(slot.output, record.usage?.output);
      }
      earlierMs += attempt.ms;
    }
  }

  /** All that was measured in the window. */
  save(): SharedSlot[] {
    const oldest = this.#oldest();
    return [...this.#targets].flatMap(([key, slots]) =>
      slots.filter(({ step }) => step >= oldest).map((slot) => ({ ...targetOf(key), slot })),
    );
  }

  /** Adds what another process has measured. */
  merge(shared: readonly SharedSlot[]): void {
    const oldest = this.#oldest();
    for (const { provider, model, slot: more } of shared) {
      if (more.step < oldest) continue;
      const slot = this.#slot(provider, model, more.step);
      slot.attempts += more.attempts;
      slot.errors += more.errors;
      for (const name of MEANS) {
        slot[name].sum += more[name].sum;
        slot[name].count += more[name].count;
      }
    }
  }

  figures(provider: string, model: string): Figures {
    const slots = this.#targets.get(targetKey(provider, model));
    return slots === undefined ? EMPTY : this.#sum(slots);
  }

  /** Every target with figures in the window. */
  list(): { provider: string; model: string; figures: Figures }[] {
    return [...this.#targets]
      .map(([key, slots]) => ({ ...targetOf(key), figures: this.#sum(slots) }))
      .filter(({ figures }) => figures.attempts > 0);
  }

  #sum(slots: readonly Slot[]): Figures {
    const oldest = this.#oldest();
    const live = slots.filter(({ step }) => step >= oldest);
    const total = (pick: (slot: Slot) => number): number =>
      live.reduce((sum, slot) => sum + pick(slot), 0);
    const mean = (pick: (slot: Slot) => Mean): number | null => {
      const count = total((slot) => pick(slot).count);
      return count === 0 ? null : hundredths(total((slot) => pick(slot).sum) / count);
    };
    const attempts = total((slot) => slot.attempts);
    const errors = total((slot) => slot.errors);
    return {
      attempts,
      errors,
      errorRate: attempts === 0 ? null : Math.round((errors / attempts) * 1e4) / 1e4,
      ttftMs: mean((slot) => slot.ttft),
      tokensPerSecond: mean((slot) => slot.speed),
      durationMs: mean((slot) => slot.duration),
      outputTokens: mean((slot) => slot.output),
    };
  }

  #step(): number {
    return Math.floor(this.#now() / SLOT_MS);
  }

  /** The first step of the window. */
  #oldest(): number {
    return this.#step() - SLOTS + 1;
  }

  #slot(provider: string, model: string, step = this.#step()): Slot {
    const key = targetKey(provider, model);
    const slots = this.#targets.get(key) ?? [];
    if (key !== this.#latest) {
      this.#targets.delete(key);
      this.#targets.set(key, slots);
      this.#latest = key;
    }
    if (this.#targets.size > MAX_TARGETS) {
      const [oldest] = this.#targets.keys();
      if (oldest !== undefined) this.#targets.delete(oldest);
    }
    const index = step % SLOTS;
    let place = 0;
    for (const there of slots) {
      if (there.step === step) return there;
      if (there.step % SLOTS === index) break;
      place += 1;
    }
    const fresh = emptySlot(step);
    slots[place] = fresh;
    return fresh;
  }
}

function emptySlot(step: number): Slot {
  const mean = (): Mean => ({ sum: 0, count: 0 });
  const means = { ttft: mean(), speed: mean(), duration: mean(), output: mean() };
  return { step, attempts: 0, errors: 0, ...means };
}

/** What only the last attempt of a request can have shown. `earlierMs` went to those before it. */
function measure(slot: Slot, record: UsageRecord, earlierMs: number): void {
  const { ttftMs, tokensPerSecond } = record;
  if (ttftMs !== null) plus(slot.ttft, Math.max(0, ttftMs - earlierMs));
  plus(slot.speed, tokensPerSecond ?? undefined);
}

function plus(mean: Mean, value: number | undefined): void {
  if (value === undefined) return;
  mean.sum += value;
  mean.count += 1;
}

function hundredths(value: number): number {
  return Math.round(value * 100) / 100;
}
