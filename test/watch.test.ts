import { describe, expect, test } from 'bun:test';
import type { Timeouts } from '../src/config/config.ts';
import { Stop } from '../src/stop.ts';
import { Meter } from '../src/usage/meter.ts';
import { type AnswerEnd, Watch } from '../src/watch.ts';

function watched(timeouts: Partial<Timeouts>, probe?: (timeoutMs: number) => Promise<boolean>) {
  const stop = new Stop();
  const ends: AnswerEnd[] = [];
  const watch = new Watch({
    provider: 'p',
    timeouts: { connectMs: 10_000, firstOutputMs: 10_000, stallMs: 10_000, ...timeouts },
    meter: new Meter(() => performance.now()),
    stop,
    monotonic: () => performance.now(),
    onEnd: (end) => ends.push(end),
    ...(probe ? { probe } : {}),
  });
  const reason = (): unknown => stop.reason;
  return { watch, ends, reason, signal: stop.signal };
}

describe('a provider that gives nothing', () => {
  test('is given up after the time for the first output', async () => {
    const { watch, reason } = watched({ firstOutputMs: 15 });
    await Bun.sleep(30);
    expect(reason()).toMatchObject({ kind: 'upstream_timeout', status: 504 });
    watch.abandon();
  });

  test('is given up after a stall, however long the first output may take', async () => {
    const { watch, reason } = watched({ stallMs: 15 });
    watch.started();
    watch.saw([{ type: 'text', text: 'Al' }]);
    await Bun.sleep(30);
    expect(reason()).toBeUndefined();
    watch.waiting();
    await Bun.sleep(30);
    expect(reason()).toMatchObject({ kind: 'upstream_timeout' });
    watch.abandon();
  });

  test('is given up although it sends pings', async () => {
    const { watch, reason } = watched({ stallMs: 25 });
    watch.started();
    watch.saw([{ type: 'text', text: 'Al' }]);
    watch.waiting();
    for (let i = 0; i < 8; i += 1) {
      await Bun.sleep(5);
      watch.saw([{ type: 'idle' }]);
      watch.waiting();
    }
    expect(reason()).toMatchObject({ kind: 'upstream_timeout' });
    watch.abandon();
  });

  test('is not given up while it makes progress, or while the client does not read', async () => {
    const { watch, reason } = watched({ firstOutputMs: 20, stallMs: 20 });
    watch.started();
    for (let i = 0; i < 8; i += 1) {
      watch.waiting();
      await Bun.sleep(5);
      watch.saw([{ type: 'text', text: 'x' }]);
    }
    await Bun.sleep(40);
    expect(reason()).toBeUndefined();
    watch.abandon();
  });
});

describe('a connection that does not stand', () => {
  test('is found out by a probe after half of its time', async () => {
    const asked: number[] = [];
    const { watch, reason } = watched({ connectMs: 20, firstOutputMs: 1000 }, async (timeoutMs) => {
      asked.push(timeoutMs);
      await Bun.sleep(timeoutMs);
      return false;
    });
    watch.connecting();
    await Bun.sleep(60);
    expect(asked).toEqual([10]);
    expect(reason()).toMatchObject({
      kind: 'upstream_unreachable',
      code: 'ETIMEDOUT',
      status: 502,
    });
    watch.abandon();
  });

  test('a provider that takes connections has its time for the first output', async () => {
    const { watch, reason } = watched({ connectMs: 10, firstOutputMs: 60 }, () =>
      Promise.resolve(true),
    );
    watch.connecting();
    await Bun.sleep(35);
    expect(reason()).toBeUndefined();
    await Bun.sleep(50);
    expect(reason()).toMatchObject({ kind: 'upstream_timeout' });
    watch.abandon();
  });

  test('headers that come while the probe runs count', async () => {
    const { watch, reason } = watched({ connectMs: 10, firstOutputMs: 500 }, async () => {
      await Bun.sleep(20);
      return false;
    });
    watch.connecting();
    await Bun.sleep(12);
    watch.connected();
    await Bun.sleep(30);
    expect(reason()).toBeUndefined();
    watch.abandon();
  });

  test('nobody is probed once headers came', async () => {
    let asked = 0;
    const { watch } = watched({ connectMs: 10, firstOutputMs: 100 }, () => {
      asked += 1;
      return Promise.resolve(false);
    });
    watch.connecting();
    watch.connected();
    await Bun.sleep(30);
    expect(asked).toBe(0);
    watch.abandon();
  });
});

describe('the end', () => {
  test('is told once', () => {
    const { watch, ends } = watched({});
    watch.saw([{ type: 'done' }]);
    watch.end({ kind: 'cancelled' });
    expect(ends).toEqual([{ kind: 'complete' }]);
  });

  test('an attempt that was given up tells nothing and runs no timer', async () => {
    const { watch, ends, signal } = watched({ firstOutputMs: 10 });
    watch.abandon();
    await Bun.sleep(25);
    expect(ends).toEqual([]);
    expect(signal.aborted).toBe(false);
  });
});
