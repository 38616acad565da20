import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type Batch, DayFile } from '../../src/usage/day-file.ts';
import { createDayWriter, type DayWriterOptions } from '../../src/usage/writer.ts';
import { until } from '../support/raw-server.ts';

const DAY = '2025-01-02';
const NOW = Date.UTC(2025, 0, 2, 12);

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'plexus-writer-'));
});
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

function writerOf(options: Partial<DayWriterOptions> = {}) {
  const problems: string[] = [];
  const dir = path.join(root, 'logs', 'usage');
  const writer = createDayWriter({
    dir,
    now: () => NOW,
    onProblem: (message) => problems.push(message),
    flushMs: 1,
    retryMs: 5,
    ...options,
  });
  return { writer, problems, dir };
}

const read = (dir: string, day = DAY): string =>
  fs.readFileSync(path.join(dir, `${day}.jsonl`), 'utf8');
const records = (text: string): unknown[] =>
  text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line));

describe('a day writer', () => {
  test('makes the folder and writes whole lines in order', async () => {
    const { writer, dir, problems } = writerOf();
    for (let n = 0; n < 3; n += 1) writer.push({ n, text: 'ä\n\ud800' });
    await writer.flush();
    expect(read(dir).endsWith('\n')).toBe(true);
    expect(records(read(dir))).toEqual([0, 1, 2].map((n) => ({ n, text: 'ä\n\ud800' })));
    expect(problems).toEqual([]);
  });

  test('writes by itself soon after', async () => {
    const { writer, dir } = writerOf();
    writer.push({ n: 1 });
    const file = path.join(dir, `${DAY}.jsonl`);
    await until(() => fs.existsSync(file) && records(read(dir)).length > 0);
    expect(records(read(dir))).toEqual([{ n: 1 }]);
  });

  test('lines that come during a write wait for company', async () => {
    const { writer, dir } = writerOf({ flushMs: 300_000 });
    writer.push({ n: 1 });
    const first = writer.flush();
    writer.push({ n: 2 });
    await first;
    await Bun.sleep(20);
    expect(records(read(dir))).toEqual([{ n: 1 }]);
    const second = writer.flush();
    writer.push({ n: 3 });
    const third = writer.flush();
    await second;
    await third;
    expect(records(read(dir))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });

  test('lines that come during the last write are written, too', async () => {
    const { writer, dir } = writerOf({ flushMs: 300_000 });
    writer.push({ n: 1 });
    const drained = writer.drain();
    writer.push({ n: 2 });
    await drained;
    expect(records(read(dir))).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test('lines that come during a write are written by themselves, too', async () => {
    const { writer, dir } = writerOf({ flushMs: 10 });
    writer.push({ n: 1 });
    const first = writer.flush();
    writer.push({ n: 2 });
    await first;
    await until(() => records(read(dir)).length > 1);
    expect(records(read(dir))).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test('puts a line into the file of its own UTC day', async () => {
    const { writer, dir } = writerOf();
    writer.push({ timestamp: '2025-01-01T23:59:59.999Z' });
    writer.push({ timestamp: '2025-01-02T00:00:00.000Z' });
    writer.push({ timestamp: '../../etc/passwd' });
    writer.push({ timestamp: '2025-01-01T23:59:59.999Z', late: true });
    await writer.drain();
    expect(records(read(dir, '2025-01-01'))).toHaveLength(2);
    expect(records(read(dir))).toHaveLength(2);
    expect(fs.readdirSync(dir).sort()).toEqual(['2025-01-01.jsonl', '2025-01-02.jsonl']);
  });

  test('goes over to the next day with the clock', async () => {
    const clock = { now: NOW };
    const { writer, dir } = writerOf({ now: () => clock.now });
    writer.push({ n: 1 });
    clock.now += 86_400_000;
    writer.push({ n: 2 });
    await writer.drain();
    expect(records(read(dir, '2025-01-03'))).toEqual([{ n: 2 }]);
  });

  test('appends to what is there, a torn last line gets an end first', async () => {
    const { writer, dir } = writerOf();
    fs.mkdirSync(dir, { recursive: true });
    fs.writeFileSync(path.join(dir, `${DAY}.jsonl`), '{"old":1}\n{"torn":');
    writer.push({ n: 1 });
    await writer.drain();
    expect(read(dir)).toBe('{"old":1}\n{"torn":\n{"n":1}\n');
  });

  test('a tail torn by another process between two writes gets an end too', async () => {
    const { writer, dir } = writerOf();
    writer.push({ n: 1 });
    await writer.flush();
    fs.appendFileSync(path.join(dir, `${DAY}.jsonl`), '{"torn":');
    writer.push({ n: 2 });
    await writer.flush();
    expect(read(dir)).toBe('{"n":1}\n{"torn":\n{"n":2}\n');
  });

  test('a file renamed, deleted, emptied, or its folder deleted: the next line is in place', async () => {
    const { writer, dir, problems } = writerOf();
    const file = path.join(dir, `${DAY}.jsonl`);
    const write = async (n: number) => {
      writer.push({ n });
      await writer.flush();
    };
    await write(1);
    fs.renameSync(file, `${file}.1`);
    await write(2);
    expect(read(dir)).toBe('{"n":2}\n');
    expect(fs.readFileSync(`${file}.1`, 'utf8')).toBe('{"n":1}\n');
    fs.rmSync(file);
    await write(3);
    expect(read(dir)).toBe('{"n":3}\n');
    fs.truncateSync(file);
    await write(4);
    expect(read(dir)).toBe('{"n":4}\n');
    fs.rmSync(root, { recursive: true });
    await write(5);
    expect(read(dir)).toBe('{"n":5}\n');
    expect(problems).toEqual([]);
  });

  test('a folder that cannot be written is reported once, and its lines come when it can', async () => {
    const { writer, dir, problems } = writerOf();
    // A file where the folder should be stops root as well, unlike a folder without permissions.
    fs.mkdirSync(path.dirname(dir), { recursive: true });
    fs.writeFileSync(dir, '');
    writer.push({ n: 1 });
    await writer.flush();
    writer.push({ n: 2 });
    await writer.flush();
    await writer.drain();
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(dir);
    fs.rmSync(dir);
    for (let tries = 0; tries < 200 && problems.length < 2; tries += 1) await Bun.sleep(5);
    expect(problems[1]).toContain('written again');
    expect(records(read(dir))).toEqual([{ n: 1 }, { n: 2 }]);
  });

  test('a full disk is reported once and loses nothing', async () => {
    const { writer, dir, problems } = writerOf({ retryMs: 60_000 });
    const file = path.join(dir, `${DAY}.jsonl`);
    fs.mkdirSync(dir, { recursive: true });
    fs.symlinkSync('/dev/full', file);
    for (let n = 0; n < 3; n += 1) {
      writer.push({ n });
      await writer.flush();
    }
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain('ENOSPC');
    fs.rmSync(file);
    await writer.flush();
    expect(records(read(dir))).toEqual([{ n: 0 }, { n: 1 }, { n: 2 }]);
    expect(problems).toHaveLength(2);
  });

  test('a full queue drops, counts and says so once', async () => {
    const { writer, dir, problems } = writerOf({ maxQueuedChars: 40, flushMs: 60_000 });
    for (let n = 0; n < 10; n += 1) writer.push({ n });
    expect(writer.dropped).toBe(5);
    expect(problems).toHaveLength(1);
    await writer.flush();
    expect(records(read(dir))).toHaveLength(5);
    expect(problems[1]).toContain('5 lines were lost');
    writer.push({ n: 10 });
    await writer.drain();
    expect(records(read(dir))).toHaveLength(6);
    expect(problems).toHaveLength(2);
  });

  test('a line that is no JSON is reported and stops nothing', async () => {
    const { writer, dir, problems } = writerOf();
    writer.push({ big: 1n });
    writer.push({ n: 1 });
    await writer.drain();
    expect(problems).toHaveLength(1);
    expect(records(read(dir))).toEqual([{ n: 1 }]);
  });

  test('many and large lines: all of them, in order', async () => {
    const { writer, dir } = writerOf();
    const count = 3000;
    for (let n = 0; n < count; n += 1) {
      writer.push({ n, text: 'é'.repeat(n % 700) });
      if (n % 500 === 0) await Bun.sleep(1);
    }
    writer.push({ n: count, text: 'x'.repeat(3 << 20) });
    await writer.drain();
    const written = records(read(dir));
    expect(written).toHaveLength(count + 1);
    expect(written.every((line, n) => JSON.stringify(line).startsWith(`{"n":${n},`))).toBe(true);
  });

  test('drainSync writes at once what is queued, and what is on its way only once', async () => {
    const { writer, dir } = writerOf();
    writer.push({ n: 1 });
    writer.drainSync();
    expect(read(dir)).toBe('{"n":1}\n');
    writer.push({ n: 2 });
    const written = writer.flush();
    writer.push({ n: 3 });
    writer.drainSync();
    expect(records(read(dir))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
    await written;
    await writer.drain();
    expect(records(read(dir))).toEqual([{ n: 1 }, { n: 2 }, { n: 3 }]);
  });
});

describe('processes', () => {
  const script = path.join(import.meta.dir, 'support', 'append-lines.ts');
  const run = async (...args: string[]): Promise<void> => {
    const child = Bun.spawn([process.execPath, script, ...args], { stderr: 'inherit' });
    expect(await child.exited).toBe(0);
  };

  test('two on one folder neither tear nor lose a line', async () => {
    await Promise.all([run(root, 'a', '4000'), run(root, 'b', '4000', 'exit')]);
    const lines = read(root).trimEnd().split('\n');
    const seen = new Set(
      lines.map((line) => {
        const { name, number } = JSON.parse(line);
        return `${name}${number}`;
      }),
    );
    expect(seen.size).toBe(8000);
    expect(lines).toHaveLength(8000);
  }, 20_000);

  test('a sudden exit keeps what was queued, each line once', async () => {
    await run(root, 'a', '2501', 'exit');
    const numbers = records(read(root)).map((line) => (line as { number: number }).number);
    expect(numbers).toEqual(Array.from({ length: 2501 }, (_, n) => n));
  }, 20_000);
});

describe('a batch that was written in part', () => {
  const batchOf = (text: string, written: number): Batch => ({
    day: DAY,
    bytes: Buffer.from(text),
    written,
  });

  test('starts its torn line again in a file where it cannot go on', async () => {
    const file = new DayFile(root);
    fs.writeFileSync(file.path(DAY), 'a1\nb');
    const batch = batchOf('a1\nb2\nc3\n', 4);
    await file.append(batch);
    await file.close();
    expect(read(root)).toBe('a1\nb\nb2\nc3\n');
    expect(batch.written).toBe(batch.bytes.length);
  });

  test('does not repeat a line that was complete', async () => {
    const file = new DayFile(root);
    fs.writeFileSync(file.path(DAY), 'a1\n');
    await file.append(batchOf('a1\nb2\n', 3));
    await file.close();
    expect(read(root)).toBe('a1\nb2\n');
  });

  test('at once, too', () => {
    const file = new DayFile(root);
    fs.writeFileSync(file.path(DAY), 'a1\nb');
    file.appendSync(batchOf('a1\nb2\n', 4));
    expect(read(root)).toBe('a1\nb\nb2\n');
  });
});
