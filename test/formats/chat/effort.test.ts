import { describe, expect, test } from 'bun:test';
import type { Effort, UnifiedReasoningOptions } from '../../../src/unified.ts';
import { client, decoded, encoded, provider } from './support.ts';

const hello = [{ role: 'user', content: 'Hi' }];

describe('what a client says of reasoning', () => {
  test.each([
    [{ reasoning_effort: 'high' }, { effort: 'high' }],
    [{ reasoning_effort: 'none' }, { effort: 'none', enabled: false }],
    [{ reasoning: { effort: 'low', max_tokens: 900 } }, { effort: 'low', max_tokens: 900 }],
    [{ reasoning: { enabled: true, exclude: true } }, { enabled: true, summary: 'none' }],
    [{ thinking: { type: 'disabled' } }, { enabled: false }],
    [{ thinking: { type: 'enabled', budget_tokens: 2000 } }, { enabled: true, max_tokens: 2000 }],
  ] as [Record<string, unknown>, UnifiedReasoningOptions][])('%j', (body, reasoning) => {
    expect(decoded(hello, body).reasoning).toEqual(reasoning);
  });

  test('an unknown word is reported', () => {
    const context = client();
    expect(decoded(hello, { reasoning_effort: 'default' }, context).reasoning).toBeUndefined();
    expect(context.ledger.dropped).toEqual(['reasoning_effort']);
  });
});

describe('what a provider is told of it', () => {
  const said = (reasoning: UnifiedReasoningOptions, model = 'some-model') => {
    const context = provider({ model });
    const body = encoded({ reasoning }, context);
    return { effort: body['reasoning_effort'], ...context.ledger };
  };

  test.each([
    [1024, 'low'],
    [8192, 'medium'],
    [31999, 'high'],
  ] as [number, Effort][])('a budget of %d becomes %s, and that is reported', (tokens, effort) => {
    expect(said({ enabled: true, max_tokens: tokens })).toEqual({
      effort,
      dropped: [],
      approximated: [`reasoning (effort ${effort})`],
    });
  });

  test('a word of the wire goes as it is', () => {
    expect(said({ effort: 'xhigh' })).toEqual({ effort: 'xhigh', dropped: [], approximated: [] });
  });

  test('adaptive is an amount left open', () => {
    expect(said({ adaptive: true }).effort).toBe('medium');
  });

  test.each([
    ['o3', 'low'],
    ['gpt-5', 'minimal'],
    ['gpt-5.1', 'none'],
    ['gpt-4o', undefined],
  ])('switched off, %s is told %s', (model, effort) => {
    const result = said({ enabled: false }, model);
    expect(result.effort).toBe(effort);
    expect(result.dropped).toEqual([]);
  });

  test('switched off, an unknown model is told nothing unless the client said "none" itself', () => {
    expect(said({ enabled: false })).toMatchObject({ effort: undefined, dropped: ['reasoning'] });
    expect(said({ enabled: false, effort: 'none' })).toMatchObject({ effort: 'none', dropped: [] });
  });

  test.each([
    ['gpt-5.1', 'minimal', 'low'],
    ['gpt-5.1', 'xhigh', 'high'],
    ['gpt-5.1-codex-max', 'max', 'xhigh'],
    ['gpt-5.2', 'max', 'xhigh'],
    ['gpt-5.6', 'max', 'max'],
    ['o4-mini', 'minimal', 'low'],
  ] as [string, Effort, Effort][])('%s takes %s as %s', (model, asked, effort) => {
    expect(said({ effort: asked }, model).effort).toBe(effort);
  });

  test('a model without reasoning is not asked for it', () => {
    expect(said({ effort: 'high' }, 'gpt-4.1')).toMatchObject({
      effort: undefined,
      dropped: ['reasoning'],
    });
  });
});
