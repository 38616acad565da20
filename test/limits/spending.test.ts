import { describe, expect, test } from 'bun:test';
import { Spending } from '../../src/limits/spending.ts';

const time = (iso: string): number => Date.parse(iso);

describe('money', () => {
  test('of a day counts until midnight UTC', () => {
    const day = new Spending('day');
    day.add(time('2025-06-15T00:00:00Z'), 1);
    day.add(time('2025-06-15T23:59:59.999Z'), 2);
    expect(day.sum(time('2025-06-15T23:59:59.999Z'))).toBe(3);
    expect(day.endsAt(time('2025-06-15T12:00:00Z'))).toBe(time('2025-06-16T00:00:00Z'));
    expect(day.sum(time('2025-06-16T00:00:00Z'))).toBe(0);
    expect(day.endsAt(time('2025-06-16T00:00:00Z'))).toBe(time('2025-06-17T00:00:00Z'));
  });

  test('of a month counts until its last day ends, also in February and December', () => {
    const month = new Spending('month');
    month.add(time('2024-02-01T00:00:00Z'), 1);
    expect(month.sum(time('2024-02-29T23:59:59.999Z'))).toBe(1);
    expect(month.endsAt(time('2024-02-29T23:59:59.999Z'))).toBe(time('2024-03-01T00:00:00Z'));
    expect(month.sum(time('2024-03-01T00:00:00Z'))).toBe(0);
    month.add(time('2024-12-31T23:00:00Z'), 4);
    expect(month.endsAt(time('2024-12-31T23:30:00Z'))).toBe(time('2025-01-01T00:00:00Z'));
  });

  test('that is known only after midnight belongs to the day before', () => {
    const day = new Spending('day');
    day.add(time('2025-06-16T00:00:01Z'), 1);
    day.add(time('2025-06-15T23:59:59Z'), 5);
    expect(day.sum(time('2025-06-16T00:00:02Z'))).toBe(1);
  });
});
