/** What broke the tool calls of other gateways (test/README.md, 1–15), each as what must hold here. */
import { describe, expect, test } from 'bun:test';
import type { JsonObject } from '../../src/json.ts';
import { parseJson } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { dig, eventsOf } from '../support/answer.ts';
import {
  again,
  ask,
  chatCalls,
  chatChunk,
  chatReply,
  FOREIGN_PAIRS,
  messagesEvents,
  messagesReply,
  PAIRS,
  type Says,
} from '../support/ask.ts';
import { jsonReply, oneProvider, testGateway } from '../support/gateway.ts';
import { plainOutline, requestOf } from '../support/matrix.ts';
import { outline } from '../support/outline.ts';

const call = (index: number | undefined, id: string, name: string, args: string): JsonObject => ({
  ...(index === undefined ? {} : { index }),
  id,
  type: 'function',
  function: { name, arguments: args },
});
const more = (index: number, args: string): JsonObject => ({
  index,
  function: { arguments: args },
});
const DONE = [chatChunk({}, 'tool_calls'), '[DONE]'] as const;

describe('a call in the turn decides the finish, whatever the provider said', () => {
  const use = { type: 'tool_use', id: 'toolu_1', name: 'look', input: { at: 'sky' } };
  const says: [FormatName, string, Says][] = [
    ['chat', 'JSON', chatReply({ tool_calls: [call(undefined, 'c1', 'look', '{"at":"sky"}')] })],
    [
      'chat',
      'stream',
      [chatCalls(call(0, 'c1', 'look', '{"at":"sky"}')), chatChunk({}, 'stop'), '[DONE]'],
    ],
    ['messages', 'JSON', messagesReply([use])],
    ['messages', 'stream', messagesEvents([use])],
  ];
  for (const [provider, kind, reply] of says) {
    test.each(FORMAT_NAMES.filter((client) => client !== provider))(
      `%s client, ${provider} provider, ${kind}`,
      async (client) => {
        const { answer } = await ask({ client, provider, says: reply, name: 'calls' });
        expect(answer.finish).toBe('calls');
        expect(answer.calls).toMatchObject([{ name: 'look', input: { at: 'sky' } }]);
      },
    );
  }
});

test('parallel calls have indexes of their own, counted over calls and not over blocks', async () => {
  const { body } = await ask({
    client: 'chat',
    provider: 'messages',
    says: messagesEvents(
      [
        { type: 'text', text: 'First.' },
        { type: 'tool_use', id: 'toolu_a', name: 'a', input: { n: 1 } },
        { type: 'tool_use', id: 'toolu_b', name: 'b', input: { n: 2 } },
      ],
      'tool_use',
    ),
    name: 'calls',
  });
  const opened = eventsOf(body)
    .map(({ data }) => dig(parseJson(data), 'choices', 0, 'delta', 'tool_calls', 0))
    .filter((delta) => dig(delta, 'id') !== undefined);
  expect(opened.map((delta) => [dig(delta, 'index'), dig(delta, 'id')])).toEqual([
    [0, 'toolu_a'],
    [1, 'toolu_b'],
  ]);
});

