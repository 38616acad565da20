import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../../src/errors.ts';
import { messages } from '../../../src/formats/messages/messages.ts';
import { isObject } from '../../../src/json.ts';
import type { UnifiedChunk } from '../../../src/unified.ts';
import {
  blocksOf,
  client,
  decode,
  decodeStream,
  encodeStream,
  envelope,
  eventsOf,
  fixture,
} from './support.ts';

const start: UnifiedChunk = { type: 'start', id: 'chatcmpl-1', model: 'theirs' };
const call = (index: number, name = `f${index}`): UnifiedChunk => ({
  type: 'call',
  index,
  id: `call_${index}`,
  name,
});
const args = (index: number, text: string): UnifiedChunk => ({ type: 'arguments', index, text });

describe('a client’s stream', () => {
  test('names the model that was asked for, and an estimate where the count is not known', () => {
    const [first] = encodeStream([start, { type: 'text', text: 'Hi' }]);
    expect(first).toMatchObject({
      type: 'message_start',
      message: {
        id: 'chatcmpl-1',
        model: 'asked-for',
        content: [],
        usage: { input_tokens: 77, output_tokens: 0 },
      },
    });
  });

  test('is the provider’s own stream again when both speak this format', () => {
    for (const name of ['thinking-and-tools.sse', 'web-search.sse']) {
      const given = eventsOf(fixture(name)).filter(
        (event) => event['type'] !== 'some_future_event',
      );
      const made = encodeStream(decodeStream(fixture(name)));
      expect(blocksOf(made)).toEqual(
        blocksOf(given).map((block) => {
          const { citations, ...rest } = block;
          return Array.isArray(citations) && citations.length === 0 ? rest : block;
        }),
      );
      expect(made.at(-2)?.['delta']).toEqual(given.at(-2)?.['delta']);
      expect(made.at(-1)).toEqual({ type: 'message_stop' });
    }
  });

  test('has true counts at the end, however early they came', () => {
    const usage = { input: 5, cached: 6, cacheWrite: 7, output: 8, reasoning: 3 };
    const events = encodeStream([start, { type: 'usage', usage }, { type: 'text', text: 'x' }]);
    expect(events.at(-2)).toMatchObject({
      type: 'message_delta',
      delta: { stop_reason: 'end_turn', stop_sequence: null },
      usage: {
        input_tokens: 5,
        cache_read_input_tokens: 6,
        cache_creation_input_tokens: 7,
        output_tokens: 8,
        output_tokens_details: { thinking_tokens: 3 },
      },
    });
  });

  test('opens a new block for text behind a call', () => {
    const events = encodeStream([
      start,
      call(0),
      args(0, '{}'),
      { type: 'text', text: 'Done.' },
      { type: 'finish', finish: 'stop' },
    ]);
    expect(blocksOf(events).map((block) => block['type'])).toEqual(['tool_use', 'text']);
    // A call in the answer decides.
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'tool_use' } });
  });

  test('tells two text blocks apart, and makes none for nothing', () => {
    const text = (piece: string): UnifiedChunk => ({ type: 'text', text: piece });
    const end: UnifiedChunk = { type: 'blockEnd' };
    const events = encodeStream([start, text('a'), end, text(''), end, text('b'), text('c')]);
    expect(blocksOf(events)).toEqual([
      { type: 'text', text: 'a' },
      { type: 'text', text: 'bc' },
    ]);
    expect(blocksOf(encodeStream([start]))).toEqual([]);
  });

  test('carries escapes and every character as JSON does', () => {
    const nasty = '"\\\n\u2028 \ud83d\ude00 \\u0041';
    const events = encodeStream([
      start,
      { type: 'text', text: nasty },
      { type: 'text', text: nasty },
    ]);
    expect(blocksOf(events)).toEqual([{ type: 'text', text: nasty + nasty }]);
  });

  test('keeps the parts of a summary apart', () => {
    const part = (number: number, text: string): UnifiedChunk => ({
      type: 'reasoning',
      text,
      summarized: true,
      part: number,
    });
    const events = encodeStream([start, part(0, 'One'), part(0, '.'), part(1, 'Two.')]);
    expect(blocksOf(events)).toEqual([
      { type: 'thinking', thinking: 'One.\n\nTwo.', signature: '' },
    ]);
  });
});

