/** What a Responses provider is asked: never what OpenAI refuses, and no loss in silence. */
import { describe, expect, test } from 'bun:test';
import { responses } from '../../../src/formats/responses/responses.ts';
import type { JsonObject } from '../../../src/json.ts';
import type { UnifiedChatRequest, UnifiedMessage } from '../../../src/unified.ts';
import { asJson, clientContext, providerContext } from './support/context.ts';

interface Encoded {
  body: JsonObject;
  dropped: readonly string[];
  approximated: readonly string[];
}
function encode(more: Partial<UnifiedChatRequest>, model = 'model-x'): Encoded {
  const context = providerContext(model);
  const messages: UnifiedMessage[] = [{ role: 'user', content: 'Hi', path: 'messages.0' }];
  const body = asJson(responses.encodeRequest({ model: 'a', messages, ...more }, context));
  const { dropped, approximated } = context.ledger;
  return { body, dropped, approximated };
}
const inputOf = (...messages: UnifiedMessage[]) => {
  const { body, ...losses } = encode({ messages });
  return { input: body['input'], ...losses };
};

describe('messages', () => {
  test.each(['gemini', 'chat'] as const)('a %s token of a call is left out and told', (format) => {
    const path = 'messages.0.tool_calls.0';
    const call = { type: 'function', function: { name: 'f', arguments: '{}' } } as const;
    const opaque = { value: 'token', format };
    const { input, dropped } = inputOf({
      role: 'assistant',
      content: null,
      tool_calls: [{ ...call, id: 'c', opaque, path }],
    });
    expect(JSON.stringify(input)).not.toContain('token');
    expect(dropped).toEqual([`${path}.thoughtSignature`]);
  });

  test('system and developer messages stay in their places and roles', () => {
    const { body } = encode({
      messages: [
        { role: 'system', content: 'A' },
        { role: 'user', content: 'B' },
        {
          role: 'system',
          developer: true,
          content: [
            { type: 'text', text: 'C' },
            { type: 'text', text: 'D' },
          ],
        },
      ],
    });
    expect(body['instructions']).toBeUndefined();
    expect(body['input']).toEqual([
      { type: 'message', role: 'system', content: 'A' },
      { type: 'message', role: 'user', content: 'B' },
      {
        type: 'message',
        role: 'developer',
        content: [
          { type: 'input_text', text: 'C' },
          { type: 'input_text', text: 'D' },
        ],
      },
    ]);
  });

  test('instructions stay instructions, but never leave the input empty', () => {
    const system: UnifiedMessage = { role: 'system', content: 'A', path: 'instructions' };
    const { body } = encode({ messages: [system, { role: 'user', content: 'B' }] });
    expect(body['instructions']).toBe('A');
    expect(body['input']).toHaveLength(1);
    expect(encode({ messages: [system] }).body['input']).toHaveLength(1);
  });

  test('a turn: reasoning of this provider, text, refusal, calls of both kinds and their results', () => {
    const { input, dropped } = inputOf(
      {
        role: 'assistant',
        content: [
          { type: 'text', text: 'Hm' },
          { type: 'refusal', refusal: 'No' },
        ],
        reasoning: [
          {
            text: 'S',
            summarized: true,
            id: 'rs_1',
            opaque: { value: 'E', format: 'responses', provider: 'up' },
          },
        ],
        tool_calls: [
          { type: 'function', id: 'a', function: { name: 'f', arguments: '' }, namespace: 'ns' },
          { type: 'custom', id: 'b', custom: { name: 'p', input: 'free' } },
        ],
      },
      { role: 'tool', tool_call_id: 'a', content: null },
      {
        role: 'tool',
        tool_call_id: 'b',
        content: [
          { type: 'text', text: 'seen' },
          { type: 'image_url', image_url: { url: 'data:image/png;base64,AA==' } },
        ],
      },
    );
    expect(input).toEqual([
      {
        type: 'reasoning',
        id: 'rs_1',
        summary: [{ type: 'summary_text', text: 'S' }],
        encrypted_content: 'E',
      },
      {
        type: 'message',
        role: 'assistant',
        content: [
          { type: 'output_text', text: 'Hm' },
          { type: 'refusal', refusal: 'No' },
        ],
      },
      { type: 'function_call', call_id: 'a', name: 'f', arguments: '{}', namespace: 'ns' },
      { type: 'custom_tool_call', call_id: 'b', name: 'p', input: 'free' },
      { type: 'function_call_output', call_id: 'a', output: '' },
      {
        type: 'custom_tool_call_output',
        call_id: 'b',
        output: [
          { type: 'input_text', text: 'seen' },
          { type: 'input_image', image_url: 'data:image/png;base64,AA==', detail: 'auto' },
        ],
      },
    ]);
    expect(dropped).toEqual([]);
  });

  test.each([
    ['of another format', { value: 'S', format: 'messages', provider: 'up' } as const],
    ['of another provider', { value: 'S', format: 'responses', provider: 'other' } as const],
    ['without a token', undefined],
  ])('reasoning %s is left out and reported', (_, opaque) => {
    const { input, dropped } = inputOf({
      role: 'assistant',
      content: 'Hm',
      reasoning: [{ text: 'SECRET', path: 'messages.1.content.0', ...(opaque && { opaque }) }],
    });
    expect(JSON.stringify(input)).not.toContain('SECRET');
    expect(dropped).toEqual(['messages.1.content.0']);
  });

  test('shown reasoning goes back as text, but not to models that take none', () => {
    const messages: UnifiedMessage[] = [
      {
        role: 'assistant',
        content: 'Hm',
        reasoning: [
          { text: 'T', path: 'r', opaque: { value: '', format: 'responses', provider: 'up' } },
        ],
      },
    ];
    expect(encode({ messages }, 'deepseek-v4').body['input']).toContainEqual({
      type: 'reasoning',
      summary: [],
      content: [{ type: 'reasoning_text', text: 'T' }],
    });
    expect(encode({ messages }, 'gpt-5.6').dropped).toEqual(['r']);
  });

  test('an item id with the prefix of another kind is not sent', () => {
    const { input } = inputOf({
      role: 'assistant',
      content: null,
      reasoning: [{ text: '', id: 'msg_1', opaque: { value: 'E', format: 'responses' } }],
    });
    expect(input).toEqual([{ type: 'reasoning', summary: [], encrypted_content: 'E' }]);
  });

  test('a failed tool says so in words', () => {
    const { input, approximated } = inputOf(
      { role: 'tool', tool_call_id: 'a', content: 'no such city', is_error: true, path: 'm.1' },
      { role: 'tool', tool_call_id: 'b', content: 'Error: gone', is_error: true, path: 'm.2' },
      { role: 'tool', tool_call_id: 'c', content: '', is_error: true, path: 'm.3' },
    );
    const outputs = JSON.stringify(input);
    expect(outputs).toContain('"Error: no such city"');
    expect(outputs).toContain('"Error: gone"');
    expect(outputs).toContain('Error: the tool failed.');
    expect(approximated).toHaveLength(3);
  });

  test('arguments that are not JSON are wrapped, not refused', () => {
    const { input, approximated } = inputOf({
      role: 'assistant',
      content: null,
      tool_calls: [
        { type: 'function', id: 'a', function: { name: 'f', arguments: '{"a": 1' }, path: 'c' },
      ],
    });
    expect(input).toMatchObject([{ arguments: '{"arguments":"{\\"a\\": 1"}' }]);
    expect(approximated).toHaveLength(1);
  });

  test('media: what the API takes is sent, the rest reported by its path', () => {
    const { input, dropped, approximated } = inputOf({
      role: 'user',
      content: [
        { type: 'text', text: '' },
        {
          type: 'image_url',
          image_url: { url: 'https://e.com/a.png', detail: 'low' },
          path: 'p.1',
        },
        { type: 'image_url', image_url: { url: 'data:image/heic;base64,AA==' }, path: 'p.2' },
        {
          type: 'image_url',
          image_url: { url: '' },
          file: { id: 'f', format: 'messages' },
          path: 'p.3',
        },
        { type: 'file', file: { media_type: 'application/pdf', data: 'AA==' }, path: 'p.4' },
        {
          type: 'file',
          file: { text: 'plain', media_type: 'text/plain', citations: true },
          path: 'p.5',
        },
        { type: 'file', file: { url: 'gs://b/o.pdf' }, path: 'p.6' },
        { type: 'input_audio', input_audio: { data: 'AA==', format: 'wav' }, path: 'p.7' },
        { type: 'video', video: { url: 'https://e.com/v' }, path: 'p.8' },
      ],
    });
    expect(input).toEqual([
      {
        type: 'message',
        role: 'user',
        content: [
          { type: 'input_image', image_url: 'https://e.com/a.png', detail: 'low' },
          {
            type: 'input_file',
            filename: 'document.pdf',
            file_data: 'data:application/pdf;base64,AA==',
          },
          { type: 'input_text', text: 'plain' },
        ],
      },
    ]);
    expect(dropped).toEqual(['p.2', 'p.3', 'p.5.citations', 'p.6', 'p.7', 'p.8']);
    expect(approximated).toEqual(['p.5 (text)']);
  });

  test('cache marks become breakpoints where the model has them, four at most', () => {
    const marked = (index: number) =>
      ({
        type: 'text',
        text: `t${index}`,
        path: `p.${index}`,
        cache_control: { type: 'ephemeral' },
      }) as const;
    const messages: UnifiedMessage[] = [{ role: 'user', content: [0, 1, 2, 3, 4].map(marked) }];
    const { body, dropped } = encode({ messages }, 'gpt-5.6');
    expect(JSON.stringify(body).match(/prompt_cache_breakpoint/g)).toHaveLength(4);
    expect(dropped).toEqual(['p.4.cache_control']);
    expect(encode({ messages }, 'gpt-5').dropped).toHaveLength(5);
  });
});

