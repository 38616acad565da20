import { describe, expect, test } from 'bun:test';
import { ReplyTooLong, readWhole } from '../../src/stream/read-whole.ts';

/** A reply in pieces; `state` tells whether its reader gave up, and how much was taken. */
function reply(pieces: number, headers: Record<string, string> = {}) {
  const state = { isCancelled: false, taken: 0 };
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        if (state.taken === pieces) return controller.close();
        state.taken += 1;
        controller.enqueue(new Uint8Array(10).fill(97));
      },
      cancel() {
        state.isCancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { state, response: new Response(stream, { headers }) };
}

describe('a whole reply', () => {
  test.each<Record<string, string>>([
    {},
    { 'content-length': '50' },
    { 'content-encoding': 'gzip', 'content-length': '3' },
  ])('with %p is read to its end', async (headers) => {
    const bytes = await readWhole(reply(5, headers).response, 50);
    expect(bytes.toString()).toBe('a'.repeat(50));
  });

  test.each<Record<string, string>>([
    {},
    { 'content-length': '1000' },
    { 'content-encoding': 'gzip', 'content-length': '3' },
  ])('with %p that goes past the bound is left there', async (headers) => {
    const { state, response } = reply(100, headers);
    expect(await readWhole(response, 50).catch((cause: unknown) => cause)).toBeInstanceOf(
      ReplyTooLong,
    );
    expect(state).toEqual({ isCancelled: true, taken: 6 });
  });

  test('without a body is empty', async () => {
    expect((await readWhole(new Response(null))).length).toBe(0);
  });
});
