/** Bodies that a provider packed though it was asked not to. */
import type { HttpBody } from './reply.ts';

/** Content codings (RFC 9110 8.4.1, RFC 7932, RFC 8878) by the names that the platform gives them. */
const FORMATS = new Map<string, Bun.CompressionFormat>([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'brotli'],
  ['zstd', 'zstd'],
]);

/** The platform's name of a coding that can be undone. */
export function packing(coding: string | null): Bun.CompressionFormat | undefined {
  return coding === null ? undefined : FORMATS.get(coding.toLowerCase());
}

/** The body as it was before it was packed. */
export function unpacked(body: HttpBody, format: Bun.CompressionFormat): HttpBody {
  const reader = body.getReader();
  const packed = new ReadableStream<Uint8Array<ArrayBuffer>>(
    {
      async pull(controller) {
        const { value } = await reader.read();
        if (value === undefined) controller.close();
        else controller.enqueue(new Uint8Array(value));
      },
      cancel: () => reader.cancel(),
    },
    { highWaterMark: 0 },
  );
  return packed.pipeThrough(new DecompressionStream(format));
}
