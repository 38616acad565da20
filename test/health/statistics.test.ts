import { describe, expect, test } from 'bun:test';
import { InFlight } from '../../src/health/in-flight.ts';
import { Statistics, WINDOW_MS } from '../../src/health/statistics.ts';
import { recordOf } from '../usage/support/record.ts';

function statisticsAt(start = 1_000_000_000) {
  const clock = { now: start };
  return { clock, statistics: new Statistics(() => clock.now) };
}

const attempt = (provider: string, reason: string | null, ms: number) => ({
  provider,
  model: 'large',
  status: reason === null ? 200 : 500,
  reason,
  ms,
});

describe('statistics', () => {
  test('know nothing before the first request', () => {
    const { statistics } = statisticsAt();
    expect(statistics.figures('acme', 'large')).toMatchObject({ attempts: 0, ttftMs: null });
    expect(statistics.list()).toEqual([]);
  });

  test('give means of what was measured', () => {
    const { statistics } = statisticsAt();
    statistics.add(recordOf({ ttftMs: 100, tokensPerSecond: 40 }));
    statistics.add(recordOf({ ttftMs: 300, tokensPerSecond: 60 }));
    statistics.add(recordOf({ ttftMs: null, tokensPerSecond: null, streaming: false }));
    expect(statistics.figures('acme', 'large')).toEqual({
      attempts: 3,
      errors: 0,
      errorRate: 0,
      ttftMs: 200,
      tokensPerSecond: 50,
      durationMs: 900,
      outputTokens: 50,
    });
  });

  test('count each attempt for its own target, its time to the first token from its own start', () => {
    const { statistics } = statisticsAt();
    const attempts = [attempt('acme', 'upstream_timeout', 700), attempt('other', null, 300)];
    statistics.add(recordOf({ provider: 'other', attempts, ttftMs: 900, durationMs: 1000 }));
    expect(statistics.figures('acme', 'large')).toMatchObject({ errors: 1, ttftMs: null });
    expect(statistics.figures('other', 'large')).toMatchObject({ errors: 0, ttftMs: 200 });
  });

  test('count an answer that broke off as an error, one that the client gave up as neither', () => {
    const { statistics } = statisticsAt();
    const stalled = [attempt('acme', 'stall', 5)];
    statistics.add(recordOf({ outcome: 'stall', attempts: stalled, ttftMs: null }));
    const left = [attempt('acme', 'cancelled', 5)];
    statistics.add(recordOf({ outcome: 'cancelled', attempts: left, ttftMs: 50 }));
    expect(statistics.figures('acme', 'large')).toMatchObject({
      attempts: 1,
      errors: 1,
      errorRate: 1,
      ttftMs: 50,
    });
  });

  test('forget after five minutes, little by little', () => {
    const { statistics, clock } = statisticsAt();
    statistics.add(recordOf({ ttftMs: 100 }));
    clock.now += WINDOW_MS / 2;
    statistics.add(recordOf({ ttftMs: 300 }));
    expect(statistics.figures('acme', 'large').ttftMs).toBe(200);
    clock.now += WINDOW_MS / 2 + 10_000;
    expect(statistics.figures('acme', 'large').ttftMs).toBe(300);
    clock.now += WINDOW_MS;
    expect(statistics.figures('acme', 'large').attempts).toBe(0);
    statistics.add(recordOf({ ttftMs: 500 }));
    expect(statistics.figures('acme', 'large')).toMatchObject({ attempts: 1, ttftMs: 500 });
  });

  test('keep a bounded number of targets, the ones heard of last', () => {
    const { statistics } = statisticsAt();
    for (let n = 0; n < 1200; n += 1) {
      const model = `m${n}`;
      statistics.add(recordOf({ model, attempts: [{ ...attempt('acme', null, 1), model }] }));
    }
    expect(statistics.list()).toHaveLength(1000);
    expect(statistics.figures('acme', 'm0').attempts).toBe(0);
    expect(statistics.figures('acme', 'm1199').attempts).toBe(1);
  });
});

describe('requests in flight', () => {
  const meter = { hasOutput: true, outputChars: 12, toolCalls: 0 };
  const running = (id: string, provider: string) => ({
    id,
    alias: 'fast',
    provider,
    model: 'large',
    streaming: true,
    meter,
  });

  test('are counted at the target of their present attempt', () => {
    let clock = 0;
    const inFlight = new InFlight(() => clock);
    const a = inFlight.begin(running('a', 'acme'));
    inFlight.begin(running('b', 'acme'));
    expect(inFlight.at('acme', 'large')).toBe(2);
    clock = 250;
    expect(inFlight.begin(running('a', 'other'), a)).toBe(a);
    expect([inFlight.at('acme', 'large'), inFlight.at('other', 'large')]).toEqual([1, 1]);
    expect(inFlight.progress('a')).toMatchObject({ ms: 250, attempts: 2, outputChars: 12 });
    expect(inFlight.list(1).map(({ id }) => id)).toEqual(['a']);
    inFlight.end(a);
    inFlight.end(a);
    expect(inFlight.counts()).toEqual([{ provider: 'acme', model: 'large', count: 1 }]);
    expect([inFlight.size, inFlight.openStreams]).toEqual([1, 1]);
  });
});

describe('of several processes', () => {
  test('add up to what one would have measured', () => {
    const { clock, statistics: all } = statisticsAt();
    const parts = [1, 2].map(() => new Statistics(() => clock.now));
    const single = new Statistics(() => clock.now);
    for (let n = 0; n < 10; n += 1) {
      clock.now += 4000;
      const record = recordOf({ ttftMs: n * 10, outcome: n === 3 ? 'error' : 'success' });
      parts[n % 2]?.add(record);
      single.add(record);
    }
    for (const part of parts) all.merge(JSON.parse(JSON.stringify(part.save())));
    expect(all.list()).toEqual(single.list());
  });

  test('what is out of the window when it arrives does not count', () => {
    const { clock, statistics } = statisticsAt();
    statistics.add(recordOf());
    const old = statistics.save();
    clock.now += WINDOW_MS;
    statistics.merge(old);
    expect(statistics.list()).toEqual([]);
    expect(statistics.save()).toEqual([]);
  });
});
