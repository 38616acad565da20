import { describe, expect, test } from 'bun:test';
import { Ledger } from '../../src/ledger.ts';
import type { UnifiedChunk, Usage } from '../../src/unified.ts';
import {
  type AttemptFacts,
  type OpenRecord,
  openRecord,
  type UsageRecord,
} from '../../src/usage/record.ts';

const ATTEMPT: AttemptFacts = {
  provider: 'acme',
  model: 'm',
  providerFormat: 'chat',
  passthrough: false,
};
const USAGE: Usage = { input: 10, cached: 4, cacheWrite: 2, output: 100, reasoning: 40 };

/** A record on a clock that the test moves by hand. */
function opened(options: Partial<OpenRecord> = {}) {
  const time = { ms: 5000 };
  const closed: UsageRecord[] = [];
  const record = openRecord({
    id: 'req_1',
    clock: { now: () => Date.UTC(2025, 0, 2, 3, 4, 5, 6), monotonic: () => time.ms },
    onClose: (done) => closed.push(done),
    ...options,
  });
  const result = (): UsageRecord => {
    const [first] = closed;
    if (first === undefined) throw new Error('the record was not closed');
    return first;
  };
  return { record, time, closed, result };
}

/** A streamed answer: each chunk at its time after the start. */
function streamed(timed: readonly (readonly [number, UnifiedChunk])[], closeAt: number) {
  const { record, time, result } = opened({ estimateInput: () => 33 });
  record.note({ streaming: true });
  time.ms += 10;
  const attempt = record.attempt(ATTEMPT);
  for (const [ms, chunk] of timed) {
    time.ms = 5000 + ms;
    attempt.meter.see(chunk);
  }
  time.ms = 5000 + closeAt;
  return { record, attempt, result };
}

test('a record has exactly the fields of the log, in their order', () => {
  const { record, result } = opened();
  record.close({ outcome: 'error', status: 401, error: 'no key' });
  expect(result()).toEqual({
    id: 'req_1',
    timestamp: '2025-01-02T03:04:05.006Z',
    clientIp: null,
    apiKey: null,
    clientFormat: null,
    providerFormat: null,
    passthrough: false,
    streaming: false,
    alias: null,
    provider: null,
    model: null,
    attempts: [],
    usage: null,
    usageSource: 'none',
    cost: null,
    durationMs: 0,
    ttftMs: null,
    tokensPerSecond: null,
    overheadMs: 0,
    finish: null,
    toolCalls: 0,
    dropped: [],
    approximated: [],
    outcome: 'error',
    status: 401,
    error: 'no key',
  });
});

test('a record is written once, whatever ends it first', () => {
  const { record, closed } = opened();
  expect(record.isClosed).toBe(false);
  record.close({ outcome: 'cancelled', status: 499 });
  record.close({ outcome: 'success', status: 200 });
  expect(record.isClosed).toBe(true);
  expect(closed.map(({ outcome }) => outcome)).toEqual(['cancelled']);
});

test('a plain reply: counts, cost, times', () => {
  const asked: unknown[] = [];
  const cost = {
    input: 1,
    output: 1,
    cached: 0,
    cacheWrite: 0,
    total: 2,
    currency: 'USD',
    source: 'model',
  } as const;
  const { record, time, result } = opened({
    clientIp: '127.0.0.1',
    clientFormat: 'messages',
    price: (usage, provider, model) => {
      asked.push(usage, provider, model);
      return cost;
    },
  });
  record.note({ apiKey: 'my-app', alias: 'fast' });
  time.ms += 2;
  const attempt = record.attempt(ATTEMPT);
  time.ms += 100;
  attempt.end(200);
  attempt.meter.seeReply({
    id: 'x',
    model: 'm',
    blocks: [{ type: 'text', text: 'hi' }],
    finish: 'stop',
    usage: USAGE,
  });
  time.ms += 1.2345;
  record.close({ outcome: 'success', status: 200 });
  expect(asked).toEqual([USAGE, 'acme', 'm']);
  expect(result()).toMatchObject({
    clientIp: '127.0.0.1',
    apiKey: 'my-app',
    clientFormat: 'messages',
    providerFormat: 'chat',
    alias: 'fast',
    provider: 'acme',
    model: 'm',
    attempts: [{ provider: 'acme', model: 'm', status: 200, reason: null, ms: 100 }],
    usage: { input: 10, cached: 4, cacheWrite: 2, output: 100, reasoning: 40, total: 116 },
    usageSource: 'measured',
    cost,
    durationMs: 103.23,
    overheadMs: 3.23,
    ttftMs: null,
    tokensPerSecond: null,
    finish: 'stop',
    error: null,
  });
});