describe('arguments stay with their call', () => {
  const wanted = [
    { name: 'a', input: { x: [1, 2] } },
    { name: 'b', input: { y: 'zwei' } },
  ];
  const streams: Record<string, Says> = {
    'mixed deltas': [
      chatCalls(call(0, 'c1', 'a', '')),
      chatCalls(call(1, 'c2', 'b', '')),
      chatCalls(more(0, '{"x":[')),
      chatCalls(more(1, '{"y":')),
      chatCalls(more(0, '1,2]}')),
      chatCalls(more(1, '"zwei"}')),
      ...DONE,
    ],
    'two deltas of one index and of two indexes in one chunk': [
      chatCalls(call(0, 'c1', 'a', '{"x":'), more(0, '[1,'), call(1, 'c2', 'b', '{"y"')),
      chatCalls(more(1, ':"zwei"}'), more(0, '2]}')),
      ...DONE,
    ],
    'an empty id and an empty name in every continuation': [
      chatCalls(call(0, 'c1', 'a', '')),
      chatCalls(call(0, '', '', '{"x":[1,')),
      chatCalls(call(0, '', '', '2]}')),
      chatCalls(call(1, 'c2', 'b', '')),
      chatCalls(call(1, '', '', '{"y":"zwei"}')),
      ...DONE,
    ],
    'id and name again in every chunk': [
      chatCalls(call(0, 'c1', 'a', '{"x":[1,')),
      chatCalls(call(0, 'c1', 'a', '2]}')),
      chatCalls(call(1, 'c2', 'b', '{"y":"zwei"}')),
      ...DONE,
    ],
    'no index, all in one chunk': [
      chatCalls(
        call(undefined, 'c1', 'a', '{"x":[1,2]}'),
        call(undefined, 'c2', 'b', '{"y":"zwei"}'),
      ),
      ...DONE,
    ],
    'pieces that are JSON by themselves': [
      chatCalls(call(0, 'c1', 'a', '{"x":')),
      chatCalls(more(0, '[1,2]')),
      chatCalls(more(0, '}')),
      chatCalls(call(1, 'c2', 'b', '{"y":')),
      chatCalls(more(1, '"zwei"')),
      chatCalls(more(1, '}')),
      ...DONE,
    ],
  };
  describe.each(Object.keys(streams))('%s', (name) => {
    test.each(FORMAT_NAMES.filter((client) => client !== 'chat'))('%s client', async (client) => {
      const { answer, body } = await ask({
        client,
        provider: 'chat',
        says: streams[name] ?? [],
        name: 'calls',
      });
      expect(answer.calls.map(({ name, input }) => ({ name, input }))).toEqual(wanted);
      expect(new Set(answer.calls.map(({ id }) => id)).size).toBe(2);
      if (client !== 'messages') return;
      const started = body.match(/"content_block_start"/g) ?? [];
      expect(body.match(/"content_block_stop"/g)).toHaveLength(started.length);
    });
  });

  test.each(FOREIGN_PAIRS)(
    'a call without arguments is {}: %s client, %s provider',
    async (client, provider) => {
      const replies: Record<FormatName, JsonObject> = {
        chat: chatReply({ tool_calls: [call(undefined, 'c1', 'now', '')] }, 'tool_calls'),
        messages: messagesReply(
          [{ type: 'tool_use', id: 'toolu_1', name: 'now', input: {} }],
          'tool_use',
        ),
        responses: {
          id: 'resp_1',
          object: 'response',
          status: 'completed',
          model: 'up',
          output: [
            { type: 'function_call', id: 'fc_1', call_id: 'c1', name: 'now', arguments: '' },
          ],
        },
        gemini: {
          candidates: [
            {
              content: { parts: [{ functionCall: { name: 'now' } }], role: 'model' },
              finishReason: 'STOP',
            },
          ],
        },
      };
      const { answer, body } = await ask({
        client,
        provider,
        says: replies[provider],
        name: 'calls',
      });
      expect(answer.calls).toMatchObject([{ name: 'now', input: {} }]);
      if (client === 'chat' || client === 'responses') expect(body).toContain('"arguments":"{}"');
    },
  );

  test.each(FORMAT_NAMES)('a streamed call without arguments is {}: %s client', async (client) => {
    const silent = messagesEvents(
      [{ type: 'tool_use', id: 'toolu_1', name: 'now', input: {} }],
      'tool_use',
    );
    const [provider, says]: [FormatName, Says] =
      client === 'chat'
        ? ['messages', silent.filter(({ type }) => type !== 'content_block_delta')]
        : ['chat', [chatCalls(call(0, 'c1', 'now', '')), ...DONE]];
    const { answer, body } = await ask({ client, provider, says, name: 'calls' });
    expect(answer.calls).toMatchObject([{ name: 'now', input: {} }]);
    if (client === 'chat' || client === 'responses') expect(body).toContain('"arguments":"{}"');
  });
});

