/**
 * Where Plexus does on purpose what somebody may expect otherwise, each with who says so. `README.md`
 * of the tests lists them.
 */
import { describe, expect, test } from 'bun:test';
import type { JsonObject } from '../../src/json.ts';
import type { FormatName } from '../../src/unified.ts';
import { dig } from '../support/answer.ts';
import { ask, chatCalls, chatChunk, chatReply } from '../support/ask.ts';

/** Bytes whose base64 has all four letters by which the two alphabets differ, and padding. */
const BYTES = Buffer.from([0xfb, 0xff, 0xbf, 0xfa, 0x01]);

const geminiTurn = (part: JsonObject): JsonObject => ({
  contents: [{ role: 'user', parts: [part, { text: 'What is it?' }] }],
});

/**
 * "Either standard or URL-safe base64 encoding with/without paddings are accepted" (protobuf.dev,
 * "ProtoJSON Format", row `bytes`), and Google's SDK for Python sends `-` and `_`
 * (googleapis/python-genai#2105). Elsewhere it is the standard alphabet: a data URL's base64 is that of
 * RFC 2397, and Anthropic's pages encode with `standard_b64encode` (docs: build-with-claude/vision).
 */
describe('URL-safe base64 of a Gemini client goes on in the standard alphabet', () => {
  const png = `data:image/png;base64,${BYTES.toString('base64')}`;
  test.each([
    ['chat', ['messages', 0, 'content', 0, 'image_url', 'url'], png],
    ['messages', ['messages', 0, 'content', 0, 'source', 'data'], BYTES.toString('base64')],
    ['responses', ['input', 0, 'content', 0, 'image_url'], png],
  ] as const)('%s provider', async (provider, path, expected) => {
    for (const data of [BYTES.toString('base64url'), BYTES.toString('base64')]) {
      const fields = geminiTurn({ inlineData: { mimeType: 'image/png', data } });
      const { sent, reports } = await ask({ client: 'gemini', provider, fields });
      expect(dig(sent, ...path)).toBe(expected);
      expect(reports).toEqual([]);
    }
  });
});

/**
 * "Chat Completions accepts only PDF files as file content parts … read the file in your application
 * and send its contents as a text content part" (developers.openai.com, "File inputs", read 2026-11).
 * Anthropic takes a text document as text, base64 being for PDFs (docs: build-with-claude/files).
 */
describe('a plain text file of a Gemini client goes on as its text', () => {
  const text = 'Größe?\n\n42';
  const data = Buffer.from(text).toString('base64');
  test.each([
    ['chat', ['messages', 0, 'content'], `${text}\n\nWhat is it?`],
    ['responses', ['input', 0, 'content', 0], { type: 'input_text', text }],
    [
      'messages',
      ['messages', 0, 'content', 0],
      { type: 'document', source: { type: 'text', media_type: 'text/plain', data: text } },
    ],
  ] as const)('%s provider', async (provider, path, expected) => {
    const fields = geminiTurn({ inlineData: { mimeType: 'text/plain', data } });
    const { sent } = await ask({ client: 'gemini', provider, fields });
    expect(dig(sent, ...path)).toEqual(expected);
    expect(JSON.stringify(sent)).not.toContain(data);
  });
});

/**
 * Chat's sound is base64 of wav or mp3 within the request (openai-openapi,
 * `ChatCompletionRequestMessageContentPartAudio`), and its file parts take no address ("External file
 * URL: not supported", developers.openai.com, "File inputs"); `gs:` is Google's own besides.
 */
test('sound at a gs: address has no place in chat, and its loss is told', async () => {
  const fileData = { mimeType: 'audio/mp3', fileUri: 'gs://bucket/talk.mp3' };
  const { sent, response } = await ask({
    client: 'gemini',
    provider: 'chat',
    fields: geminiTurn({ fileData }),
  });
  expect(response.headers.get('x-plexus-dropped')).toBe('contents.0.parts.0');
  expect(sent['messages']).toEqual([{ role: 'user', content: 'What is it?' }]);
});

/**
 * Of arrays, constrained decoding knows `items` and `minItems` of 0 or 1; "if you use an unsupported
 * feature, you'll receive a 400" (docs: build-with-claude/structured-outputs, "JSON Schema
 * limitations"). Anthropic's own SDK takes the keyword out, too (`transformJSONSchema`, 1.10.0). What
 * `items: false` says beside it would, alone, allow the empty array only.
 */
