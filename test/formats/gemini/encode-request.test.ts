import { describe, expect, test } from 'bun:test';
import { gemini } from '../../../src/formats/gemini/gemini.ts';
import type {
  Opaque,
  UnifiedChatRequest,
  UnifiedMessage,
  UnifiedToolCall,
} from '../../../src/unified.ts';
import { clientContext, providerContext } from './context.ts';

function encode(request: Partial<UnifiedChatRequest>, model?: string) {
  const context = providerContext(model);
  const messages: UnifiedMessage[] = [{ role: 'user', content: 'Hello' }];
  const encoded = gemini.encodeRequest({ model: 'alias', messages, ...request }, context);
  const body = JSON.parse(JSON.stringify(encoded));
  return { body, dropped: context.ledger.dropped, approximated: context.ledger.approximated };
}

const call = (id: string, name: string, more: { opaque?: Opaque } = {}): UnifiedToolCall => ({
  type: 'function',
  id,
  function: { name, arguments: '{"a":1}' },
  path: `calls.${id}`,
  ...more,
});
const result = (id: string, content: UnifiedMessage['content'], more = {}): UnifiedMessage => ({
  role: 'tool',
  tool_call_id: id,
  content,
  path: `results.${id}`,
  ...more,
});

describe('contents', () => {
  test('leading instructions go aside, a later one stays in its place', () => {
    const { body, approximated } = encode({
      messages: [
        { role: 'system', content: 'One.' },
        { role: 'system', content: 'Two.', developer: true },
        { role: 'user', content: 'Hello' },
        { role: 'system', content: 'Three.', path: 'messages.3' },
      ],
    });
    expect(body.systemInstruction).toEqual({ parts: [{ text: 'One.' }, { text: 'Two.' }] });
    expect(body.contents).toEqual([
      { role: 'user', parts: [{ text: 'Hello' }, { text: 'Three.' }] },
    ]);
    expect(approximated).toEqual(['messages.3 (user text)']);
  });

  test('instructions alone become what Gemini answers to', () => {
    const { body } = encode({ messages: [{ role: 'system', content: 'One.' }] });
    expect(body).toEqual({ contents: [{ role: 'user', parts: [{ text: 'One.' }] }] });
  });

  test('a turn is one content; its results are one, in the order of the calls, alone', () => {
    const { body } = encode({
      messages: [
        { role: 'user', content: 'Go.' },
        {
          role: 'assistant',
          content: 'Looking.',
          tool_calls: [call('call_1', 'f'), call('call_2', 'g')],
        },
        result('call_2', 'two'),
        result('call_1', 'boom', { is_error: true }),
        { role: 'user', content: 'And?' },
      ],
    });
    expect(body.contents).toEqual([
      { role: 'user', parts: [{ text: 'Go.' }] },
      {
        role: 'model',
        parts: [
          { text: 'Looking.' },
          { functionCall: { name: 'f', args: { a: 1 } } },
          { functionCall: { name: 'g', args: { a: 1 } } },
        ],
      },
      {
        role: 'user',
        parts: [
          { functionResponse: { name: 'f', response: { error: 'boom' } } },
          { functionResponse: { name: 'g', response: { output: 'two' } } },
        ],
      },
      { role: 'user', parts: [{ text: 'And?' }] },
    ]);
  });

  test('a result that is a JSON object goes as one, if that changes no character of it', () => {
    const response = (content: string) =>
      encode({
        messages: [
          { role: 'assistant', content: null, tool_calls: [call('call_1', 'f')] },
          result('call_1', content),
        ],
      }).body.contents[1].parts[0].functionResponse.response;
    expect(response('{"temp":3}')).toEqual({ temp: 3 });
    expect(response('{ "temp": 3 }')).toEqual({ output: '{ "temp": 3 }' });
    expect(response('{"id":12345678901234567890}')).toEqual({
      output: '{"id":12345678901234567890}',
    });
    expect(response('{"error":"x"}')).toEqual({ output: '{"error":"x"}' });
    expect(response('[1]')).toEqual({ output: '[1]' });
    expect(response('')).toEqual({ output: '' });
  });

  test('an image in a result stands inside it for Gemini 3, in a content behind it before', () => {
    const image = {
      type: 'image_url' as const,
      image_url: { url: 'data:image/png;base64,AAAA' },
      path: 'p',
    };
    const messages: UnifiedMessage[] = [
      { role: 'user', content: 'Go.' },
      { role: 'assistant', content: null, tool_calls: [call('call_1', 'f')] },
      result('call_1', [{ type: 'text', text: 'see' }, image]),
    ];
    const part = { inlineData: { mimeType: 'image/png', data: 'AAAA' } };
    const inside = encode({ messages }, 'gemini-3-flash-preview');
    expect(inside.body.contents[2].parts).toEqual([
      { functionResponse: { name: 'f', response: { output: 'see' }, parts: [part] } },
    ]);
    expect(inside.approximated).toEqual([]);
    const beside = encode({ messages }, 'gemini-2.5-pro');
    expect(beside.body.contents.slice(2)).toEqual([
      { role: 'user', parts: [{ functionResponse: { name: 'f', response: { output: 'see' } } }] },
      { role: 'user', parts: [part] },
    ]);
    expect(beside.approximated).toEqual(['p (beside the function response)']);
  });

  test('what cannot be said is reported, not sent empty', () => {
    const { body, dropped } = encode({
      messages: [
        { role: 'user', name: 'bob', path: 'm.0', content: [{ type: 'text', text: '' }] },
        {
          role: 'user',
          content: [
            { type: 'text', text: 'a', cache_control: { type: 'ephemeral' }, path: 'm.1.0' },
            {
              type: 'image_url',
              image_url: { url: 'ftp://x/y.png', detail: 'high' },
              path: 'm.1.1',
            },
            { type: 'file', file: { id: 'file-1', idFormat: 'chat' }, path: 'm.1.2' },
            { type: 'hosted', format: 'messages', value: {}, path: 'm.1.3' },
          ],
        },
        { role: 'assistant', content: null, reasoning: [{ text: 'hm', path: 'm.2.0' }] },
        { role: 'user', content: 'b' },
      ],
    });
    expect(body.contents).toEqual([{ role: 'user', parts: [{ text: 'a' }, { text: 'b' }] }]);
    expect(dropped).toEqual([
      'm.0.name',
      'm.1.0.cache_control',
      'm.1.1.detail',
      'm.1.1',
      'm.1.2',
      'm.1.3',
      'm.2.0',
    ]);
  });

  test('media by what they are', () => {
    const { body } = encode({
      messages: [
        {
          role: 'user',
          content: [
            { type: 'image_url', image_url: { url: 'https://x.test/a.png?s=1' } },
            { type: 'input_audio', input_audio: { data: 'AAAA', format: 'wav' } },
            { type: 'file', file: { data: 'JVBERi0xLjE=' } },
            { type: 'file', file: { text: 'plain', context: 'from the wiki' } },
            { type: 'video', video: { url: 'gs://b/v.webm' } },
          ],
        },
      ],
    });
    expect(body.contents[0].parts).toEqual([
      { fileData: { fileUri: 'https://x.test/a.png?s=1', mimeType: 'image/png' } },
      { inlineData: { mimeType: 'audio/wav', data: 'AAAA' } },
      { inlineData: { mimeType: 'application/pdf', data: 'JVBERi0xLjE=' } },
      { text: 'from the wiki' },
      { text: 'plain' },
      { fileData: { fileUri: 'gs://b/v.webm', mimeType: 'video/webm' } },
    ]);
  });
});

