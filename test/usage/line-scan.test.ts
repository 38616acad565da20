import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { dayPath, listDays, scanBackward, scanForward } from '../../src/usage/line-scan.ts';
import { type LogDir, logDir } from './support/log-dir.ts';

const DAY = '2025-01-02';
let log: LogDir;
beforeEach(() => {
  log = logDir();
});
afterEach(() => log.remove());

async function backward(scan: { needles?: string[]; looseNeedle?: string; blockBytes?: number }) {
  const found: unknown[] = [];
  const path = dayPath(log.dir, DAY);
  for await (const { lines } of scanBackward({ path, needles: [], ...scan })) {
    found.push(...lines.map(({ value }) => value['n']));
  }
  return found;
}

async function forward(blockBytes: number, start?: number) {
  const found: unknown[] = [];
  let end = -1;
  const scan = { path: dayPath(log.dir, DAY), needles: [], blockBytes };
  for await (const { lines, reached } of scanForward(scan, start)) {
    found.push(...lines.map(({ value }) => value['n']));
    end = reached;
  }
  return { found, end };
}

describe('a scan of a day file', () => {
  test('gives every line whole, whatever the size of a block', async () => {
    const numbers = Array.from({ length: 40 }, (_, n) => n);
    log.append(DAY, ...numbers.map((n) => ({ n, text: 'ü€😀'.repeat(n % 7) })));
    for (let blockBytes = 1; blockBytes < 200; blockBytes += 3) {
      expect(await backward({ blockBytes })).toEqual(numbers.toReversed());
      expect((await forward(blockBytes)).found).toEqual(numbers);
    }
  });

  test('skips torn lines, blank lines and holes', async () => {
    log.append(DAY, { n: 1 }, '{"n":2,"tex\n', '\n', `${'\0'.repeat(300)}\n`, '[3]\n', { n: 4 });
    for (const blockBytes of [7, 64, 4096]) {
      expect(await backward({ blockBytes })).toEqual([4, 1]);
      expect((await forward(blockBytes)).found).toEqual([1, 4]);
    }
  });

  test('does not pass a line that is still being written', async () => {
    log.append(DAY, { n: 1 }, '{"n":2');
    const { found, end } = await forward(1000);
    expect(found).toEqual([1]);
    log.append(DAY, '}\n', { n: 3 });
    expect((await forward(1000, end)).found).toEqual([2, 3]);
  });

  test('gives only lines with the needles, each of them once', async () => {
    log.append(DAY, { n: 1, a: 'x x', b: 1 }, { n: 2, a: 'y' }, { n: 3, a: 'x x x', b: 2 });
    for (const blockBytes of [10, 4096]) {
      expect(await backward({ needles: ['x'], blockBytes })).toEqual([3, 1]);
      expect(await backward({ needles: ['x', '"b":2'], blockBytes })).toEqual([3]);
      expect(await backward({ looseNeedle: 'X X', blockBytes })).toEqual([3, 1]);
    }
  });

  test('finds needles that are not ASCII', async () => {
    log.append(DAY, { n: 1, a: 'Größe' }, { n: 2, a: 'Grosse' });
    expect(await backward({ needles: ['Größe'] })).toEqual([1]);
    expect(await backward({ looseNeedle: 'gRößE' })).toEqual([1]);
  });

  test('knows the days, the newest first, and nothing else in the folder', async () => {
    log.append('2025-01-01', { n: 1 });
    log.append('2025-02-01', { n: 1 });
    log.append('notes', { n: 1 });
    expect(await listDays(log.dir)).toEqual(['2025-02-01', '2025-01-01']);
    expect(await listDays(`${log.dir}/absent`)).toEqual([]);
  });
});
