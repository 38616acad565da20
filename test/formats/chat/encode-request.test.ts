import { describe, expect, test } from 'bun:test';
import type { Opaque, UnifiedMessage } from '../../../src/unified.ts';
import { encoded, provider } from './support.ts';

const calls = (...ids: string[]): UnifiedMessage => ({
  role: 'assistant',
  content: null,
  tool_calls: ids.map((id) => ({ id, type: 'function', function: { name: 'f', arguments: '{}' } })),
  path: 'messages.1',
});

describe('parameters', () => {
  test('usage is asked of every stream and of nothing else', () => {
    expect(encoded({ stream: true })).toMatchObject({ stream_options: { include_usage: true } });
    expect(encoded({ stream: false, stream_options: { include_usage: true } })).not.toHaveProperty(
      'stream_options',
    );
  });

  test('one token limit, in the field that the client used', () => {
    expect(encoded({ max_tokens: 5 })).toMatchObject({ max_tokens: 5 });
    const body = encoded({ max_completion_tokens: 5, max_tokens: 7 });
    expect(body).toMatchObject({ max_completion_tokens: 5 });
    expect(body).not.toHaveProperty('max_tokens');
  });

  test('four stop sequences; each further one is reported', () => {
    const context = provider();
    expect(encoded({ stop: ['a', 'b', 'c', 'd', 'e', 'f'] }, context)['stop']).toEqual([
      'a',
      'b',
      'c',
      'd',
    ]);
    expect(context.ledger.dropped).toEqual(['stop.4', 'stop.5']);
  });

  test('what chat does not know is reported, not sent', () => {
    const context = provider();
    const body = encoded(
      {
        top_k: 5,
        n: 3,
        service_tier: 'premium',
        verbosity: 'huge',
        prompt_cache_key: 'k'.repeat(65),
        user: 'u'.repeat(65),
        stream: true,
        stream_options: { made_up: 1 },
      },
      context,
    );
    expect(Object.keys(body).sort()).toEqual(['messages', 'model', 'stream', 'stream_options']);
    expect([...context.ledger.dropped].sort()).toEqual([
      'n',
      'prompt_cache_key',
      'service_tier',
      'stream_options.made_up',
      'top_k',
      'user',
      'verbosity',
    ]);
  });

  test("Anthropic's ordinary tier is the default one", () => {
    expect(encoded({ service_tier: 'standard_only' })['service_tier']).toBe('default');
  });

  test('a schema gets a legal name', () => {
    const schema = { type: 'object' };
    const format = (name?: string) =>
      encoded({
        response_format: {
          type: 'json_schema',
          json_schema: name === undefined ? { schema } : { name, schema },
        },
      })['response_format'];
    expect(format()).toEqual({ type: 'json_schema', json_schema: { name: 'response', schema } });
    expect(format('my schema!')).toMatchObject({ json_schema: { name: 'my_schema_' } });
  });

  test("hook fields and a chat client's own go through as they are, those of others do not", () => {
    const own = { format: 'chat', fields: { provider: { only: ['x'] } } } as const;
    expect(encoded({ enable_thinking: true, extra: own })).toMatchObject({
      enable_thinking: true,
      provider: { only: ['x'] },
    });
    const foreign = { format: 'messages', fields: { container: 'c' } } as const;
    expect(encoded({ extra: foreign })).not.toHaveProperty('container');
  });
});

describe('tools', () => {
  test('without tools there is no word about them', () => {
    expect(
      Object.keys(encoded({ tools: [], tool_choice: 'auto', parallel_tool_calls: true })),
    ).toEqual(['model', 'messages']);
  });

  test('hosted tools of others are reported', () => {
    const context = provider();
    const value = { type: 'web_search_20250305' };
    const body = encoded(
      {
        tools: [{ type: 'hosted', format: 'messages', value, path: 'tools.0' }],
        tool_choice: 'auto',
      },
      context,
    );
    expect(body).not.toHaveProperty('tools');
    expect(context.ledger.dropped).toEqual(['tools.0']);
  });

  test('an array without items gets some, and nothing else in the schema changes', () => {
    const parameters = {
      type: 'object',
      properties: { list: { type: 'array' }, enum: { type: 'string', enum: ['array'] } },
    };
    const context = provider();
    const tools = [
      { type: 'function', function: { name: 'f', parameters }, path: 'tools.0' },
    ] as const;
    expect(encoded({ tools: [...tools] }, context)['tools']).toEqual([
      {
        type: 'function',
        function: {
          name: 'f',
          parameters: {
            type: 'object',
            properties: {
              list: { type: 'array', items: {} },
              enum: { type: 'string', enum: ['array'] },
            },
          },
        },
      },
    ]);
    expect(parameters.properties.list).toEqual({ type: 'array' });
    expect(context.ledger.approximated).toHaveLength(1);
  });
});

