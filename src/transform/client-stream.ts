/** Chunks as the bytes of a client's stream. */
import type { GatewayError } from '../errors.ts';
import type { ReplyEncoder } from '../formats/format.ts';
import { byteStream, type Piece } from '../stream/byte-stream.ts';
import type { Source } from '../stream/source.ts';
import type { ProviderFault, UnifiedChunk } from '../unified.ts';

interface ClientStreamOptions {
  /** Silence after which the client gets a sign of life, ms; 0: never. */
  keepAliveMs: number;
  /** Turns a fault inside the stream into the error that the client is shown. */
  toError: (fault: ProviderFault) => GatewayError;
  /** Gets the text that ends a complete answer. */
  onEnd?: ((ended: string) => void) | undefined;
}

const utf8 = new TextEncoder();

type TextChunk = Extract<UnifiedChunk, { type: 'text' }>;

function bytesOf(text: string): Uint8Array[] {
  return text === '' ? [] : [utf8.encode(text)];
}

/**
 * The stream ends in exactly one terminal event: the encoder's `end` after `done`, its `fail` after
 * `error`. A client that leaves cancels the source.
 */
export function clientStream(
  source: Source<UnifiedChunk>,
  encoder: ReplyEncoder,
  { keepAliveMs, toError, onEnd }: ClientStreamOptions,
): ReadableStream<Uint8Array> {
  /** One batch of chunks as bytes. */
  function encode(batch: readonly UnifiedChunk[]): Piece {
    let text = '';
    for (const chunk of batch) {
      if (chunk.type === 'done') {
        const ended = encoder.end();
        onEnd?.(ended);
        return { bytes: bytesOf(text + ended), last: true };
      }
      if (chunk.type === 'error') {
        return { bytes: bytesOf(text + encoder.fail(toError(chunk.error))), last: true };
      }
      text += chunk.type === 'text' && chunk.pieces ? pushPieces(chunk) : encoder.push(chunk);
    }
    return { bytes: bytesOf(text), last: false };
  }
  function pushPieces({ text, pieces = [] }: TextChunk): string {
    const atOnce = encoder.pushPieces?.(pieces, text);
    if (atOnce !== undefined) return atOnce;
    let out = '';
    for (const piece of pieces) out += encoder.push({ type: 'text', text: piece });
    return out;
  }
  const ahead = source.ahead?.();
  return byteStream(
    {
      head: ahead && encode(ahead),
      async next() {
        const batch = await source.read();
        // Without `done` or `error` a source only ends when we cancelled it; nobody reads on.
        if (batch === undefined) return { bytes: [], last: true };
        return encode(batch);
      },
      keepAlive: () => utf8.encode(encoder.keepAlive()),
      cancel: () => source.cancel(),
    },
    keepAliveMs,
  );
}
