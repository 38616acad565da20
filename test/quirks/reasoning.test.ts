import { describe, expect, test } from 'bun:test';
import { reasoning } from '../../src/quirks/reasoning.ts';
import { ask, encodeWith } from './support.ts';

describe('reasoning', () => {
  test('is told as thinking and enable_thinking, with the budget', () => {
    const { body } = encodeWith(reasoning, ask({ reasoning: { max_tokens: 1024 } }));
    expect(body['thinking']).toEqual({ type: 'enabled', budget_tokens: 1024 });
    expect(body['enable_thinking']).toBe(true);
    expect(body['reasoning_effort']).toBeUndefined();
  });

  test('an effort has no place there and is reported', () => {
    const { body, dropped } = encodeWith(reasoning, ask({ reasoning: { effort: 'high' } }));
    expect(body['thinking']).toEqual({ type: 'enabled' });
    expect(dropped).toEqual(['reasoning.effort']);
  });

  test('what the client does not say is not said', () => {
    const { body } = encodeWith(reasoning, ask());
    expect(body['thinking']).toBeUndefined();
    expect(body['enable_thinking']).toBeUndefined();
  });

  test('enable: false switches it off always, and reports who wanted it', () => {
    const options = { enable: false };
    const silent = encodeWith(reasoning, ask(), { options });
    expect(silent.body).toMatchObject({ thinking: { type: 'disabled' }, enable_thinking: false });
    expect(silent.dropped).toEqual([]);
    const asked = encodeWith(reasoning, ask({ reasoning: { effort: 'high' } }), { options });
    expect(asked.body['enable_thinking']).toBe(false);
    expect(asked.dropped).toEqual(['reasoning']);
  });
});
