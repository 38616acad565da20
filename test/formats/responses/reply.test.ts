/** Answers: a provider's reply or stream → unified → a client's reply or stream. */
import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../../src/errors.ts';
import { responses } from '../../../src/formats/responses/responses.ts';
import type { JsonObject } from '../../../src/json.ts';
import { runStage } from '../../../src/stream/stage.ts';
import type { UnifiedBlock, UnifiedChunk, UnifiedReply } from '../../../src/unified.ts';
import {
  asJson,
  clientContext,
  dig,
  envelope,
  events,
  fixtureEvents,
  fixtureJson,
  frames,
  providerContext,
} from './support/context.ts';
import { complaints } from './support/grammar.ts';

const own = { value: 'ENC-done', format: 'responses', provider: 'up', model: 'model-x' } as const;
const chunksOf = (name: string) =>
  runStage(responses.decoder(providerContext()), fixtureEvents(name));
const chunksOfText = (sse: string) => runStage(responses.decoder(providerContext()), events(sse));
const event = (type: string, more: JsonObject) =>
  `event: ${type}\ndata: ${JSON.stringify({ type, ...more })}\n\n`;

function stream(chunks: readonly UnifiedChunk[], body: JsonObject = {}) {
  const context = clientContext(body);
  const encoder = responses.encoder(context);
  let text = '';
  for (const chunk of chunks) text += encoder.push(chunk);
  const list = frames(text + encoder.end());
  expect(complaints(list)).toEqual([]);
  return { list, final: list.at(-1)?.['response'], ledger: context.ledger };
}
function reply(blocks: UnifiedBlock[], more: Partial<UnifiedReply> = {}, body: JsonObject = {}) {
  const context = clientContext(body);
  const unified: UnifiedReply = { id: '', model: 'm', blocks, finish: 'stop', ...more };
  return { wire: asJson(responses.encodeReply(unified, context)), ledger: context.ledger };
}

