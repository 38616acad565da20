import { describe, expect, test } from 'bun:test';
import { modelRules } from '../../../src/formats/messages/models.ts';

describe('the generation is read out of every spelling of a name', () => {
  const same: [string, string][] = [
    ['claude-opus-4-5-20251101', 'claude-opus-4-5'],
    ['us.anthropic.claude-sonnet-4-5-20250929-v1:0', 'claude-sonnet-4-5'],
    ['anthropic/claude-sonnet-4.5', 'claude-sonnet-4-5'],
    ['claude-sonnet-4-20250514', 'claude-sonnet-4-0'],
    ['claude-opus-4@20250514', 'claude-opus-4-0'],
    ['claude-3.7-sonnet', 'claude-3-7-sonnet-20250219'],
    ['CLAUDE-HAIKU-4-5', 'claude-haiku-4-5-20251001'],
  ];
  test.each(same)('%s is %s', (one, other) => {
    expect(modelRules(one)).toBe(modelRules(other));
    expect(modelRules(one)).not.toBe(modelRules('something-else'));
  });
});

test('thinking by generation', () => {
  const kinds = [
    'claude-3-5-sonnet-20241022',
    'claude-3-7-sonnet-20250219',
    'claude-opus-4-5',
    'claude-sonnet-4-6',
    'claude-opus-4-7',
    'claude-opus-5-5',
    'gpt-or-whatever',
  ].map((name) => modelRules(name).thinking);
  expect(kinds).toEqual(['none', 'manual', 'manual', 'both', 'adaptive', 'adaptive', 'manual']);
});

test('what newer generations refuse', () => {
  expect(modelRules('claude-opus-4-6').prefill).toBe(false);
  expect(modelRules('claude-opus-4-6').sampling).toBe(true);
  expect(modelRules('claude-opus-4-7').sampling).toBe(false);
  expect(modelRules('claude-opus-4-7').midSystem).toBe(false);
  expect(modelRules('claude-opus-4-8').midSystem).toBe(true);
  expect(modelRules('claude-sonnet-4-0').temperatureWithTopP).toBe(true);
  expect(modelRules('claude-sonnet-4-5').temperatureWithTopP).toBe(false);
  expect(modelRules('claude-mythos-preview').off).toBe('never');
});

test('a default limit is never above what the model can write', () => {
  for (const name of ['claude-3-haiku-20240307', 'claude-opus-4-1', 'claude-opus-5', 'other']) {
    const { defaultOutput, maxOutput } = modelRules(name);
    expect(defaultOutput).toBeLessThanOrEqual(maxOutput ?? Number.POSITIVE_INFINITY);
  }
});
