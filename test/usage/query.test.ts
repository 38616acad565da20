import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { findRecord, type LogQuery, queryLog } from '../../src/usage/query.ts';
import type { UsageRecord } from '../../src/usage/record.ts';
import { parseTime } from '../../src/usage/time.ts';
import { type LogDir, logDir } from './support/log-dir.ts';
import { recordOf } from './support/record.ts';

let log: LogDir;
beforeEach(() => {
  log = logDir();
});
afterEach(() => log.remove());

function write(day: string, ...records: Partial<UsageRecord>[]): void {
  log.append(
    day,
    ...records.map((more) => recordOf({ timestamp: `${day}T12:00:00.000Z`, ...more })),
  );
}

async function ids(query: Partial<LogQuery> = {}): Promise<unknown[]> {
  const { records } = await queryLog(log.dir, { limit: 100, ...query });
  return records.map((record) => record['id']);
}

describe('a query of a log', () => {
  test('gives the newest first, over days', async () => {
    write('2025-01-01', { id: 'a' }, { id: 'b' });
    write('2025-01-02', { id: 'c' });
    expect(await ids()).toEqual(['c', 'b', 'a']);
    expect(await ids({ limit: 2 })).toEqual(['c', 'b']);
  });

  test('filters by what a record says, not by what a line happens to contain', async () => {
    write(
      '2025-01-01',
      { id: 'a', provider: 'acme', model: 'large', alias: 'fast', apiKey: 'app' },
      // The attempt before was at acme.
      {
        id: 'b',
        provider: 'other',
        attempts: [{ provider: 'acme', model: 'large', status: 500, reason: 'x', ms: 1 }],
      },
      { id: 'c', apiKey: 'web', outcome: 'error', alias: null },
      { id: 'd', outcome: 'cancelled' },
    );
    expect(await ids({ provider: 'acme' })).toEqual(['d', 'c', 'a']);
    expect(await ids({ provider: 'acm' })).toEqual([]);
    expect(await ids({ apiKey: 'web', provider: 'acme' })).toEqual(['c']);
    expect(await ids({ alias: 'fast', model: 'large' })).toEqual(['d', 'b', 'a']);
    expect(await ids({ outcome: 'error' })).toEqual(['c']);
    expect(await ids({ outcome: 'failed' })).toEqual(['d', 'c']);
  });

  test('searches text without regard to case, quotes and line ends included', async () => {
    write('2025-01-01', { id: 'a', error: 'He said "No"\nTwice' }, { id: 'b' });
    expect(await ids({ q: 'SAID "no"\ntwice' })).toEqual(['a']);
    expect(await ids({ q: 'said no' })).toEqual([]);
  });

  test('takes times from inclusive to exclusive', async () => {
    const at = (id: string, timestamp: string) => ({ id, timestamp });
    write('2025-01-01', at('a', '2025-01-01T00:00:00.000Z'), at('b', '2025-01-01T23:59:59.999Z'));
    write('2025-01-02', at('c', '2025-01-02T00:00:00.000Z'));
    const day2 = Date.UTC(2025, 0, 2);
    expect(await ids({ from: Date.UTC(2025, 0, 1), to: day2 })).toEqual(['b', 'a']);
    expect(await ids({ from: day2 })).toEqual(['c']);
    expect(await ids({ to: Date.UTC(2025, 0, 1) + 1 })).toEqual(['a']);
  });

  test('pages through everything once, while lines are appended', async () => {
    write('2025-01-01', ...Array.from({ length: 7 }, (_, n) => ({ id: `a${n}` })));
    write('2025-01-02', ...Array.from({ length: 6 }, (_, n) => ({ id: `b${n}` })));
    const seen: unknown[] = [];
    let cursor: string | undefined;
    do {
      const page = await queryLog(log.dir, { limit: 3, cursor });
      seen.push(...page.records.map((record) => record['id']));
      cursor = page.cursor ?? undefined;
      write('2025-01-02', { id: 'late' });
    } while (cursor !== undefined);
    const expected = ['b5', 'b4', 'b3', 'b2', 'b1', 'b0', 'a6', 'a5', 'a4', 'a3', 'a2', 'a1', 'a0'];
    expect(seen).toEqual(expected);
  });

  test('ends a page that has read enough, and the next goes on there', async () => {
    write('2025-01-01', { id: 'wanted', alias: 'rare' });
    for (const day of ['2025-01-02', '2025-01-03', '2025-01-04']) write(day, { id: 'x' });
    let pages = 0;
    let cursor: string | undefined;
    const found: unknown[] = [];
    do {
      const page = await queryLog(log.dir, { limit: 10, alias: 'rare', cursor, maxBlocks: 1 });
      found.push(...page.records.map((record) => record['id']));
      cursor = page.cursor ?? undefined;
      pages += 1;
    } while (cursor !== undefined && pages < 20);
    expect(found).toEqual(['wanted']);
    expect(pages).toBeGreaterThan(3);
  });

  test('refuses a cursor of another making, and stops when nobody waits', async () => {
    write('2025-01-01', { id: 'a' });
    expect(queryLog(log.dir, { limit: 1, cursor: 'bm9uc2Vuc2U' })).rejects.toThrow(RangeError);
    expect(queryLog(log.dir, { limit: 1, signal: AbortSignal.abort() })).rejects.toThrow();
  });

  test('finds one record by its id', async () => {
    write('2025-01-01', { id: 'req_1', error: 'see "id":"req_2"' });
    write('2025-01-02', { id: 'req_3' });
    expect(await findRecord(log.dir, 'req_1')).toMatchObject({ id: 'req_1' });
    expect(await findRecord(log.dir, 'req_2')).toBeUndefined();
  });

  test('answers for a day of 20,000 records at once', async () => {
    const line = (n: number) => `${JSON.stringify(recordOf({ id: `req_${n}` }))}\n`;
    log.append('2025-01-02', Array.from({ length: 20_000 }, (_, n) => line(n)).join(''));
    write('2025-01-02', { id: 'rare', model: 'rare' });
    const start = performance.now();
    expect(await ids({ model: 'rare' })).toEqual(['rare']);
    expect(await ids({ model: 'none' })).toEqual([]);
    expect(performance.now() - start).toBeLessThan(1000);
  });
});

describe('a time that a person writes', () => {
  const NOW = Date.UTC(2025, 0, 2, 12);
  test.each([
    ['2025-01-01', Date.UTC(2025, 0, 1)],
    ['2025-01-01T10:00:00Z', Date.UTC(2025, 0, 1, 10)],
    ['2025-01-01T10:00:00 02:00', Date.UTC(2025, 0, 1, 8)],
    ['1735725600', Date.UTC(2025, 0, 1, 10)],
    ['1735725600000', Date.UTC(2025, 0, 1, 10)],
    ['24h', Date.UTC(2025, 0, 1, 12)],
    ['90s', NOW - 90_000],
    ['yesterday', undefined],
    ['5', undefined],
    ['', undefined],
  ])('%p', (text, expected) => {
    expect(parseTime(text, NOW)).toBe(expected);
  });
});
