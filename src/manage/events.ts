/**
 * What happens in the gateway, told live to whoever listens at `/v0/events`. Nothing is kept while
 * nobody does; a listener that does not keep up loses events and is told how many.
 */
import { GatewayError } from '../errors.ts';

export type EventType = 'usage' | 'progress' | 'log' | 'state_change' | 'config_change';
export const EVENT_TYPES: readonly EventType[] = [
  'usage',
  'progress',
  'log',
  'state_change',
  'config_change',
];

/** Headers of a stream of events. */
export const EVENT_HEADERS: Readonly<Record<string, string>> = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
  // A proxy in between must not wait for more (nginx).
  'x-accel-buffering': 'no',
};

export interface EventHubOptions {
  /** Asked when a listener comes. */
  readonly settings: () => { readonly heartbeatMs: number; readonly maxClients: number };
  /** Tells this process's events from those of an earlier one. */
  readonly epoch: string;
  /** Gives the progress of running requests; asked each second while somebody listens. */
  readonly progress?: () => readonly object[];
  /** Takes what is published, where several processes tell the same events: it comes back by `take`. */
  readonly relay?: (type: EventType, data: object) => void;
  /** Hears how many listen, after each change. */
  readonly onListeners?: (count: number) => void;
}

interface PlexusEvent {
  readonly seq: number;
  readonly type: EventType;
  readonly data: object;
  /** Made when the first listener needs it. */
  frame: string | undefined;
}

interface Listener {
  readonly types: ReadonlySet<EventType>;
  readonly queue: string[];
  /** Frames that `queue` may hold. */
  readonly limit: number;
  /** Events that found the queue full. */
  skipped: number;
  /** Set while the stream waits for an event. */
  wake: (() => void) | undefined;
  /** Since when the queue is full; cleared by a read. */
  fullSince: number | undefined;
  /** Ends the stream behind what waits in the queue. */
  close(): void;
  /** Breaks it off. */
  drop(): void;
}

/** Events that a listener may resume from. */
const MEMORY = 500;
/** How long events are remembered for listeners that have gone, ms. */
const RESUME_MS = 5 * 60_000;
/** Frames that wait for one listener. */
const MAX_QUEUE = 256;
/** A listener that reads nothing for so long is let go. */
const MAX_SILENCE_MS = 60_000;
const PROGRESS_MS = 1000;
/** Our server closes a connection that is silent for a minute. */
const MAX_BEAT_MS = 30_000;
const HELLO = 'retry: 2000\n: connected\n\n';
const GAP = 'event: gap\ndata: {"reason":"some events are no longer remembered"}\n\n';

export class EventHub {
  readonly #options: EventHubOptions;
  readonly #memory: PlexusEvent[] = [];
  readonly #listeners = new Set<Listener>();
  #seq = 0;
  /** The last event that is no longer in memory. */
  #forgotten = 0;
  #isClosed = false;
  /** Run while somebody listens. */
  #timers: ReturnType<typeof setInterval>[] = [];
  /**
   * True from the first listener until all have been gone for a while. Records that are kept outlive
   * a collection of garbage, which then has them to go through (2 µs of a small request).
   */
  #remembers = false;
  /** Set while nobody listens and somebody may come back. */
  #forgetting: ReturnType<typeof setTimeout> | undefined;

  constructor(options: EventHubOptions) {
    this.#options = options;
  }

  get listeners(): number {
    return this.#listeners.size;
  }

