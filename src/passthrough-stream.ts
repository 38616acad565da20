/** A same-format stream from the provider to the client: bytes, watched by a tap. */
import { GatewayError } from './errors.ts';
import type { Format, ProviderContext, ReplyEncoder } from './formats/format.ts';
import { StreamTap, type Tapped } from './stream-tap.ts';
import { byteStream } from './stream/byte-stream.ts';
import type { Source } from './stream/source.ts';
import type { UnifiedChunk } from './unified.ts';
import type { Watch } from './watch.ts';

/** The pieces of a provider's stream, with what each says. */
export function tappedSource(
  response: Response,
  format: Format,
  context: ProviderContext,
  model: string,
  hideUsage: boolean,
): Source<Tapped> {
  const { body } = response;
  if (body === null) {
    throw new GatewayError('upstream_garbled', 'The provider answered with an empty body.', {
      provider: context.provider,
    });
  }
  const reader = body.getReader();
  const tap = new StreamTap(format, context, model, hideUsage);
  let ended = false;
  const cancel = (): void => {
    ended = true;
    // The upstream may already be gone; that is what we wanted.
    reader.cancel().catch(() => undefined);
  };
  return {
    async read() {
      if (ended) return undefined;
      try {
        const { done, value } = await reader.read();
        if (!done) {
          const tapped = tap.push(value);
          if (tapped.chunks.some(isLast)) cancel();
          return [tapped];
        }
        ended = true;
        return [tap.end()];
      } catch {
        if (ended) return undefined;
        ended = true;
        const last = tap.end();
        // An answer that was complete before the connection broke is complete.
        if (last.chunks.some((chunk) => chunk.type === 'done')) return [last];
        const said = last.chunks.filter((chunk) => chunk.type !== 'error');
        return [{ ...last, chunks: [...said, { type: 'error', error: BROKEN }] }];
      }
    },
    cancel,
  };
}

const BROKEN = {
  message: 'The connection to the provider broke before the answer was complete.',
  status: 502,
  type: 'upstream_unreachable',
};

function isLast(chunk: UnifiedChunk): boolean {
  return chunk.type === 'done' || chunk.type === 'error';
}

export interface TappedStreamOptions {
  watch: Watch;
  /** Makes an encoder for what only Plexus says: signs of life, and the error of a broken stream. */
  encoder(): ReplyEncoder;
  keepAliveMs: number;
  provider: string;
}

/**
 * The client's stream: the bytes as they came; when the provider breaks off, the format's error.
 * @param held pieces that the watch has already seen
 */
export function tappedStream(
  held: readonly Tapped[],
  rest: Source<Tapped>,
  options: TappedStreamOptions,
): ReadableStream<Uint8Array> {
  const { watch } = options;
  /** Set until the held pieces went out. */
  let first: readonly Tapped[] | undefined = held;
  return byteStream(
    {
      async next() {
        let items = first;
        first = undefined;
        if (items === undefined) {
          watch.waiting();
          items = await rest.read();
          for (const { chunks, quiet } of items ?? []) {
            if (quiet > 0) watch.sawQuiet(quiet);
            watch.saw(chunks);
          }
        }
        if (items === undefined) return { bytes: undefined, last: true };
        let bytes = '';
        for (const item of items) bytes += item.bytes + breakText(item, options);
        return { bytes: Buffer.from(bytes, 'latin1'), last: watch.ended };
      },
      keepAlive: () => Buffer.from(options.encoder().keepAlive(), 'utf8'),
      cancel() {
        watch.end({ kind: 'cancelled' });
        rest.cancel();
      },
    },
    options.keepAliveMs,
  );
}

/** The format's terminal error after a piece that broke off, as latin1 bytes; '' when there is none to add. */
function breakText({ chunks, bytes }: Tapped, options: TappedStreamOptions): string {
  const broken = chunks.find((chunk) => chunk.type === 'error');
  if (broken === undefined) return '';
  const { message } = broken.error;
  // The provider's own error event was forwarded with its words; a second one would be too much.
  if (bytes.includes(latin1(JSON.stringify(message).slice(1, -1)))) return '';
  const encoder = options.encoder();
  for (const chunk of chunks) if (chunk.type === 'start') encoder.push(chunk);
  const { provider } = options;
  return latin1(encoder.fail(new GatewayError('upstream_unreachable', message, { provider })));
}

/** UTF-8 bytes held as latin1. */
function latin1(text: string): string {
  return Buffer.from(text, 'utf8').toString('latin1');
}
