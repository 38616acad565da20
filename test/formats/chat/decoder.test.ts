import { describe, expect, test } from 'bun:test';
import { assembleReply } from '../../../src/assemble.ts';
import { chat } from '../../../src/formats/chat/chat.ts';
import { SseParser } from '../../../src/stream/sse.ts';
import { runStage } from '../../../src/stream/stage.ts';
import type { UnifiedChunk } from '../../../src/unified.ts';
import { decodeEvents, decodeStream, delta, fixture, provider } from './support.ts';

const DONE = { type: 'done' } as const;

/** Without what every stream has. */
function body(chunks: UnifiedChunk[]): UnifiedChunk[] {
  return chunks.filter(({ type }) => !['start', 'finish', 'usage', 'done'].includes(type));
}

function callDelta(call: object): object {
  return delta({ tool_calls: [call] });
}

function functionCall(index: number | undefined, id: string, name: string, text: string): object {
  return callDelta({ index, id, type: 'function', function: { name, arguments: text } });
}

describe("OpenAI's own stream", () => {
  test('becomes chunks, mixed argument deltas keep their calls', () => {
    expect(decodeStream(fixture('openai.sse'))).toEqual([
      { type: 'start', id: 'chatcmpl-1', model: 'gpt-4o-2024-08-06', created: 1700000001 },
      { type: 'text', text: 'Let me ' },
      { type: 'text', text: 'see.' },
      { type: 'call', index: 0, id: 'call_a', name: 'weather' },
      { type: 'arguments', index: 0, text: '{"city":' },
      { type: 'call', index: 1, id: 'call_b', name: 'time' },
      { type: 'arguments', index: 1, text: '{}' },
      { type: 'arguments', index: 0, text: '"Zürich"}' },
      { type: 'finish', finish: 'tool_calls' },
      {
        type: 'usage',
        usage: { input: 40, cached: 10, cacheWrite: 0, output: 20, reasoning: 0 },
        serviceTier: 'default',
      },
      DONE,
    ]);
  });

  test('is the same stream wherever the network cuts it', () => {
    const text = fixture('openai.sse');
    const whole = decodeStream(text);
    for (let cut = 1; cut < text.length; cut += 7) {
      const events = runStage(new SseParser(), [text.slice(0, cut), text.slice(cut)]);
      expect(runStage(chat.decoder(provider()), events)).toEqual(whole);
    }
  });

  test('a refusal is a refusal', () => {
    const chunks = decodeEvents([delta({ refusal: 'I ' }), delta({ refusal: "can't." }, 'stop')]);
    expect(body(chunks)).toEqual([
      { type: 'refusal', text: 'I ' },
      { type: 'refusal', text: "can't." },
    ]);
    expect(chunks).toContainEqual({ type: 'finish', finish: 'refusal' });
  });

  test('logprobs stay with their text', () => {
    const token = { token: 'Hi', logprob: -0.1, bytes: [72, 105], top_logprobs: [] };
    const event = {
      choices: [{ index: 0, delta: { content: 'Hi' }, logprobs: { content: [token] } }],
    };
    expect(body(decodeEvents([event]))).toEqual([{ type: 'text', text: 'Hi', logprobs: [token] }]);
  });

  test('a custom call has free text', () => {
    const call = { index: 0, id: 'c', type: 'custom', custom: { name: 'sql', input: 'SELECT' } };
    expect(body(decodeEvents([callDelta(call)]))).toEqual([
      { type: 'call', index: 0, id: 'c', name: 'sql', custom: true },
      { type: 'arguments', index: 0, text: 'SELECT' },
    ]);
  });

  test('further choices are reported', () => {
    const context = provider();
    const event = {
      choices: [
        { index: 1, delta: { content: 'B' } },
        { index: 0, delta: { content: 'A' } },
      ],
    };
    expect(body(decodeEvents([event], context))).toEqual([{ type: 'text', text: 'A' }]);
    expect(context.ledger.dropped).toEqual(['reply.choices.1']);
  });
});

