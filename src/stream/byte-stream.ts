/**
 * The body of a streamed reply: pull-driven, so that a client that does not read costs nothing, with
 * a sign of life while its source is silent.
 */

import { COARSE_MS, unwatch, type Watched, watchCoarsely } from '../watch-timer.ts';
import { CORKED_BYTES } from './one-piece.ts';
import { StalledReader } from './stalled-reader.ts';

/** What goes out next; `last` when nothing follows it. */
export interface Piece {
  /** One behind the other; without any it is skipped. */
  readonly bytes: readonly Uint8Array[];
  readonly last: boolean;
}

/** What the bytes come from. */
interface ByteFeed {
  /** What is there already when the stream is made. */
  readonly head?: Piece | undefined;
  next(): Promise<Piece>;
  /** A piece that says only that the connection lives; undefined when none is wanted now. */
  keepAlive(): Uint8Array | undefined;
  /** Nobody reads on: the reader left, or `next` failed. */
  cancel(): void;
}

/** A reader that takes nothing for so long is not coming back, ms. */
const ABANDONED_MS = 15 * 60_000;

/**
 * @param keepAliveMs silence after which a sign of life goes out; 0: never
 * @param abandonedMs time after which a reader that takes nothing is taken to have left
 */
export function byteStream(
  feed: ByteFeed,
  keepAliveMs: number,
  abandonedMs = ABANDONED_MS,
): ReadableStream<Uint8Array> {
  /** One of the two runs while the stream is open: a timer where the silence is short. */
  let timer: ReturnType<typeof setTimeout> | undefined;
  let watched: Watched | undefined;
  /** True while a read waits for the feed: only then has the client nothing to read. */
  let waiting = false;
  let lastWrite = performance.now();
  const reader = new StalledReader();

  function watch(controller: ReadableStreamDefaultController<Uint8Array>): void {
    if (keepAliveMs <= 0) return;
    if (keepAliveMs < COARSE_MS) arm(controller, keepAliveMs);
    else {
      watched = { place: -1, tick: () => look(controller) <= 0 };
      watchCoarsely(watched);
    }
  }

  function arm(controller: ReadableStreamDefaultController<Uint8Array>, ms: number): void {
    timer = setTimeout(() => {
      const left = look(controller);
      if (left > 0) arm(controller, left);
    }, ms);
  }

  /** Milliseconds until a sign of life may be due; 0 when the reader has been given up. */
  function look(controller: ReadableStreamDefaultController<Uint8Array>): number {
    const silent = performance.now() - lastWrite;
    if (!waiting && silent > abandonedMs) {
      end();
      feed.cancel();
      controller.error(new Error('the reader takes nothing'));
      return 0;
    }
    const due = silent >= keepAliveMs - 1;
    if (due && waiting) {
      lastWrite = performance.now();
      const sign = feed.keepAlive();
      if (sign !== undefined) controller.enqueue(sign);
    }
    return due ? keepAliveMs : keepAliveMs - silent;
  }

  function end(): void {
    if (timer !== undefined) clearTimeout(timer);
    if (watched !== undefined) unwatch(watched);
    reader.end();
  }

  /** Gives the client what came; false when there was nothing in it. */
  function give(
    controller: ReadableStreamDefaultController<Uint8Array>,
    { bytes, last }: Piece,
  ): boolean {
    let hasBytes = false;
    for (const each of bytes) {
      if (each.length === 0) continue;
      hasBytes = true;
      reader.gave(each.length);
      controller.enqueue(each);
    }
    if (hasBytes) lastWrite = performance.now();
    if (last) {
      end();
      controller.close();
    }
    return hasBytes || last;
  }

  /**
   * The head, when it is given at the first pull, so that what follows at once goes out with it; cleared
   * by that. One that is too large for it has to be there when Bun begins to read.
   */
  let first = feed.head && lengthOf(feed.head) < CORKED_BYTES ? feed.head : undefined;

  async function next(): Promise<Piece> {
    try {
      return await feed.next();
    } catch (cause) {
      end();
      feed.cancel();
      throw cause;
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        watch(controller);
        if (feed.head && first === undefined) give(controller, feed.head);
      },
      async pull(controller) {
        const head = first;
        first = undefined;
        if (head && give(controller, head)) return;
        for (;;) {
          waiting = true;
          const piece = await next();
          waiting = false;
          if (give(controller, piece)) return;
        }
      },
      cancel() {
        end();
        feed.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}

function lengthOf({ bytes }: Piece): number {
  let length = 0;
  for (const each of bytes) length += each.length;
  return length;
}
