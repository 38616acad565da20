import { describe, expect, test } from 'bun:test';
import { gemini } from '../../../src/formats/gemini/gemini.ts';
import type { JsonObject } from '../../../src/json.ts';
import { parts } from '../../../src/unified.ts';
import { clientContext, envelope } from './context.ts';

function decode(body: JsonObject) {
  const context = clientContext();
  const request = gemini.decodeRequest(body, context);
  return { request, dropped: context.ledger.dropped, approximated: context.ledger.approximated };
}

const hello = { contents: [{ role: 'user', parts: [{ text: 'Hello' }] }] };

describe('spelling', () => {
  test('camelCase and snake_case say the same', () => {
    const camel = decode({
      systemInstruction: { parts: [{ text: 'Rule.' }] },
      contents: [{ parts: [{ inlineData: { mimeType: 'image/png', data: 'AAAA' } }] }],
      tools: [{ functionDeclarations: [{ name: 'f', parametersJsonSchema: { type: 'object' } }] }],
      toolConfig: { functionCallingConfig: { mode: 'ANY', allowedFunctionNames: ['f'] } },
      generationConfig: { maxOutputTokens: 5, topP: 0.5, thinkingConfig: { thinkingBudget: 100 } },
    });
    const snake = decode({
      system_instruction: { parts: { text: 'Rule.' } },
      contents: { parts: [{ inline_data: { mime_type: 'image/png', data: 'AAAA' } }] },
      tools: { function_declarations: { name: 'f', parameters_json_schema: { type: 'object' } } },
      tool_config: { function_calling_config: { mode: 'any', allowed_function_names: 'f' } },
      generation_config: {
        max_output_tokens: '5',
        top_p: 0.5,
        thinking_config: { thinking_budget: 100 },
      },
    });
    const withoutPaths = (value: unknown) =>
      JSON.parse(JSON.stringify(value, (key, inner) => (key === 'path' ? undefined : inner)));
    expect(withoutPaths(snake.request)).toEqual(withoutPaths(camel.request));
    expect(camel.request).toMatchObject({
      max_tokens: 5,
      top_p: 0.5,
      reasoning: { enabled: true, max_tokens: 100, summary: 'none' },
      tool_choice: { type: 'function', function: { name: 'f' } },
    });
    expect([...camel.dropped, ...snake.dropped]).toEqual([]);
  });

  test('paths are the client’s own', () => {
    const { request } = decode({
      contents: [{ parts: [{ text: 'a' }] }],
      tools: [{ function_declarations: [{ name: 'f' }] }],
    });
    expect(request.tools?.[0]?.path).toBe('tools.0.function_declarations.0');
    expect(request.messages[0]).toMatchObject({
      path: 'contents.0',
      content: [{ path: 'contents.0.parts.0' }],
    });
  });

  test('an unknown field of a content is reported, one of a part or at the top kept for its own format', () => {
    const { request, dropped } = decode({
      contents: [{ parts: [{ text: 'a', videoMetadata: { fps: 1 } }], mood: 'good' }],
      safetySettings: [{ category: 'X' }],
      generationConfig: { speechConfig: { a: 1 }, temperature: 0 },
      toolConfig: { retrievalConfig: { b: 2 } },
    });
    expect(dropped).toEqual(['contents.0.mood']);
    const [part] = parts(request.messages[0] ?? { role: 'user', content: null });
    expect(part?.rest).toMatchObject({ path: 'contents.0.parts.0' });
    expect(Object.keys(part?.rest?.fields ?? {})).toEqual(['videoMetadata']);
    expect(request.extra).toEqual({
      format: 'gemini',
      fields: {
        safetySettings: [{ category: 'X' }],
        'generationConfig.speechConfig': { a: 1 },
        'toolConfig.retrievalConfig': { b: 2 },
      },
    });
    expect(request.temperature).toBe(0);
  });

  test('a body without contents names the field', () => {
    expect(() => decode({})).toThrow(/^contents: is required/);
    expect(() => decode({ contents: [] })).toThrow(/^contents: must not be empty/);
    expect(() => decode({ contents: [{ role: 'robot', parts: [] }] })).toThrow(
      /^contents\.0\.role/,
    );
  });
});

