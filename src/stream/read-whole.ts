/** A provider's whole reply: in memory at once, so never without bound. */
import type { HttpReply } from '../http/reply.ts';

/** Several times the largest reply that any provider is known to give, with its images in base64. */
export const MAX_REPLY_BYTES = 256 * 1024 * 1024;

/** The reply is longer than anything that could be an answer. */
export class ReplyTooLong extends Error {}

/**
 * @throws ReplyTooLong past `maxBytes`: then nothing more is read, and the connection is let go
 * @throws what the connection or whoever broke it said
 */
export async function readWhole(response: HttpReply, maxBytes = MAX_REPLY_BYTES): Promise<Buffer> {
  const { headers } = response;
  // A length counts packed bytes when there is an encoding, and fetch unpacks.
  const declared = headers.get('content-encoding') !== null ? null : headers.get('content-length');
  if (declared !== null && Number(declared) <= maxBytes) {
    // Without a look at `body`, which would make a stream (3 µs of a small request).
    return asBuffer(await response.bytes());
  }
  const { body } = response;
  if (body === null) return Buffer.alloc(0);
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  let length = 0;
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined) return Buffer.concat(pieces, length);
    length += value.length;
    if (length > maxBytes) {
      await reader.cancel();
      throw new ReplyTooLong(`a reply of more than ${maxBytes} bytes`);
    }
    pieces.push(value);
  }
}

/** The same bytes. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes)
    ? bytes
    : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