describe('calls', () => {
  test('mixed by the provider come one after another, each with all of its own', () => {
    const chunks = [
      start,
      call(0),
      args(0, '{"a":'),
      call(1),
      args(1, '{"b"'),
      args(0, '1'),
      args(1, ':2}'),
      call(2),
      args(0, '}'),
      { type: 'text', text: 'after' } as const,
    ];
    const blocks = blocksOf(encodeStream(chunks));
    expect(blocks.map((block) => block['name'] ?? block['text'])).toEqual([
      'f0',
      'f1',
      'f2',
      'after',
    ]);
    expect(blocks.map((block) => block['input'])).toEqual([{ a: 1 }, { b: 2 }, {}, undefined]);
  });

  test('any way of mixing three calls loses and misplaces nothing', () => {
    const inputs = ['{"a":"x"}', '', '{"c":[1,2]}'];
    const queues = inputs.map((text, i) => [call(i), ...[...text].map((piece) => args(i, piece))]);
    // Every order in which the next fragment may come from any call, told by a seeded generator.
    let seed = 7;
    for (let round = 0; round < 200; round++) {
      const rest = queues.map((queue) => [...queue]);
      const chunks: UnifiedChunk[] = [start];
      while (rest.some((queue) => queue.length)) {
        seed = (seed * 1103515245 + 12345) % 2147483648;
        const next = rest[seed % 3]?.shift();
        if (next) chunks.push(next);
      }
      const blocks = blocksOf(encodeStream(chunks));
      const byName = Object.fromEntries(blocks.map((block) => [block['name'], block['input']]));
      expect(byName).toEqual({ f0: { a: 'x' }, f1: {}, f2: { c: [1, 2] } });
    }
  });

  test('stream as they come when nothing else is open', () => {
    const encoder = messages.encoder(client());
    encoder.push(start);
    encoder.push(call(0));
    expect(encoder.push(args(0, '{"a"'))).toContain('"partial_json":"{\\"a\\""');
    encoder.push({ type: 'callEnd', index: 0 });
    expect(encoder.push(call(1))).toContain('content_block_start');
  });

  test('without arguments give an empty object', () => {
    const events = encodeStream([start, call(0), { type: 'callEnd', index: 0 }, call(1)]);
    expect(blocksOf(events).map((block) => block['input'])).toEqual([{}, {}]);
  });

  test('get an id of ours where the provider’s is missing, illegal or given twice', () => {
    const ids = ['ok_1', 'functions.X:3', '', 'ok_1'];
    const events = encodeStream([
      start,
      ...ids.flatMap((id, index): UnifiedChunk[] => [
        { type: 'call', index, id, name: 'f' },
        { type: 'callEnd', index },
      ]),
    ]);
    const made = blocksOf(events).map((block) => String(block['id']));
    expect(made[0]).toBe('ok_1');
    expect(new Set(made).size).toBe(4);
    for (const id of made) expect(id).toMatch(/^[a-zA-Z0-9_-]+$/);
  });

  test('cut by the limit keep their fragment', () => {
    const events = encodeStream([
      start,
      call(0),
      args(0, '{"a":"unfin'),
      { type: 'finish', finish: 'length' },
    ]);
    expect(JSON.stringify(events)).toContain('unfin');
    expect(events.at(-2)).toMatchObject({ delta: { stop_reason: 'max_tokens' } });
  });
});