describe('calls and responses', () => {
  const call = (name: string, id?: string) => ({
    functionCall: { name, args: { a: 1 }, ...(id && { id }) },
  });
  const response = (name: string, value: unknown, id?: string) => ({
    functionResponse: { name, response: value, ...(id && { id }) },
  });

  test('without ids are paired by name and order, the same way every time', () => {
    const body = {
      contents: [
        { role: 'user', parts: [{ text: 'Go.' }] },
        { role: 'model', parts: [call('weather'), call('time'), call('weather')] },
        {
          role: 'user',
          parts: [
            response('weather', { result: 'first' }),
            response('weather', { output: 'second' }),
            response('time', { hour: 3 }),
          ],
        },
      ],
    };
    const { request } = decode(body);
    const ids = request.messages[1]?.tool_calls?.map((one) => one.id);
    expect(ids).toEqual(['call_1_0', 'call_1_1', 'call_1_2']);
    const results = request.messages
      .slice(2)
      .map((message) => [message.tool_call_id, message.content]);
    expect(results).toMatchObject([
      ['call_1_0', [{ text: 'first' }]],
      ['call_1_2', [{ text: 'second' }]],
      ['call_1_1', [{ text: '{"hour":3}' }]],
    ]);
    expect(decode(body).request).toEqual(request);
  });

  test('with ids are paired by them, in any order', () => {
    const { request } = decode({
      contents: [
        { role: 'model', parts: [call('f', 'x'), call('f', 'y')] },
        { role: 'function', parts: [response('f', { error: 'no' }, 'y'), response('f', {}, 'x')] },
      ],
    });
    expect(request.messages.slice(1)).toMatchObject([
      { role: 'tool', tool_call_id: 'y', is_error: true, content: [{ text: 'no' }] },
      { role: 'tool', tool_call_id: 'x', content: [{ text: '{}' }] },
    ]);
  });

  test('text after a call is a message that continues the turn', () => {
    const { request } = decode({
      contents: [{ role: 'model', parts: [{ text: 'a' }, call('f'), { text: 'b' }] }],
    });
    expect(request.messages).toMatchObject([
      { content: [{ text: 'a' }], tool_calls: [{ function: { name: 'f', arguments: '{"a":1}' } }] },
      { content: [{ text: 'b' }], continues: true },
    ]);
    expect(request.messages[0]?.continues).toBeUndefined();
  });
});

describe('thoughtSignature', () => {
  const model = (...parts: object[]) => decode({ contents: [{ role: 'model', parts }] });

  test('of Gemini stays on the very part', () => {
    const { request } = model(
      { text: 'Think', thought: true },
      { text: 'ing', thought: true, thoughtSignature: 'c2ln' },
      { text: 'Hi' },
      { text: '', thoughtSignature: 'ZW5k' },
      { functionCall: { name: 'f' }, thoughtSignature: 'Y2FsbA==' },
    );
    expect(request.messages).toMatchObject([
      {
        reasoning: [
          { text: 'Thinking', summarized: true, opaque: { value: 'c2ln', format: 'gemini' } },
        ],
        content: [{ text: 'Hi' }, { text: '', opaque: { value: 'ZW5k' } }],
        tool_calls: [{ opaque: { value: 'Y2FsbA==', format: 'gemini' } }],
      },
    ]);
    expect(request.messages[0]?.reasoning?.[0]?.opaque?.provider).toBeUndefined();
  });

  test('with sealed reasoning gives the block back before its call, with the shown thoughts once', () => {
    const opaque = {
      value: 'anthropic-signature',
      format: 'messages' as const,
      provider: 'anthropic',
    };
    const sealed = envelope.seal(opaque, 'Let me think.', true);
    const { request, dropped } = model(
      { text: 'Let me ', thought: true },
      { text: 'think.', thought: true },
      { functionCall: { name: 'f' }, thoughtSignature: sealed },
    );
    expect(request.messages).toMatchObject([
      { reasoning: [{ text: 'Let me think.', opaque }], tool_calls: [{ function: { name: 'f' } }] },
    ]);
    expect(request.messages[0]?.reasoning).toHaveLength(1);
    expect(dropped).toEqual([]);
  });

  test('that is ours but altered is left out and reported', () => {
    const sealed = envelope.seal({ value: 's', format: 'messages' }, 'text', true);
    const broken = `${sealed.slice(0, -8)}AAAAAAAA`;
    const { request, dropped } = model({ functionCall: { name: 'f' }, thoughtSignature: broken });
    expect(request.messages[0]?.reasoning).toBeUndefined();
    expect(dropped).toEqual(['contents.0.parts.0.thoughtSignature']);
  });

  test('that is the documented dummy says nothing', () => {
    const dummy = {
      functionCall: { name: 'f' },
      thoughtSignature: 'skip_thought_signature_validator',
    };
    const { request, dropped } = model(dummy);
    expect(request.messages[0]?.tool_calls?.[0]?.opaque).toBeUndefined();
    expect(dropped).toEqual([]);
  });
});

