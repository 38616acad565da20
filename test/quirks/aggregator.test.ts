import { describe, expect, test } from 'bun:test';
import { openrouter } from '../../src/quirks/openrouter.ts';
import { vercel } from '../../src/quirks/vercel.ts';
import { ask, calledOnce, encodeWith, tool, user } from './support.ts';

const ephemeral = { type: 'ephemeral' };
const claude = { model: 'anthropic/claude-sonnet-4.5' };

describe.each([
  ['openrouter', openrouter],
  ['vercel', vercel],
])('%s: reasoning is an object', (_name, quirk) => {
  test.each([
    [{ effort: 'high' }, { effort: 'high' }],
    [{ max_tokens: 2000 }, { max_tokens: 2000 }],
    [{ adaptive: true }, { enabled: true }],
    [{ enabled: false }, { enabled: false }],
    [{ effort: 'none', enabled: false }, { effort: 'none' }],
    [
      { effort: 'low', summary: 'none' },
      { effort: 'low', exclude: true },
    ],
  ] as const)('%j → %j', (reasoning, expected) => {
    const { body, dropped } = encodeWith(quirk, ask({ reasoning }), claude);
    expect(body['reasoning']).toEqual({ ...expected });
    expect(body['reasoning_effort']).toBeUndefined();
    expect(dropped).toEqual([]);
  });

  test('a limit and an effort exclude each other: the effort is reported', () => {
    const reasoning = { effort: 'high', max_tokens: 4000 } as const;
    const { body, dropped } = encodeWith(quirk, ask({ reasoning }), claude);
    expect(body['reasoning']).toEqual({ max_tokens: 4000 });
    expect(dropped).toEqual(['reasoning.effort']);
  });

  test('what only OpenAI wants said of its models is not said', () => {
    const request = ask({ tools: [tool('look')] });
    const { body } = encodeWith(quirk, request, { model: 'openai/gpt-5.4' });
    expect(body['reasoning_effort']).toBeUndefined();
  });

  test('options are fields of the body', () => {
    const options = { provider: { only: ['groq'] } };
    expect(encodeWith(quirk, ask(), { options }).body['provider']).toEqual({ only: ['groq'] });
  });
});

test('openrouter: top_k is sent', () => {
  const { body, dropped } = encodeWith(openrouter, ask({ top_k: 40 }));
  expect(body['top_k']).toBe(40);
  expect(dropped).toEqual([]);
});

describe('openrouter: cache marks', () => {
  const request = ask({
    messages: [
      {
        role: 'system',
        content: [
          { type: 'text', text: 'One.' },
          { type: 'text', text: 'Two.', cache_control: ephemeral, path: 'system.1' },
        ],
        path: 'system',
      },
      user([{ type: 'text', text: 'Look.', cache_control: ephemeral }]),
      ...calledOnce(),
    ],
  });
  const result = request.messages[3];
  if (result) Object.assign(result, { cache_control: ephemeral, path: 'messages.2' });

  test('stay where they were for Claude: system, user, tool result', () => {
    const { body, dropped } = encodeWith(openrouter, request, claude);
    expect(dropped).toEqual([]);
    expect(body['messages']).toEqual([
      {
        role: 'system',
        content: [
          { type: 'text', text: 'One.' },
          { type: 'text', text: 'Two.', cache_control: ephemeral },
        ],
      },
      { role: 'user', content: [{ type: 'text', text: 'Look.', cache_control: ephemeral }] },
      expect.objectContaining({ role: 'assistant' }),
      {
        role: 'tool',
        tool_call_id: 'call_1',
        content: [{ type: 'text', text: 'seen', cache_control: ephemeral }],
      },
    ]);
  });

  test('beside an image', () => {
    const url = 'https://example.com/a.png';
    const mixed = ask({
      messages: [
        user([
          { type: 'image_url', image_url: { url } },
          { type: 'text', text: 'What?', cache_control: ephemeral },
        ]),
      ],
    });
    const { body } = encodeWith(openrouter, mixed, claude);
    expect(body['messages']).toEqual([
      {
        role: 'user',
        content: [
          { type: 'image_url', image_url: { url } },
          { type: 'text', text: 'What?', cache_control: ephemeral },
        ],
      },
    ]);
  });

  test('of models that take none are reported, and not sent', () => {
    const { body, dropped } = encodeWith(openrouter, request, { model: 'x-ai/grok-4' });
    expect(JSON.stringify(body)).not.toContain('cache_control');
    expect(dropped).toEqual(['system.1.cache_control', 'messages.2.cache_control']);
  });

  test('nothing of the way there is left in the body', () => {
    const { body } = encodeWith(openrouter, request, claude);
    expect(Object.keys(body).toSorted()).toEqual(['messages', 'model']);
  });
});
