/**
 * What all workers know together, kept by the supervisor: it makes each change in the order in which
 * it hears of it, tells the others, and writes what outlives a start. So each file has one writer, and a
 * worker that begins anew gets everything from here.
 */
import { join } from 'node:path';
import { keepCooldowns } from '../health/cooldown-file.ts';
import { type CooldownChange, Cooldowns } from '../health/cooldowns.ts';
import { Statistics } from '../health/statistics.ts';
import { Sticky } from '../health/sticky.ts';
import { KeyLimits } from '../limits/key-limits.ts';
import { keepKeyLimits } from '../limits/key-limits-file.ts';
import { Controls } from '../manage/controls.ts';
import type { StateFile } from '../state-file.ts';
import type { FromWorker, Load, Share, ToWorker, Welcome } from './messages.ts';
import { SeriesTotals } from './series-totals.ts';

export interface HubOptions {
  /** Unix ms. */
  readonly now: () => number;
  /** Hears what an operator should know. */
  readonly onProblem: (message: string) => void;
  /** Calls `action` once, after some time. */
  readonly later: (ms: number, action: () => void) => void;
}

/** How long events are still told after the last listener left, so that one that comes back misses none. */
const LINGER_MS = 60_000;

export class Hub {
  readonly #options: HubOptions;
  /** Those that have joined, by number. */
  readonly #members = new Map<number, (message: ToWorker) => void>();
  readonly #cooldowns: Cooldowns;
  readonly #keyLimits: KeyLimits;
  readonly #controls = new Controls();
  readonly #sticky: Sticky;
  readonly #statistics: Statistics;
  readonly #metrics = new SeriesTotals();
  readonly #loads = new Map<number, Load>();
  /** How many listen to events, by worker. */
  readonly #listeners = new Map<number, number>();
  /** True while anybody listens, and a while longer. */
  #isWatched = false;
  /** Counts the changes of `#listeners`: tells whether one was the last. */
  #watchChanges = 0;
  #seq = 0;
  /** Set by the first worker, which knows where state is kept. */
  #files: readonly StateFile[] | undefined;

  constructor(options: HubOptions) {
    const { now } = options;
    this.#options = options;
    this.#cooldowns = new Cooldowns(now);
    this.#keyLimits = new KeyLimits({ now });
    this.#sticky = new Sticky(now);
    this.#statistics = new Statistics(now);
  }

  /** Takes what a worker says. */
  take(worker: number, message: FromWorker, reply: (message: ToWorker) => void): void {
    switch (message.kind) {
      case 'join':
        this.#join(worker, message.dataDir, reply);
        return;
      case 'cooldown':
        this.#changeCooldowns(message.change);
        return;
      case 'use':
        this.#keyLimits.take(message.use);
        break;
      case 'switch':
        this.#controls.take(message.change);
        break;
      case 'held':
        this.#sticky.take([message.held]);
        break;
      case 'share':
        this.#takeShare(worker, message.share);
        break;
      case 'kept':
      case 'reload':
        // Nothing to remember; the others want to know.
        break;
      case 'event':
        this.#seq += 1;
        this.#tellAll({ ...message, seq: this.#seq });
        return;
      case 'listeners':
        this.#watch(worker, message.count);
        return;
      case 'bye':
        reply({ kind: 'bye' });
        return;
      case 'here':
      case 'listening':
        return;
    }
    this.#tellAll(message, worker);
  }

  /** A worker has ended. */
  leave(worker: number): void {
    this.#members.delete(worker);
    this.#loads.delete(worker);
    this.#watch(worker, 0);
    this.#tellAll({ kind: 'left', worker });
  }

  /** Tells all workers that have joined, but for one. */
  #tellAll(message: ToWorker, except?: number): void {
    for (const [worker, tell] of this.#members) if (worker !== except) tell(message);
  }

  /** Writes what is still to be written. */
  close(): void {
    for (const file of this.#files ?? []) file.flush();
  }

  #join(worker: number, dataDir: string, reply: (message: ToWorker) => void): void {
    this.#files ??= this.#keep(dataDir);
    reply({ kind: 'welcome', welcome: this.#welcome() });
    // From here on it hears of each change: it gets none twice and misses none.
    this.#members.set(worker, reply);
  }

  #keep(dataDir: string): readonly StateFile[] {
    const { onProblem } = this.#options;
    return [
      keepCooldowns(this.#cooldowns, join(dataDir, 'cooldowns.json'), onProblem),
      keepKeyLimits(this.#keyLimits, join(dataDir, 'key-limits.json'), onProblem),
    ];
  }

  #welcome(): Welcome {
    return {
      cooldowns: this.#cooldowns.save(),
      keys: this.#keyLimits.save(),
      switches: this.#controls.save(),
      conversations: this.#sticky.save(),
      statistics: this.#statistics.save(),
      metrics: this.#metrics.save(),
      loads: [...this.#loads.values()],
      seq: this.#seq,
      isWatched: this.#isWatched,
    };
  }

  /**
   * The one place where a failure is counted. Its reporter, who has drawn the conclusion for itself
   * already, gets it too: of two that report at once, both must end up with the same.
   */
  #changeCooldowns(change: CooldownChange): void {
    const remembered = this.#cooldowns.apply(change);
    if (remembered.length > 0) this.#tellAll({ kind: 'cooldowns', remembered });
  }

  #takeShare(worker: number, { statistics, metrics, load }: Share): void {
    this.#statistics.merge(statistics);
    this.#metrics.merge(metrics);
    this.#loads.set(worker, load);
  }

  #watch(worker: number, count: number): void {
    if (count > 0) this.#listeners.set(worker, count);
    else if (!this.#listeners.delete(worker)) return;
    this.#watchChanges += 1;
    if (this.#listeners.size > 0) {
      if (!this.#isWatched) this.#setWatched(true);
      return;
    }
    const change = this.#watchChanges;
    this.#options.later(LINGER_MS, () => {
      if (change === this.#watchChanges) this.#setWatched(false);
    });
  }

  #setWatched(isWatched: boolean): void {
    this.#isWatched = isWatched;
    // A number that no event has: whoever resumes from before it has missed what nobody told meanwhile.
    if (!isWatched) this.#seq += 1;
    this.#tellAll({ kind: 'watched', isWatched, seq: this.#seq });
  }
}
