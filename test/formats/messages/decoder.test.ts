import { describe, expect, test } from 'bun:test';
import { decodeStream, fixture, provider } from './support.ts';

const frame = (json: object): string => `data: ${JSON.stringify(json)}\n\n`;
const start = (content: object[] = []): string =>
  frame({ type: 'message_start', message: { id: 'msg_1', model: 'x', content, usage: {} } });
const ending =
  frame({
    type: 'message_delta',
    delta: { stop_reason: 'end_turn' },
    usage: { output_tokens: 1 },
  }) + frame({ type: 'message_stop' });

describe('a provider’s stream', () => {
  test('gives thinking, text and calls in order, with their tokens and counts', () => {
    const opaque = { format: 'messages' as const, provider: 'acme', model: 'some-model' };
    const first = { input: 12, cached: 400, cacheWrite: 30, cacheWrite1h: 20, output: 2 };
    expect(decodeStream(fixture('thinking-and-tools.sse'))).toEqual([
      { type: 'start', id: 'msg_A1', model: 'claude-test-1', usage: first },
      { type: 'idle' },
      { type: 'reasoning', text: 'Two cities,' },
      { type: 'reasoning', text: ' two calls.' },
      { type: 'opaque', opaque: { value: 'c2lnbmF0dXJl', ...opaque } },
      { type: 'blockEnd' },
      { type: 'redacted', opaque: { value: 'cmVkYWN0ZWQ=', ...opaque } },
      { type: 'text', text: 'Looking – 天気.' },
      { type: 'blockEnd' },
      { type: 'call', index: 0, id: 'toolu_A', name: 'weather' },
      { type: 'arguments', index: 0, text: '{"city":' },
      { type: 'arguments', index: 0, text: '"Bonn"}' },
      { type: 'callEnd', index: 0 },
      { type: 'call', index: 1, id: 'toolu_B', name: 'now' },
      { type: 'callEnd', index: 1 },
      { type: 'usage', usage: { ...first, output: 55, reasoning: 9 } },
      { type: 'finish', finish: 'tool_calls' },
      { type: 'done' },
    ]);
  });

  test('gives the work of server tools whole, and citations with their links', () => {
    const chunks = decodeStream(fixture('web-search.sse'));
    const hosted = chunks.filter((chunk) => chunk.type === 'hosted');
    expect(hosted[0]?.value).toMatchObject({ type: 'server_tool_use', input: { query: 'otters' } });
    expect(hosted[1]?.value).toMatchObject({ type: 'web_search_tool_result' });
    expect(chunks.find((chunk) => chunk.type === 'citation')?.citation).toMatchObject({
      url: 'https://example.org/o',
      title: 'Otters',
      citedText: 'Otters swim',
    });
    expect(chunks.find((chunk) => chunk.type === 'finish')?.finish).toBe('pause_turn');
  });

  test('needs no event names', () => {
    const bare = fixture('web-search.sse').replaceAll(/^event: .*\n/gm, '');
    expect(decodeStream(bare)).toEqual(decodeStream(fixture('web-search.sse')));
  });

  test('takes blocks that a resumed turn begins with', () => {
    const chunks = decodeStream(start([{ type: 'text', text: 'Before.' }]) + ending);
    expect(chunks[1]).toEqual({ type: 'text', text: 'Before.' });
  });

  test('takes a call whose input is whole at its start', () => {
    const block = { type: 'tool_use', id: 'a', name: 'f', input: { x: 1 } };
    const chunks = decodeStream(
      start() +
        frame({ type: 'content_block_start', index: 0, content_block: block }) +
        frame({ type: 'content_block_stop', index: 0 }) +
        ending,
    );
    expect(chunks).toContainEqual({ type: 'arguments', index: 0, text: '{"x":1}' });
    expect(chunks.find((chunk) => chunk.type === 'finish')?.finish).toBe('tool_calls');
  });

  test('thinking without a signature still comes back to its provider', () => {
    const chunks = decodeStream(
      start() +
        frame({ type: 'content_block_start', index: 0, content_block: { type: 'thinking' } }) +
        frame({
          type: 'content_block_delta',
          index: 0,
          delta: { type: 'thinking_delta', thinking: 'Hm.' },
        }) +
        frame({ type: 'content_block_stop', index: 0 }) +
        ending,
    );
    const opaque = {
      value: '',
      format: 'messages' as const,
      provider: 'acme',
      model: 'some-model',
    };
    expect(chunks).toContainEqual({ type: 'opaque', opaque });
  });

  test('reports what has no place in the middle language', () => {
    const context = provider();
    const delta = { stop_reason: 'refusal', stop_details: { type: 'refusal', category: 'bio' } };
    decodeStream(start() + frame({ type: 'message_delta', delta, usage: {} }), context);
    expect(context.ledger.dropped).toEqual(['reply.stop_details']);
  });
});

describe('a stream that is not complete', () => {
  test('ends in an error, never in done', () => {
    const whole = fixture('thinking-and-tools.sse');
    const cut = whole.slice(0, whole.indexOf('event: message_delta'));
    expect(decodeStream(cut).at(-1)?.type).toBe('error');
    expect(decodeStream('').map((chunk) => chunk.type)).toEqual(['error']);
  });

  test('is complete without message_stop when the stop reason came', () => {
    const whole = fixture('thinking-and-tools.sse');
    const cut = whole.slice(0, whole.indexOf('event: message_stop'));
    expect(decodeStream(cut).at(-1)).toEqual({ type: 'done' });
  });

  test('gives the provider’s own error with its status, and nothing after it', () => {
    const error = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    expect(decodeStream(start() + frame(error) + ending).slice(1)).toEqual([
      {
        type: 'error',
        error: { message: 'Overloaded', type: 'overloaded_error', status: 529 },
      },
    ]);
  });

  test('gives an error for an event that is not JSON, but takes a stray [DONE]', () => {
    expect(decodeStream(`${start()}data: {"type":\n\n`).at(-1)?.type).toBe('error');
    expect(decodeStream(`${start()}${ending}data: [DONE]\n\n`).at(-1)).toEqual({ type: 'done' });
  });
});