describe('messages', () => {
  const sent = (messages: UnifiedMessage[], context = provider()) =>
    encoded({ messages }, context)['messages'];

  test('system messages keep their place; developer only where OpenAI reasons', () => {
    const messages: UnifiedMessage[] = [
      { role: 'system', content: 'One' },
      { role: 'user', content: 'Hi' },
      { role: 'system', developer: true, content: 'Two' },
    ];
    expect(sent(messages)).toEqual([
      { role: 'system', content: 'One' },
      { role: 'user', content: 'Hi' },
      { role: 'system', content: 'Two' },
    ]);
    expect(sent(messages, provider({ model: 'gpt-5.1' }))).toMatchObject([
      { role: 'system' },
      { role: 'user' },
      { role: 'developer', content: 'Two' },
    ]);
  });

  test('text alone is a string, media make it a list', () => {
    expect(
      sent([
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a' },
            { type: 'text', text: 'b' },
          ],
        },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'see' },
            { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
            { type: 'text', text: '' },
          ],
        },
      ]),
    ).toEqual([
      { role: 'user', content: 'a\n\nb' },
      {
        role: 'user',
        content: [
          { type: 'text', text: 'see' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA' } },
        ],
      },
    ]);
  });

  test('documents: text as text, PDF as a file, an address nowhere', () => {
    const context = provider();
    const file = (source: object, index: number) => ({
      type: 'file' as const,
      file: source,
      path: `messages.0.content.${index}`,
    });
    const content = [
      file({ text: 'plain', media_type: 'text/plain' }, 0),
      file({ data: 'JVBE', media_type: 'application/pdf' }, 1),
      file({ url: 'https://x.test/a.pdf' }, 2),
      file({ id: 'file_1', idFormat: 'messages' }, 3),
    ];
    expect(sent([{ role: 'user', content }], context)).toEqual([
      {
        role: 'user',
        content: [
          { type: 'text', text: 'plain' },
          {
            type: 'file',
            file: { filename: 'document.pdf', file_data: 'data:application/pdf;base64,JVBE' },
          },
        ],
      },
    ]);
    expect(context.ledger.dropped).toEqual(['messages.0.content.2', 'messages.0.content.3']);
  });

  test('the messages of one turn become one, with the calls last', () => {
    expect(
      sent([
        { role: 'assistant', content: 'Look.', tool_calls: calls('a').tool_calls ?? [] },
        {
          role: 'assistant',
          continues: true,
          content: 'Also.',
          tool_calls: calls('b').tool_calls ?? [],
        },
        { role: 'tool', tool_call_id: 'a', content: '1' },
        { role: 'tool', tool_call_id: 'b', content: '2' },
      ]),
    ).toMatchObject([
      { role: 'assistant', content: 'Look.\n\nAlso.', tool_calls: [{ id: 'a' }, { id: 'b' }] },
      { role: 'tool' },
      { role: 'tool' },
    ]);
  });

  test('two turns in a row stay two', () => {
    expect(
      sent([
        { role: 'assistant', content: 'a' },
        { role: 'assistant', content: 'b' },
      ]),
    ).toHaveLength(2);
  });

  test('images of tool results come from the user, after the last result', () => {
    const context = provider();
    const image = {
      type: 'image_url',
      image_url: { url: 'data:image/png;base64,AA' },
      path: 'messages.2.content.1',
    } as const;
    const messages = sent(
      [
        calls('a', 'b'),
        {
          role: 'tool',
          tool_call_id: 'a',
          content: [{ type: 'text', text: 'shot' }, image],
        },
        { role: 'tool', tool_call_id: 'b', content: 'two' },
        { role: 'user', content: 'So?' },
      ],
      context,
    );
    expect(messages).toMatchObject([
      { role: 'assistant' },
      { role: 'tool', tool_call_id: 'a', content: 'shot' },
      { role: 'tool', tool_call_id: 'b', content: 'two' },
      { role: 'user', content: [{ type: 'text' }, { type: 'image_url' }] },
      { role: 'user', content: 'So?' },
    ]);
    expect(context.ledger.approximated).toEqual([
      'messages.2.content.1 (in a user message after the results)',
    ]);
  });

  test('a failed call is told in words', () => {
    const context = provider();
    const result = (content: string): UnifiedMessage => ({
      role: 'tool',
      tool_call_id: 'a',
      is_error: true,
      content,
      path: 'messages.2',
    });
    expect(sent([calls('a'), result('no such file')], context)).toMatchObject([
      {},
      { content: 'Error: no such file' },
    ]);
    expect(context.ledger.approximated).toEqual(['messages.2.is_error (in words)']);
    expect(sent([calls('a'), result('Error: told already')])).toMatchObject([
      {},
      { content: 'Error: told already' },
    ]);
    expect(sent([calls('a'), result('')])).toMatchObject([{}, { content: 'Error' }]);
  });

  test('arguments are always JSON', () => {
    const context = provider();
    const call = (text: string, index: number) => ({
      id: `c${index}`,
      type: 'function' as const,
      function: { name: 'f', arguments: text },
      path: `messages.0.tool_calls.${index}`,
    });
    expect(
      sent(
        [{ role: 'assistant', content: null, tool_calls: [call('', 0), call('{"a":', 1)] }],
        context,
      ),
    ).toMatchObject([
      {
        content: null,
        tool_calls: [
          { function: { arguments: '{}' } },
          { function: { arguments: '{"arguments":"{\\"a\\":"}' } },
        ],
      },
    ]);
    expect(context.ledger.approximated).toEqual([
      'messages.0.tool_calls.1.function.arguments (not JSON)',
    ]);
  });

  test('cache marks are reported', () => {
    const context = provider();
    const mark = { type: 'ephemeral' };
    const content = [
      { type: 'text', text: 'a', cache_control: mark, path: 'messages.0.content.0' },
    ] as const;
    sent([{ role: 'user', content: [...content] }], context);
    expect(context.ledger.dropped).toEqual(['messages.0.content.0.cache_control']);
  });
});

