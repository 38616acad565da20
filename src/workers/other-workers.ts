/**
 * A worker's view of the others: tells them what it learns and takes what they have learnt, through the
 * supervisor. What decides about requests (rests, limits, switches, conversations) is told at once; what
 * is only shown or averaged goes out a few times a second, so that it costs the same at any rate of
 * requests.
 */
import type { Cooldowns } from '../health/cooldowns.ts';
import type { InFlight, Running } from '../health/in-flight.ts';
import { Statistics } from '../health/statistics.ts';
import type { Sticky } from '../health/sticky.ts';
import type { Concurrency } from '../limits/concurrency.ts';
import type { KeyLimits } from '../limits/key-limits.ts';
import type { Controls } from '../manage/controls.ts';
import type { EventHub, EventType } from '../manage/events.ts';
import type { Metrics } from '../manage/metrics.ts';
import type { WorkerState } from '../manage/state.ts';
import type { ResponsesStore } from '../responses-store/responses-store.ts';
import type { UsageRecord } from '../usage/record.ts';
import type { Channel } from './channel.ts';
import { keysEverywhere, runningEverywhere } from './everywhere.ts';
import type { Load, Seat, ToWorker, Welcome } from './messages.ts';

/** The parts of a gateway that know what others know too. */
export interface SharedParts {
  readonly cooldowns: Cooldowns;
  readonly keyLimits: KeyLimits;
  readonly responses: ResponsesStore;
  readonly books: SharedBooks;
}
export interface SharedBooks {
  readonly controls: Controls;
  readonly sticky: Sticky;
  readonly events: EventHub;
  readonly statistics: Statistics;
  readonly metrics: Metrics;
  /** Metrics that have counted nothing yet. */
  newMetrics(): Metrics;
  load(): Omit<Load, 'worker' | 'pid' | 'residentBytes'>;
  /** Providers or the level of the log were switched. */
  onSwitch(): void;
  /** Tells listeners which rests have begun or ended. */
  tellCooldowns(): void;
}

/** How often the others hear what this one has measured, ms. */
const SHARE_MS = 200;
/** How often at least, ms. */
const IDLE_SHARE_MS = 5000;
const PROGRESS_MS = 1000;
/** Running requests whose progress is told. */
export const MAX_PROGRESS = 50;
/** A line of the usage log is written 25 ms after it was told of, if the disk is not very slow. */
const LOG_DELAY_MS = 100;
const GOODBYE_MS = 500;

export class OtherWorkers {
  readonly seat: Seat;
  readonly #channel: Channel;
  readonly #now: () => number;
  readonly #loads = new Map<number, Load>();
  #parts: SharedParts | undefined;
  /** Measured here and not yet told; each share begins them anew. */
  #statistics: Statistics;
  #metrics: Metrics | undefined;
  /** True when they hold anything. */
  #hasNews = false;
  /** What was told last, and when. */
  #lastLoad = '';
  #lastShareAt = 0;
  /** True while anybody listens to events, at whichever worker. */
  #isWatched = false;
  #timers: ReturnType<typeof setInterval>[] = [];

  /** @param now Unix ms */
  constructor(seat: Seat, channel: Channel, now: () => number = Date.now) {
    this.seat = seat;
    this.#channel = channel;
    this.#now = now;
    this.#statistics = new Statistics(now);
  }

  /** True for the worker that says what need be said once only. */
  get isSpeaker(): boolean {
    return this.seat.worker === 1;
  }

  /** What of a limit is this worker's; each has at least one. */
  partOf(max: number): number {
    const { worker, count } = this.seat;
    return Math.max(1, Math.floor(max / count) + (worker <= max % count ? 1 : 0));
  }

