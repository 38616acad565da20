import { describe, expect, test } from 'bun:test';
import { gemini } from '../../../src/formats/gemini/gemini.ts';
import { runStage } from '../../../src/stream/stage.ts';
import type { Finish, UnifiedChunk } from '../../../src/unified.ts';
import { providerContext } from './context.ts';

interface Event {
  parts?: object[];
  finishReason?: string | number;
  [field: string]: unknown;
}

/** Events as a provider sends them: parts and the candidate's other fields, or a whole body. */
function decode(...events: (Event | string)[]) {
  const context = providerContext();
  const items = events.map((event) => {
    if (typeof event === 'string') return { event: '', data: event };
    const { parts, usageMetadata, promptFeedback, ...candidate } = event;
    const content = parts && { content: { parts, role: 'model' } };
    const hasCandidate = parts || Object.keys(candidate).length > 0;
    const body = {
      ...(hasCandidate && { candidates: [{ ...content, ...candidate }] }),
      ...(usageMetadata !== undefined && { usageMetadata }),
      ...(promptFeedback !== undefined && { promptFeedback }),
      modelVersion: 'gemini-x',
      responseId: 'resp-1',
    };
    return { event: '', data: JSON.stringify(body) };
  });
  const chunks = runStage<(typeof items)[number], UnifiedChunk>(gemini.decoder(context), items);
  return { chunks, body: chunks.slice(1), dropped: context.ledger.dropped };
}

const opaque = (value: string) => ({
  value,
  format: 'gemini' as const,
  provider: 'google',
  model: 'gemini-2.5-flash',
});
const ending = (finish: Finish): UnifiedChunk[] => [{ type: 'finish', finish }, { type: 'done' }];

describe('text and thoughts', () => {
  test('come as they are, with the first counts at the start and the last at the end', () => {
    const usageMetadata = { promptTokenCount: 5, totalTokenCount: 5 };
    const last = {
      promptTokenCount: 5,
      candidatesTokenCount: 2,
      thoughtsTokenCount: 3,
      totalTokenCount: 10,
    };
    const { chunks } = decode(
      { parts: [{ text: 'Hm', thought: true }], usageMetadata },
      { parts: [{ text: 'Hel' }] },
      {
        parts: [{ text: 'lo' }],
        finishReason: 'STOP',
        usageMetadata: { ...last, serviceTier: 'flex' },
      },
    );
    expect(chunks).toEqual([
      {
        type: 'start',
        id: 'resp-1',
        model: 'gemini-x',
        usage: { input: 5, cached: 0, cacheWrite: 0, output: 0 },
      },
      { type: 'reasoning', text: 'Hm', summarized: true },
      { type: 'text', text: 'Hel' },
      { type: 'text', text: 'lo' },
      {
        type: 'usage',
        usage: { input: 5, cached: 0, cacheWrite: 0, output: 5, reasoning: 3 },
        serviceTier: 'flex',
      },
      ...ending('stop'),
    ]);
  });

  test('go on after a finishReason; the last one counts', () => {
    const { body } = decode(
      { parts: [{ text: 'a' }], finishReason: 'STOP' },
      { parts: [{ text: 'b' }], finishReason: 'MAX_TOKENS' },
    );
    expect(body).toEqual([
      { type: 'text', text: 'a' },
      { type: 'text', text: 'b' },
      ...ending('length'),
    ]);
  });

  test('a signature on the first piece of a text does not cut the text', () => {
    const { body } = decode(
      { parts: [{ text: 'He', thoughtSignature: 'c2ln' }] },
      { parts: [{ text: 'llo' }], finishReason: 'STOP' },
    );
    expect(body.slice(0, 3)).toEqual([
      { type: 'text', text: 'He' },
      { type: 'opaque', opaque: opaque('c2ln') },
      { type: 'text', text: 'llo' },
    ]);
  });

  test('a signature on an empty part belongs to the text before it', () => {
    const { body } = decode(
      { parts: [{ text: 'Hello' }] },
      { parts: [{ text: '', thoughtSignature: 'c2ln' }], finishReason: 'STOP' },
    );
    expect(body.slice(0, 2)).toEqual([
      { type: 'text', text: 'Hello' },
      { type: 'opaque', opaque: opaque('c2ln') },
    ]);
  });

  test('two signed thoughts are two blocks', () => {
    const { body } = decode({
      parts: [
        { text: 'a', thought: true, thoughtSignature: 'cw==' },
        { text: 'b', thought: true },
      ],
      finishReason: 'STOP',
    });
    expect(body.map((chunk) => chunk.type)).toEqual([
      'reasoning',
      'opaque',
      'blockEnd',
      'reasoning',
      'finish',
      'done',
    ]);
  });
});

