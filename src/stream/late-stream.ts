/**
 * The body of a reply that is begun before its answer is known: signs of life until then, so that
 * neither the client nor what stands between takes the silence for a dead connection.
 */
import { Deadline } from '../watch-timer.ts';
import { byteStream, type Piece } from './byte-stream.ts';

interface LateStreamOptions {
  /** A piece that says only that the connection lives. */
  keepAlive(): Uint8Array;
  keepAliveMs: number;
  /** What to end with when no answer came. */
  failure(cause: unknown): Uint8Array;
  /** The reader left before there was an answer. */
  cancel(): void;
}

/** @param answer gives the body that follows; when it rejects, `failure` follows */
export function lateStream(
  answer: Promise<ReadableStream<Uint8Array> | null>,
  options: LateStreamOptions,
): ReadableStream<Uint8Array> {
  /** Set once the answer is there. */
  let reader: ReturnType<typeof readerOf> | undefined;
  let hasGreeted = false;
  let hasLeft = false;

  async function next(): Promise<Piece> {
    if (!hasGreeted) {
      hasGreeted = true;
      return { bytes: [options.keepAlive()], last: false };
    }
    if (reader === undefined) {
      let body: ReadableStream<Uint8Array> | null;
      try {
        body = await answer;
      } catch (cause) {
        return { bytes: [options.failure(cause)], last: true };
      }
      if (body === null) return { bytes: [], last: true };
      reader = readerOf(body);
      if (hasLeft) reader.cancel().catch(() => undefined);
    }
    const { done, value } = await reader.read();
    return { bytes: value === undefined ? [] : [value], last: done };
  }

  return byteStream(
    {
      next,
      // The answer gives its own.
      keepAlive: () => (reader === undefined ? options.keepAlive() : undefined),
      cancel() {
        hasLeft = true;
        if (reader) reader.cancel().catch(() => undefined);
        else options.cancel();
      },
    },
    options.keepAliveMs,
  );
}

function readerOf(body: ReadableStream<Uint8Array>) {
  return body.getReader();
}

/**
 * A promise with a deadline that does not end it: `late` is asked for something else to give when
 * `answer` has not settled after `ms`; then it settles unheard.
 */
export async function unlessLate<T>(answer: Promise<T>, ms: number, late: () => T): Promise<T> {
  const { promise, resolve, reject } = Promise.withResolvers<T>();
  const deadline = new Deadline(ms, () => {
    try {
      resolve(late());
    } catch (cause) {
      reject(cause);
    }
  });
  answer.then(resolve, reject);
  try {
    return await promise;
  } finally {
    deadline.cancel();
  }
}
