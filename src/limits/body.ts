/**
 * A client's body, as it arrives: bounded in size, and in time by a least speed, so that a client
 * that sends a byte now and then does not hold a place for ever.
 */
import { GatewayError } from '../errors.ts';
import { Deadline } from '../watch-timer.ts';

/** How long a body may take. */
export interface Patience {
  /** Time that any body has, ms. */
  readonly baseMs: number;
  /** The least speed that a large one must have, bytes per millisecond. */
  readonly leastSpeed: number;
}
const PATIENCE: Patience = { baseMs: 30_000, leastSpeed: 16 };

export interface BodyBounds {
  /** Of the `content-length` header; undefined when the client did not say. */
  readonly length: number | undefined;
  readonly maxBytes: number;
}

/**
 * @param take makes of the bytes what is wanted
 * @throws GatewayError `too_large`, `invalid_request` (408) when it came too slowly, `client_left`
 */
export function readBytes<R>(
  request: Request,
  { length, maxBytes }: BodyBounds,
  take: (bytes: Buffer) => R | Promise<R>,
  patience = PATIENCE,
): Promise<R> {
  if (length === undefined) {
    const { body } = request;
    const bytes = body === null ? Promise.resolve(NOTHING) : readPieces(body, maxBytes, patience);
    return bytes.then(take);
  }
  if (length > maxBytes) return Promise.reject(tooLarge(maxBytes));
  return inTime(request.arrayBuffer(), timeFor(length, patience), (bytes) => {
    if (bytes.byteLength > maxBytes) throw tooLarge(maxBytes);
    return take(Buffer.from(bytes));
  });
}
const NOTHING = Buffer.alloc(0);

function timeFor(bytes: number, { baseMs, leastSpeed }: Patience): number {
  return baseMs + bytes / leastSpeed;
}

/** A body of unknown length is counted while it comes. */
async function readPieces(
  body: ReadableStream<Uint8Array>,
  maxBytes: number,
  patience: Patience,
): Promise<Buffer> {
  const reader = body.getReader();
  const startedAt = performance.now();
  const pieces: Uint8Array[] = [];
  let size = 0;
  try {
    for (;;) {
      const left = timeFor(size, patience) - (performance.now() - startedAt);
      const { done, value } = await inTime(reader.read(), Math.max(0, left), (piece) => piece);
      if (done) return Buffer.concat(pieces, size);
      size += value.length;
      if (size > maxBytes) throw tooLarge(maxBytes);
      pieces.push(value);
    }
  } catch (cause) {
    // What still comes is of no interest.
    reader.cancel().catch(() => undefined);
    throw cause;
  }
}

/**
 * What is made of something that arrives.
 * @throws GatewayError when it does not settle in time, or rejects because the client is gone
 */
function inTime<T, R>(
  arriving: Promise<T>,
  ms: number,
  take: (value: T) => R | Promise<R>,
): Promise<R> {
  const { promise, resolve, reject } = Promise.withResolvers<R>();
  const deadline = new Deadline(ms, () => reject(tooSlow()));
  function arrived(value: T): void {
    deadline.cancel();
    try {
      resolve(take(value));
    } catch (cause) {
      reject(cause);
    }
  }
  function failed(cause: unknown): void {
    deadline.cancel();
    reject(cause instanceof GatewayError ? cause : unread(cause));
  }
  arriving.then(arrived, failed);
  return promise;
}

function tooSlow(): GatewayError {
  return new GatewayError('invalid_request', 'The request body came too slowly.', { status: 408 });
}

function unread(cause: unknown): GatewayError {
  const message = cause instanceof Error ? cause.message : '';
  if (message.includes('maxRequestBodySize')) {
    return new GatewayError('too_large', 'The request body is too large.', { cause });
  }
  return new GatewayError('client_left', 'The request body did not arrive.', { cause });
}

export function tooLarge(maxBytes: number): GatewayError {
  const mb = maxBytes / 1024 / 1024;
  const size = mb >= 1 ? `${Math.round(mb)} MB` : `${maxBytes} bytes`;
  return new GatewayError('too_large', `The request body is larger than ${size}.`);
}
