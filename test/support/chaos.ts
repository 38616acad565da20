/**
 * A provider that misbehaves at random, always the same way for the same seed. It says of each answer
 * whether a client may see it as complete, so that a test can tell an honest failure from a lie.
 */
import { deflateSync, gzipSync } from 'node:zlib';
import type { FormatName } from '../../src/unified.ts';
import { ERRORS, HEADS, neverAnswers, silence } from './failing.ts';
import type { Sent } from './gateway.ts';
import { jsonReply } from './gateway.ts';
import { readFixture } from './matrix.ts';

/** A generator of numbers in [0, 1) (mulberry32, public domain). */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

export function pick<T>(random: () => number, items: readonly T[]): T {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('nothing to pick from');
  return item;
}

/** Answers that the provider gives when it means well. */
const GOOD = ['text', 'calls', 'reasoning', 'length', 'usage'] as const;

interface Body {
  readonly bytes: Uint8Array;
  /** Sizes of the pieces in which it is sent. */
  pieceSize(): number;
  /** Milliseconds before a piece. */
  delayMs(): number;
  /** Bytes after which it ends, or breaks. */
  readonly cut?: { readonly at: number; readonly how: 'end' | 'break' | 'silence' };
}

function bodyOf({ bytes, pieceSize, delayMs, cut }: Body, signal: AbortSignal) {
  const end = cut?.at ?? bytes.length;
  let at = 0;
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const ms = delayMs();
        if (ms > 0) await Bun.sleep(ms);
        if (signal.aborted) {
          controller.error(signal.reason);
          return;
        }
        if (at < end) {
          const next = Math.min(end, at + pieceSize());
          controller.enqueue(bytes.slice(at, next));
          at = next;
        } else if (cut?.how === 'break') {
          controller.error(Object.assign(new TypeError('reset'), { code: 'ECONNRESET' }));
        } else if (cut?.how === 'silence') {
          await new Promise<void>((resolve) => {
            signal.addEventListener('abort', () => {
              controller.error(signal.reason);
              resolve();
            });
          });
        } else controller.close();
      },
    },
    { highWaterMark: 0 },
  );
}

const STREAM_TYPE = { 'content-type': 'text/event-stream' };

/**
 * One answer of the provider; every kind of trouble that the seed brings.
 * @param isSame the client gets the provider's events as they are, so they are cut but not mixed up
 */
export function misbehave(
  random: () => number,
  format: FormatName,
  stream: boolean,
  { signal }: Pick<Sent, 'signal'>,
  isSame: boolean,
): Response | Promise<Response> {
  const name = pick(random, GOOD);
  const text = readFixture(`${format}/${name}.reply.${stream ? 'sse' : 'json'}`);
  const bytes = new TextEncoder().encode(random() < 0.2 ? text.replaceAll('\n', '\r\n') : text);
  const isTrickle = random() < 0.3;
  const body = (cut?: Body['cut'], of: Uint8Array = bytes): ReadableStream<Uint8Array> =>
    bodyOf(
      {
        bytes: of,
        pieceSize: () =>
          isTrickle ? 1 + Math.floor(random() * 40) : 1 + Math.floor(random() * 4000),
        delayMs: () => (random() < 0.05 ? Math.floor(random() * 3) : 0),
        ...(cut === undefined ? {} : { cut }),
      },
      signal,
    );
  const headers = stream ? STREAM_TYPE : { 'content-type': 'application/json' };
  const kind = Math.floor(random() * 20);
  switch (kind) {
    case 0:
      return Promise.reject(
        Object.assign(new TypeError('x'), {
          code: pick(random, ['ECONNREFUSED', 'ECONNRESET', 'ENOTFOUND', 'EPROTO']),
        }),
      );
    case 1:
      return jsonReply(
        { error: { message: 'no', type: 'x', code: 'y' } },
        pick(random, [400, 401, 403, 404, 408, 409, 429, 500, 502, 503, 529]),
        random() < 0.3 ? { 'retry-after': '1' } : {},
      );
    case 2:
      return new Response(body({ at: Math.floor(random() * bytes.length), how: 'break' }), {
        headers,
      });
    case 3:
      return new Response(body({ at: Math.floor(random() * bytes.length), how: 'end' }), {
        headers,
      });
    case 4:
      return new Response(body({ at: Math.floor(random() * bytes.length), how: 'silence' }), {
        headers,
      });
    case 5:
      return stream ? silence(HEADS[format], signal) : neverAnswers(signal);
    case 6:
      return neverAnswers(signal);
    case 7:
      return new Response(body(undefined, garbage(random)), { headers });
    case 8:
      return new Response(
        stream ? `${HEADS[format]}${ERRORS[format]}` : '{"error":{"message":"no"}}',
        { headers },
      );
    case 9: {
      // A piece of garbage in the middle of a good answer.
      const at = Math.floor(random() * bytes.length);
      const mixed = Buffer.concat([
        bytes.slice(0, at),
        isSame ? new Uint8Array() : garbage(random),
        bytes.slice(at),
      ]);
      return new Response(body(undefined, mixed), { headers });
    }
    case 10:
      // Packed although nobody asked, and not labelled; or labelled and not packed.
      return new Response(random() < 0.5 ? gzipSync(bytes) : deflateSync(bytes), { headers });
    case 11:
      return new Response(text, { headers: random() < 0.5 ? {} : { 'content-type': 'text/html' } });
    case 12:
      return new Response('', { headers });
    default:
      return new Response(body(), { headers });
  }
}

function garbage(random: () => number): Uint8Array {
  const size = 1 + Math.floor(random() * 200);
  const kinds = [
    () => Uint8Array.from({ length: size }, () => Math.floor(random() * 256)),
    () => Buffer.from('\n\ndata: {"choices":[null,{"delta":null}],"type":7,"candidates":[[]]}\n\n'),
    () => Buffer.from('\n\nevent: message_start\ndata: {"type":"message_start"}\n\n'),
    () =>
      Buffer.from(
        '\n\nevent: response.output_item.done\ndata: {"type":"response.output_item.done","item":null}\n\n',
      ),
    () => Buffer.from('\n\ndata: [1,2\n\n'),
    () => Buffer.from(`data: ${'x'.repeat(size * 50)}`),
    () => Buffer.from('\n\ndata: null\n\ndata: 7\n\ndata: "text"\n\ndata: {}\n\n'),
  ];
  return new Uint8Array(pick(random, kinds)());
}
