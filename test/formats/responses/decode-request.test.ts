/** What a Responses client asks, in the middle language. */
import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../../src/errors.ts';
import { responses } from '../../../src/formats/responses/responses.ts';
import type { JsonObject } from '../../../src/json.ts';
import type { UnifiedChatRequest } from '../../../src/unified.ts';
import { clientContext, envelope } from './support/context.ts';

function decode(body: JsonObject): { request: UnifiedChatRequest; dropped: readonly string[] } {
  const context = clientContext(body);
  const request = responses.decodeRequest(body, context);
  return { request, dropped: context.ledger.dropped };
}
const input = (...items: unknown[]) => decode({ model: 'm', input: items });
const refusal = (body: JsonObject): GatewayError => {
  try {
    decode(body);
  } catch (error) {
    if (error instanceof GatewayError) return error;
  }
  throw new Error('was not refused');
};
const call = (id: string, more: JsonObject = {}) => ({
  type: 'function_call',
  id: `fc_${id}`,
  call_id: id,
  name: 'f',
  arguments: '{}',
  ...more,
});

describe('input', () => {
  test('a string is one user message', () => {
    expect(decode({ model: 'm', input: 'Hi' }).request.messages).toEqual([
      { role: 'user', content: [{ type: 'text', text: 'Hi', path: 'input' }], path: 'input' },
    ]);
  });

  test('instructions come first, then every system and developer message in its place', () => {
    const { request } = decode({
      model: 'm',
      instructions: 'A',
      input: [
        { role: 'developer', content: 'B' },
        { role: 'user', content: 'C' },
        { type: 'message', role: 'system', content: [{ type: 'input_text', text: 'D' }] },
      ],
    });
    expect(request.messages.map(({ role, developer }) => [role, developer])).toEqual([
      ['system', undefined],
      ['system', true],
      ['user', undefined],
      ['system', undefined],
    ]);
    expect(request.messages[0]?.path).toBe('instructions');
    expect(request.messages[3]?.content).toEqual([
      { type: 'text', text: 'D', path: 'input.2.content.0' },
    ]);
  });

  test('what the assistant did in a row is one turn, in messages that keep its order', () => {
    const { request } = input(
      { role: 'user', content: 'Go' },
      { type: 'reasoning', id: 'rs_1', summary: [], encrypted_content: 'E1' },
      { type: 'message', role: 'assistant', content: [{ type: 'output_text', text: 'Hm' }] },
      call('a'),
      call('b'),
      { type: 'reasoning', id: 'rs_2', summary: [], encrypted_content: 'E2' },
      { type: 'custom_tool_call', call_id: 'c', name: 'patch', input: 'x' },
      { type: 'function_call_output', call_id: 'a', output: 'one' },
    );
    const turn = request.messages.slice(1, 3);
    expect(turn.map((message) => [message.continues, message.reasoning?.length])).toEqual([
      [undefined, 1],
      [true, 1],
    ]);
    expect(turn[0]?.tool_calls?.map(({ id }) => id)).toEqual(['a', 'b']);
    expect(turn[1]?.tool_calls).toEqual([
      { type: 'custom', id: 'c', custom: { name: 'patch', input: 'x' }, path: 'input.6' },
    ]);
    expect(request.messages[3]).toEqual({
      role: 'tool',
      tool_call_id: 'a',
      content: 'one',
      path: 'input.7',
    });
  });

  test('two messages in a row stay two, calls after a result are a new turn', () => {
    const { request } = input(
      { role: 'assistant', content: 'One' },
      { role: 'assistant', content: 'Two' },
      call('a'),
      { type: 'function_call_output', call_id: 'a', output: '' },
      call('b'),
    );
    expect(request.messages.map(({ role, continues }) => [role, continues])).toEqual([
      ['assistant', undefined],
      ['assistant', true],
      ['tool', undefined],
      ['assistant', undefined],
    ]);
  });

  test('images, files and sound', () => {
    const pdf = Buffer.from('%PDF').toString('base64');
    const { request, dropped } = input({
      role: 'user',
      content: [
        { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'original' },
        { type: 'input_image', file_id: 'file-1' },
        { type: 'input_file', filename: 'a.pdf', file_data: `data:application/pdf;base64,${pdf}` },
        { type: 'input_file', filename: 'b.pdf', file_data: pdf },
        { type: 'input_file', filename: 'c.txt', file_data: 'data:text/plain;base64,aGk=' },
        { type: 'input_file', file_url: 'https://example.com/d.pdf' },
        { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } },
        { type: 'input_hologram', data: 1 },
      ],
    });
    expect(dropped).toEqual(['input.0.content.7']);
    const content = request.messages[0]?.content;
    if (!Array.isArray(content)) throw new Error('no parts');
    expect(content.map(({ path: _, ...part }) => part)).toEqual([
      {
        type: 'image_url',
        image_url: { url: 'data:image/png;base64,AA==', detail: 'original' },
        media_type: 'image/png',
      },
      { type: 'image_url', image_url: { url: '' }, file: { id: 'file-1', format: 'responses' } },
      { type: 'file', file: { filename: 'a.pdf', media_type: 'application/pdf', data: pdf } },
      { type: 'file', file: { filename: 'b.pdf', media_type: 'application/pdf', data: pdf } },
      { type: 'file', file: { filename: 'c.txt', media_type: 'text/plain', text: 'hi' } },
      { type: 'file', file: { url: 'https://example.com/d.pdf' } },
      { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' } },
    ]);
  });

  test('items of hosted tools are kept as they are, on the side they belong to', () => {
    const search = { type: 'web_search_call', id: 'ws_1', status: 'completed' };
    const output = { type: 'computer_call_output', call_id: 'x', output: {} };
    const { request } = input({ role: 'user', content: 'Go' }, search, output);
    expect(request.messages.slice(1).map(({ role, content }) => [role, content])).toEqual([
      ['assistant', [{ type: 'hosted', format: 'responses', value: search, path: 'input.1' }]],
      ['user', [{ type: 'hosted', format: 'responses', value: output, path: 'input.2' }]],
    ]);
  });

  test('bookkeeping is no loss, anything else is kept for a provider of the format', () => {
    const { dropped, request } = input(
      {
        type: 'message',
        role: 'assistant',
        id: 'msg_1',
        status: 'completed',
        phase: 'commentary',
        content: [{ type: 'output_text', text: 'Hi', annotations: [], logprobs: [] }],
      },
      call('a', { caller: { type: 'direct' } }),
    );
    expect(dropped).toEqual([]);
    expect(request.messages[0]?.rest?.fields).toEqual({ phase: 'commentary' });
    expect(request.messages[0]?.tool_calls?.[0]?.rest).toEqual({
      format: 'responses',
      path: 'input.1',
      fields: { caller: { type: 'direct' } },
    });
  });

  test.each([
    ['input', { model: 'm' }],
    ['input.0.role', { model: 'm', input: [{ role: 'tool', content: 'x' }] }],
    ['input.0.call_id', { model: 'm', input: [{ type: 'function_call', name: 'f' }] }],
    [
      'input.0.content.0.text',
      { model: 'm', input: [{ role: 'user', content: [{ type: 'input_text' }] }] },
    ],
    ['tools.0', { model: 'm', input: 'x', tools: [{ type: 'function', function: { name: 'f' } }] }],
    ['reasoning.effort', { model: 'm', input: 'x', reasoning: { effort: 'huge' } }],
    ['temperature', { model: 'm', input: 'x', temperature: 'hot' }],
  ])('%s is named when it is wrong', (field, body) => {
    expect(refusal(body)).toMatchObject({ kind: 'invalid_request', field });
  });

  test('messages instead of input: the answer says where they belong', () => {
    expect(refusal({ model: 'm', messages: [] }).message).toContain('/v1/chat/completions');
  });
});