describe('ids and signatures', () => {
  const opaque = { value: 'c2ln', format: 'gemini' as const, provider: 'google' };

  test('an id that Gemini gave goes back, any other does not', () => {
    const ids = (model: string) =>
      encode(
        {
          messages: [
            { role: 'user', content: 'Go.' },
            {
              role: 'assistant',
              content: null,
              tool_calls: [call('9d532gc9', 'f'), call('call_x', 'f')],
            },
            result('9d532gc9', 'a'),
            result('call_x', 'b'),
          ],
        },
        model,
      )
        .body.contents.flatMap((content: { parts: object[] }) => content.parts)
        .map((part: { functionCall?: { id?: string }; functionResponse?: { id?: string } }) =>
          part.functionCall ? part.functionCall.id : part.functionResponse?.id,
        );
    expect(ids('gemini-3.5-flash')).toEqual([
      undefined,
      '9d532gc9',
      undefined,
      '9d532gc9',
      undefined,
    ]);
    expect(ids('gemini-2.5-flash')).toEqual([
      undefined,
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('the first call of each step of the current turn is signed, with the documented dummy if need be', () => {
    const messages: UnifiedMessage[] = [
      { role: 'user', content: 'Before.' },
      { role: 'assistant', content: null, tool_calls: [call('call_0', 'f')] },
      result('call_0', 'x'),
      { role: 'user', content: 'Now.' },
      {
        role: 'assistant',
        content: null,
        tool_calls: [call('call_1', 'f', { opaque }), call('call_2', 'f')],
      },
      result('call_1', 'x'),
      result('call_2', 'x'),
      { role: 'assistant', content: 'And', tool_calls: [call('call_3', 'f'), call('call_4', 'f')] },
      result('call_3', 'x'),
      result('call_4', 'x'),
    ];
    const signatures = (model: string) =>
      encode({ messages }, model)
        .body.contents.flatMap((content: { parts: object[] }) => content.parts)
        .filter((part: object) => 'functionCall' in part)
        .map((part: { thoughtSignature?: string }) => part.thoughtSignature);
    const dummy = 'skip_thought_signature_validator';
    expect(signatures('gemini-3.1-pro-preview')).toEqual([
      undefined,
      'c2ln',
      undefined,
      dummy,
      undefined,
    ]);
    expect(signatures('gemini-flash-latest')).toEqual([
      undefined,
      'c2ln',
      undefined,
      dummy,
      undefined,
    ]);
    expect(signatures('gemini-2.5-pro')).toEqual([
      undefined,
      'c2ln',
      undefined,
      undefined,
      undefined,
    ]);
  });

  test('thoughts without a token are in the one of the call behind them', () => {
    const { body, dropped, approximated } = encode({
      messages: [
        { role: 'user', content: 'Go.' },
        {
          role: 'assistant',
          reasoning: [{ text: 'hm', opaque: { value: '', format: 'chat' }, path: 'r.0' }],
          content: null,
          tool_calls: [call('call_1', 'f', { opaque })],
        },
        result('call_1', 'x'),
      ],
    });
    expect(body.contents[1].parts).toEqual([
      { functionCall: { name: 'f', args: { a: 1 } }, thoughtSignature: 'c2ln' },
    ]);
    expect(dropped).toEqual([]);
    expect(approximated).toEqual(['r.0 (in the signature behind it)']);
  });

  test('a token of another provider or format is left out and reported', () => {
    const { body, dropped } = encode({
      messages: [
        { role: 'user', content: 'Go.' },
        {
          role: 'assistant',
          reasoning: [
            { text: 'mine', opaque, path: 'r.0' },
            { text: 'foreign', opaque: { value: 's', format: 'messages' }, path: 'r.1' },
          ],
          content: [
            { type: 'text', text: 'Hi', opaque: { ...opaque, provider: 'vertex' }, path: 't' },
          ],
          tool_calls: [call('call_1', 'f', { opaque: { ...opaque, provider: 'vertex' } })],
        },
        result('call_1', 'x'),
      ],
    });
    expect(body.contents[1].parts).toEqual([
      { text: 'mine', thought: true, thoughtSignature: 'c2ln' },
      { text: 'Hi' },
      { functionCall: { name: 'f', args: { a: 1 } } },
    ]);
    expect(dropped).toEqual(['r.1', 't.thoughtSignature', 'calls.call_1.thoughtSignature']);
  });
});

describe('generationConfig', () => {
  test('holds every parameter, zero included; what has no place is reported', () => {
    const { body, dropped } = encode({
      temperature: 0,
      top_p: 0.9,
      top_k: 40,
      max_completion_tokens: 100,
      stop: ['a', 'b', 'c', 'd', 'e', 'f'],
      seed: 7,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      logprobs: true,
      top_logprobs: 3,
      service_tier: 'flex',
      n: 2,
      user: 'u',
      parallel_tool_calls: false,
      store: false,
      my_hook_field: 1,
    });
    expect(body).toEqual({
      contents: [{ role: 'user', parts: [{ text: 'Hello' }] }],
      generationConfig: {
        maxOutputTokens: 100,
        temperature: 0,
        topP: 0.9,
        topK: 40,
        presencePenalty: 0.1,
        frequencyPenalty: 0.2,
        seed: 7,
        responseLogprobs: true,
        logprobs: 3,
        stopSequences: ['a', 'b', 'c', 'd', 'e'],
      },
      serviceTier: 'flex',
      my_hook_field: 1,
    });
    expect(dropped).toEqual(['stop.5', 'parallel_tool_calls', 'n', 'user']);
  });

  test('structured output; not beside functions before Gemini 3, which refuses that', () => {
    const schema = { type: 'object', additionalProperties: false };
    const response_format = { type: 'json_schema' as const, json_schema: { schema } };
    const tools = [{ type: 'function' as const, function: { name: 'f' } }];
    expect(encode({ response_format }).body.generationConfig).toEqual({
      responseMimeType: 'application/json',
      responseJsonSchema: schema,
    });
    const old = encode({ response_format, tools }, 'gemini-2.5-pro');
    expect(old.body.generationConfig).toBeUndefined();
    expect(old.dropped).toEqual(['response_format']);
    expect(encode({ response_format, tools }, 'gemini-3-pro-preview').dropped).toEqual([]);
  });

  test.each([
    ['gemini-2.5-flash', { effort: 'medium' }, { thinkingBudget: 8192, includeThoughts: true }],
    ['gemini-2.5-flash', { enabled: false }, { thinkingBudget: 0 }],
    ['gemini-2.5-flash', { max_tokens: 99_999 }, { thinkingBudget: 24_576, includeThoughts: true }],
    ['gemini-2.5-flash-lite', { max_tokens: 100 }, { thinkingBudget: 512, includeThoughts: true }],
    ['gemini-2.5-pro', { effort: 'none' }, { thinkingBudget: 128 }],
    [
      'gemini-2.5-pro',
      { enabled: true, adaptive: true },
      { thinkingBudget: -1, includeThoughts: true },
    ],
    ['gemini-2.5-pro', { max_tokens: 4000, summary: 'none' }, { thinkingBudget: 4000 }],
    [
      'gemini-3-pro-preview',
      { effort: 'medium' },
      { thinkingLevel: 'HIGH', includeThoughts: true },
    ],
    ['gemini-3-pro-preview', { enabled: false }, { thinkingLevel: 'LOW' }],
    [
      'gemini-3.1-pro-preview',
      { effort: 'medium' },
      { thinkingLevel: 'MEDIUM', includeThoughts: true },
    ],
    ['gemini-3-flash-preview', { enabled: false }, { thinkingLevel: 'MINIMAL' }],
    ['gemini-3.7-flash', { effort: 'minimal' }, { thinkingLevel: 'LOW', includeThoughts: true }],
    ['gemini-3.8-flash', { max_tokens: 4000 }, { thinkingLevel: 'MEDIUM', includeThoughts: true }],
    ['gemini-3.8-flash', { enabled: true }, { includeThoughts: true }],
    ['gemini-flash-latest', { effort: 'none' }, { thinkingLevel: 'LOW' }],
    ['my-proxy-alias', { effort: 'high' }, { thinkingBudget: 24_576, includeThoughts: true }],
    ['gemini-2.0-flash', { effort: 'high' }, undefined],
    ['gemma-3-27b-it', { enabled: false }, undefined],
  ] as const)('thinking of %s as %o', (model, reasoning, expected) => {
    const { body } = encode({ reasoning }, model);
    expect(body.generationConfig?.thinkingConfig).toEqual(expected);
  });
});

describe('tools', () => {
  const tool = (name: string, parameters?: object, strict?: boolean) => ({
    type: 'function' as const,
    function: {
      name,
      ...(parameters && { parameters: { ...parameters } }),
      ...(strict && { strict }),
    },
    path: `tools.${name}`,
  });

  test('are one list of declarations with plain JSON Schema, none for no parameters', () => {
    const schema = { $schema: 'x', type: 'object', properties: { a: { const: 1 } } };
    const empty = { type: 'object', properties: {}, additionalProperties: false };
    const free = { type: 'object', additionalProperties: { type: 'string' } };
    const { body, dropped } = encode({
      tools: [
        tool('f', schema, true),
        tool('g', empty),
        tool('h', free),
        { type: 'hosted', format: 'gemini', value: { googleSearch: {} } },
        { type: 'hosted', format: 'messages', value: {}, path: 'tools.4' },
      ],
    });
    expect(body.tools).toEqual([
      {
        functionDeclarations: [
          { name: 'f', parametersJsonSchema: schema },
          { name: 'g' },
          { name: 'h', parametersJsonSchema: free },
        ],
      },
      { googleSearch: {} },
    ]);
    expect(dropped).toEqual(['tools.4', 'tools.f.strict']);
  });

  test('the choice among them', () => {
    const tools = [tool('f'), tool('g')];
    const choice = (tool_choice: UnifiedChatRequest['tool_choice']) =>
      encode({ tools, tool_choice }).body;
    const mode = (tool_choice: UnifiedChatRequest['tool_choice']) =>
      choice(tool_choice).toolConfig?.functionCallingConfig;
    expect(mode('auto')).toEqual({ mode: 'AUTO' });
    expect(mode('none')).toEqual({ mode: 'NONE' });
    expect(mode('required')).toEqual({ mode: 'ANY' });
    expect(mode({ type: 'function', function: { name: 'g' } })).toEqual({
      mode: 'ANY',
      allowedFunctionNames: ['g'],
    });
    const some = choice({ type: 'allowed_tools', mode: 'auto', names: ['g'] });
    expect(some.tools).toEqual([{ functionDeclarations: [{ name: 'g' }] }]);
    expect(some.toolConfig).toEqual({ functionCallingConfig: { mode: 'AUTO' } });
    expect(encode({ tool_choice: 'required' }).dropped).toEqual(['tool_choice']);
  });
});

test('a Gemini client’s own body comes out as it went in', () => {
  const body = {
    contents: [
      { role: 'user', parts: [{ text: 'Go.' }] },
      {
        role: 'model',
        parts: [
          { functionCall: { id: 'abcd1234', name: 'f', args: { a: 1 } }, thoughtSignature: 'c2ln' },
        ],
      },
      {
        role: 'user',
        parts: [{ functionResponse: { id: 'abcd1234', name: 'f', response: { t: 1 } } }],
      },
      { role: 'model', parts: [{ text: 'Done.', thoughtSignature: 'ZW5k' }] },
      { role: 'user', parts: [{ text: 'More?' }] },
    ],
    systemInstruction: { parts: [{ text: 'Rule.' }] },
    tools: [
      {
        functionDeclarations: [
          { name: 'f', parametersJsonSchema: { type: 'object', properties: { a: {} } } },
        ],
      },
      { googleSearch: {} },
    ],
    toolConfig: {
      functionCallingConfig: { mode: 'AUTO' },
      retrievalConfig: { languageCode: 'de' },
    },
    generationConfig: {
      temperature: 1,
      thinkingConfig: { thinkingLevel: 'HIGH', includeThoughts: true },
      imageConfig: { aspectRatio: '1:1' },
    },
    safetySettings: [{ category: 'HARM_CATEGORY_HARASSMENT', threshold: 'BLOCK_NONE' }],
  };
  const client = clientContext();
  const provider = providerContext('gemini-3.5-flash');
  const request = gemini.decodeRequest(body, client);
  expect(JSON.parse(JSON.stringify(gemini.encodeRequest(request, provider)))).toEqual(body);
  expect([...client.ledger.dropped, ...provider.ledger.dropped]).toEqual([]);
});

test('the path keeps what is a whole resource name', () => {
  expect(gemini.path('gemini-2.5-pro', false)).toBe('/models/gemini-2.5-pro:generateContent');
  expect(gemini.path('tunedModels/my model', true)).toBe(
    '/tunedModels/my%20model:streamGenerateContent?alt=sse',
  );
});