describe('the end', () => {
  const text = delta({ content: 'Hi' });
  const stopped = delta({}, 'stop');
  const sse = (bodies: object[]) =>
    bodies.map((event) => `data: ${JSON.stringify(event)}\n\n`).join('');

  test('[DONE] is not demanded after a finish reason', () => {
    expect(decodeStream(sse([text, stopped])).at(-1)).toEqual(DONE);
  });

  test('a finish reason is not demanded before [DONE]', () => {
    expect(decodeEvents([text]).slice(-2)).toEqual([{ type: 'finish', finish: 'stop' }, DONE]);
  });

  test('without both the answer is broken', () => {
    expect(decodeStream(sse([text])).at(-1)).toMatchObject({ type: 'error' });
    expect(decodeStream('').at(-1)).toMatchObject({ type: 'error' });
  });

  test('[DONE] and nothing before it is no answer', () => {
    expect(decodeStream('data: [DONE]\n\n')).toMatchObject([{ type: 'error' }]);
  });

  test('nothing follows the end', () => {
    const decoder = chat.decoder(provider());
    decoder.push({ event: '', data: JSON.stringify(stopped) });
    decoder.push({ event: '', data: '[DONE]' });
    expect(decoder.push({ event: '', data: JSON.stringify(text) })).toEqual([]);
    expect(decoder.end?.()).toEqual([]);
  });

  test('a call decides the finish when the provider said "stop"', () => {
    const chunks = decodeEvents([functionCall(0, 'c', 'f', '{}'), stopped]);
    expect(chunks).toContainEqual({ type: 'finish', finish: 'tool_calls' });
  });

  test('an event that is not JSON breaks the answer', () => {
    expect(decodeStream(`${sse([text])}data: {"id":\n\n`).at(-1)).toMatchObject({ type: 'error' });
  });
});

describe('errors inside a stream', () => {
  test.each([
    [
      'an error event',
      'event: error\ndata: {"error":{"message":"Bad call","status_code":400}}\n\n',
      400,
    ],
    [
      'an error in a chunk with choices',
      'data: {"error":{"message":"Bad call","code":429},"choices":[{"index":0,"delta":{}}]}\n\n',
      429,
    ],
    [
      'finish_reason error',
      'data: {"choices":[{"index":0,"delta":{},"finish_reason":"error","error":{"message":"Bad call","code":502}}]}\n\n',
      502,
    ],
    [
      'an error object of vLLM',
      'data: {"object":"error","message":"Bad call","code":500}\n\n',
      500,
    ],
    ['a bare string', 'data: {"error":"Bad call"}\n\n', undefined],
  ] as [string, string, number | undefined][])('%s', (_, event, status) => {
    const chunks = decodeStream(`data: ${JSON.stringify(delta({ content: 'Hi' }))}\n\n${event}`);
    const last = chunks.at(-1);
    if (last?.type !== 'error') throw new Error('no error');
    expect(last.error.message).toBe('Bad call');
    expect(last.error.status).toBe(status);
    expect(chunks.some(({ type }) => type === 'done')).toBe(false);
  });

  test('what was used up to it is told first', () => {
    const usage = { prompt_tokens: 3, completion_tokens: 1 };
    const chunks = decodeEvents([{ error: { message: 'x' }, usage }]);
    expect(chunks.map(({ type }) => type)).toEqual(['usage', 'error']);
  });
});

