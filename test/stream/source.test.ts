import { describe, expect, test } from 'bun:test';
import {
  eventSource,
  eventsInto,
  listSource,
  prepend,
  type Source,
  through,
} from '../../src/stream/source.ts';
import type { Stage } from '../../src/stream/stage.ts';

/** A body that gives these pieces and then ends, breaks, or stays silent. */
function body(pieces: Uint8Array[], then: 'end' | 'break' | 'silence' = 'end') {
  let next = 0;
  let cancelled = false;
  const stream = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[next];
        next += 1;
        if (piece) controller.enqueue(piece);
        else if (then === 'end') controller.close();
        else if (then === 'break') controller.error(new Error('reset'));
        else return new Promise(() => undefined);
      },
      cancel() {
        cancelled = true;
      },
    },
    { highWaterMark: 0 },
  );
  return { stream, wasCancelled: () => cancelled };
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
const datas = () => eventsInto<string>({ push: ({ data }) => [data], end: () => ['(end)'] });

async function readAll<T>(source: Source<T>): Promise<T[]> {
  const out: T[] = [];
  for (;;) {
    const batch = await source.read();
    if (batch === undefined) return out;
    out.push(...batch);
  }
}
const never = () => false;
const broken = (_: unknown, ending: readonly string[]) => [...ending, '(broken)'];

describe('a source of events', () => {
  test('characters cut between two pieces stay whole', async () => {
    const text = bytes('data: 東京 é 🗼\n\n');
    for (let i = 0; i <= text.length; i += 1) {
      const { stream } = body([text.slice(0, i), text.slice(i)]);
      expect(await readAll(eventSource(stream, datas(), never, broken))).toEqual([
        '東京 é 🗼',
        '(end)',
      ]);
    }
  });

  test('the memory of pieces is given back where it is theirs alone', async () => {
    const text = bytes(`data: ${'é🗼'.repeat(10_000)}\n\n`);
    for (const ownsPieces of [true, undefined]) {
      const pieces = [text.slice(0, 30_001), text.slice(30_001, 60_002), text.slice(60_002)];
      const { stream } = body([...pieces]);
      const reader = stream.getReader();
      const owned = {
        getReader: () => ({ ownsPieces, read: () => reader.read(), cancel: () => reader.cancel() }),
        cancel: () => stream.cancel(),
      };
      const items = await readAll(eventSource(owned, datas(), never, broken));
      expect(items).toEqual(['é🗼'.repeat(10_000), '(end)']);
      const left = pieces.map((piece) => piece.length > 0);
      expect(left).toEqual([!ownsPieces, !ownsPieces, true]);
    }
  });

  test('a broken connection gives what came before, then what the owner says', async () => {
    const { stream } = body([bytes('data: a\n\ndata: b')], 'break');
    expect(await readAll(eventSource(stream, datas(), never, broken))).toEqual([
      'a',
      'b',
      '(end)',
      '(broken)',
    ]);
  });

  const isZ = (item: string): boolean => item === 'z';

  test('after the last item nothing is waited for, and a connection that stays silent is let go', async () => {
    const { stream, wasCancelled } = body([bytes('data: a\n\ndata: z\n\ndata: b\n\n')], 'silence');
    const source = eventSource(stream, datas(), isZ, broken, 5);
    expect(await readAll(source)).toEqual(['a', 'z']);
    expect(wasCancelled()).toBe(false);
    await Bun.sleep(20);
    expect(wasCancelled()).toBe(true);
  });

  test('a connection that ends behind the last item may serve the next request', async () => {
    const pieces = [bytes('data: z\n\n'), bytes(': bye\n\n')];
    const { stream, wasCancelled } = body(pieces, 'end');
    expect(await readAll(eventSource(stream, datas(), isZ, broken, 5))).toEqual(['z']);
    await Bun.sleep(20);
    expect(wasCancelled()).toBe(false);
  });

  test('one that goes on and on behind the last item is let go', async () => {
    const more = Array.from({ length: 100 }, () => bytes('x'.repeat(10_000)));
    const { stream, wasCancelled } = body([bytes('data: z\n\n'), ...more], 'silence');
    expect(await readAll(eventSource(stream, datas(), isZ, broken, 60_000))).toEqual(['z']);
    await Bun.sleep(20);
    expect(wasCancelled()).toBe(true);
  });

  test('cancel ends it, also while the other side is silent', async () => {
    const { stream, wasCancelled } = body([bytes('data: a\n\n')], 'silence');
    const source = eventSource(stream, datas(), never, broken);
    expect(await source.read()).toEqual(['a']);
    const waiting = source.read();
    source.cancel();
    expect(await waiting).toBeUndefined();
    expect(wasCancelled()).toBe(true);
    expect(await source.read()).toBeUndefined();
  });
});

describe('sources put together', () => {
  test('a list is one batch', async () => {
    expect(await readAll(listSource([1, 2]))).toEqual([1, 2]);
  });
  test('what was held comes before the rest', async () => {
    expect(await readAll(prepend([1], listSource([2, 3])))).toEqual([1, 2, 3]);
  });
  test('a stage sees every item and then the end', async () => {
    const doubled: Stage<number, number> = { push: (n) => [n, n], end: () => [0] };
    expect(await readAll(through(listSource([1, 2]), doubled))).toEqual([1, 1, 2, 2, 0]);
  });
});
