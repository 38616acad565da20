import { describe, expect, test } from 'bun:test';
import { SlidingMinute } from '../../src/limits/sliding-minute.ts';

const START = Date.parse('2025-06-15T15:00:00Z');
const at = (ms: number): number => START + ms;

describe('a sliding minute', () => {
  test('counts an amount for a minute and at most half a second more', () => {
    const minute = new SlidingMinute();
    minute.add(3, at(499));
    expect(minute.sum(at(60_499))).toBe(3);
    expect(minute.sum(at(60_500))).toBe(0);
  });

  test('says when it is below a limit, and when it is empty', () => {
    const minute = new SlidingMinute();
    minute.add(2, at(0));
    minute.add(5, at(10_000));
    minute.add(1, at(20_000));
    expect(minute.belowAt(9, at(20_000))).toBe(at(20_000));
    expect(minute.belowAt(8, at(20_000))).toBe(at(60_500));
    expect(minute.belowAt(6, at(20_000))).toBe(at(70_500));
    expect(minute.belowAt(1, at(20_000))).toBe(at(80_500));
    expect(minute.emptyAt(at(20_000))).toBe(at(80_500));
    expect(minute.emptyAt(at(80_500))).toBe(at(80_500));
  });

  test('never lets more than its limit pass in any sixty seconds, and wastes little', () => {
    const minute = new SlidingMinute();
    const limit = 50;
    const passed: number[] = [];
    // Bursts at odd times, from a small generator of pseudo-random numbers.
    let seed = 7;
    for (let now = at(0); now < at(600_000); ) {
      seed = (seed * 48_271) % 2_147_483_647;
      now += seed % 400;
      if (minute.sum(now) >= limit) continue;
      minute.add(1, now);
      passed.push(now);
    }
    for (const [index, from] of passed.entries()) {
      const end = passed[index + limit];
      if (end !== undefined) expect(end - from).toBeGreaterThanOrEqual(60_000);
    }
    expect(passed.length).toBeGreaterThan(limit * 9);
  });

  test('takes bounded memory', () => {
    const minute = new SlidingMinute();
    for (let ms = 0; ms < 200_000; ms += 10) minute.add(1, at(ms));
    expect(minute.save(at(200_000)).length).toBeLessThanOrEqual(121);
  });

  test('goes on in another process', () => {
    const before = new SlidingMinute();
    before.add(2, at(0));
    before.add(5, at(30_000));
    const after = new SlidingMinute();
    after.restore(before.save(at(40_000)));
    expect(after.sum(at(60_499))).toBe(7);
    expect(after.sum(at(60_500))).toBe(5);
    expect(after.sum(at(90_500))).toBe(0);
  });

  test('does not hold for longer when the clock is set back', () => {
    const minute = new SlidingMinute();
    minute.add(4, at(0));
    minute.add(1, at(30_000));
    const back = -3_600_000;
    expect(minute.sum(at(back))).toBe(5);
    expect(minute.sum(at(back + 30_500))).toBe(1);
    expect(minute.sum(at(back + 60_500))).toBe(0);
  });
});