describe('tool calls as servers send them', () => {
  test('several calls under one index (Cerebras)', () => {
    const chunks = decodeEvents([
      functionCall(0, 'a', 'f', '{}'),
      functionCall(0, 'b', 'f', '{"x":1}'),
    ]);
    expect(assembleReply(chunks).blocks).toMatchObject([
      { call: { id: 'a', function: { arguments: '{}' } } },
      { call: { id: 'b', function: { arguments: '{"x":1}' } } },
    ]);
  });

  test('an empty id and name in every continuation (Alibaba)', () => {
    const chunks = decodeEvents([
      functionCall(0, 'a', 'f', ''),
      functionCall(0, '', '', '{"x"'),
      functionCall(0, '', '', ':1}'),
    ]);
    expect(assembleReply(chunks).blocks).toMatchObject([
      { call: { id: 'a', function: { name: 'f', arguments: '{"x":1}' } } },
    ]);
  });

  test('id and name repeated in every chunk', () => {
    const chunks = decodeEvents([
      functionCall(0, 'a', 'f', '{"x"'),
      functionCall(0, 'a', 'f', ':1}'),
    ]);
    expect(assembleReply(chunks).blocks).toMatchObject([
      { call: { id: 'a', function: { name: 'f', arguments: '{"x":1}' } } },
    ]);
  });

  test('calls without index, in one delta', () => {
    const call = (id: string) => ({
      id,
      type: 'function',
      function: { name: 'f', arguments: '{}' },
    });
    const chunks = decodeEvents([delta({ tool_calls: [call('a'), call('b')] })]);
    expect(assembleReply(chunks).blocks).toMatchObject([
      { call: { id: 'a' } },
      { call: { id: 'b' } },
    ]);
  });

  test('calls without index and id: a name told again continues, a finished one does not', () => {
    const piece = (text: string) =>
      delta({ tool_calls: [{ function: { name: 'f', arguments: text } }] });
    const chunks = decodeEvents([piece('{"x"'), piece(':1}'), piece('{"x":2}')]);
    expect(assembleReply(chunks).blocks).toMatchObject([
      { call: { function: { arguments: '{"x":1}' } } },
      { call: { function: { arguments: '{"x":2}' } } },
    ]);
  });

  test('missing and repeated ids become ids of our own', () => {
    const chunks = decodeEvents([
      functionCall(0, '', 'f', '{}'),
      functionCall(1, 'x', 'f', '{}'),
      functionCall(2, 'x', 'f', '{}'),
    ]);
    const ids = chunks.flatMap((chunk) => (chunk.type === 'call' ? [chunk.id] : []));
    expect(ids[1]).toBe('x');
    expect(ids.filter((id) => id.startsWith('call_'))).toHaveLength(2);
    expect(new Set(ids).size).toBe(3);
  });

  test('arguments as an object are JSON text', () => {
    const call = { index: 0, id: 'a', function: { name: 'f', arguments: { city: 'Rome' } } };
    expect(body(decodeEvents([callDelta(call)]))).toContainEqual({
      type: 'arguments',
      index: 0,
      text: '{"city":"Rome"}',
    });
  });

  test('arguments before the name wait for it', () => {
    const chunks = decodeEvents([
      functionCall(0, 'a', '', '{"x"'),
      functionCall(0, '', 'f', ':1}'),
    ]);
    expect(assembleReply(chunks).blocks).toMatchObject([
      { call: { id: 'a', function: { name: 'f', arguments: '{"x":1}' } } },
    ]);
  });

  test('a call that never gets a name is reported', () => {
    const context = provider();
    expect(body(decodeEvents([functionCall(0, 'a', '', '{}')], context))).toEqual([]);
    expect(context.ledger.dropped).toEqual(['reply.choices.0.message.tool_calls.0']);
  });

  test('function_call of the old kind is a call, an empty one is not', () => {
    const chunks = decodeEvents([
      delta({ function_call: { name: 'f', arguments: '' } }),
      delta({ function_call: { arguments: '{}' } }, 'function_call'),
    ]);
    expect(assembleReply(chunks)).toMatchObject({
      blocks: [{ call: { function: { name: 'f', arguments: '{}' } } }],
      finish: 'tool_calls',
    });
    expect(body(decodeEvents([delta({ function_call: { name: '', arguments: '' } })]))).toEqual([]);
  });

  test("Google's token is kept on the call", () => {
    const google = { thought_signature: 'sig' };
    const call = {
      index: 0,
      id: 'a',
      function: { name: 'f', arguments: '{}' },
      extra_content: { google },
    };
    expect(decodeEvents([callDelta(call)])).toContainEqual({
      type: 'call',
      index: 0,
      id: 'a',
      name: 'f',
      opaque: { value: 'sig', format: 'chat', provider: 'acme', model: 'some-model' },
    });
  });
});