  /** Tells an event. `data` must not be changed afterwards. */
  publish(type: EventType, data: object): void {
    const { relay } = this.#options;
    if (relay === undefined) this.take(type, data, this.#seq + 1);
    else relay(type, data);
  }

  /** What happened up to an event, that one included, is not known here. */
  forget(seq: number): void {
    this.#memory.length = 0;
    this.#seq = seq;
    this.#forgotten = seq;
  }

  /** Tells an event that has its number. */
  take(type: EventType, data: object, seq: number): void {
    this.#seq = seq;
    // What comes from elsewhere comes because somebody listens, here or there.
    if (!this.#remembers && this.#options.relay === undefined) {
      this.#forgotten = seq;
      return;
    }
    const event: PlexusEvent = { seq: this.#seq, type, data, frame: undefined };
    // Progress is out of date a second later: nobody resumes from it.
    if (type !== 'progress') {
      this.#memory.push(event);
      if (this.#memory.length >= 2 * MEMORY) {
        this.#forgotten = this.#memory.splice(0, MEMORY).at(-1)?.seq ?? 0;
      }
    }
    for (const listener of this.#listeners) {
      if (listener.types.has(type)) this.#give(listener, this.#frame(event));
    }
  }

  /**
   * A stream of events. `types` narrows it; `lastEventId` asks for those since.
   *
   * @throws GatewayError when there are too many listeners
   */
  connect(types: readonly EventType[], lastEventId?: string | null): Response {
    const { maxClients, heartbeatMs } = this.#options.settings();
    if (this.#isClosed || this.#listeners.size >= maxClients) {
      throw new GatewayError(
        'unavailable',
        `There are ${this.#listeners.size} listeners already; events.maxClients allows ${maxClients}.`,
        { retryAfter: 5, code: 'too_many_listeners' },
      );
    }
    clearTimeout(this.#forgetting);
    this.#remembers = true;
    const wanted = new Set(types);
    const queue = lastEventId
      ? [HELLO, ...this.#replay(lastEventId, wanted)]
      : [`id: ${this.#id(this.#seq)}\n${HELLO}`];
    const listener: Listener = {
      types: wanted,
      queue,
      limit: queue.length + MAX_QUEUE,
      skipped: 0,
      wake: undefined,
      fullSince: undefined,
      close: () => undefined,
      drop: () => undefined,
    };
    const stream = this.#stream(listener);
    this.#listeners.add(listener);
    if (this.#listeners.size === 1) this.#start(heartbeatMs);
    this.#options.onListeners?.(this.#listeners.size);
    return new Response(stream, { headers: EVENT_HEADERS });
  }

  /** Ends all streams: the process stops. */
  close(): void {
    this.#isClosed = true;
    for (const listener of [...this.#listeners]) listener.close();
  }

  #id(seq: number): string {
    return `${this.#options.epoch}-${seq}`;
  }

  #frame(event: PlexusEvent): string {
    event.frame ??= `id: ${this.#id(event.seq)}\nevent: ${event.type}\ndata: ${JSON.stringify(event.data)}\n\n`;
    return event.frame;
  }

  /** What came after the event that the listener saw last, as far as it is remembered. */
  #replay(lastEventId: string, types: ReadonlySet<EventType>): string[] {
    const { epoch } = this.#options;
    const isOurs = lastEventId.startsWith(`${epoch}-`);
    const since = isOurs ? Number(lastEventId.slice(epoch.length + 1)) : 0;
    const missed = this.#memory
      .filter(({ seq, type }) => seq > since && types.has(type))
      .map((event) => this.#frame(event));
    // Of what an earlier process told, or what is forgotten, nobody knows how much it was.
    return isOurs && since >= this.#forgotten ? missed : [GAP, ...missed];
  }

  #give(listener: Listener, frame: string): void {
    if (listener.queue.length >= listener.limit) {
      listener.skipped += 1;
      listener.fullSince ??= performance.now();
      return;
    }
    listener.queue.push(frame);
    listener.wake?.();
  }

  #stream(listener: Listener): ReadableStream<Uint8Array> {
    const leave = (): void => {
      if (!this.#listeners.delete(listener)) return;
      if (this.#listeners.size === 0) this.#stop();
      this.#options.onListeners?.(this.#listeners.size);
    };
    let isOpen = true;
    return new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          listener.close = () => {
            leave();
            if (!isOpen) return;
            isOpen = false;
            const rest = listener.queue.splice(0).join('');
            if (rest !== '') controller.enqueue(Buffer.from(rest));
            controller.close();
            listener.wake?.();
          };
          listener.drop = () => {
            leave();
            isOpen = false;
            controller.error(new Error('the listener does not read'));
          };
        },
        async pull(controller) {
          if (listener.queue.length === 0) {
            const { promise, resolve } = Promise.withResolvers<void>();
            listener.wake = resolve;
            await promise;
            listener.wake = undefined;
          }
          if (!isOpen) return;
          const { skipped } = listener;
          if (skipped > 0) {
            listener.queue.push(`event: skipped\ndata: {"count":${skipped}}\n\n`);
            listener.skipped = 0;
          }
          listener.fullSince = undefined;
          controller.enqueue(Buffer.from(listener.queue.splice(0).join('')));
        },
        cancel: () => {
          isOpen = false;
          leave();
          listener.wake?.();
        },
      },
      { highWaterMark: 0 },
    );
  }

  #start(heartbeatMs: number): void {
    this.#every(PROGRESS_MS, () => this.#tellProgress());
    const beatMs = heartbeatMs > 0 ? Math.min(heartbeatMs, MAX_BEAT_MS) : MAX_BEAT_MS;
    this.#every(beatMs, () => this.#beat());
  }

  #every(ms: number, action: () => void): void {
    const timer = setInterval(action, ms);
    timer.unref();
    this.#timers.push(timer);
  }

  #stop(): void {
    for (const timer of this.#timers) clearInterval(timer);
    this.#timers = [];
    clearTimeout(this.#forgetting);
    this.#forgetting = setTimeout(() => this.#forget(), RESUME_MS);
    this.#forgetting.unref();
  }

  #forget(): void {
    this.#remembers = false;
    this.forget(this.#seq);
  }

  #tellProgress(): void {
    const isWanted = [...this.#listeners].some(({ types }) => types.has('progress'));
    if (!isWanted) return;
    for (const data of this.#options.progress?.() ?? []) this.publish('progress', data);
  }

  #beat(): void {
    const now = performance.now();
    for (const listener of [...this.#listeners]) {
      const { fullSince } = listener;
      if (fullSince !== undefined && now - fullSince > MAX_SILENCE_MS) listener.drop();
      else if (listener.queue.length === 0) this.#give(listener, ': heartbeat\n\n');
    }
  }
}
