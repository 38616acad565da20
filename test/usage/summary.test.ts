import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { Digest } from '../../src/usage/digest.ts';
import { summarizeUsage } from '../../src/usage/summary.ts';
import { type LogDir, logDir } from './support/log-dir.ts';
import { recordOf } from './support/record.ts';

let log: LogDir;
beforeEach(() => {
  log = logDir();
});
afterEach(() => log.remove());

const failed = { outcome: 'error', status: 502, usage: null, cost: null, ttftMs: null } as const;

describe('a summary', () => {
  test('counts requests, errors, tokens and cost by group', async () => {
    log.append(
      '2025-01-01',
      recordOf({ alias: 'fast' }),
      recordOf({ alias: 'fast', ...failed, durationMs: 1 }),
      recordOf({ alias: 'smart', cost: null }),
      recordOf({ alias: 'smart', outcome: 'cancelled', durationMs: 5 }),
    );
    const { groups, total } = await summarizeUsage(log.dir, { by: 'alias' });
    const [fast, smart] = groups;
    expect(fast).toMatchObject({ key: 'fast', requests: 2, errors: 1, cancelled: 0, unpriced: 0 });
    expect(fast?.tokens).toEqual({
      input: 100,
      cached: 20,
      cacheWrite: 5,
      output: 50,
      reasoning: 10,
      total: 175,
    });
    expect(fast?.cost).toBe(0.3);
    expect(smart).toMatchObject({
      key: 'smart',
      requests: 2,
      errors: 0,
      cancelled: 1,
      unpriced: 1,
    });
    expect(total).toMatchObject({ key: null, requests: 4, errors: 1, cost: 0.6 });
  });

  test('never makes an unknown price a zero', async () => {
    log.append('2025-01-01', recordOf({ cost: null }));
    const { total } = await summarizeUsage(log.dir, { by: 'day' });
    expect(total.cost).toBeNull();
    expect(total.unpriced).toBe(1);
  });

  test('takes percentiles of successes, those of the first token of streams', async () => {
    const records = Array.from({ length: 100 }, (_, n) =>
      recordOf({ durationMs: 10 * (n + 1), ttftMs: n < 50 ? n + 1 : null }),
    );
    log.append('2025-01-01', ...records, recordOf({ ...failed, durationMs: 99_999 }));
    const { total } = await summarizeUsage(log.dir, { by: 'day' });
    expect(total.durationMs.p50 ?? 0).toBeWithin(490, 511);
    expect(total.durationMs.p95 ?? 0).toBeWithin(940, 961);
    expect(total.ttftMs.p50 ?? 0).toBeWithin(24, 26);
  });

  test('goes by day in order, and by name with the busiest first', async () => {
    log.append('2025-01-02', recordOf({ apiKey: 'a' }), recordOf({ apiKey: 'b' }));
    log.append('2025-01-01', recordOf({ apiKey: 'b' }), recordOf({ apiKey: null }));
    const keys = async (by: 'day' | 'apiKey') =>
      (await summarizeUsage(log.dir, { by })).groups.map(({ key }) => key);
    expect(await keys('day')).toEqual(['2025-01-01', '2025-01-02']);
    expect(await keys('apiKey')).toEqual(['b', 'a', null]);
  });

  test('counts only what the filter lets through', async () => {
    log.append('2025-01-01', recordOf({ provider: 'a' }), recordOf({ provider: 'b' }));
    const { total } = await summarizeUsage(log.dir, { by: 'day', provider: 'b' });
    expect(total.requests).toBe(1);
  });

  test('keeps the number of groups bounded', async () => {
    const names = Array.from({ length: 1100 }, (_, n) => recordOf({ alias: `made-up-${n}` }));
    log.append('2025-01-01', ...names);
    const { groups, total } = await summarizeUsage(log.dir, { by: 'alias' });
    expect(groups).toHaveLength(1001);
    expect(groups[0]).toMatchObject({ key: '(others)', requests: 100 });
    expect(total.requests).toBe(1100);
  });
});

describe('a digest', () => {
  test('is within one per cent, from hundredths to millions', () => {
    for (const scale of [0.05, 1, 1e6]) {
      const digest = new Digest();
      for (let n = 1; n <= 1000; n += 1) digest.add(n * scale);
      for (const share of [0.5, 0.95, 0.99]) {
        const truth = 1000 * share * scale;
        expect(Math.abs((digest.quantile(share) ?? 0) - truth) / truth).toBeLessThan(0.011);
      }
    }
  });

  test('takes no nonsense and gives null for nothing', () => {
    const digest = new Digest();
    for (const value of [Number.NaN, -1, Number.POSITIVE_INFINITY]) digest.add(value);
    expect(digest.size).toBe(0);
    expect(digest.quantile(0.5)).toBeNull();
    digest.add(0);
    expect(digest.quantile(0.5)).toBe(0.01);
  });
});
