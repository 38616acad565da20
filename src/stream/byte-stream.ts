/**
 * The body of a streamed reply: pull-driven, so that a client that does not read costs nothing, with
 * a sign of life while its source is silent.
 */

/** What the bytes come from. */
interface ByteFeed {
  /** The next piece; `last` when nothing follows it. An empty piece is skipped. */
  next(): Promise<{ bytes: Uint8Array | undefined; last: boolean }>;
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
  /** Runs while the stream is open. */
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** True while a read waits for the feed: only then has the client nothing to read. */
  let waiting = false;
  let lastWrite = performance.now();

  function arm(controller: ReadableStreamDefaultController<Uint8Array>, ms: number): void {
    timer = setTimeout(() => {
      const silent = performance.now() - lastWrite;
      if (!waiting && silent > abandonedMs) {
        feed.cancel();
        controller.error(new Error('the reader takes nothing'));
        return;
      }
      const due = silent >= keepAliveMs - 1;
      if (due && waiting) {
        lastWrite = performance.now();
        const sign = feed.keepAlive();
        if (sign !== undefined) controller.enqueue(sign);
      }
      arm(controller, due ? keepAliveMs : keepAliveMs - silent);
    }, ms);
  }

  async function next(): ReturnType<ByteFeed['next']> {
    try {
      return await feed.next();
    } catch (cause) {
      clearTimeout(timer);
      feed.cancel();
      throw cause;
    }
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (keepAliveMs > 0) arm(controller, keepAliveMs);
      },
      async pull(controller) {
        for (;;) {
          waiting = true;
          const { bytes, last } = await next();
          waiting = false;
          if (bytes !== undefined && bytes.length > 0) {
            lastWrite = performance.now();
            controller.enqueue(bytes);
          }
          if (last) {
            clearTimeout(timer);
            controller.close();
            return;
          }
          if (bytes !== undefined && bytes.length > 0) return;
        }
      },
      cancel() {
        clearTimeout(timer);
        feed.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}
