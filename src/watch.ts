/**
 * Watches one attempt's answer: time until its first output, stalls, its meter, its end. All of an
 * answer's chunks pass here, so the work per chunk is an addition or two.
 */
import type { Timeouts } from './config/config.ts';
import { GatewayError } from './errors.ts';
import type { Stop } from './stop.ts';
import { faultError } from './transform/fault-error.ts';
import type { UnifiedChunk } from './unified.ts';
import type { Meter } from './usage/meter.ts';
import { COARSE_MS, unwatch, type Watched, watchCoarsely } from './watch-timer.ts';

/** How an answer ended. */
export type AnswerEnd =
  | { kind: 'complete' }
  | { kind: 'broken'; error: GatewayError }
  | { kind: 'cancelled' };

export interface WatchOptions {
  provider: string;
  timeouts: Timeouts;
  meter: Meter;
  /** Ends the upstream leg. */
  stop: Stop;
  monotonic(): number;
  /** Whether the provider takes connections; asked only after `connecting`. */
  probe?(timeoutMs: number): Promise<boolean>;
  /** Called exactly once. */
  onEnd(end: AnswerEnd): void;
}

/** True for a chunk that a client sees as part of the answer. */
function isProgress(chunk: UnifiedChunk): boolean {
  return chunk.type !== 'idle' && chunk.type !== 'start';
}

export class Watch implements Watched {
  place = -1;
  readonly #options: WatchOptions;
  /** Runs while the upstream owes something, where the limit is short; else the coarse tick looks. */
  #timer: ReturnType<typeof setTimeout> | undefined;
  /** When the upstream began to owe progress. */
  #since: number;
  /** True while somebody waits for the upstream; a client that does not read is not its fault. */
  #waiting = true;
  #limitMs: number;
  #ended = false;
  /** True until the connection stands, as far as that is known, or the provider was asked whether it takes connections. */
  #isConnecting = false;
  /** True while a probe is under way whose outcome still matters. */
  #isProbing = false;
  /** Set when this watch gave up on the upstream. */
  #failure: GatewayError | undefined;

  constructor(options: WatchOptions) {
    this.#options = options;
    this.#since = options.monotonic();
    this.#limitMs = options.timeouts.firstOutputMs;
    this.#startTimer();
  }

  get ended(): boolean {
    return this.#ended;
  }

  get meter(): Meter {
    return this.#options.meter;
  }

  /**
   * The request goes out. Bun's fetch does not tell a connection that does not stand from an answer that
   * takes its time: after half of the time for connecting `probe` is asked.
   */
  connecting(): void {
    this.#isConnecting = true;
  }

  /** The connection stands, or headers came, where nobody could say so before. */
  connected(): void {
    this.#isConnecting = false;
    this.#isProbing = false;
  }

  /** Something else is waited for, of which the upstream knows nothing, until `waiting`. */
  aside(): void {
    this.#waiting = false;
  }

  /** A read of the upstream begins. */
  waiting(): void {
    if (this.#waiting) return;
    this.#waiting = true;
    this.#since = this.#options.monotonic();
  }

  /**
   * A read gave these chunks.
   * @param doneEnds false: `done` is not yet the end, the client's last words are still to be written
   */
  saw(chunks: readonly UnifiedChunk[], doneEnds = true): void {
    const { meter, provider } = this.#options;
    for (const chunk of chunks) {
      meter.see(chunk);
      if (chunk.type === 'done') {
        if (doneEnds) this.end({ kind: 'complete' });
      } else if (chunk.type === 'error') {
        this.end({ kind: 'broken', error: this.#failure ?? faultError(chunk.error, provider) });
      } else if (this.#waiting && isProgress(chunk)) this.#waiting = false;
    }
  }

  /** Text came that nobody had to read; it is progress all the same. */
  sawQuiet(chars: number): void {
    this.#waiting = false;
    this.#options.meter.count(chars);
  }

  /** The first output is there: from now on only silence counts. */
  started(): void {
    const { stallMs } = this.#options.timeouts;
    if (stallMs === this.#limitMs) return;
    this.#limitMs = stallMs;
    this.#stopTimer();
    if (!this.#ended) this.#startTimer();
  }

  /** The request must end before its time: its upstream is let go. */
  interrupt(reason: GatewayError): void {
    // A client that left reads no error; anyone else is told, through the upstream that breaks.
    if (reason.kind === 'client_left') this.end({ kind: 'cancelled' });
    this.#failure = reason;
    this.#options.stop.now(reason);
  }

  /** The answer is over; later calls do nothing. */
  end(end: AnswerEnd): void {
    if (this.#ended) return;
    this.abandon();
    this.#options.onEnd(end);
  }

  /** The attempt failed before anything was committed; its owner reports that. */
  abandon(): void {
    this.#ended = true;
    this.#stopTimer();
  }

  #startTimer(): void {
    const limit = this.#limitMs;
    if (!Number.isFinite(limit) || limit <= 0) return;
    if (limit >= COARSE_MS) watchCoarsely(this);
    else this.#arm(Math.min(limit, this.#options.timeouts.connectMs / 2));
  }

  #arm(ms: number): void {
    this.#timer = setTimeout(() => {
      const left = this.#check();
      if (left > 0) this.#arm(left);
    }, ms);
  }

  #stopTimer(): void {
    unwatch(this);
    if (this.#timer !== undefined) clearTimeout(this.#timer);
  }

  /** The coarse tick looks. */
  tick(): boolean {
    return this.#check() <= 0;
  }

  /** Milliseconds that the upstream still has; gives up on it when there are none. */
  #check(): number {
    const { stop, provider } = this.#options;
    const silent = this.#waiting ? this.#options.monotonic() - this.#since : 0;
    if (this.#isConnecting) this.#tryConnection(silent);
    if (silent < this.#limitMs - 1) return this.#limitMs - silent;
    const seconds = Math.round(silent / 100) / 10;
    this.#failure = new GatewayError(
      'upstream_timeout',
      `The provider "${provider}" gave no sign of progress for ${seconds} s.`,
      { provider },
    );
    stop.now(this.#failure);
    return 0;
  }

  #tryConnection(waitedMs: number): void {
    const { provider, timeouts } = this.#options;
    const half = timeouts.connectMs / 2;
    if (waitedMs < half) return;
    this.#isConnecting = false;
    this.#isProbing = true;
    void this.#options.probe?.(half).then((takesConnections) => {
      if (takesConnections || !this.#isProbing || this.#ended) return;
      this.interrupt(
        new GatewayError(
          'upstream_unreachable',
          `The provider "${provider}" did not take a connection within ${timeouts.connectMs / 1000} s.`,
          { provider, code: 'ETIMEDOUT' },
        ),
      );
    });
  }
}
