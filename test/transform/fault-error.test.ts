import { expect, test } from 'bun:test';
import { faultError } from '../../src/transform/fault-error.ts';

test.each([
  ['Please try again in 1.5s.', 1.5],
  ['Please try again in 28ms.', 0.028],
  ['Please try again in 6m0s.', 360],
  ['Please try again in 2m.', 120],
  ['Please try again in 1h2m3s.', 3723],
  ['Please try again later.', undefined],
])('the time to wait is read out of "%s"', (message, seconds) => {
  expect(faultError({ message, status: 429 }, 'p').retryAfter).toBe(seconds);
});

test('a time that the provider gives as a field counts more than its words', () => {
  const fault = { message: 'Please try again in 2m.', status: 429, retryAfter: 7 };
  expect(faultError(fault, 'p').retryAfter).toBe(7);
});