describe('from a provider', () => {
  test('a stream with everything', () => {
    expect(chunksOf('everything.sse').filter(({ type }) => type !== 'idle')).toMatchObject([
      { type: 'start', id: 'resp_f1', model: 'gpt-test-2026-01-01', created: 1760000000 },
      { type: 'reasoning', text: 'Fir', summarized: true, part: 0, id: 'rs_1' },
      { type: 'reasoning', text: 'st.', part: 0 },
      { type: 'reasoning', text: 'Second.', part: 1 },
      { type: 'opaque', opaque: own, id: 'rs_1' },
      { type: 'blockEnd' },
      { type: 'text', text: 'Héllo' },
      { type: 'text', text: ' there' },
      { type: 'citation', citation: { url: 'https://example.com/a', start: 0, end: 5 } },
      { type: 'blockEnd' },
      { type: 'call', index: 0, id: 'call_a', name: 'look' },
      { type: 'arguments', index: 0, text: '{"q":' },
      { type: 'call', index: 1, id: 'call_b', name: 'note', namespace: 'mcp__pad' },
      { type: 'arguments', index: 1, text: '{"n":' },
      { type: 'arguments', index: 0, text: '"x"}' },
      { type: 'callEnd', index: 0 },
      { type: 'arguments', index: 1, text: '1}' },
      { type: 'callEnd', index: 1 },
      { type: 'call', index: 2, id: 'call_c', name: 'apply_patch', custom: true },
      { type: 'arguments', index: 2, text: '*** Begin\n' },
      { type: 'callEnd', index: 2 },
      {
        type: 'usage',
        usage: { input: 15, cached: 100, cacheWrite: 5, output: 40, reasoning: 25 },
        serviceTier: 'default',
      },
      { type: 'finish', finish: 'tool_calls' },
      { type: 'done' },
    ]);
  });

  test('the whole reply says the same', () => {
    const unified = responses.decodeReply(fixtureJson('everything.json'), providerContext());
    expect(unified).toMatchObject({
      id: 'resp_f1',
      finish: 'tool_calls',
      serviceTier: 'default',
      usage: { input: 15 },
      blocks: [
        { type: 'reasoning', text: 'First.\n\nSecond.', parts: ['First.', 'Second.'], opaque: own },
        { type: 'text', text: 'Héllo there', citations: [{ url: 'https://example.com/a' }] },
        { type: 'call', call: { type: 'function', id: 'call_a' } },
        { type: 'call', call: { namespace: 'mcp__pad' } },
        { type: 'call', call: { type: 'custom', custom: { input: '*** Begin\n' } } },
      ],
    });
  });

  test('items without deltas, or only in the last event, are not lost', () => {
    const chunks = chunksOf('items-only.sse');
    const textOf = (type: UnifiedChunk['type']) =>
      chunks.map((chunk) => (chunk.type === type && 'text' in chunk ? chunk.text : '')).join('');
    expect(textOf('reasoning')).toBe('First.Second.');
    expect(textOf('text')).toBe('Héllo there');
    expect(textOf('arguments')).toBe('{"q":"x"}');
    expect(chunks.filter(({ type }) => type === 'citation')).toHaveLength(1);
    expect(chunks.slice(-2)).toEqual([{ type: 'finish', finish: 'tool_calls' }, { type: 'done' }]);
  });

  test('shown reasoning ends before the text, with a token that brings it back', () => {
    expect(chunksOf('shown-reasoning.sse').filter(({ type }) => type !== 'idle')).toMatchObject([
      { type: 'start' },
      { type: 'reasoning', text: 'Let me ' },
      { type: 'reasoning', text: 'see.' },
      { type: 'opaque', opaque: { value: '', format: 'responses', provider: 'up' } },
      { type: 'blockEnd' },
      { type: 'text', text: '4' },
      { type: 'blockEnd' },
      { type: 'finish', finish: 'stop' },
      { type: 'done' },
    ]);
  });

  test('a stream cut after any of its events is an error, and never done', () => {
    const all = fixtureEvents('everything.sse');
    for (let cut = 0; cut < all.length; cut += 1) {
      const chunks = runStage(responses.decoder(providerContext()), all.slice(0, cut));
      expect(chunks.at(-1)?.type).toBe('error');
      expect(chunks.some(({ type }) => type === 'done')).toBe(false);
    }
  });

  test.each([
    ['error event', event('error', { code: 'server_error', message: 'Down', param: null })],
    ['nested error event', event('error', { error: { code: 'server_error', message: 'Down' } })],
    [
      'failed',
      event('response.failed', {
        response: { status: 'failed', error: { code: 'server_error', message: 'Down' } },
      }),
    ],
    ['bare error', 'data: {"error":{"code":"server_error","message":"Down"}}\n\n'],
  ])('%s: the stream is broken, nothing follows', (_, text) => {
    expect(chunksOfText(text + event('response.completed', { response: {} }))).toEqual([
      { type: 'error', error: { message: 'Down', code: 'server_error', status: 500 } },
    ]);
  });

  test('an event that is not JSON breaks the stream', () => {
    expect(chunksOfText('data: <html>\n\n').at(0)?.type).toBe('error');
  });

  test.each([
    ['max_output_tokens', 'length'],
    ['content_filter', 'content_filter'],
  ])('incomplete for %s', (reason, finish) => {
    const response = { incomplete_details: { reason }, output: [] };
    const chunks = chunksOfText(event('response.incomplete', { response }));
    expect(chunks).toContainEqual({ type: 'finish', finish } as UnifiedChunk);
  });

  test('a refusal is a refusal, a hosted item is handed over, a picture is a picture', () => {
    const output = [
      { type: 'message', content: [{ type: 'refusal', refusal: 'No' }] },
      { type: 'web_search_call', id: 'ws_1' },
      { type: 'image_generation_call', result: 'AA==', output_format: 'webp' },
      { type: 'custom_tool_call', call_id: 'xs_1', name: 'x_keyword_search', input: '{}' },
    ];
    const expected = ['refusal', 'hosted', 'media', 'hosted'];
    const unified = responses.decodeReply({ status: 'completed', output }, providerContext());
    expect<string[]>(unified.blocks.map(({ type }) => type)).toEqual(expected);
    expect(unified.finish).toBe('refusal');
    const chunks = chunksOfText(event('response.completed', { response: { output } }));
    expect<string[]>(chunks.map(({ type }) => type)).toEqual([
      'start',
      'refusal',
      'blockEnd',
      'hosted',
      'media',
      'hosted',
      'finish',
      'done',
    ]);
  });

  test('a reply that failed inside a 200 is an error', () => {
    const body = { status: 'failed', error: { code: 'rate_limit_exceeded', message: 'Slow' } };
    expect(() => responses.decodeReply(body, providerContext())).toThrow(
      expect.objectContaining({ kind: 'upstream_refused', status: 429, message: 'Slow' }),
    );
  });
});