describe('reasoning goes back to where it came from', () => {
  const turn = (opaque: Opaque | undefined, text = 'hm'): UnifiedMessage => ({
    role: 'assistant',
    content: 'so',
    reasoning: [{ text, ...(opaque ? { opaque } : {}), path: 'messages.1.content.0' }],
  });
  const sent = (message: UnifiedMessage, context = provider()) =>
    encoded({ messages: [message] }, context)['messages'];

  test.each([
    ['', { reasoning_content: 'hm', content: 'so' }],
    ['reasoning', { reasoning: 'hm', content: 'so' }],
    [
      'thinking',
      {
        content: [
          { type: 'thinking', thinking: [{ type: 'text', text: 'hm' }] },
          { type: 'text', text: 'so' },
        ],
      },
    ],
    [
      '[{"type":"reasoning.text","signature":"s","index":0}]',
      {
        content: 'so',
        reasoning_details: [{ type: 'reasoning.text', text: 'hm', signature: 's', index: 0 }],
      },
    ],
  ])('in the field that the token %j names', (value, fields) => {
    expect(sent(turn({ value, format: 'chat', provider: 'acme', model: 'x' }))).toEqual([
      { role: 'assistant', ...fields },
    ]);
  });

  test.each([
    ['another provider', { value: '', format: 'chat', provider: 'other' }],
    ['another format', { value: 'sig', format: 'messages', provider: 'acme' }],
    ['nobody', undefined],
  ] as [string, Opaque | undefined][])('and not when it came from %s', (_, opaque) => {
    const context = provider();
    expect(sent(turn(opaque), context)).toEqual([{ role: 'assistant', content: 'so' }]);
    expect(context.ledger.dropped).toEqual(['messages.1.content.0']);
  });

  test('a turn of nothing but foreign reasoning is not sent', () => {
    expect(sent({ ...turn({ value: 's', format: 'messages' }), content: null })).toEqual([]);
  });

  test("the token of a call at Google's endpoint goes back with the call", () => {
    const message = calls('a');
    const [call] = message.tool_calls ?? [];
    if (call) call.opaque = { value: 'sig', format: 'chat', provider: 'acme' };
    expect(sent(message)).toMatchObject([
      { tool_calls: [{ extra_content: { google: { thought_signature: 'sig' } } }] },
    ]);
  });
});