describe('reasoning', () => {
  const token = (value: string) => ({
    value,
    format: 'chat',
    provider: 'acme',
    model: 'some-model',
  });

  test.each([
    ['reasoning_content', ''],
    ['reasoning', 'reasoning'],
  ])('in %s; its token says so, before the next block', (field, value) => {
    const chunks = decodeEvents([
      delta({ [field]: 'hm ' }),
      delta({ [field]: 'so' }),
      delta({ content: 'Hi' }),
    ]);
    expect(body(chunks) as unknown[]).toEqual([
      { type: 'reasoning', text: 'hm ' },
      { type: 'reasoning', text: 'so' },
      { type: 'opaque', opaque: token(value) },
      { type: 'text', text: 'Hi' },
    ]);
  });

  test('the same text in two fields is read once', () => {
    const chunks = decodeEvents([delta({ reasoning: 'hm', reasoning_content: 'hm' })]);
    expect(assembleReply(chunks).blocks).toMatchObject([{ type: 'reasoning', text: 'hm' }]);
  });

  test("Mistral's parts of the content", () => {
    const thinking = (text: string) => ({ type: 'thinking', thinking: [{ type: 'text', text }] });
    const chunks = decodeEvents([
      delta({ content: [thinking('hm')] }),
      delta({ content: [thinking('!'), { type: 'text', text: '1' }] }),
      delta({ content: '44' }),
    ]);
    expect(assembleReply(chunks).blocks as unknown[]).toEqual([
      { type: 'reasoning', text: 'hm!', opaque: token('thinking') },
      { type: 'text', text: '144' },
    ]);
  });

  test("OpenRouter's signed blocks come back as they were", () => {
    const chunks = decodeStream(fixture('openrouter.sse'));
    const reply = assembleReply(chunks);
    expect(reply).toMatchObject({
      blocks: [
        { type: 'reasoning', text: 'I should greet.' },
        { type: 'text', text: 'Hello!' },
      ],
      finish: 'stop',
      usage: { input: 12, output: 9, reasoning: 5, costUsd: 0.00042 },
    });
    const [reasoning] = reply.blocks;
    if (reasoning?.type !== 'reasoning' || !reasoning.opaque) throw new Error('no token');
    const sent = chat.encodeRequest(
      {
        model: 'm',
        messages: [
          {
            role: 'assistant',
            content: 'Hello!',
            reasoning: [{ text: reasoning.text, opaque: reasoning.opaque }],
          },
        ],
      },
      provider(),
    );
    expect(sent).toMatchObject({
      messages: [
        {
          content: 'Hello!',
          reasoning_details: [
            {
              type: 'reasoning.text',
              text: 'I should greet.',
              signature: 'c2ln',
              format: 'anthropic-claude-v1',
              index: 0,
            },
          ],
        },
      ],
    });
  });

  test('a token that comes with the call stands before it', () => {
    const details = [{ type: 'reasoning.encrypted', data: 'xyz', id: 'tool_1', index: 0 }];
    const call = { index: 0, id: 'a', function: { name: 'f', arguments: '{}' } };
    const chunks = decodeEvents([
      delta({ content: 'Ok' }),
      delta({ reasoning_details: details, tool_calls: [call] }),
    ]);
    expect(assembleReply(chunks).blocks as unknown[]).toEqual([
      { type: 'text', text: 'Ok' },
      { type: 'reasoning', text: '', opaque: token(JSON.stringify(details)) },
      {
        type: 'call',
        call: { id: 'a', type: 'function', function: { name: 'f', arguments: '{}' } },
      },
    ]);
  });

  test('a list at the end that repeats the text is not said again', () => {
    const details = [{ type: 'reasoning.text', text: 'hm so', signature: 's', index: 0 }];
    const chunks = decodeEvents([
      delta({ reasoning: 'hm ' }),
      delta({ reasoning: 'so' }),
      delta({ reasoning_details: details }),
    ]);
    expect(assembleReply(chunks).blocks).toMatchObject([{ type: 'reasoning', text: 'hm so' }]);
  });

  test('a summary is told from the reasoning itself', () => {
    const details = [{ type: 'reasoning.summary', summary: 'hm', index: 0 }];
    expect(body(decodeEvents([delta({ reasoning: 'hm', reasoning_details: details })]))[0]).toEqual(
      {
        type: 'reasoning',
        text: 'hm',
        summarized: true,
      },
    );
  });
});