test('prefixItems is taken out of a schema for Anthropic, and that is told', async () => {
  const pair = (array: JsonObject): JsonObject => ({
    type: 'object',
    properties: { pair: { type: 'array', ...array } },
    required: ['pair'],
    additionalProperties: false,
  });
  const schema = pair({ prefixItems: [{ type: 'string' }, { type: 'number' }], items: false });
  const { sent, response } = await ask({
    client: 'chat',
    provider: 'messages',
    fields: { response_format: { type: 'json_schema', json_schema: { name: 'p', schema } } },
  });
  expect(dig(sent, 'output_config', 'format', 'schema')).toEqual(
    pair({ items: { anyOf: [{ type: 'string' }, { type: 'number' }] } }),
  );
  expect(response.headers.get('x-plexus-approximated')).toBe(
    'response_format (without prefixItems)',
  );
});

/**
 * "First message is `assistant`: 400, first message must be `user`" (anthropics/skills,
 * skills/claude-api/shared/error-codes.md, of 2026: it names Claude Opus 5). Anthropic itself was seen
 * to take it where Bedrock did not (anthropics/anthropic-sdk-typescript#622, of 2024-12), and its
 * reference no longer says either; a turn that is always taken costs less than a refusal.
 */
test('before an assistant that speaks first, Anthropic gets a user turn, and that is told', async () => {
  const messages = [
    { role: 'system', content: 'Be kind.' },
    { role: 'assistant', content: 'Hello. How can I help?' },
    { role: 'user', content: 'Say two words.' },
  ];
  const { sent, response } = await ask({
    client: 'chat',
    provider: 'messages',
    fields: { messages },
  });
  expect(sent['messages']).toEqual([
    { role: 'user', content: expect.stringMatching(/\S/) },
    ...messages.slice(1),
  ]);
  expect(response.headers.get('x-plexus-approximated')).toContain('messages (with a user turn');
  // Anthropic's own clients get its own answer: nothing is put before their words.
  const { system: _, ...own } = { system: 'Be kind.', messages: messages.slice(1) };
  const same = await ask({ client: 'messages', provider: 'messages', fields: own });
  expect(same.sent['messages']).toEqual(own.messages);
});

/**
 * `args` are "the function parameters and values in JSON object format" (ai.google.dev, "Generating
 * content", FunctionCall): half an object is none, and `{}` would be a call that nobody made.
 */
describe('a call that the limit cut is not shown to a Gemini client, and that is told', () => {
  const half = { name: 'get_weather', arguments: '{"city":"Par' };
  const call = { id: 'call_1', type: 'function', function: half };
  const whole = {
    id: 'call_0',
    type: 'function',
    function: { ...half, arguments: '{"city":"Bern"}' },
  };

  test('plain', async () => {
    const says = chatReply({ tool_calls: [whole, call] }, 'length');
    const { answer, response } = await ask({ client: 'gemini', provider: 'chat', says });
    expect(answer.finish).toBe('length');
    expect(answer.calls.map(({ input }) => input)).toEqual([{ city: 'Bern' }]);
    expect(response.headers.get('x-plexus-dropped')).toBe('reply.tool_calls.1');
  });

  test('streamed', async () => {
    const says = [
      chatCalls({ index: 0, ...whole }),
      chatCalls({ index: 1, ...call }),
      chatChunk({}, 'length'),
      '[DONE]',
    ];
    const { answer, body, gateway } = await ask({ client: 'gemini', provider: 'chat', says });
    expect(answer.finish).toBe('length');
    expect(answer.calls.map(({ input }) => input)).toEqual([{ city: 'Bern' }]);
    expect(body).not.toContain('"args":{}');
    // Known only when the headers are gone: the record tells it.
    expect(gateway.records[0]?.dropped).toContain('reply.tool_calls.1');
  });
});

/**
 * OpenAI's SDK joins the texts of an answer as they are (`addOutputText`, openai 7.55.0). Only the
 * end of a prefill must have no white space (docs: build-with-claude/prompt-engineering, prefill), and
 * that is a request's affair.
 */
describe('white space at the end of a text before an image is kept as it came', () => {
  const said = 'Here it is: \n\n';
  const says: JsonObject = {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: 'up',
    output: [
      {
        id: 'msg_1',
        type: 'message',
        status: 'completed',
        role: 'assistant',
        content: [{ type: 'output_text', text: said, annotations: [], logprobs: [] }],
      },
      {
        id: 'ig_1',
        type: 'image_generation_call',
        status: 'completed',
        output_format: 'png',
        result: BYTES.toString('base64'),
      },
    ],
    usage: null,
  };
  test.each(['chat', 'messages', 'gemini'] satisfies FormatName[])('%s client', async (client) => {
    const plain = await ask({ client, provider: 'responses', says });
    expect(plain.answer.text).toBe(said);
    const streamed = await ask({
      client,
      provider: 'responses',
      says: [{ type: 'response.completed', response: says }],
    });
    expect(streamed.answer.text).toBe(said);
  });
});