describe('the choice of tools is spelled as the provider spells it', () => {
  const CHOICES: Readonly<Record<string, Readonly<Record<FormatName, JsonObject>>>> = {
    required: {
      chat: { tool_choice: 'required' },
      messages: { tool_choice: { type: 'any' } },
      responses: { tool_choice: 'required' },
      gemini: { toolConfig: { functionCallingConfig: { mode: 'ANY' } } },
    },
    none: {
      chat: { tool_choice: 'none' },
      messages: { tool_choice: { type: 'none' } },
      responses: { tool_choice: 'none' },
      gemini: { toolConfig: { functionCallingConfig: { mode: 'NONE' } } },
    },
    named: {
      chat: { tool_choice: { type: 'function', function: { name: 'get_time' } } },
      messages: { tool_choice: { type: 'tool', name: 'get_time' } },
      responses: { tool_choice: { type: 'function', name: 'get_time' } },
      gemini: {
        toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['get_time'] } },
      },
    },
  };
  describe.each(Object.keys(CHOICES))('%s', (choice) => {
    test.each(PAIRS)('%s client, %s provider', async (client, provider) => {
      const fields = CHOICES[choice]?.[client] ?? {};
      const { sent } = await ask({ client, provider, fields, name: 'calls' });
      expect(sent).toMatchObject(CHOICES[choice]?.[provider] ?? {});
    });
  });

  test.each([
    [
      'chat',
      'messages',
      { parallel_tool_calls: false },
      { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
    ],
    ['responses', 'chat', { parallel_tool_calls: false }, { parallel_tool_calls: false }],
    [
      'messages',
      'responses',
      { tool_choice: { type: 'auto', disable_parallel_tool_use: true } },
      { parallel_tool_calls: false },
    ],
  ] as const)(
    'one call at a time is asked for: %s client, %s provider',
    async (client, provider, fields, wanted) => {
      expect((await ask({ client, provider, fields, name: 'calls' })).sent).toMatchObject(wanted);
    },
  );

  test.each(FOREIGN_PAIRS)(
    'and is not asked for when nobody did: %s client, %s provider',
    async (client, provider) => {
      const { sent } = await ask({ client, provider, name: 'choice' });
      expect(JSON.stringify(sent)).not.toMatch(
        /"parallel_tool_calls":false|disable_parallel_tool_use":true/,
      );
    },
  );
});

describe('a freeform tool (apply_patch of Codex)', () => {
  const PATCH = '*** Begin Patch\n*** Add File: é.txt\n+"hello"\n*** End Patch';
  const fields = {
    tools: [
      { type: 'custom', name: 'apply_patch', description: 'Edits files', format: { type: 'text' } },
    ],
  };
  const answers: Record<'chat' | 'messages' | 'gemini', (input: JsonObject) => JsonObject> = {
    chat: (input) =>
      chatReply(
        { tool_calls: [call(undefined, 'c1', 'apply_patch', JSON.stringify(input))] },
        'tool_calls',
      ),
    messages: (input) =>
      messagesReply([{ type: 'tool_use', id: 'toolu_1', name: 'apply_patch', input }], 'tool_use'),
    gemini: (args) => ({
      candidates: [
        {
          content: { parts: [{ functionCall: { name: 'apply_patch', args } }], role: 'model' },
          finishReason: 'STOP',
        },
      ],
    }),
  };
  test.each(['messages', 'gemini'] as const)(
    'is a function with one string at a %s provider, and comes back as free text',
    async (provider) => {
      const gateway = await testGateway(oneProvider(provider), ({ body }) => {
        const [key = 'input'] = /"required":\["(\w+)"\]/.exec(String(body))?.slice(1) ?? [];
        return jsonReply(answers[provider]({ [key]: PATCH }));
      });
      const first = { ...requestOf('responses', 'text', false), ...fields };
      const { body } = await again(gateway, 'responses', first);
      const [item] = [dig(parseJson(body), 'output', 0)];
      expect(item).toMatchObject({ type: 'custom_tool_call', name: 'apply_patch', input: PATCH });
      const input = [
        { role: 'user', content: 'Do it' },
        item,
        { type: 'custom_tool_call_output', call_id: dig(item, 'call_id'), output: 'done' },
      ];
      const { sent } = await again(gateway, 'responses', { ...first, input });
      const told = outline(provider, sent);
      expect(told.join('\n')).toContain(JSON.stringify(PATCH));
      expect(told.filter((line) => line.startsWith('result ')).join()).toContain('done');
    },
  );
});

