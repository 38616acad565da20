import { describe, expect, test } from 'bun:test';
import { decodeUsage, encodeUsage } from '../../../src/formats/gemini/usage.ts';

describe('decodeUsage', () => {
  test('takes cached tokens out of the input and thoughts into the output', () => {
    expect(
      decodeUsage({
        promptTokenCount: 100,
        cachedContentTokenCount: 60,
        candidatesTokenCount: 10,
        thoughtsTokenCount: 5,
        totalTokenCount: 115,
      }),
    ).toEqual({ input: 40, cached: 60, cacheWrite: 0, output: 15, reasoning: 5 });
  });

  test('counts what hosted tools read as input', () => {
    const usage = {
      promptTokenCount: 10,
      toolUsePromptTokenCount: 90,
      candidatesTokenCount: 1,
      totalTokenCount: 101,
    };
    expect(decodeUsage(usage)).toEqual({ input: 100, cached: 0, cacheWrite: 0, output: 1 });
  });

  test('does not count thoughts twice where the candidates include them', () => {
    const usage = {
      promptTokenCount: 10,
      candidatesTokenCount: 8,
      thoughtsTokenCount: 5,
      totalTokenCount: 18,
    };
    expect(decodeUsage(usage)).toMatchObject({ output: 8, reasoning: 5 });
  });

  test('is undefined when nothing is counted', () => {
    expect(decodeUsage({ trafficType: 'ON_DEMAND' })).toBeUndefined();
  });
});

test('encodeUsage gives back what decodeUsage took', () => {
  const wire = {
    promptTokenCount: 100,
    candidatesTokenCount: 10,
    totalTokenCount: 115,
    cachedContentTokenCount: 60,
    thoughtsTokenCount: 5,
  };
  const usage = decodeUsage(wire);
  expect(usage && encodeUsage(usage)).toEqual(wire);
});