describe('tools', () => {
  test('strict is always said, namespaces are put together again', () => {
    const { body } = encode({
      tools: [
        { type: 'function', function: { name: 'a' } },
        { type: 'function', function: { name: 'b', parameters: {}, strict: true }, namespace: 'n' },
        { type: 'hosted', format: 'responses', value: { type: 'web_search' } },
        {
          type: 'custom',
          custom: {
            name: 'c',
            format: { type: 'grammar', grammar: { syntax: 'lark', definition: 'start: "x"' } },
          },
          namespace: 'n',
          namespaceDescription: 'N',
        },
      ],
      tool_choice: { type: 'allowed_tools', mode: 'auto', names: ['a', 'c'] },
    });
    expect(body['tools']).toEqual([
      {
        type: 'function',
        name: 'a',
        parameters: { type: 'object', properties: {} },
        strict: false,
      },
      {
        type: 'namespace',
        name: 'n',
        description: '',
        tools: [
          { type: 'function', name: 'b', parameters: {}, strict: true },
          {
            type: 'custom',
            name: 'c',
            format: { type: 'grammar', syntax: 'lark', definition: 'start: "x"' },
          },
        ],
      },
      { type: 'web_search' },
    ]);
    expect(body['tool_choice']).toEqual({
      type: 'allowed_tools',
      mode: 'auto',
      tools: [
        { type: 'function', name: 'a' },
        { type: 'custom', name: 'c' },
      ],
    });
  });

  test('a forced choice without tools is reported', () => {
    const { body, dropped } = encode({ tool_choice: 'required' });
    expect(body['tool_choice']).toBeUndefined();
    expect(dropped).toEqual(['tool_choice']);
  });
});