describe('images in the result of a tool', () => {
  const PNG = 'iVBORw0KGgoAAAANSUhEUgAA';
  const content = [
    { type: 'text', text: 'Seen:' },
    { type: 'image', source: { type: 'base64', media_type: 'image/png', data: PNG } },
  ];
  const messages = [
    { role: 'user', content: 'Look' },
    { role: 'assistant', content: [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }] },
    { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', content }] },
  ];
  test.each(['chat', 'responses', 'gemini'] as const)(
    'reach a %s provider as images, once',
    async (provider) => {
      const { sent } = await ask({ client: 'messages', provider, fields: { messages } });
      const text = JSON.stringify(sent);
      expect(text.split(PNG)).toHaveLength(2);
      const place = {
        chat: `"image_url":{"url":"data:image/png;base64,${PNG}"`,
        responses: `"image_url":"data:image/png;base64,${PNG}"`,
        gemini: `"data":"${PNG}"`,
      };
      expect(text).toContain(place[provider]);
    },
  );
});

describe('results', () => {
  const turn = (result: JsonObject) => ({
    messages: [
      { role: 'user', content: 'Look' },
      {
        role: 'assistant',
        content: [{ type: 'tool_use', id: 'toolu_1', name: 'look', input: {} }],
      },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'toolu_1', ...result }] },
    ],
  });
  const resultOf = (provider: FormatName, sent: JsonObject): string =>
    plainOutline(provider, sent).find((line) => line.startsWith('result ')) ?? '';

  test.each(['chat', 'responses', 'gemini'] as const)(
    'blocks are text and no JSON of blocks: %s provider',
    async (provider) => {
      const content = [
        { type: 'text', text: 'one' },
        { type: 'text', text: 'two' },
      ];
      const { sent } = await ask({ client: 'messages', provider, fields: turn({ content }) });
      expect(resultOf(provider, sent)).toMatch(/^result #0: one\s*two$/);
    },
  );
  test.each(FORMAT_NAMES)(
    'one without content is sent all the same: %s provider',
    async (provider) => {
      const { sent, response } = await ask({ client: 'messages', provider, fields: turn({}) });
      expect(response.status).toBe(200);
      expect(resultOf(provider, sent)).toStartWith('result #0:');
    },
  );
  test.each(['chat', 'responses', 'gemini'] as const)(
    'a failed one is told to have failed: %s provider',
    async (provider) => {
      const { sent } = await ask({
        client: 'messages',
        provider,
        fields: turn({ content: 'boom', is_error: true }),
      });
      expect(JSON.stringify(sent)).toMatch(/"error":"boom"|Error: boom/);
    },
  );
});

describe('a tool’s schema', () => {
  const schema = {
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    type: 'object',
    properties: {
      file_path: { type: 'string' },
      n: { type: 'integer', exclusiveMinimum: 0, enum: [1, 2] },
      tags: { type: 'array', items: { $ref: '#/$defs/tag' }, uniqueItems: true },
    },
    required: ['file_path'],
    additionalProperties: false,
    $defs: { tag: { type: 'string' } },
  };
  test.each(['Edit', 'Write', 'Bash', 'TodoWrite', 'apply_patch', 'web_search', 'Task'])(
    'is not touched because of the tool’s name: %s',
    async (name) => {
      const fields = { tools: [{ name, description: 'd', input_schema: schema }] };
      const { sent } = await ask({ client: 'messages', provider: 'chat', fields });
      expect(dig(sent, 'tools', 0, 'function')).toMatchObject({ name, parameters: schema });
    },
  );
  test('goes to Gemini where JSON Schema is understood, not where it is refused', async () => {
    const fields = { tools: [{ name: 'f', input_schema: schema }] };
    const { sent } = await ask({ client: 'messages', provider: 'gemini', fields });
    const tool = dig(sent, 'tools', 0, 'functionDeclarations', 0);
    expect(tool).not.toHaveProperty('parameters');
    expect(dig(tool, 'parametersJsonSchema', 'properties', 'n')).toMatchObject({ type: 'integer' });
  });
  test.each(['messages', 'responses', 'gemini'] as const)(
    'may be missing: %s provider',
    async (provider) => {
      const fields = { tools: [{ type: 'function', function: { name: 'now' } }] };
      const { sent, response } = await ask({ client: 'chat', provider, fields });
      expect(response.status).toBe(200);
      if (provider === 'messages')
        expect(dig(sent, 'tools', 0, 'input_schema', 'type')).toBe('object');
    },
  );
});