describe('usage as servers send it', () => {
  const usage = { prompt_tokens: 5, completion_tokens: 2, total_tokens: 7 };
  test.each([
    ['on the finish chunk', [{ ...delta({ content: 'x' }, 'stop'), usage }]],
    ['in x_groq', [{ ...delta({ content: 'x' }, 'stop'), x_groq: { usage } }]],
    [
      'on the choice',
      [{ choices: [{ index: 0, delta: { content: 'x' }, finish_reason: 'stop', usage }] }],
    ],
    ['in a chunk of its own', [delta({ content: 'x' }, 'stop'), { choices: [], usage }]],
    ['in a chunk without choices', [delta({ content: 'x' }, 'stop'), { usage }]],
    [
      'growing in every chunk',
      [
        { ...delta({ content: 'x' }), usage: { prompt_tokens: 5, completion_tokens: 1 } },
        { ...delta({}, 'stop'), usage },
      ],
    ],
  ] as [string, object[]][])('%s', (_, events) => {
    expect(decodeEvents(events).filter(({ type }) => type === 'usage')).toEqual([
      { type: 'usage', usage: { input: 5, cached: 0, cacheWrite: 0, output: 2 } },
    ]);
  });
});

describe('further content', () => {
  test("citations wait for the text, Perplexity's sources for its end", () => {
    const url = 'https://x.test/';
    const annotation = {
      type: 'url_citation',
      url_citation: { url, title: 'X', start_index: 0, end_index: 0 },
    };
    const early = decodeEvents([
      delta({ content: '', annotations: [annotation] }),
      delta({ content: 'See X' }),
    ]);
    expect(body(early)).toEqual([
      { type: 'text', text: 'See X' },
      {
        type: 'citation',
        citation: { url, title: 'X', native: { format: 'chat', value: annotation } },
      },
    ]);
    const sources = decodeEvents([
      { ...delta({ content: 'X [1]' }), citations: [url] },
      { ...delta({}, 'stop'), citations: [url] },
    ]);
    expect(body(sources)).toEqual([
      { type: 'text', text: 'X [1]' },
      { type: 'citation', citation: { url } },
    ]);
  });

  test('images that the model made', () => {
    const images = [{ type: 'image_url', image_url: { url: 'data:image/png;base64,AAAA' } }];
    expect(body(decodeEvents([delta({ images })]))).toEqual([
      { type: 'media', mediaType: 'image/png', data: 'AAAA' },
    ]);
  });

  test('what has no place between formats is reported', () => {
    const context = provider();
    decodeEvents(
      [delta({ content: 'x', executed_tools: [{ type: 'search' }], audio: { data: 'AA' } })],
      context,
    );
    expect(context.ledger.dropped).toEqual([
      'reply.choices.0.message.audio',
      'reply.choices.0.message.executed_tools',
    ]);
  });

  test('a server that sends the whole message as one event is understood', () => {
    const message = { role: 'assistant', content: 'Hi' };
    const chunks = decodeEvents([
      { id: 'x', choices: [{ index: 0, message, finish_reason: 'stop' }] },
    ]);
    expect(body(chunks)).toEqual([{ type: 'text', text: 'Hi' }]);
  });
});