describe('streams', () => {
  test('ttft counts from the arrival, speed over the time of generation, reasoning once', () => {
    const { record, attempt, result } = streamed(
      [
        [100, { type: 'reasoning', text: 'hm' }],
        [200, { type: 'text', text: 'hi' }],
        [600, { type: 'finish', finish: 'stop' }],
        [610, { type: 'usage', usage: USAGE }],
        [610, { type: 'done' }],
      ],
      900,
    );
    attempt.end(200);
    record.close({ outcome: 'success', status: 200 });
    expect(result()).toMatchObject({ ttftMs: 100, tokensPerSecond: 200, overheadMs: 10 });
  });

  test('reasoning that was not shown was made before the first output', () => {
    const { record, result } = streamed(
      [
        [510, { type: 'text', text: 'hi' }],
        [1010, { type: 'finish', finish: 'stop' }],
        [1010, { type: 'usage', usage: USAGE }],
      ],
      1010,
    );
    record.close({ outcome: 'success', status: 200 });
    expect(result().tokensPerSecond).toBe(100);
  });

  test('an answer that came all at once has no speed', () => {
    const { record, result } = streamed(
      [
        [100, { type: 'reasoning', text: 'hm' }],
        [100, { type: 'finish', finish: 'stop' }],
        [100, { type: 'usage', usage: USAGE }],
      ],
      900,
    );
    record.close({ outcome: 'success', status: 200 });
    expect(result().tokensPerSecond).toBeNull();
  });

  test('a client that leaves early: the input as measured, the output at least as it arrived', () => {
    const { record, result } = streamed(
      [
        [50, { type: 'start', id: 'x', model: 'm', usage: { ...USAGE, output: 1 } }],
        [100, { type: 'text', text: 'x'.repeat(40) }],
      ],
      200,
    );
    record.close({ outcome: 'cancelled', status: 499 });
    expect(result()).toMatchObject({
      usageSource: 'partial',
      usage: { input: 10, cached: 4, output: 10 },
      tokensPerSecond: null,
      outcome: 'cancelled',
      finish: null,
      attempts: [{ status: null, reason: 'cancelled', ms: 190 }],
    });
  });

  test('a stream without any counts is estimated and says so', () => {
    const { record, result } = streamed(
      [
        [100, { type: 'text', text: 'x'.repeat(41) }],
        [150, { type: 'finish', finish: 'stop' }],
        [150, { type: 'done' }],
      ],
      200,
    );
    record.close({ outcome: 'success', status: 200 });
    expect(result()).toMatchObject({
      usageSource: 'estimated',
      usage: { input: 33, output: 11, total: 44 },
      attempts: [{ status: 200, reason: null }],
    });
  });

  test('a stream that broke before it began used nothing', () => {
    const { record, result } = streamed([[100, { type: 'error', error: { message: 'no' } }]], 200);
    record.close({ outcome: 'error', status: 502 });
    expect(result()).toMatchObject({ usageSource: 'none', usage: null, cost: null });
  });
});

test('each attempt is listed; only the last one counts', () => {
  const { record, time, result } = opened();
  const first = record.attempt({ ...ATTEMPT, provider: 'one' });
  first.meter.see({ type: 'start', id: 'x', model: 'm', usage: USAGE });
  time.ms += 20;
  first.end(529, 'overloaded');
  first.end(200);
  time.ms += 500;
  record.waited(500);
  const second = record.attempt({ ...ATTEMPT, provider: 'two', passthrough: true });
  time.ms += 30;
  second.end(500, 'server error');
  time.ms += 1;
  record.close({ outcome: 'error', status: 500, error: 'all failed' });
  expect(result()).toMatchObject({
    provider: 'two',
    passthrough: true,
    usage: null,
    attempts: [
      { provider: 'one', status: 529, reason: 'overloaded', ms: 20 },
      { provider: 'two', status: 500, reason: 'server error', ms: 30 },
    ],
    durationMs: 551,
    overheadMs: 1,
  });
});

test('an attempt that nobody ended is ended by the next one', () => {
  const { record, result } = opened();
  record.attempt({ ...ATTEMPT, provider: 'one' });
  record.attempt({ ...ATTEMPT, provider: 'two' }).end(200);
  record.close({ outcome: 'success', status: 200 });
  expect(result().attempts.map(({ provider, reason }) => [provider, reason])).toEqual([
    ['one', 'superseded'],
    ['two', null],
  ]);
});

test('losses of the request and of the last attempt are joined, each once', () => {
  const client = new Ledger();
  const provider = new Ledger();
  const { record, result } = opened({ ledger: client });
  record.attempt({ ...ATTEMPT, ledger: new Ledger() }).end(500, 'x');
  record.attempt({ ...ATTEMPT, ledger: provider });
  client.drop('a');
  provider.drop('a');
  provider.drop('b');
  provider.approximate('c', 'd');
  record.close({ outcome: 'success', status: 200 });
  client.drop('later');
  expect(result()).toMatchObject({ dropped: ['a', 'b'], approximated: ['c (d)'] });
});

test('an endless error text is cut', () => {
  const { record, result } = opened();
  record.close({ outcome: 'error', status: 502, error: 'x'.repeat(1e6) });
  expect(result().error?.length).toBeLessThan(3000);
});
