import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { isObject } from '../../src/json.ts';
import { mistral } from '../../src/quirks/mistral.ts';
import { RECORDINGS } from '../support/recordings.ts';
import { ask, calledOnce, encodeWith, tool, user } from './support.ts';

describe('mistral: fields', () => {
  test('those it spells otherwise', () => {
    const { body } = encodeWith(mistral, ask({ seed: 7, max_completion_tokens: 50 }));
    expect(body).toMatchObject({ random_seed: 7, max_tokens: 50 });
    expect(body).not.toHaveProperty('seed');
    expect(body).not.toHaveProperty('max_completion_tokens');
  });

  test('those it does not know are left out and reported, stream_options without a word', () => {
    const request = ask({ stream: true, user: 'me', logprobs: true });
    const { body, dropped } = encodeWith(mistral, request);
    expect(Object.keys(body).toSorted()).toEqual(['messages', 'model', 'stream']);
    expect(dropped.toSorted()).toEqual(['logprobs', 'user']);
  });

  test('two efforts', () => {
    const { body, approximated } = encodeWith(mistral, ask({ reasoning: { effort: 'low' } }));
    expect(body['reasoning_effort']).toBe('high');
    expect(approximated).toEqual(['reasoning.effort (effort high)']);
  });
});

describe('mistral: messages', () => {
  test('call ids have nine letters or digits, the same on both ends and on every turn', () => {
    const request = ask({
      messages: [user('Hi'), ...calledOnce('toolu_01ABCdef')],
      tools: [tool('look')],
    });
    const ids = () => {
      const list = encodeWith(mistral, request).body['messages'];
      const [, call, result] = Array.isArray(list) ? list : [];
      return [call.tool_calls[0].id, result.tool_call_id];
    };
    const [call, result] = ids();
    expect(call).toMatch(/^[a-zA-Z0-9]{9}$/);
    expect(result).toBe(call);
    expect(ids()).toEqual([call, result]);
  });

  test('ids of its own stay', () => {
    const request = ask({ messages: [user('Hi'), ...calledOnce('Ah0BFgzqX')] });
    expect(JSON.stringify(encodeWith(mistral, request).body)).toContain(
      '"tool_call_id":"Ah0BFgzqX"',
    );
  });

  test('between a result and the user speaks the assistant', () => {
    const request = ask({ messages: [user('Hi'), ...calledOnce('Ah0BFgzqX'), user('Stop')] });
    const { body } = encodeWith(mistral, request);
    const roles = Array.isArray(body['messages']) ? body['messages'].map(({ role }) => role) : [];
    expect(roles).toEqual(['user', 'assistant', 'tool', 'assistant', 'user']);
  });

  test('a beginning of the answer is marked as one', () => {
    const request = ask({ messages: [user('Hi'), { role: 'assistant', content: 'Well,' }] });
    expect(encodeWith(mistral, request).body['messages']).toContainEqual({
      role: 'assistant',
      content: 'Well,',
      prefix: true,
    });
  });

  test('reasoning is a part of the content', () => {
    const opaque = { value: '', format: 'chat' } as const;
    const messages = [
      user('2+2?'),
      { role: 'assistant' as const, content: '4', reasoning: [{ text: 'Sum.', opaque }] },
      user('And 3+3?'),
    ];
    expect(encodeWith(mistral, ask({ messages })).body['messages']).toContainEqual({
      role: 'assistant',
      content: [
        { type: 'thinking', thinking: [{ type: 'text', text: 'Sum.' }] },
        { type: 'text', text: '4' },
      ],
    });
  });

  test('documents and audio in its spelling', () => {
    const content = [
      {
        type: 'file' as const,
        file: { data: 'QUJD', media_type: 'application/pdf', filename: 'a.pdf' },
      },
      { type: 'input_audio' as const, input_audio: { data: 'QUJD', format: 'mp3' } },
    ];
    expect(encodeWith(mistral, ask({ messages: [user(content)] })).body['messages']).toEqual([
      {
        role: 'user',
        content: [
          {
            type: 'document_url',
            document_url: 'data:application/pdf;base64,QUJD',
            document_name: 'a.pdf',
          },
          { type: 'input_audio', input_audio: 'QUJD' },
        ],
      },
    ]);
  });
});

const recordings = `${RECORDINGS}/chat`;
test.skipIf(!existsSync(recordings))(
  'mistral: no recorded request has a field that is unknown here',
  () => {
    for (const name of readdirSync(recordings)) {
      if (!/^mistral-/.test(name)) continue;
      const recorded: unknown = JSON.parse(
        readFileSync(`${recordings}/${name}/request.json`, 'utf8'),
      );
      const fields = isObject(recorded) ? Object.keys(recorded) : [];
      const extra = Object.fromEntries(
        fields.filter((field) => field !== 'messages').map((field) => [field, 'x']),
      );
      const { dropped } = encodeWith(mistral, {
        ...ask(),
        extra: { format: 'chat', fields: extra },
      });
      expect(dropped).toEqual([]);
    }
  },
);
