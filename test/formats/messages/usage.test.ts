import { expect, test } from 'bun:test';
import { decodeUsage, encodeUsage } from '../../../src/formats/messages/usage.ts';

const WIRE = {
  input_tokens: 12,
  cache_creation_input_tokens: 30,
  cache_read_input_tokens: 400,
  cache_creation: { ephemeral_5m_input_tokens: 10, ephemeral_1h_input_tokens: 20 },
  output_tokens: 55,
  output_tokens_details: { thinking_tokens: 9 },
};
const USAGE = {
  input: 12,
  cached: 400,
  cacheWrite: 30,
  cacheWrite1h: 20,
  output: 55,
  reasoning: 9,
};

test('each count has its place, and the same one on the way back', () => {
  expect(decodeUsage(WIRE)).toEqual(USAGE);
  expect(encodeUsage(USAGE)).toEqual(WIRE);
});

test('a later object of a stream overwrites and never adds; null leaves what is known', () => {
  const first = decodeUsage({ input_tokens: 12, cache_read_input_tokens: 400, output_tokens: 3 });
  const last = decodeUsage({ input_tokens: null, output_tokens: 40 }, first);
  expect(last).toEqual({ input: 12, cached: 400, cacheWrite: 0, output: 40 });
});

test('a cache split without its sum still counts', () => {
  const usage = decodeUsage({ cache_creation: { ephemeral_5m_input_tokens: 5 }, output_tokens: 1 });
  expect(usage.cacheWrite).toBe(5);
});
