import { describe, expect, test } from 'bun:test';
import { brotliCompressSync, constants, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { GatewayError } from '../../src/errors.ts';
import { readBytes } from '../../src/limits/body.ts';
import { readRequestBody } from '../../src/request-body.ts';

function requestOf(
  body: string | Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array>,
  headers: Record<string, string> = {},
): Request {
  return new Request('http://127.0.0.1/', { method: 'POST', body, headers });
}

/** Pieces of a body, with a count of those that were asked for. */
function pieces(size: number, count: number) {
  const seen = { pulled: 0, cancelled: false };
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        seen.pulled += 1;
        if (seen.pulled > count) controller.close();
        else controller.enqueue(new Uint8Array(size).fill(97));
      },
      cancel() {
        seen.cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { seen, body };
}

const asIs = (bytes: Buffer): Buffer => bytes;

async function refusal(promise: Promise<unknown>): Promise<GatewayError> {
  const cause = await promise.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (cause instanceof GatewayError) return cause;
  throw new Error('was not refused');
}

describe('the time of a body', () => {
  const patience = { baseMs: 20, leastSpeed: 1 };
  /** So many bytes, one each so many milliseconds. */
  function trickle(count: number, everyMs: number): ReadableStream<Uint8Array> {
    let left = count;
    return new ReadableStream(
      {
        async pull(controller) {
          await Bun.sleep(everyMs);
          left -= 1;
          if (left < 0) controller.close();
          else controller.enqueue(new Uint8Array([97]));
        },
      },
      { highWaterMark: 0 },
    );
  }

  test.each([
    ['that says its length', 100],
    ['that does not', undefined],
  ])('a body %s and comes byte by byte is not waited for', async (_name, length) => {
    const started = performance.now();
    const error = await refusal(
      readBytes(requestOf(trickle(100, 5)), { length, maxBytes: 1000 }, asIs, patience),
    );
    expect(error).toMatchObject({ kind: 'invalid_request', status: 408 });
    expect(performance.now() - started).toBeLessThan(300);
  });

  test('a large body has more time than a small one', async () => {
    const { body } = pieces(50, 4);
    const slow = body.pipeThrough(
      new TransformStream<Uint8Array, Uint8Array>({
        async transform(piece, controller) {
          await Bun.sleep(12);
          controller.enqueue(piece);
        },
      }),
    );
    expect(
      (await readBytes(requestOf(slow), { length: undefined, maxBytes: 1000 }, asIs, patience))
        .length,
    ).toBe(200);
  });
});

describe('the size of a body', () => {
  test('one within the bound is read whole', async () => {
    const { body } = pieces(1000, 5);
    expect(
      (await readBytes(requestOf(body), { length: undefined, maxBytes: 5000 }, asIs)).length,
    ).toBe(5000);
  });

  test('one that says it is larger is not read at all', async () => {
    const { body, seen } = pieces(1000, 5);
    const error = await refusal(readBytes(requestOf(body), { length: 5001, maxBytes: 5000 }, asIs));
    expect(error).toMatchObject({ kind: 'too_large', status: 413 });
    expect(seen.pulled).toBe(0);
  });

  test('one that does not say is counted and let go', async () => {
    const { body, seen } = pieces(1000, 1000);
    const error = await refusal(
      readBytes(requestOf(body), { length: undefined, maxBytes: 5000 }, asIs),
    );
    expect(error).toMatchObject({ kind: 'too_large', status: 413 });
    expect(seen.pulled).toBeLessThan(10);
    expect(seen.cancelled).toBe(true);
  });

  const packers = {
    gzip: gzipSync,
    deflate: deflateSync,
    br: (bytes: Buffer) =>
      brotliCompressSync(bytes, { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } }),
    zstd: zstdCompressSync,
  };
  test.each(Object.entries(packers))('a bomb of %s is not unpacked', async (coding, pack) => {
    const bomb = pack(Buffer.alloc(64 * 1024 * 1024, 32));
    expect(bomb.length).toBeLessThan(1024 * 1024);
    const before = process.memoryUsage.rss();
    const error = await refusal(
      readRequestBody(requestOf(bomb, { 'content-encoding': coding }), 1024 * 1024),
    );
    expect(error).toMatchObject({ kind: 'too_large', status: 413 });
    expect(process.memoryUsage.rss() - before).toBeLessThan(32 * 1024 * 1024);
  });

  test('a bomb within a bomb neither', async () => {
    const bomb = gzipSync(gzipSync(Buffer.alloc(64 * 1024 * 1024, 32)));
    const error = await refusal(
      readRequestBody(requestOf(bomb, { 'content-encoding': 'gzip, gzip' }), 1024 * 1024),
    );
    expect(error.kind).toBe('too_large');
  });

  test.each(['gzip', 'br', 'zstd', 'deflate'])('%s that is none is a 400', async (coding) => {
    const error = await refusal(
      readRequestBody(requestOf('not packed', { 'content-encoding': coding }), 1000),
    );
    expect(error.status).toBe(400);
  });

  test('a coding that nobody knows is a 415', async () => {
    const error = await refusal(
      readRequestBody(requestOf('{}', { 'content-encoding': 'compress' }), 1000),
    );
    expect(error.status).toBe(415);
  });
});