describe('tools', () => {
  const closed = {
    type: 'object',
    properties: { a: { type: 'string' } },
    required: ['a'],
    additionalProperties: false,
  };
  const strictOf = (tool: JsonObject) => {
    const { request } = decode({
      model: 'm',
      input: 'x',
      tools: [{ type: 'function', name: 'f', ...tool }],
    });
    const [first] = request.tools ?? [];
    return first?.type === 'function' ? first.function.strict : 'none';
  };

  test.each([
    [true, { parameters: closed }],
    [true, { parameters: closed, strict: null }],
    [true, { parameters: {}, strict: true }],
    [false, { parameters: closed, strict: false }],
    [false, { parameters: { ...closed, required: [] } }],
    [false, { parameters: { ...closed, additionalProperties: true } }],
    [false, { parameters: { ...closed, properties: { a: { type: 'object', properties: {} } } } }],
    [false, {}],
  ])('strict is %p for %j', (strict, tool) => {
    expect(strictOf(tool)).toBe(strict);
  });

  test('namespaces, custom and hosted tools, and tools that come as an item', () => {
    const { request, dropped } = decode({
      model: 'm',
      input: [
        {
          type: 'additional_tools',
          role: 'developer',
          tools: [{ type: 'custom', name: 'exec', format: { type: 'text' } }],
        },
        { role: 'user', content: 'x' },
      ],
      tools: [
        {
          type: 'namespace',
          name: 'mcp__pad',
          description: 'A pad',
          tools: [{ type: 'function', name: 'note', strict: false, defer_loading: true }],
        },
        { type: 'web_search' },
      ],
    });
    expect(request.tools).toEqual([
      {
        type: 'function',
        function: { name: 'note', strict: false },
        path: 'tools.0.tools.0',
        namespace: 'mcp__pad',
        namespaceDescription: 'A pad',
        rest: {
          format: 'responses',
          path: 'tools.0.tools.0',
          fields: { defer_loading: true },
        },
      },
      { type: 'hosted', format: 'responses', value: { type: 'web_search' }, path: 'tools.1' },
      {
        type: 'custom',
        custom: { name: 'exec', format: { type: 'text' } },
        path: 'input.0.tools.0',
      },
    ]);
    expect(dropped).toEqual([]);
    expect(request.messages).toHaveLength(1);
  });

  test('an empty list of tools beside a choice (Codex compacts so)', () => {
    const { request } = decode({ model: 'm', input: 'x', tools: [], tool_choice: 'auto' });
    expect(request.tools).toBeUndefined();
    expect(request.tool_choice).toBe('auto');
  });

  test.each([
    [
      { type: 'function', name: 'f' },
      { type: 'function', function: { name: 'f' } },
    ],
    [
      { type: 'custom', name: 'f' },
      { type: 'custom', custom: { name: 'f' } },
    ],
    [
      { type: 'allowed_tools', mode: 'required', tools: [{ type: 'function', name: 'f' }] },
      { type: 'allowed_tools', mode: 'required', names: ['f'] },
    ],
    [
      { type: 'web_search_preview' },
      { type: 'hosted', format: 'responses', value: { type: 'web_search_preview' } },
    ],
  ])('the choice %j', (wire, unified) => {
    expect<unknown>(
      decode({ model: 'm', input: 'x', tool_choice: wire }).request.tool_choice,
    ).toEqual(unified);
  });
});