describe('content', () => {
  test('goes by media type, in the standard alphabet of base64', () => {
    const blob = (mimeType: string, data: string) => ({ inlineData: { mimeType, data } });
    const { request } = decode({
      contents: [
        {
          parts: [
            blob('image/png', '_-8'),
            blob('audio/mpeg', 'AAAA'),
            blob('video/mp4', 'AAAA'),
            blob('application/pdf', 'AAAA'),
            blob('text/plain', 'aGk='),
            { fileData: { fileUri: 'https://example.com/a.webp' } },
            { fileData: { fileUri: 'https://youtu.be/x' } },
            { fileData: { mimeType: 'application/pdf', fileUri: 'gs://bucket/a' } },
            {
              fileData: {
                mimeType: 'image/png',
                fileUri: 'https://generativelanguage.googleapis.com/v1beta/files/abc',
              },
            },
          ],
        },
      ],
    });
    expect(request.messages[0]?.content).toMatchObject([
      { type: 'image_url', image_url: { url: 'data:image/png;base64,/+8=' } },
      { type: 'input_audio', input_audio: { data: 'AAAA', format: 'mp3' } },
      { type: 'video', video: { data: 'AAAA', media_type: 'video/mp4' } },
      { type: 'file', file: { data: 'AAAA', media_type: 'application/pdf' } },
      { type: 'file', file: { text: 'hi' } },
      { type: 'image_url', image_url: { url: 'https://example.com/a.webp' } },
      { type: 'video', video: { url: 'https://youtu.be/x' } },
      { type: 'file', file: { url: 'gs://bucket/a', media_type: 'application/pdf' } },
      { type: 'image_url', image_url: { url: '' }, file: { format: 'gemini' } },
    ]);
  });
});

describe('tools and configuration', () => {
  test('an OpenAPI schema becomes JSON Schema', () => {
    const { request } = decode({
      ...hello,
      tools: [
        {
          functionDeclarations: [
            {
              name: 'f',
              parameters: {
                type: 'OBJECT',
                properties: {
                  b: { type: 'STRING', format: 'enum', enum: ['x'], nullable: true },
                  a: { type: 'ARRAY', items: { type: 'INTEGER' }, minItems: '1' },
                  type: { anyOf: [{ type: 'NUMBER' }, { type: 'BOOLEAN' }], nullable: true },
                },
                propertyOrdering: ['a', 'b'],
                required: ['a'],
              },
            },
          ],
          googleSearch: {},
        },
      ],
    });
    expect(request.tools).toMatchObject([
      {
        type: 'hosted',
        format: 'gemini',
        value: { googleSearch: {} },
        path: 'tools.0.googleSearch',
      },
      { type: 'function' },
    ]);
    const tool = request.tools?.[1];
    const parameters = tool?.type === 'function' ? tool.function.parameters : undefined;
    expect(JSON.stringify(parameters)).toBe(
      JSON.stringify({
        type: 'object',
        properties: {
          a: { type: 'array', items: { type: 'integer' }, minItems: 1 },
          b: { type: ['string', 'null'], enum: ['x', null] },
          type: { anyOf: [{ type: 'number' }, { type: 'boolean' }, { type: 'null' }] },
        },
        required: ['a'],
      }),
    );
  });

  test('thinking: off, left to the model, a budget, a level, only shown, nothing', () => {
    const reasoning = (thinkingConfig: JsonObject) =>
      decode({ ...hello, generationConfig: { thinkingConfig } }).request.reasoning;
    expect(reasoning({ thinkingBudget: 0 })).toEqual({ enabled: false, summary: 'none' });
    expect(reasoning({ thinkingBudget: -1, includeThoughts: true })).toEqual({
      enabled: true,
      adaptive: true,
      summary: 'auto',
    });
    expect(reasoning({ thinkingLevel: 'low' })).toEqual({ effort: 'low', summary: 'none' });
    expect(reasoning({ includeThoughts: true })).toEqual({ summary: 'auto' });
    expect(reasoning({ includeThoughts: false })).toBeUndefined();
    expect(() => reasoning({ thinkingLevel: 'EXTREME' })).toThrow(/thinkingLevel: must be one of/);
  });

  test('structured output in each spelling', () => {
    const format = (generationConfig: JsonObject) =>
      decode({ ...hello, generationConfig }).request.response_format;
    expect(format({ responseMimeType: 'application/json' })).toEqual({ type: 'json_object' });
    expect(format({ responseMimeType: 'text/plain' })).toBeUndefined();
    expect(
      format({ responseMimeType: 'application/json', responseSchema: { type: 'STRING' } }),
    ).toEqual({ type: 'json_schema', json_schema: { schema: { type: 'string' } } });
  });
});
