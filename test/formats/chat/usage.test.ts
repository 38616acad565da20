import { describe, expect, test } from 'bun:test';
import { decodeUsage, encodeUsage } from '../../../src/formats/chat/usage.ts';

describe('decodeUsage', () => {
  test('cached tokens are taken out of the input, reasoning stays in the output', () => {
    expect(
      decodeUsage({
        prompt_tokens: 100,
        completion_tokens: 30,
        total_tokens: 130,
        prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
        completion_tokens_details: { reasoning_tokens: 20 },
      }),
    ).toEqual({ input: 30, cached: 60, cacheWrite: 10, output: 30, reasoning: 20 });
  });

  test.each([
    ['DeepSeek', { prompt_cache_hit_tokens: 40, prompt_cache_miss_tokens: 60 }],
    ['Moonshot and Together', { cached_tokens: 40 }],
    ['Mistral', { num_cached_tokens: 40 }],
    ['Venice', { cache_read_input_tokens: 40 }],
  ])('the cached tokens of %s are found', (_, fields) => {
    expect(decodeUsage({ prompt_tokens: 100, completion_tokens: 1, ...fields })).toEqual({
      input: 60,
      cached: 40,
      cacheWrite: 0,
      output: 1,
    });
  });

  test('a host that leaves cached tokens out of prompt_tokens is not counted below zero', () => {
    const usage = {
      prompt_tokens: 29,
      completion_tokens: 6,
      prompt_tokens_details: { cached_tokens: 157 },
    };
    expect(decodeUsage(usage)).toMatchObject({ input: 29, cached: 157 });
  });

  test('reasoning beside completion_tokens (xAI) belongs to the output', () => {
    const usage = {
      prompt_tokens: 331,
      completion_tokens: 11,
      total_tokens: 674,
      completion_tokens_details: { reasoning_tokens: 332 },
    };
    expect(decodeUsage(usage)).toMatchObject({ output: 343, reasoning: 332 });
  });

  test.each([
    ['OpenRouter', { cost: 0.0025 }, 0.0025],
    ['Perplexity', { cost: { total_cost: 0.006 } }, 0.006],
    ['xAI', { cost_in_usd_ticks: 20_000_000 }, 0.002],
  ])('what %s says it cost is kept', (_, fields, costUsd) => {
    expect(decodeUsage({ prompt_tokens: 1, completion_tokens: 1, ...fields })?.costUsd).toBe(
      costUsd,
    );
  });

  test('nothing counted is nothing', () => {
    expect(decodeUsage(undefined)).toBeUndefined();
    expect(decodeUsage({})).toBeUndefined();
  });
});

test('encodeUsage puts cached tokens back into the prompt and sums up', () => {
  expect(encodeUsage({ input: 30, cached: 60, cacheWrite: 10, output: 30, reasoning: 20 })).toEqual(
    {
      prompt_tokens: 100,
      completion_tokens: 30,
      total_tokens: 130,
      prompt_tokens_details: { cached_tokens: 60, cache_write_tokens: 10 },
      completion_tokens_details: { reasoning_tokens: 20 },
    },
  );
});