describe('parameters', () => {
  test('every one has its place, and what only OpenAI has is kept apart', () => {
    const { request, dropped } = decode({
      model: 'm',
      input: 'x',
      max_output_tokens: 100,
      temperature: 0,
      top_p: 0.5,
      top_logprobs: 2,
      include: [
        'reasoning.encrypted_content',
        'message.output_text.logprobs',
        'file_search_call.results',
      ],
      reasoning: { effort: 'none', summary: 'auto', context: 'all_turns' },
      text: {
        verbosity: 'low',
        format: { type: 'json_schema', name: 'n', schema: {}, strict: true, description: 'd' },
      },
      safety_identifier: 'u1',
      user: 'u0',
      metadata: { a: '1' },
      service_tier: 'flex',
      prompt_cache_key: 'k',
      store: false,
      stream: true,
      parallel_tool_calls: false,
      truncation: 'disabled',
      background: false,
      previous_response_id: 'resp_0',
      client_metadata: { b: '2' },
    });
    expect(dropped).toEqual([]);
    const { messages: _, ...rest } = request;
    expect(rest).toEqual({
      model: 'm',
      max_tokens: 100,
      temperature: 0,
      top_p: 0.5,
      logprobs: true,
      top_logprobs: 2,
      reasoning: { effort: 'none', enabled: false, summary: 'auto' },
      verbosity: 'low',
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'n', schema: {}, strict: true, description: 'd' },
      },
      user: 'u1',
      metadata: { a: '1' },
      service_tier: 'flex',
      prompt_cache_key: 'k',
      store: false,
      stream: true,
      parallel_tool_calls: false,
      extra: {
        format: 'responses',
        fields: {
          include: ['file_search_call.results'],
          'reasoning.context': 'all_turns',
          user: 'u0',
          previous_response_id: 'resp_0',
          client_metadata: { b: '2' },
        },
      },
    });
  });

  test('no input is needed where the provider keeps the conversation', () => {
    const { request } = decode({ model: 'm', prompt: { id: 'pmpt_1' } });
    expect(request.messages).toEqual([]);
  });
});

