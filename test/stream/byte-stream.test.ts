import { describe, expect, test } from 'bun:test';
import { byteStream, type Piece } from '../../src/stream/byte-stream.ts';

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);

/** A feed that the test fills by hand. */
function handFed() {
  const seen = { cancelled: 0, asked: 0 };
  let give: (piece: Piece) => void = () => undefined;
  let fail: (cause: Error) => void = () => undefined;
  return {
    seen,
    say: (text: string, last = false) => give({ bytes: [bytes(text)], last }),
    fail: (cause: Error) => fail(cause),
    feed: {
      next() {
        seen.asked += 1;
        return new Promise<Piece>((resolve, reject) => {
          give = resolve;
          fail = reject;
        });
      },
      keepAlive: () => bytes('.'),
      cancel() {
        seen.cancelled += 1;
      },
    },
  };
}

interface Reader {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
}

async function readText(reader: Reader): Promise<string> {
  const { done, value } = await reader.read();
  return done ? '<end>' : new TextDecoder().decode(value);
}

describe('a reply’s bytes', () => {
  test('are asked for only when somebody reads', async () => {
    const { seen, feed, say } = handFed();
    const reader = byteStream(feed, 0).getReader();
    await Bun.sleep(5);
    expect(seen.asked).toBe(0);
    const first = readText(reader);
    await Bun.sleep(0);
    say('a');
    expect(await first).toBe('a');
    await Bun.sleep(5);
    expect(seen.asked).toBe(1);
  });

  test.each([1, 100_000])('that are there already come first: %d', async (length) => {
    const { seen, feed, say } = handFed();
    const head = { bytes: [bytes('a'.repeat(length)), bytes('b')], last: false };
    const reader = byteStream({ ...feed, head }, 0).getReader();
    expect(await readText(reader)).toBe('a'.repeat(length));
    expect(await readText(reader)).toBe('b');
    expect(seen.asked).toBe(0);
    const next = readText(reader);
    await Bun.sleep(0);
    say('c', true);
    expect([await next, await readText(reader)]).toEqual(['c', '<end>']);
  });

  test.each([1, 100_000])('that are there already may be all: %d', async (length) => {
    const { seen, feed } = handFed();
    const head = { bytes: [bytes('a'.repeat(length))], last: true };
    const stream = byteStream({ ...feed, head }, 5);
    expect(await new Response(stream).text()).toBe('a'.repeat(length));
    await Bun.sleep(15);
    expect(seen).toEqual({ asked: 0, cancelled: 0 });
  });

  test('have signs of life between them while the feed is silent', async () => {
    const { feed, say } = handFed();
    const reader = byteStream(feed, 8).getReader();
    expect([await readText(reader), await readText(reader)]).toEqual(['.', '.']);
    const next = readText(reader);
    say('a', true);
    expect([await next, await readText(reader)]).toEqual(['a', '<end>']);
  });

  test('have none while the reader does not read', async () => {
    const { feed, seen } = handFed();
    const stream = byteStream(feed, 5);
    await Bun.sleep(30);
    expect(seen.asked).toBe(0);
    await stream.cancel();
    expect(seen.cancelled).toBe(1);
  });

  test('end in an error when the feed fails, and nothing runs on', async () => {
    const { feed, seen, fail } = handFed();
    const reader = byteStream(feed, 5).getReader();
    const first = reader.read();
    await Bun.sleep(0);
    fail(new Error('broken'));
    await expect(first).rejects.toThrow('broken');
    // A timer that went on would throw outside of every test.
    await Bun.sleep(20);
    expect(seen.cancelled).toBe(1);
  });

  test('are let go when the reader takes nothing for too long', async () => {
    const { feed, seen, say } = handFed();
    const reader = byteStream(feed, 5, 15).getReader();
    const first = readText(reader);
    await Bun.sleep(0);
    say('a');
    expect(await first).toBe('a');
    await Bun.sleep(40);
    expect(seen.cancelled).toBe(1);
    await expect(reader.read()).rejects.toThrow('takes nothing');
  });
});