describe('calls', () => {
  test('are whole, have ids of their own, and decide the finish', () => {
    const { body } = decode({
      parts: [
        { functionCall: { name: 'f', args: { a: [1] } }, thoughtSignature: 'c2ln' },
        { functionCall: { name: 'f', id: 'abc' } },
        { functionCall: { name: 'f', id: 'abc' } },
      ],
      finishReason: 'STOP',
    });
    expect(body).toEqual([
      { type: 'call', index: 0, id: 'call_id1', name: 'f', opaque: opaque('c2ln') },
      { type: 'arguments', index: 0, text: '{"a":[1]}' },
      { type: 'callEnd', index: 0 },
      { type: 'call', index: 1, id: 'abc', name: 'f' },
      { type: 'arguments', index: 1, text: '{}' },
      { type: 'callEnd', index: 1 },
      { type: 'call', index: 2, id: 'call_id2', name: 'f' },
      { type: 'arguments', index: 2, text: '{}' },
      { type: 'callEnd', index: 2 },
      ...ending('tool_calls'),
    ]);
  });

  test('whose arguments arrive by path are put together', () => {
    const piece = (jsonPath: string, value: object) => ({
      partialArgs: [{ jsonPath, ...value }],
      willContinue: true,
    });
    const { body } = decode(
      { parts: [{ functionCall: { name: 'f', willContinue: true } }] },
      { parts: [{ functionCall: piece('$.city', { stringValue: 'Ber', willContinue: true }) }] },
      { parts: [{ functionCall: piece('$.city', { stringValue: 'lin' }) }] },
      { parts: [{ functionCall: piece("$.list[1]['x.y']", { numberValue: 0 }) }] },
      { parts: [{ functionCall: piece('$.__proto__.polluted', { boolValue: true }) }] },
      { parts: [{ functionCall: {} }], finishReason: 'STOP' },
    );
    expect(body).toEqual([
      { type: 'call', index: 0, id: 'call_id1', name: 'f' },
      {
        type: 'arguments',
        index: 0,
        text: '{"city":"Berlin","list":[null,{"x.y":0}],"__proto__":{"polluted":true}}',
      },
      { type: 'callEnd', index: 0 },
      ...ending('tool_calls'),
    ]);
    expect('polluted' in {}).toBe(false);
  });
});

describe('other parts', () => {
  test('a picture is media, code is for its own format only', () => {
    const code = { executableCode: { language: 'PYTHON', code: '1' } };
    const { body } = decode({
      parts: [
        { text: 'a' },
        code,
        { text: 'b' },
        { inlineData: { mimeType: 'image/png', data: 'AAAA' } },
        {},
      ],
      finishReason: 'STOP',
    });
    expect(body).toEqual([
      { type: 'text', text: 'a' },
      { type: 'hosted', format: 'gemini', value: code },
      { type: 'text', text: 'b' },
      { type: 'media', mediaType: 'image/png', data: 'AAAA' },
      ...ending('stop'),
    ]);
  });

  test('grounding becomes citations, its byte offsets UTF-16 units', () => {
    const groundingMetadata = {
      groundingChunks: [
        { web: { uri: 'https://a.test', title: 'A' } },
        { web: { uri: 'https://b.test' } },
      ],
      groundingSupports: [
        { segment: { startIndex: 6, endIndex: 12, text: 'is big' }, groundingChunkIndices: [0] },
      ],
    };
    const { body, dropped } = decode(
      { parts: [{ text: 'Ort' }], groundingMetadata: {} },
      { parts: [{ text: 'é is big' }], finishReason: 'STOP', groundingMetadata },
    );
    // The é of "Orté is big" has two bytes.
    expect(body.slice(2, 4)).toEqual([
      {
        type: 'citation',
        citation: {
          url: 'https://a.test',
          title: 'A',
          start: 5,
          end: 11,
          native: { format: 'gemini', value: { groundingMetadata } },
        },
      },
      {
        type: 'citation',
        citation: { url: 'https://b.test', native: { format: 'gemini', value: {} } },
      },
    ]);
    expect(dropped).toEqual([]);
  });

  test('cited sources have their place counted in UTF-16 units of their own text block', () => {
    const citationMetadata = {
      citations: [{ startIndex: 5, endIndex: 7, uri: 'https://a.test' }],
    };
    const { body } = decode({
      parts: [{ text: 'é ' }, { executableCode: {} }, { text: 'é b' }],
      finishReason: 'STOP',
      citationMetadata,
    });
    // Bytes 5 and 6 are the " b" behind the second é, which begins the block.
    expect(body.find((chunk) => chunk.type === 'citation')).toMatchObject({
      citation: { url: 'https://a.test', start: 1, end: 3 },
    });
  });

  test('log probabilities go with the text, in the spelling of chat', () => {
    const { body } = decode({
      parts: [{ text: 'Hi' }],
      finishReason: 'STOP',
      logprobsResult: {
        chosenCandidates: [{ token: 'Hi', tokenId: 1, logProbability: -0.5 }],
        topCandidates: [{ candidates: [{ token: 'Yo', logProbability: -1 }] }],
      },
    });
    expect(body[0]).toEqual({
      type: 'text',
      text: 'Hi',
      logprobs: [
        {
          token: 'Hi',
          logprob: -0.5,
          bytes: null,
          top_logprobs: [{ token: 'Yo', logprob: -1, bytes: null }],
        },
      ],
    });
  });
});