describe('parameters', () => {
  test('nothing is left with the provider, and no field is sent that was not asked for', () => {
    const { body } = encode({});
    expect(body).toEqual({
      model: 'model-x',
      input: [{ type: 'message', role: 'user', content: 'Hi' }],
      store: false,
    });
  });

  test('what the API has no word for is reported', () => {
    const { body, dropped } = encode({
      top_k: 1,
      stop: ['x'],
      seed: 1,
      frequency_penalty: 1,
      presence_penalty: 1,
      logit_bias: {},
      n: 2,
      stream: true,
      stream_options: { include_usage: true },
      user: 'u'.repeat(65),
      prompt_cache_key: 'k'.repeat(65),
      service_tier: 'standard_only',
      metadata: { a: 'ok', b: 1 },
      verbosity: 'loud',
    });
    expect(dropped).toEqual([
      'top_k',
      'stop',
      'seed',
      'frequency_penalty',
      'presence_penalty',
      'logit_bias',
      'n',
      'verbosity',
      'user',
      'prompt_cache_key',
      'metadata.b',
    ]);
    expect(body).toMatchObject({ stream: true, service_tier: 'default', metadata: { a: 'ok' } });
    expect(body['stream_options']).toBeUndefined();
  });

  test('a limit below the least one is raised', () => {
    const { body, approximated } = encode({ max_tokens: 5 });
    expect(body['max_output_tokens']).toBe(16);
    expect(approximated).toEqual(['max_tokens (16)']);
  });

  test.each([
    ['gpt-4o', {}, true],
    ['o4-mini', {}, false],
    ['gpt-5', {}, false],
    ['gpt-5.1', {}, true],
    ['gpt-5.1', { reasoning: { effort: 'low' } }, false],
    ['gpt-5.5', {}, false],
    ['gpt-5.5', { reasoning: { effort: 'none', enabled: false } }, true],
    ['anything', { reasoning: { effort: 'high' } }, true],
  ] as const)('%s with %j takes sampling: %p', (model, more, isTaken) => {
    const { body, dropped } = encode({ temperature: 0, top_logprobs: 2, ...more }, model);
    expect(body['temperature']).toBe(isTaken ? 0 : undefined);
    expect(body['top_logprobs']).toBe(isTaken ? 2 : undefined);
    expect(dropped).toEqual(isTaken ? [] : ['temperature', 'top_logprobs']);
  });

  test.each([
    ['model-x', { effort: 'high', enabled: true }, { effort: 'high' }],
    ['model-x', { effort: 'none', enabled: false }, { effort: 'none' }],
    // "disabled" of a format without the word: only where the word is known (test/README.md, 20)
    ['model-x', { enabled: false }, undefined],
    ['gpt-5.1', { enabled: false }, { effort: 'none' }],
    ['gpt-5', { enabled: false }, { effort: 'minimal' }],
    ['gpt-4o', { enabled: false }, undefined],
    ['gpt-5', { effort: 'xhigh' }, { effort: 'high' }],
    ['model-x', { enabled: true, max_tokens: 4000 }, { effort: 'medium', summary: 'auto' }],
    ['model-x', { adaptive: true, effort: 'max' }, { effort: 'max', summary: 'auto' }],
    ['model-x', { summary: 'detailed' }, { effort: 'medium', summary: 'detailed' }],
    ['gpt-5', { summary: 'auto' }, { summary: 'auto' }],
    ['gpt-5.1', { adaptive: true, summary: 'none' }, { effort: 'medium' }],
  ] as const)('%s: %j is %j', (model, reasoning, wire) => {
    expect<unknown>(encode({ reasoning }, model).body['reasoning']).toEqual(wire);
  });

  test.each([
    ['gpt-5', {}, true],
    ['gpt-4o', { reasoning: { effort: 'low' } }, false],
    ['my-deployment', {}, false],
    ['my-deployment', { reasoning: { effort: 'low' } }, true],
  ] as const)('%s with %j is asked for encrypted reasoning: %p', (model, more, isAsked) => {
    const expected = isAsked ? ['reasoning.encrypted_content'] : undefined;
    expect<unknown>(encode(more, model).body['include']).toEqual(expected);
  });

  test('structured output is flat and has a legal name', () => {
    const { body } = encode({
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'a b', schema: { type: 'object' } },
      },
    });
    expect(body['text']).toEqual({
      format: { type: 'json_schema', name: 'a_b', schema: { type: 'object' } },
    });
  });

  test("a hook's own fields go out as they are", () => {
    expect(encode({ custom_knob: { a: 1 } }).body['custom_knob']).toEqual({ a: 1 });
  });

  test("fields of the client's own format come back to their places", () => {
    const body = {
      model: 'gpt-5.6',
      input: 'Hi',
      include: ['file_search_call.results'],
      reasoning: { effort: 'low', context: 'all_turns' },
      previous_response_id: 'resp_0',
      max_tool_calls: 3,
    };
    const request = responses.decodeRequest(body, clientContext(body));
    const out = asJson(responses.encodeRequest(request, providerContext('gpt-5.6')));
    expect(out).toMatchObject({
      include: ['reasoning.encrypted_content', 'file_search_call.results'],
      reasoning: { effort: 'low', context: 'all_turns' },
      previous_response_id: 'resp_0',
      max_tool_calls: 3,
    });
    // The client relies on what the provider keeps.
    expect(out['store']).toBeUndefined();
  });
});
