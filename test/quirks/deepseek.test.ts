import { describe, expect, test } from 'bun:test';
import { deepseek } from '../../src/quirks/deepseek.ts';
import { ask, calledOnce, encodeWith, tool, user } from './support.ts';

const v4 = { model: 'deepseek-v4-flash' };

describe('deepseek: limits', () => {
  test.each([
    ['deepseek-chat', 8192],
    ['deepseek-reasoner', 65_536],
    ['deepseek-v4-pro', 393_216],
    ['deepseek-v3.2', 8192],
  ])('%s: at most %d tokens', (model, limit) => {
    const { body, approximated } = encodeWith(deepseek, ask({ max_tokens: 500_000 }), { model });
    expect(body['max_tokens']).toBe(limit);
    expect(approximated).toEqual([`max_tokens (${limit})`]);
  });

  test('a limit below stays, and a model of no known limit keeps what it was asked', () => {
    expect(encodeWith(deepseek, ask({ max_tokens: 100 }), v4).body['max_tokens']).toBe(100);
    const unknown = encodeWith(deepseek, ask({ max_tokens: 900_000 }), { model: 'deepseek-v9' });
    expect(unknown.body['max_tokens']).toBe(900_000);
  });

  test('a host with another limit says it in the options', () => {
    const options = { max_tokens: 16_384 };
    const { body } = encodeWith(deepseek, ask({ max_tokens: 32_000 }), { ...v4, options });
    expect(body['max_tokens']).toBe(16_384);
  });
});

describe('deepseek: thinking', () => {
  test('off is said, and nothing is lost', () => {
    const { body, dropped } = encodeWith(deepseek, ask({ reasoning: { enabled: false } }), v4);
    expect(body['thinking']).toEqual({ type: 'disabled' });
    expect(body['reasoning_effort']).toBeUndefined();
    expect(dropped).toEqual([]);
  });

  test('on with an effort: both fields', () => {
    const { body } = encodeWith(deepseek, ask({ reasoning: { effort: 'high' } }), v4);
    expect(body).toMatchObject({ thinking: { type: 'enabled' }, reasoning_effort: 'high' });
  });

  test('on without an effort: none is made up', () => {
    const { body, approximated } = encodeWith(deepseek, ask({ reasoning: { adaptive: true } }), v4);
    expect(body['thinking']).toEqual({ type: 'enabled' });
    expect(body['reasoning_effort']).toBeUndefined();
    expect(approximated).toEqual([]);
  });

  test('a forced tool switches thinking off when the client did not ask for it', () => {
    const request = ask({ tools: [tool('look')], tool_choice: 'required' });
    const { body } = encodeWith(deepseek, request, v4);
    expect(body).toMatchObject({ tool_choice: 'required', thinking: { type: 'disabled' } });
  });

  test('thinking that was asked for stays, and the choice is loosened and reported', () => {
    const request = ask({
      tools: [tool('look')],
      tool_choice: { type: 'function', function: { name: 'look' } },
      reasoning: { effort: 'high' },
    });
    const { body, approximated } = encodeWith(deepseek, request, v4);
    expect(body).toMatchObject({ tool_choice: 'auto', thinking: { type: 'enabled' } });
    expect(approximated).toContain('tool_choice (auto)');
  });
});

test('deepseek: messages of another model get a blank reasoning while it thinks', () => {
  const request = ask({
    messages: [user('Hi'), ...calledOnce(), user('And?')],
    tools: [tool('look')],
  });
  const roles = (reasoning: object) =>
    encodeWith(deepseek, { ...request, ...reasoning }, v4).body['messages'];
  expect(roles({})).toContainEqual(expect.objectContaining({ reasoning_content: ' ' }));
  expect(roles({ reasoning: { enabled: false } })).not.toContainEqual(
    expect.objectContaining({ reasoning_content: ' ' }),
  );
});

test('deepseek: a schema goes into the prompt, behind the system text', () => {
  const schema = { type: 'object', properties: { city: { type: 'string' } } };
  const request = ask({
    messages: [{ role: 'system', content: 'Be brief.' }, user('Where?')],
    response_format: { type: 'json_schema', json_schema: { schema } },
  });
  const { body, approximated } = encodeWith(deepseek, request, v4);
  expect(body['response_format']).toEqual({ type: 'json_object' });
  expect(body['messages']).toEqual([
    { role: 'system', content: 'Be brief.' },
    { role: 'system', content: expect.stringContaining(JSON.stringify(schema)) },
    { role: 'user', content: 'Where?' },
  ]);
  expect(approximated).toHaveLength(1);
});

test('deepseek: another format is left alone', () => {
  const request = ask({ max_tokens: 500_000 });
  const { body } = encodeWith(deepseek, request, { model: 'deepseek-chat', format: 'messages' });
  expect(body['max_tokens']).toBe(500_000);
});