describe('the end', () => {
  test('without a finishReason is an error', () => {
    expect(decode({ parts: [{ text: 'a' }] }).chunks.at(-1)).toMatchObject({ type: 'error' });
    expect(decode().chunks.at(-1)).toMatchObject({ type: 'error' });
  });

  test.each<[string | number, Finish]>([
    ['SAFETY', 'content_filter'],
    ['OTHER', 'content_filter'],
    ['SOMETHING_NEW', 'content_filter'],
    [1, 'stop'],
    [2, 'length'],
  ])('by %s', (finishReason, finish) => {
    expect(decode({ finishReason }).chunks.slice(-2)).toEqual(ending(finish));
  });

  test('by a broken call is an error, not an empty success', () => {
    const finishMessage = 'Malformed function call: print(';
    const { chunks } = decode(
      { parts: [{ text: 'a' }] },
      { finishReason: 'MALFORMED_FUNCTION_CALL', finishMessage },
    );
    expect(chunks.at(-1)).toEqual({
      type: 'error',
      error: { message: finishMessage, status: 502, type: 'MALFORMED_FUNCTION_CALL' },
    });
  });

  test('a refused prompt is a filtered answer', () => {
    const { chunks, dropped } = decode({
      promptFeedback: { blockReason: 'SAFETY', blockReasonMessage: 'Nope.' },
      usageMetadata: { promptTokenCount: 4, totalTokenCount: 4 },
    });
    expect(chunks.slice(-2)).toEqual(ending('content_filter'));
    expect(dropped).toEqual(['reply.promptFeedback.blockReasonMessage']);
  });

  test('an error inside the stream is the last thing', () => {
    const error = {
      code: 503,
      message: 'Overloaded',
      status: 'UNAVAILABLE',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay: '7s' }],
    };
    const { chunks } = decode(
      { parts: [{ text: 'a' }] },
      JSON.stringify({ error }),
      '{"candidates":[]}',
    );
    expect(chunks.slice(1)).toEqual([
      { type: 'text', text: 'a' },
      {
        type: 'error',
        error: { message: 'Overloaded', status: 503, type: 'UNAVAILABLE', retryAfter: 7 },
      },
    ]);
  });

  test('what is not JSON is an error; [DONE] is not', () => {
    expect(decode('{"cand').chunks).toMatchObject([{ type: 'error' }]);
    const { chunks } = decode({ parts: [{ text: 'a' }], finishReason: 'STOP' }, '[DONE]');
    expect(chunks.slice(-2)).toEqual(ending('stop'));
  });

  test('a second candidate and unread fields are reported', () => {
    const body = {
      candidates: [{ index: 1 }, { index: 0, finishReason: 'STOP', safetyRatings: [] }],
    };
    expect(decode(JSON.stringify(body)).dropped).toEqual([
      'reply.candidates.1',
      'reply.candidates.0.safetyRatings',
    ]);
  });
});

describe('a whole reply', () => {
  const read = (body: object) => gemini.decodeReply({ ...body }, providerContext());

  test('is read the same way', () => {
    const reply = read({
      candidates: [
        {
          content: {
            parts: [
              { text: 'Hm', thought: true },
              { text: 'Hello', thoughtSignature: 'c2ln' },
              { functionCall: { name: 'f', args: { a: 1 } } },
            ],
          },
          finishReason: 'STOP',
        },
      ],
      usageMetadata: { promptTokenCount: 5, candidatesTokenCount: 1, totalTokenCount: 6 },
      modelVersion: 'gemini-x',
      responseId: 'resp-1',
      createTime: '2026-01-02T03:04:05Z',
    });
    expect(reply).toEqual({
      id: 'resp-1',
      model: 'gemini-x',
      created: 1_767_323_045,
      blocks: [
        { type: 'reasoning', text: 'Hm', summarized: true },
        { type: 'text', text: 'Hello', opaque: opaque('c2ln') },
        {
          type: 'call',
          call: { type: 'function', id: 'call_id1', function: { name: 'f', arguments: '{"a":1}' } },
        },
      ],
      finish: 'tool_calls',
      usage: { input: 5, cached: 0, cacheWrite: 0, output: 1 },
    });
  });

  test('that is no answer throws what the provider said', () => {
    expect(() => read({})).toThrow(/without a finishReason/);
    expect(() => read({ candidates: [{ finishReason: 'UNEXPECTED_TOOL_CALL' }] })).toThrow(
      expect.objectContaining({ kind: 'upstream_garbled', retryable: true }),
    );
    expect(() =>
      read({ error: { code: 429, message: 'Quota', status: 'RESOURCE_EXHAUSTED' } }),
    ).toThrow(expect.objectContaining({ kind: 'upstream_refused', status: 429, message: 'Quota' }));
  });

  test('without a finishReason is complete all the same: HTTP says where it ends', () => {
    expect(read({ candidates: [{ content: { parts: [{ text: 'a' }] } }] }).finish).toBe('stop');
  });
});
