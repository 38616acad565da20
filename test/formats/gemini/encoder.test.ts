import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../../src/errors.ts';
import { gemini } from '../../../src/formats/gemini/gemini.ts';
import { isObject, type JsonObject } from '../../../src/json.ts';
import { SseParser } from '../../../src/stream/sse.ts';
import { runStage } from '../../../src/stream/stage.ts';
import type { UnifiedChatRequest, UnifiedChunk, UnifiedReply } from '../../../src/unified.ts';
import { clientContext, envelope, showing } from './context.ts';

/** The bodies that a client reads. */
function encode(chunks: UnifiedChunk[], request?: UnifiedChatRequest) {
  const context = clientContext(request);
  const encoder = gemini.encoder(context);
  const text = chunks.map((chunk) => encoder.push(chunk)).join('') + encoder.end();
  const bodies = runStage(new SseParser(), [text]).map(({ event, data }) => {
    expect(event).toBe('');
    return JSON.parse(data);
  });
  return { bodies, parts: bodies.flatMap(partsOf), dropped: context.ledger.dropped };
}

function partsOf(body: { candidates: { content: { parts?: JsonObject[] } }[] }): JsonObject[] {
  return body.candidates[0]?.content.parts ?? [];
}

const start: UnifiedChunk = { type: 'start', id: 'resp-1', model: 'real-model' };
const signature = { value: 'sig', format: 'messages' as const, provider: 'anthropic' };

describe('events', () => {
  test('each has a part; only the last has the finish and the counts', () => {
    const { bodies } = encode([
      start,
      { type: 'text', text: 'Hel' },
      { type: 'finish', finish: 'length' },
      { type: 'usage', usage: { input: 3, cached: 2, cacheWrite: 1, output: 5, reasoning: 4 } },
      { type: 'text', text: 'lo\u2028"' },
      { type: 'done' },
    ]);
    const identity = { modelVersion: 'my-alias', responseId: 'resp-1' };
    const said = (text: string) => ({ content: { parts: [{ text }], role: 'model' }, index: 0 });
    expect(bodies).toEqual([
      { candidates: [said('Hel')], ...identity },
      { candidates: [said('lo\u2028"')], ...identity },
      {
        candidates: [{ ...said(''), finishReason: 'MAX_TOKENS' }],
        usageMetadata: {
          promptTokenCount: 6,
          candidatesTokenCount: 1,
          totalTokenCount: 11,
          cachedContentTokenCount: 2,
          thoughtsTokenCount: 4,
        },
        ...identity,
      },
    ]);
  });

  test('calls are whole, in their order, whenever their pieces come', () => {
    const { parts } = encode([
      start,
      { type: 'call', index: 0, id: 'a', name: 'f' },
      { type: 'call', index: 1, id: 'b', name: 'g' },
      { type: 'arguments', index: 1, text: '{"y":' },
      { type: 'arguments', index: 0, text: '{"x":1}' },
      { type: 'arguments', index: 1, text: '2}' },
      { type: 'callEnd', index: 1 },
      { type: 'call', index: 2, id: 'c', name: 'h' },
      { type: 'finish', finish: 'tool_calls' },
    ]);
    expect(parts).toEqual([
      { functionCall: { id: 'a', name: 'f', args: { x: 1 } } },
      { functionCall: { id: 'b', name: 'g', args: { y: 2 } } },
      { functionCall: { id: 'c', name: 'h', args: {} } },
      { text: '' },
    ]);
  });

  test('a call leaves as soon as it is complete, and before text that follows it', () => {
    const encoder = gemini.encoder(clientContext());
    encoder.push({ type: 'call', index: 0, id: 'a', name: 'f' });
    encoder.push({ type: 'arguments', index: 0, text: '{}' });
    expect(encoder.push({ type: 'callEnd', index: 0 })).toContain('"functionCall"');
    encoder.push({ type: 'call', index: 1, id: 'b', name: 'g' });
    encoder.push({ type: 'arguments', index: 1, text: '{}' });
    const text = encoder.push({ type: 'text', text: 'after' });
    expect(text.indexOf('"g"')).toBeGreaterThan(0);
    expect(text.indexOf('"g"')).toBeLessThan(text.indexOf('after'));
  });

  test('a call whose arguments are no JSON is not shown as one', () => {
    const { bodies, dropped } = encode([
      start,
      { type: 'call', index: 0, id: 'a', name: 'f' },
      { type: 'arguments', index: 0, text: '{"x":' },
      { type: 'finish', finish: 'tool_calls' },
    ]);
    expect(bodies.at(-1).candidates[0].finishReason).toBe('MALFORMED_FUNCTION_CALL');
    expect(bodies).toHaveLength(1);
    expect(dropped).toEqual(['reply.tool_calls.0']);
  });

  test('a failure is an error event that the SDK throws on, and no finish', () => {
    const encoder = gemini.encoder(clientContext());
    const text =
      encoder.push({ type: 'text', text: 'a' }) +
      encoder.fail(new GatewayError('upstream_unreachable', 'Gone', { retryAfter: 3 }));
    const [, last] = runStage(new SseParser(), [text]);
    expect(JSON.parse(last?.data ?? '')).toEqual({
      error: {
        code: 502,
        message: 'Gone',
        status: 'UNAVAILABLE',
        details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '3s' }],
      },
    });
    expect(text).not.toContain('finishReason');
  });

  test('a keep-alive is an event every SDK can read, with the answer’s identity', () => {
    const encoder = gemini.encoder(clientContext());
    encoder.push(start);
    const [event] = runStage(new SseParser(), [encoder.keepAlive()]);
    expect(JSON.parse(event?.data ?? '')).toMatchObject({
      candidates: [{ content: { parts: [{ text: '' }] } }],
      responseId: 'resp-1',
    });
  });

  test('sources of another format become grounding, in bytes', () => {
    const { bodies } = encode([
      start,
      { type: 'text', text: 'é: ' },
      { type: 'blockEnd' },
      { type: 'text', text: 'big' },
      { type: 'citation', citation: { url: 'https://a.test', title: 'A', start: 0, end: 3 } },
    ]);
    expect(bodies.at(-1).candidates[0].groundingMetadata).toEqual({
      groundingChunks: [{ web: { uri: 'https://a.test', title: 'A' } }],
      groundingSupports: [
        { segment: { startIndex: 4, endIndex: 7, text: 'big' }, groundingChunkIndices: [0] },
      ],
    });
  });

  test('log probabilities stand beside their text', () => {
    const logprobs = [{ token: 'Hi', logprob: -1, bytes: null, top_logprobs: [] }];
    const { bodies } = encode([start, { type: 'text', text: 'Hi', logprobs }]);
    expect(bodies[0].candidates[0]).toEqual({
      content: { parts: [{ text: 'Hi' }], role: 'model' },
      index: 0,
      logprobsResult: {
        chosenCandidates: [{ token: 'Hi', logProbability: -1 }],
        topCandidates: [{ candidates: [] }],
      },
    });
  });

  test('what only another format can show is reported', () => {
    const value = { type: 'server_tool_use' };
    expect(encode([start, { type: 'hosted', format: 'messages', value }]).dropped).toEqual([
      'reply.server_tool_use',
    ]);
  });
});