describe('to a client', () => {
  test('a stream keeps the grammar and says the same as the whole reply', () => {
    const body = {
      model: 'my-alias',
      instructions: 'A',
      tools: [{ type: 'web_search' }],
      store: false,
    };
    const { final } = stream(chunksOf('everything.sse'), body);
    const unified = responses.decodeReply(fixtureJson('everything.json'), providerContext());
    const context = clientContext(body);
    const whole = asJson(responses.encodeReply(unified, context));
    const shape = (value: unknown) =>
      JSON.stringify(value).replace(/"(msg|fc|ctc)_0*\d+"/g, '"$1"');
    expect(shape(final)).toBe(shape(whole));
    expect(whole).toMatchObject({
      id: 'resp_f1',
      object: 'response',
      model: 'my-alias',
      status: 'completed',
      instructions: 'A',
      tools: [{ type: 'web_search' }],
      store: false,
      temperature: 1,
      top_p: 1,
      metadata: {},
      error: null,
      incomplete_details: null,
      output: [
        { type: 'reasoning', id: 'rs_1', encrypted_content: 'ENC-done' },
        { type: 'message', role: 'assistant', status: 'completed' },
        { type: 'function_call', call_id: 'call_a', name: 'look', arguments: '{"q":"x"}' },
        { type: 'function_call', call_id: 'call_b', namespace: 'mcp__pad' },
        { type: 'custom_tool_call', call_id: 'call_c', input: '*** Begin\n' },
      ],
      usage: { input_tokens: 120, total_tokens: 160 },
    });
    for (const [index, prefix] of ['rs_', 'msg_', 'fc_', 'fc_', 'ctc_'].entries()) {
      expect(String(dig(whole, 'output', index, 'id'))).toStartWith(prefix);
    }
  });

  test('reasoning of another format carries its token and its text in an envelope', () => {
    const opaque = { value: 'SIG', format: 'messages', provider: 'a', model: 'm' } as const;
    const { final } = stream([
      { type: 'reasoning', text: 'Deep ' },
      { type: 'reasoning', text: 'thought' },
      { type: 'opaque', opaque },
      { type: 'blockEnd' },
      { type: 'redacted', opaque },
      { type: 'text', text: 'Hi' },
    ]);
    expect(dig(final, 'output', 0, 'summary')).toEqual([
      { type: 'summary_text', text: 'Deep thought' },
    ]);
    const sealed = String(dig(final, 'output', 0, 'encrypted_content'));
    expect(envelope.open(sealed)).toEqual({ opaque, text: 'Deep thought' });
    // A block that is only a token comes back as one.
    const item = dig(final, 'output', 1);
    const body = { model: 'm', input: [item] };
    const { messages } = responses.decodeRequest(body, clientContext(body));
    expect(messages[0]?.reasoning).toEqual([{ text: '', redacted: true, opaque, path: 'input.0' }]);
  });

  test("a call's token rides on the reasoning before it, or on one of its own", () => {
    const opaque = { value: 'T', format: 'gemini', provider: 'g', model: 'm' } as const;
    const { final } = stream([
      { type: 'reasoning', text: 'Hm', summarized: true },
      { type: 'call', index: 0, id: 'a', name: 'f', opaque },
      { type: 'call', index: 1, id: 'b', name: 'f', opaque },
    ]);
    const output = dig(final, 'output');
    expect(Array.isArray(output) && output.map((item) => dig(item, 'type'))).toEqual([
      'reasoning',
      'function_call',
      'reasoning',
      'function_call',
    ]);
    const body = { model: 'm', input: output };
    const { messages } = responses.decodeRequest(body, clientContext(body));
    const calls = messages.flatMap(({ tool_calls = [] }) => tool_calls);
    expect(calls.map((call) => call.opaque)).toEqual([opaque, opaque]);
  });

  test('neighbouring texts are parts of one message, each with its own citations', () => {
    const citation = { url: 'https://example.com', title: 'E' };
    const { final, ledger } = stream([
      { type: 'text', text: 'One' },
      { type: 'blockEnd' },
      { type: 'citation', citation },
      { type: 'text', text: 'Two!' },
      { type: 'citation', citation: { citedText: 'a page of a book' } },
      { type: 'blockEnd' },
    ]);
    expect(dig(final, 'output', 0, 'content')).toEqual([
      { type: 'output_text', text: 'One', annotations: [], logprobs: [] },
      {
        type: 'output_text',
        text: 'Two!',
        annotations: [{ type: 'url_citation', ...citation, start_index: 0, end_index: 4 }],
        logprobs: [],
      },
    ]);
    expect(ledger.dropped).toEqual(['reply.citations']);
  });

  test('mixed arguments stay with their calls; a call without any gets {}', () => {
    const { final, list } = stream([
      { type: 'call', index: 0, id: 'a', name: 'f' },
      { type: 'call', index: 1, id: 'b', name: 'g' },
      { type: 'arguments', index: 1, text: '{"b":' },
      { type: 'arguments', index: 0, text: '{"a":1}' },
      { type: 'arguments', index: 1, text: '2}' },
      { type: 'call', index: 2, id: 'c', name: 'h' },
      { type: 'callEnd', index: 1 },
    ]);
    const output = dig(final, 'output');
    expect(Array.isArray(output) && output.map((item) => dig(item, 'arguments'))).toEqual([
      '{"a":1}',
      '{"b":2}',
      '{}',
    ]);
    const done = list.find(({ type }) => type === 'response.function_call_arguments.done');
    expect(done).toMatchObject({ name: 'g', arguments: '{"b":2}' });
  });

  test.each([
    ['length', 'incomplete', 'max_output_tokens'],
    ['context_window_exceeded', 'incomplete', 'max_output_tokens'],
    ['content_filter', 'incomplete', 'content_filter'],
    ['refusal', 'incomplete', 'content_filter'],
    ['stop', 'completed', undefined],
    ['pause_turn', 'completed', undefined],
  ] as const)('%s is %s', (finish, status, reason) => {
    const { wire } = reply([{ type: 'text', text: 'Hi' }], { finish });
    expect(wire['status']).toBe(status);
    expect(dig(wire, 'incomplete_details', 'reason')).toBe(reason);
    const { final } = stream([
      { type: 'text', text: 'Hi' },
      { type: 'finish', finish },
    ]);
    expect(dig(final, 'status')).toBe(status);
    expect(dig(final, 'output', 0, 'status')).toBe(status);
  });

  test('a refusal in words is a complete answer', () => {
    const { wire } = reply([{ type: 'refusal', text: 'No' }], { finish: 'refusal' });
    expect(wire['status']).toBe('completed');
    expect(dig(wire, 'output', 0, 'content')).toEqual([{ type: 'refusal', refusal: 'No' }]);
    const { final } = stream([
      { type: 'refusal', text: 'No' },
      { type: 'finish', finish: 'refusal' },
    ]);
    expect(dig(final, 'status')).toBe('completed');
  });

  test('what cannot be shown is reported', () => {
    const { wire, ledger } = reply(
      [
        { type: 'text', text: '' },
        { type: 'reasoning', text: '' },
        { type: 'hosted', format: 'messages', value: { type: 'server_tool_use' } },
        { type: 'media', mediaType: 'audio/wav', data: 'AA==' },
      ],
      { stopSequence: 'END' },
    );
    expect(wire['output']).toEqual([]);
    expect(ledger.dropped).toEqual([
      'reply.server_tool_use',
      'reply.audio/wav',
      'reply.stop_sequence',
    ]);
  });

  test('an answer of nothing is still a whole stream', () => {
    const { list } = stream([]);
    expect(list.map(({ type }) => type)).toEqual([
      'response.created',
      'response.in_progress',
      'response.completed',
    ]);
  });

  test('a failure at any place ends in response.failed, never in a clean end', () => {
    const chunks = chunksOf('everything.sse');
    const error = new GatewayError('upstream_unreachable', 'The provider hung up');
    for (let cut = 0; cut < chunks.length; cut += 1) {
      const encoder = responses.encoder(clientContext());
      let text = '';
      for (const chunk of chunks.slice(0, cut)) text += encoder.push(chunk);
      const list = frames(text + encoder.fail(error));
      expect(complaints(list)).toEqual([]);
      expect(list.at(-1)).toMatchObject({
        type: 'response.failed',
        response: {
          status: 'failed',
          error: { code: 'server_error', message: 'The provider hung up' },
        },
      });
    }
  });

  test('text survives every character', () => {
    const text = 'naïve 東京 🗼 \u0007 "q" \\ \u2028 \n\r';
    const { final } = stream([...text].map((letter) => ({ type: 'text', text: letter }) as const));
    expect(dig(final, 'output', 0, 'content', 0, 'text')).toBe(text);
  });
});