describe('tokens', () => {
  const thinking = decode({
    messages: [{ role: 'user', content: 'q' }],
    thinking: { type: 'enabled', budget_tokens: 2000 },
  });

  test('of another format travel sealed in the signature and come back with the text', () => {
    const opaque = { value: '', format: 'chat' as const, provider: 'deep', model: 'm' };
    const [block] = blocksOf(
      encodeStream([start, { type: 'reasoning', text: 'Why' }, { type: 'opaque', opaque }]),
    );
    expect(envelope.isSealed(String(block?.['signature']))).toBe(true);
    const request = decode({
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content: [block] },
      ],
    });
    expect(request.messages[1]?.reasoning?.[0]).toMatchObject({ text: 'Why', opaque });
  });

  test('of a call close the open thinking and come back on the call', () => {
    const opaque = { value: 'dG9r', format: 'gemini' as const, provider: 'g', model: 'm' };
    const chunks: UnifiedChunk[] = [
      start,
      { type: 'reasoning', text: 'Let me look.' },
      { type: 'call', index: 0, id: 'call_0', name: 'f', opaque },
    ];
    const content = blocksOf(encodeStream(chunks, client({ request: thinking })));
    expect(content.map((block) => block['type'])).toEqual(['thinking', 'tool_use']);
    const request = decode({
      messages: [
        { role: 'user', content: 'q' },
        { role: 'assistant', content },
      ],
    });
    expect(request.messages[1]?.tool_calls?.[0]?.opaque).toEqual(opaque);
    expect(request.messages[1]?.reasoning).toBeUndefined();
  });

  test('of a call make an empty thinking block, only for a client that asked for thinking', () => {
    const opaque = { value: 'dG9r', format: 'gemini' as const };
    const chunks: UnifiedChunk[] = [
      start,
      { type: 'call', index: 0, id: 'call_0', name: 'f', opaque },
    ];
    const asked = blocksOf(encodeStream(chunks, client({ request: thinking })));
    expect(asked[0]).toMatchObject({ type: 'thinking', thinking: '' });
    const context = client();
    expect(blocksOf(encodeStream(chunks, context)).map((block) => block['type'])).toEqual([
      'tool_use',
    ]);
    expect(context.ledger.dropped).toEqual(['reply.thoughtSignature']);
  });
});

describe('what this format cannot show', () => {
  test('is reported', () => {
    const context = client();
    encodeStream(
      [
        start,
        { type: 'media', mediaType: 'image/png', data: 'AA==' },
        { type: 'hosted', format: 'responses', value: { type: 'web_search_call' } },
        { type: 'citation', citation: { title: 'nowhere' } },
      ],
      context,
    );
    expect(context.ledger.dropped).toEqual([
      'reply.image/png',
      'reply.web_search_call',
      'reply.citations',
    ]);
  });

  test('a link becomes a citation that is not sent back to a provider', () => {
    const [block] = blocksOf(
      encodeStream([
        start,
        { type: 'text', text: 'See.' },
        { type: 'citation', citation: { url: 'https://example.org', title: 'E' } },
      ]),
    );
    expect(block?.['citations']).toMatchObject([{ url: 'https://example.org', title: 'E' }]);
    const content = [{ ...block }];
    const request = decode({ messages: [{ role: 'assistant', content }] });
    expect(request.extra).toBeUndefined();
  });
});

test('a failure is an error event and no clean end', () => {
  const encoder = messages.encoder(client());
  const before = encoder.push(start) + encoder.push({ type: 'text', text: 'Half' });
  const error = new GatewayError('upstream_unreachable', 'reset by peer');
  const events = eventsOf(before + encoder.fail(error));
  expect(events.at(-1)).toEqual({
    type: 'error',
    error: { type: 'api_error', message: 'reset by peer' },
  });
  expect(events.some((event) => event['type'] === 'message_stop')).toBe(false);
});

test('a ping keeps the connection alive, also for a provider that pings', () => {
  const encoder = messages.encoder(client());
  expect(encoder.keepAlive()).toBe('event: ping\ndata: {"type":"ping"}\n\n');
  expect(encoder.push({ type: 'idle' })).toBe(encoder.keepAlive());
});

test('a whole reply has the blocks of the stream', () => {
  const opaque = { value: 'c2ln', format: 'messages' as const, provider: 'acme', model: 'x' };
  const reply = messages.encodeReply(
    {
      id: '',
      model: 'theirs',
      blocks: [
        { type: 'reasoning', text: 'Hm.', opaque },
        { type: 'reasoning', text: '', redacted: true, opaque },
        { type: 'text', text: '' },
        { type: 'text', text: 'Hi' },
        {
          type: 'call',
          call: { type: 'function', id: 'c1', function: { name: 'f', arguments: '' } },
        },
      ],
      finish: 'stop',
      serviceTier: 'default',
    },
    client(),
  );
  expect(isObject(reply) && reply).toMatchObject({
    type: 'message',
    role: 'assistant',
    model: 'asked-for',
    content: [
      { type: 'thinking', thinking: 'Hm.', signature: 'c2ln' },
      { type: 'redacted_thinking', data: 'c2ln' },
      { type: 'text', text: 'Hi' },
      { type: 'tool_use', id: 'c1', name: 'f', input: {} },
    ],
    stop_reason: 'tool_use',
    stop_sequence: null,
    usage: { input_tokens: 77, service_tier: 'standard' },
  });
});