describe('thoughts', () => {
  const thinking: UnifiedChunk[] = [
    start,
    { type: 'reasoning', text: 'Let me ', part: 0 },
    { type: 'reasoning', text: 'think.', part: 0 },
    { type: 'reasoning', text: 'Done.', part: 1 },
    { type: 'opaque', opaque: signature },
  ];
  const whole = 'Let me think.\n\nDone.';
  const call: UnifiedChunk[] = [
    { type: 'call', index: 0, id: 'a', name: 'f' },
    { type: 'arguments', index: 0, text: '{}' },
  ];

  test('are shown to those who ask only; the token travels on the call either way', () => {
    const token = envelope.seal(signature, whole, true);
    const functionCall = { id: 'a', name: 'f', args: {} };
    expect(encode([...thinking, ...call]).parts).toEqual([
      { functionCall, thoughtSignature: token },
      { text: '' },
    ]);
    expect(encode([...thinking, ...call], showing).parts).toEqual([
      { text: 'Let me ', thought: true },
      { text: 'think.', thought: true },
      { text: '\n\nDone.', thought: true },
      { functionCall, thoughtSignature: token },
      { text: '' },
    ]);
  });

  test('put the token on a text behind them, which SDKs keep; on a part of its own at the end', () => {
    const token = envelope.seal(signature, whole, true);
    expect(encode([...thinking, { type: 'text', text: 'Hi' }]).parts).toEqual([
      { text: 'Hi', thoughtSignature: token },
      { text: '' },
    ]);
    expect(encode(thinking).parts).toEqual([
      { text: '', thought: true, thoughtSignature: token },
      { text: '' },
    ]);
  });

  test('Gemini’s own tokens are as they were', () => {
    const opaque = { value: 'c2ln', format: 'gemini' as const };
    const { parts } = encode(
      [
        start,
        { type: 'reasoning', text: 'Hm' },
        { type: 'opaque', opaque },
        { type: 'text', text: 'Hi' },
        { type: 'opaque', opaque },
        { type: 'call', index: 0, id: 'a', name: 'f', opaque },
      ],
      showing,
    );
    expect(parts).toEqual([
      { text: 'Hm', thought: true },
      { text: '', thought: true, thoughtSignature: 'c2ln' },
      { text: 'Hi' },
      { text: '', thoughtSignature: 'c2ln' },
      { functionCall: { id: 'a', name: 'f', args: {} }, thoughtSignature: 'c2ln' },
      { text: '' },
    ]);
  });

  test('and redacted ones come back to the decoder as what they were', () => {
    const redacted = { value: 'encrypted', format: 'messages' as const, provider: 'anthropic' };
    for (const request of [undefined, showing]) {
      const { parts } = encode(
        [
          ...thinking,
          { type: 'redacted', opaque: redacted },
          { type: 'text', text: 'Hi' },
          ...call,
        ],
        request,
      );
      const { messages } = gemini.decodeRequest(
        { contents: [{ role: 'model', parts }] },
        clientContext(),
      );
      expect(messages).toMatchObject([
        {
          reasoning: [
            { text: whole, opaque: signature },
            { text: '', opaque: redacted, redacted: true },
          ],
          content: [{ text: 'Hi' }],
          tool_calls: [{ id: 'a' }],
        },
      ]);
      expect(messages[0]?.reasoning).toHaveLength(2);
    }
  });
});