  /** What the others do. */
  get loads(): readonly Load[] {
    return [...this.#loads.values()];
  }

  running(own: InFlight): Running {
    return runningEverywhere(own, () => this.loads);
  }

  keys(own: Pick<Concurrency, 'ofKey'>): Pick<Concurrency, 'ofKey'> {
    return keysEverywhere(own, () => this.loads);
  }

  /** All workers, this one among them. */
  states(own: InFlight): readonly WorkerState[] {
    const { size: inFlight, openStreams } = own;
    return [{ ...this.#self(), inFlight, openStreams }, ...this.loads]
      .map(({ worker, pid, inFlight, openStreams, residentBytes }) => ({
        worker,
        pid,
        inFlight,
        openStreams,
        residentBytes,
      }))
      .sort((a, b) => a.worker - b.worker);
  }

  /**
   * Makes the parts of a gateway those of all workers; resolves when they know what the others do.
   * @param dataDir where the state of all is kept
   */
  async join(parts: SharedParts, dataDir: string): Promise<void> {
    this.#parts = parts;
    const welcomed = this.#channel.next('welcome');
    this.#channel.listen((message) => this.#take(parts, message));
    this.#channel.send({ kind: 'join', dataDir });
    await welcomed;
    this.#tellChanges(parts);
    // So that it is known to be there.
    this.share();
    this.#every(SHARE_MS, () => this.share());
    this.#every(PROGRESS_MS, () => this.#tellProgress(parts));
  }

  /** Takes a request that has ended here. */
  onRecord(record: UsageRecord): void {
    this.#hasNews = true;
    this.#statistics.add(record);
    this.#metrics ??= this.#parts?.books.newMetrics();
    this.#metrics?.add(record);
  }

  /** Sends an event to all workers, this one included. Nobody is told of requests while nobody listens. */
  relay(type: EventType, data: object): void {
    if (!this.#isWatched && (type === 'usage' || type === 'progress')) return;
    this.#channel.send({ kind: 'event', type, data });
  }

  onListeners(count: number): void {
    this.#channel.send({ kind: 'listeners', count });
  }

  /** The configuration was changed here; the others read it too. */
  tellReload(): void {
    this.#channel.send({ kind: 'reload' });
  }

  /** Resolves when the others have written to the log what they have told of. */
  async logged(): Promise<void> {
    await Bun.sleep(LOG_DELAY_MS);
  }

  /** Tells the others what was measured here since the last time, and what runs. */
  share(): void {
    if (this.#parts === undefined) return;
    const load = this.#parts.books.load();
    const text = JSON.stringify(load);
    const isIdle = !this.#hasNews && text === this.#lastLoad;
    if (isIdle && this.#now() - this.#lastShareAt < IDLE_SHARE_MS) return;
    const share = {
      statistics: this.#statistics.save(),
      metrics: this.#metrics?.save() ?? {},
      load: { ...this.#self(), ...load },
    };
    this.#channel.send({ kind: 'share', share });
    this.#hasNews = false;
    this.#lastLoad = text;
    this.#lastShareAt = this.#now();
    this.#statistics = new Statistics(this.#now);
    this.#metrics = undefined;
  }

  /** Says the last; resolves when the supervisor has heard it, or does not answer. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.share();
    if (!this.#channel.isOpen) return;
    const answered = this.#channel.next('bye');
    this.#channel.send({ kind: 'bye' });
    await Promise.race([answered, Bun.sleep(GOODBYE_MS)]);
  }

  #self() {
    const residentBytes = process.memoryUsage.rss();
    return { worker: this.seat.worker, pid: process.pid, residentBytes };
  }

  #every(ms: number, action: () => void): void {
    const timer = setInterval(action, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  #tellChanges({ cooldowns, keyLimits, responses, books }: SharedParts): void {
    const channel = this.#channel;
    cooldowns.onChange = (change) => channel.send({ kind: 'cooldown', change });
    keyLimits.onUse = (use) => channel.send({ kind: 'use', use });
    responses.onKeep = (kept) => channel.send({ kind: 'kept', kept });
    books.controls.onSwitch = (change) => channel.send({ kind: 'switch', change });
    books.sticky.onHold = (held) => channel.send({ kind: 'held', held });
  }

  #tellProgress({ books }: SharedParts): void {
    if (!this.#isWatched) return;
    for (const data of books.load().running) this.relay('progress', data);
  }

  #take(parts: SharedParts, message: ToWorker): void {
    const { books } = parts;
    switch (message.kind) {
      case 'welcome':
        this.#begin(parts, message.welcome);
        break;
      case 'cooldowns':
        parts.cooldowns.take(message.remembered);
        if (this.isSpeaker) books.tellCooldowns();
        break;
      case 'use':
        parts.keyLimits.take(message.use);
        break;
      case 'switch':
        books.controls.take(message.change);
        books.onSwitch();
        break;
      case 'held':
        books.sticky.take([message.held]);
        break;
      case 'kept':
        parts.responses.take(message.kept);
        break;
      case 'share':
        books.statistics.merge(message.share.statistics);
        books.metrics.merge(message.share.metrics);
        this.#loads.set(message.share.load.worker, message.share.load);
        break;
      case 'left':
        this.#loads.delete(message.worker);
        break;
      case 'event':
        books.events.take(message.type, message.data, message.seq);
        break;
      case 'watched':
        this.#isWatched = message.isWatched;
        if (!message.isWatched) books.events.forget(message.seq);
        break;
      // The process itself sees to these.
      case 'seat':
      case 'reload':
      case 'bye':
      case 'stop':
      case 'end':
        break;
    }
  }

  #begin({ cooldowns, keyLimits, books }: SharedParts, welcome: Welcome): void {
    cooldowns.take(welcome.cooldowns);
    keyLimits.restore(new Map(Object.entries(welcome.keys)));
    for (const change of welcome.switches) books.controls.take(change);
    if (welcome.switches.length > 0) books.onSwitch();
    books.sticky.take(welcome.conversations);
    books.statistics.merge(welcome.statistics);
    books.metrics.merge(welcome.metrics);
    for (const load of welcome.loads) this.#loads.set(load.worker, load);
    books.events.forget(welcome.seq);
    this.#isWatched = welcome.isWatched;
  }
}
