/** Chunks as the bytes of a client's stream. */
import type { GatewayError } from '../errors.ts';
import type { ReplyEncoder } from '../formats/format.ts';
import { byteStream } from '../stream/byte-stream.ts';
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

/**
 * The stream ends in exactly one terminal event: the encoder's `end` after `done`, its `fail` after
 * `error`. A client that leaves cancels the source.
 */
export function clientStream(
  source: Source<UnifiedChunk>,
  encoder: ReplyEncoder,
  { keepAliveMs, toError, onEnd }: ClientStreamOptions,
): ReadableStream<Uint8Array> {
  /** One batch of chunks as text. */
  function encode(batch: readonly UnifiedChunk[]): { text: string; last: boolean } {
    let text = '';
    for (const chunk of batch) {
      if (chunk.type === 'done') {
        const ended = encoder.end();
        onEnd?.(ended);
        return { text: text + ended, last: true };
      }
      if (chunk.type === 'error') {
        return { text: text + encoder.fail(toError(chunk.error)), last: true };
      }
      text += encoder.push(chunk);
    }
    return { text, last: false };
  }
  return byteStream(
    {
      async next() {
        const batch = await source.read();
        // Without `done` or `error` a source only ends when we cancelled it; nobody reads on.
        if (batch === undefined) return { bytes: [], last: true };
        const { text, last } = encode(batch);
        return { bytes: text === '' ? [] : [utf8.encode(text)], last };
      },
      keepAlive: () => utf8.encode(encoder.keepAlive()),
      cancel: () => source.cancel(),
    },
    keepAliveMs,
  );
}