describe('a whole reply', () => {
  const reply: UnifiedReply = {
    id: '',
    model: 'real-model',
    blocks: [
      { type: 'reasoning', text: 'Hm', opaque: signature },
      {
        type: 'call',
        call: { type: 'function', id: 'a', function: { name: 'f', arguments: '{"x":1}' } },
      },
      { type: 'text', text: 'Hi' },
      { type: 'refusal', text: 'No.' },
      { type: 'media', mediaType: 'image/png', data: 'AAAA' },
    ],
    finish: 'tool_calls',
    usage: { input: 1, cached: 0, cacheWrite: 0, output: 2 },
  };

  test('says the same as its stream', () => {
    const body: unknown = JSON.parse(
      JSON.stringify(gemini.encodeReply(reply, clientContext(showing))),
    );
    expect(body).toEqual({
      candidates: [
        {
          content: {
            parts: [
              { text: 'Hm', thought: true },
              {
                functionCall: { id: 'a', name: 'f', args: { x: 1 } },
                thoughtSignature: envelope.seal(signature, 'Hm', true),
              },
              { text: 'Hi' },
              { text: 'No.' },
              { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
            ],
            role: 'model',
          },
          finishReason: 'STOP',
          index: 0,
        },
      ],
      usageMetadata: { promptTokenCount: 1, candidatesTokenCount: 2, totalTokenCount: 3 },
      modelVersion: 'my-alias',
      responseId: 'id1',
    });
  });

  test('with nothing in it has no parts', () => {
    const empty = { ...reply, blocks: [], finish: 'refusal' as const };
    const body: unknown = gemini.encodeReply(empty, clientContext());
    expect(isObject(body) && body['candidates']).toEqual([
      { content: { role: 'model' }, finishReason: 'SAFETY', index: 0 },
    ]);
  });
});

describe('errors', () => {
  test('have the field, and the name of google.rpc.Code', () => {
    const error = new GatewayError('invalid_request', 'contents: is required', {
      field: 'contents',
    });
    expect(gemini.encodeError(error, 'req-1')).toMatchObject({
      error: {
        code: 400,
        message: 'contents: is required',
        status: 'INVALID_ARGUMENT',
        details: [{ fieldViolations: [{ field: 'contents' }] }, { requestId: 'req-1' }],
      },
    });
  });

  test('of a provider are read in each of their forms', () => {
    const error = { code: 400, message: 'Bad key', status: 'INVALID_ARGUMENT' };
    expect(gemini.decodeError(400, { error })).toEqual({
      message: 'Bad key',
      status: 400,
      type: 'INVALID_ARGUMENT',
    });
    const reason = {
      '@type': 'type.googleapis.com/google.rpc.ErrorInfo',
      reason: 'API_KEY_INVALID',
    };
    expect(gemini.decodeError(400, [{ error: { ...error, details: [reason] } }])).toMatchObject({
      status: 401,
      code: 'API_KEY_INVALID',
    });
    expect(gemini.decodeError(502, '<html>')).toEqual({ message: '<html>', status: 502 });
    expect(gemini.decodeError(500, {})).toEqual({ message: 'HTTP 500', status: 500 });
  });
});
