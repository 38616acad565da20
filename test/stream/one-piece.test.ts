import { describe, expect, test } from 'bun:test';
import { CORKED_BYTES, inOnePiece } from '../../src/stream/one-piece.ts';

describe('a body that is all there', () => {
  test.each([0, 10, CORKED_BYTES / 3 - 1, CORKED_BYTES - 1])('stays one of %d bytes', (length) => {
    const text = 'a'.repeat(length);
    const body = inOnePiece(Buffer.from(text));
    expect(body).toBeInstanceOf(Buffer);
    expect(body.toString()).toBe(text);
  });

  test.each([CORKED_BYTES, 100_000])('goes out as a stream of %d bytes', async (length) => {
    for (const body of [inOnePiece(Buffer.alloc(length, 'a')), inOnePiece('a'.repeat(length))]) {
      expect(body).toBeInstanceOf(ReadableStream);
      expect(await new Response(body).text()).toBe('a'.repeat(length));
    }
  });

  test('stays one where it is so large that it must not be copied', () => {
    expect(inOnePiece(Buffer.alloc(1_000_000))).toBeInstanceOf(Buffer);
  });

  test('is measured in bytes, not in characters', async () => {
    const text = '漢'.repeat(CORKED_BYTES / 2);
    const body = inOnePiece(text);
    expect(body).toBeInstanceOf(ReadableStream);
    expect(await new Response(body).text()).toBe(text);
  });
});