describe('what Anthropic would refuse is never sent', () => {
  test('empty texts, results without a call, calls without a result, results behind other content', async () => {
    const messages = [
      { role: 'user', content: '' },
      {
        role: 'user',
        content: [
          { type: 'text', text: '' },
          { type: 'text', text: 'Hi' },
        ],
      },
      {
        role: 'assistant',
        content: '',
        tool_calls: [call(undefined, 'c1', 'a', '{}'), call(undefined, 'c2', 'b', '{}')],
      },
      { role: 'tool', tool_call_id: 'gone', content: 'an orphan' },
      { role: 'user', content: 'While we wait' },
      { role: 'tool', tool_call_id: 'c1', content: 'one' },
    ];
    const { sent } = await ask({ client: 'chat', provider: 'messages', fields: { messages } });
    const text = JSON.stringify(sent);
    expect(text).not.toContain('"text":""');
    expect(dig(sent, 'messages')).toMatchObject([
      { role: 'user' },
      {
        role: 'assistant',
        content: [
          { type: 'tool_use', id: 'c1' },
          { type: 'tool_use', id: 'c2' },
        ],
      },
      {
        role: 'user',
        content: [
          { type: 'tool_result', tool_use_id: 'c1' },
          { type: 'tool_result', tool_use_id: 'c2' },
          { type: 'text' },
          { type: 'text', text: 'an orphan' },
          { type: 'text', text: 'While we wait' },
        ],
      },
    ]);
    expect(text).toContain('an orphan');
  });

  test('ids with other letters: legal for Anthropic, as they were for their maker', async () => {
    const id = 'functions.look:3';
    const history = (callId: string) => [
      { role: 'user', content: 'Look' },
      { role: 'assistant', content: [{ type: 'tool_use', id: callId, name: 'look', input: {} }] },
      { role: 'user', content: [{ type: 'tool_result', tool_use_id: callId, content: 'seen' }] },
    ];
    const toAnthropic = await ask({
      client: 'chat',
      provider: 'messages',
      fields: {
        messages: [
          { role: 'user', content: 'Look' },
          { role: 'assistant', content: null, tool_calls: [call(undefined, id, 'look', '{}')] },
          { role: 'tool', tool_call_id: id, content: 'seen' },
        ],
      },
    });
    const sentId = dig(toAnthropic.sent, 'messages', 1, 'content', 0, 'id');
    expect(sentId).toMatch(/^[a-zA-Z0-9_-]+$/);
    expect(dig(toAnthropic.sent, 'messages', 2, 'content', 0, 'tool_use_id')).toBe(sentId);
    // Kimi's own id, through a client of Anthropic's format and back.
    const says = chatReply({ tool_calls: [call(undefined, id, 'look', '{}')] }, 'tool_calls');
    const { answer, gateway } = await ask({
      client: 'messages',
      provider: 'chat',
      says,
      name: 'calls',
    });
    const [shown] = answer.calls;
    const back = await again(gateway, 'messages', {
      ...requestOf('messages', 'calls', false),
      messages: history(shown?.id ?? ''),
    });
    expect(dig(back.sent, 'messages', 1, 'tool_calls', 0, 'id')).toBe(id);
    expect(dig(back.sent, 'messages', 2, 'tool_call_id')).toBe(id);
  });
});

describe('work of the provider’s own tools', () => {
  test('an empty list of annotations is no web search', async () => {
    const says = chatReply({ content: 'Hello.', annotations: [] });
    const { body } = await ask({ client: 'messages', provider: 'chat', says });
    expect(dig(parseJson(body), 'content')).toEqual([{ type: 'text', text: 'Hello.' }]);
  });
  test('a web search is no function of the client’s, and never asks it to answer', async () => {
    const says = messagesReply([
      { type: 'server_tool_use', id: 'srvtoolu_1', name: 'web_search', input: { query: 'x' } },
      { type: 'web_search_tool_result', tool_use_id: 'srvtoolu_1', content: [] },
      { type: 'text', text: 'Found.' },
    ]);
    const { answer, reports } = await ask({ client: 'chat', provider: 'messages', says });
    expect(answer).toMatchObject({ text: 'Found.', calls: [], finish: 'stop' });
    expect(reports).toContain('reply.server_tool_use');
  });
});