describe('reasoning that comes back', () => {
  const reasoning = (item: JsonObject) => {
    const { request, dropped } = input(
      { type: 'reasoning', id: 'rs_1', summary: [], ...item },
      call('a'),
    );
    return { message: request.messages[0], dropped };
  };
  const opaque = { value: 'SIG', format: 'messages', provider: 'anthropic', model: 'm' } as const;

  test('a native token keeps its text and id', () => {
    const { message } = reasoning({
      summary: [
        { type: 'summary_text', text: 'A' },
        { type: 'summary_text', text: 'B' },
      ],
      content: null,
      encrypted_content: 'ENC',
    });
    expect(message?.reasoning).toEqual([
      {
        text: 'A\n\nB',
        summarized: true,
        id: 'rs_1',
        opaque: { value: 'ENC', format: 'responses' },
        path: 'input.0',
      },
    ]);
  });

  test('an envelope gives back the token and the very text, whatever the client made of it', () => {
    const { message } = reasoning({
      summary: [{ type: 'summary_text', text: 'shortened' }],
      encrypted_content: envelope.seal(opaque, 'The whole thought', true),
    });
    expect(message?.reasoning).toEqual([{ text: 'The whole thought', opaque, path: 'input.0' }]);
  });

  test('an envelope that was altered is left out and reported', () => {
    const sealed = envelope.seal(opaque, 'x', true);
    const { message, dropped } = reasoning({ encrypted_content: `${sealed.slice(0, -8)}AAAAAAAA` });
    expect(message?.reasoning).toBeUndefined();
    expect(dropped).toEqual(['input.0']);
  });

  test("Gemini's token goes to the call behind it", () => {
    const token = { value: 'T', format: 'gemini', provider: 'g', model: 'm' } as const;
    const { message } = reasoning({ encrypted_content: envelope.seal(token, '', true) });
    expect(message?.reasoning).toBeUndefined();
    expect(message?.tool_calls?.[0]?.opaque).toEqual(token);
  });

  test('shown reasoning can go back as text', () => {
    const { message } = reasoning({ content: [{ type: 'reasoning_text', text: 'Hm' }] });
    expect(message?.reasoning?.[0]?.opaque).toEqual({ value: '', format: 'responses' });
  });
});
