/**
 * The body of a streamed reply: pull-driven, so that a client that does not read costs nothing, with
 * a sign of life while its source is silent.
 */

/** What the bytes come from. */
export interface ByteFeed {
  /** The next piece; `last` when nothing follows it. An empty piece is skipped. */
  next(): Promise<{ bytes: Uint8Array | undefined; last: boolean }>;
  /** A piece that says only that the connection lives. */
  keepAlive(): Uint8Array;
  /** The reader left. */
  cancel(): void;
}

/** @param keepAliveMs silence after which a sign of life goes out; 0: never */
export function byteStream(feed: ByteFeed, keepAliveMs: number): ReadableStream<Uint8Array> {
  /** Runs while the stream is open. */
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** True while a read waits for the feed: only then has the client nothing to read. */
  let waiting = false;
  let lastWrite = performance.now();

  function arm(controller: ReadableStreamDefaultController<Uint8Array>, ms: number): void {
    timer = setTimeout(() => {
      const silent = performance.now() - lastWrite;
      const due = silent >= keepAliveMs - 1;
      if (due && waiting) {
        lastWrite = performance.now();
        controller.enqueue(feed.keepAlive());
      }
      arm(controller, due ? keepAliveMs : keepAliveMs - silent);
    }, ms);
  }

  return new ReadableStream<Uint8Array>(
    {
      start(controller) {
        if (keepAliveMs > 0) arm(controller, keepAliveMs);
      },
      async pull(controller) {
        for (;;) {
          waiting = true;
          const { bytes, last } = await feed.next();
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
