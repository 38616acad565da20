import { describe, expect, test } from 'bun:test';
import { GatewayError } from '../../../src/errors.ts';
import { chat } from '../../../src/formats/chat/chat.ts';
import type { UnifiedChunk } from '../../../src/unified.ts';
import { client, deltas, encodeStream, envelope, eventsOf, streamText } from './support.ts';

const start: UnifiedChunk = { type: 'start', id: 'p1', model: 'theirs', created: 42 };
const usage: UnifiedChunk = {
  type: 'usage',
  usage: { input: 3, cached: 2, cacheWrite: 0, output: 4, reasoning: 1 },
};
const asking = () =>
  client({ request: { model: 'm', messages: [], stream_options: { include_usage: true } } });

describe('the frame of a stream', () => {
  test('is the one that OpenAI sends', () => {
    const text = streamText(
      [
        start,
        { type: 'text', text: 'Hé\n' },
        { type: 'text', text: '"!"' },
        { type: 'finish', finish: 'stop' },
        usage,
      ],
      client(),
    );
    const head = { id: 'p1', object: 'chat.completion.chunk', created: 42, model: 'asked-for' };
    const event = (delta: object, finish_reason: string | null = null) => ({
      ...head,
      choices: [{ index: 0, delta, logprobs: null, finish_reason }],
    });
    expect(eventsOf(text)).toEqual([
      event({ role: 'assistant', content: '' }),
      event({ content: 'Hé\n' }),
      event({ content: '"!"' }),
      event({}, 'stop'),
    ]);
    expect(text.endsWith('data: [DONE]\n\n')).toBe(true);
  });

  test('usage comes last and alone, and only to a client that asked', () => {
    const events = encodeStream([start, usage, { type: 'text', text: 'Hi' }], asking());
    expect(events.slice(0, -1).every((event) => event['usage'] === null)).toBe(true);
    expect(events.at(-1)).toEqual({
      id: 'p1',
      object: 'chat.completion.chunk',
      created: 42,
      model: 'asked-for',
      choices: [],
      usage: {
        prompt_tokens: 5,
        completion_tokens: 4,
        total_tokens: 9,
        prompt_tokens_details: { cached_tokens: 2 },
        completion_tokens_details: { reasoning_tokens: 1 },
      },
    });
    expect(streamText([start, usage])).not.toContain('usage');
  });

  test('without usage from the provider there is no usage chunk', () => {
    const events = encodeStream([start, { type: 'text', text: 'Hi' }], asking());
    expect(events.every((event) => event['usage'] === null)).toBe(true);
  });

  test('a stream without a start chunk has a head all the same', () => {
    expect(deltas([{ type: 'text', text: 'Hi' }])).toEqual([
      { role: 'assistant', content: '' },
      { content: 'Hi' },
      {},
    ]);
    expect(deltas([{ type: 'reasoning', text: 'hm' }])[1]).toEqual({ reasoning_content: 'hm' });
  });

  test('the tier is told with the finish', () => {
    const tiered: UnifiedChunk = { ...usage, serviceTier: 'priority' };
    expect(encodeStream([start, tiered]).at(-1)).toMatchObject({ service_tier: 'priority' });
  });

  test('a broken answer ends in an error and never in a finish', () => {
    const encoder = chat.encoder(asking());
    const error = new GatewayError('upstream_refused', 'Overloaded', { status: 503 });
    const text =
      encoder.push(start) + encoder.push({ type: 'text', text: 'Hi' }) + encoder.fail(error);
    expect(text).not.toContain('[DONE]');
    expect(text).not.toMatch(/"finish_reason":"/);
    expect(eventsOf(text).at(-1)).toEqual({
      error: { message: 'Overloaded', type: 'server_error', param: null, code: null },
    });
  });

  test('the sign of life is a comment', () => {
    expect(chat.encoder(client()).keepAlive()).toStartWith(':');
  });
});

describe('calls', () => {
  const call = (index: number, more: object = {}): UnifiedChunk => ({
    type: 'call',
    index,
    id: `c${index}`,
    name: 'f',
    ...more,
  });

  test('are announced once, their pieces name the index', () => {
    expect(
      deltas([
        start,
        { type: 'text', text: 'Look' },
        call(0),
        { type: 'arguments', index: 0, text: '{"a":' },
        call(1),
        { type: 'arguments', index: 1, text: '{}' },
        { type: 'arguments', index: 0, text: '1}' },
        { type: 'finish', finish: 'tool_calls' },
      ]).slice(2),
    ).toEqual([
      {
        tool_calls: [
          { index: 0, id: 'c0', type: 'function', function: { name: 'f', arguments: '' } },
        ],
      },
      { tool_calls: [{ index: 0, function: { arguments: '{"a":' } }] },
      {
        tool_calls: [
          { index: 1, id: 'c1', type: 'function', function: { name: 'f', arguments: '' } },
        ],
      },
      { tool_calls: [{ index: 1, function: { arguments: '{}' } }] },
      { tool_calls: [{ index: 0, function: { arguments: '1}' } }] },
      {},
    ]);
  });

  test('decide the finish reason', () => {
    const events = encodeStream([start, call(0), { type: 'finish', finish: 'stop' }]);
    expect(events.at(-1)).toMatchObject({ choices: [{ finish_reason: 'tool_calls' }] });
  });

  test('without arguments have {}, custom ones have nothing', () => {
    expect(deltas([start, call(0), { type: 'arguments', index: 0, text: '' }]).slice(2)).toEqual([
      { tool_calls: [{ index: 0, function: { arguments: '{}' } }] },
      {},
    ]);
    expect(deltas([start, call(0, { custom: true })]).slice(1)).toEqual([
      { tool_calls: [{ index: 0, id: 'c0', type: 'custom', custom: { name: 'f', input: '' } }] },
      {},
    ]);
  });

  test('of free text send it as input', () => {
    expect(
      deltas([start, call(0, { custom: true }), { type: 'arguments', index: 0, text: 'a"b' }])[2],
    ).toEqual({ tool_calls: [{ index: 0, custom: { input: 'a"b' } }] });
  });

  test("carry another format's token in their id", () => {
    const opaque = { value: 'sig', format: 'gemini', provider: 'google', model: 'g' } as const;
    const [, first] = deltas([start, call(0, { opaque })]) as [
      unknown,
      { tool_calls: [{ id: string }] },
    ];
    expect(envelope.detach(first.tool_calls[0].id)).toEqual({ id: 'c0', opaque });
  });

  test('go to an old client as function_call, the first of them', () => {
    const context = client({ body: { functions: [{ name: 'f' }] } });
    const events = encodeStream(
      [
        start,
        call(0),
        { type: 'arguments', index: 0, text: '{}' },
        call(1),
        { type: 'arguments', index: 1, text: '{}' },
      ],
      context,
    );
    expect(events.slice(1)).toMatchObject([
      { choices: [{ delta: { function_call: { name: 'f', arguments: '' } } }] },
      { choices: [{ delta: { function_call: { arguments: '{}' } } }] },
      { choices: [{ delta: {}, finish_reason: 'function_call' }] },
    ]);
    expect(context.ledger.dropped).toEqual(['reply.tool_calls.1']);
  });
});

describe('reasoning', () => {
  const opaque = { value: 'sig', format: 'messages', provider: 'anthropic', model: 'c' } as const;

  test('blocks are set off by a blank line, each with its sealed token', () => {
    const sent = deltas([
      start,
      { type: 'reasoning', text: 'one ' },
      { type: 'reasoning', text: 'two' },
      { type: 'opaque', opaque },
      { type: 'blockEnd' },
      { type: 'redacted', opaque: { ...opaque, value: 'blob' } },
      { type: 'reasoning', text: 'three' },
      { type: 'opaque', opaque },
      { type: 'text', text: 'So.' },
    ]) as { reasoning_content?: string; reasoning_details?: object[] }[];
    expect(sent.map((delta) => delta.reasoning_content ?? '').join('')).toBe('one two\n\nthree');
    const details = sent.flatMap((delta) => delta.reasoning_details ?? []);
    expect(details).toMatchObject([
      { type: 'reasoning.text', text: 'one two', format: 'plexus', index: 0 },
      { type: 'reasoning.encrypted', format: 'plexus', index: 1 },
      { type: 'reasoning.text', text: 'three', format: 'plexus', index: 2 },
    ]);
    const message = {
      role: 'assistant',
      content: 'So.',
      reasoning_content: 'one two\n\nthree',
      reasoning_details: details,
    };
    const context = client();
    const back = chat.decodeRequest({ model: 'm', messages: [message] }, context);
    expect(back.messages[0]?.reasoning).toMatchObject([
      { text: 'one two', opaque },
      { redacted: true, opaque: { value: 'blob' } },
      { text: 'three', opaque },
    ]);
    expect(context.ledger.dropped).toEqual([]);
  });

  test('parts of a summary are set off, and sealed as one text', () => {
    const sent = JSON.stringify(
      deltas([
        start,
        { type: 'reasoning', text: 'one', summarized: true, part: 0, id: 'rs_1' },
        { type: 'reasoning', text: 'two', summarized: true, part: 1 },
        { type: 'opaque', opaque: { ...opaque, format: 'responses' } },
      ]),
    );
    expect(sent).toContain('"type":"reasoning.summary","summary":"one\\n\\ntwo"');
    expect(sent).toContain('"id":"rs_1"');
  });

  test("a chat provider's plain reasoning needs no entry", () => {
    const sent = deltas([
      start,
      { type: 'reasoning', text: 'hm' },
      { type: 'opaque', opaque: { value: '', format: 'chat', provider: 'deepseek' } },
    ]);
    expect(JSON.stringify(sent)).not.toContain('reasoning_details');
  });
});

describe('further chunks', () => {
  test('refusals, citations, images, logprobs', () => {
    const token = { token: 'x' };
    const events = encodeStream([
      start,
      { type: 'text', text: 'x', logprobs: [token] },
      { type: 'citation', citation: { url: 'https://x.test/' } },
      { type: 'refusal', text: 'No' },
      { type: 'media', mediaType: 'image/png', data: 'AA' },
    ]);
    expect(events.slice(1, -1)).toMatchObject([
      { choices: [{ delta: { content: 'x' }, logprobs: { content: [token], refusal: null } }] },
      { choices: [{ delta: { annotations: [{ url_citation: { url: 'https://x.test/' } }] } }] },
      { choices: [{ delta: { refusal: 'No' } }] },
      { choices: [{ delta: { images: [{ type: 'image_url' }] } }] },
    ]);
  });

  test('what chat cannot show is reported and sends nothing', () => {
    const context = client();
    const sent = deltas(
      [
        start,
        { type: 'text', text: 'x' },
        { type: 'opaque', opaque: { value: 's', format: 'gemini' } },
        { type: 'hosted', format: 'messages', value: { type: 'server_tool_use' } },
        { type: 'media', mediaType: 'audio/wav', data: 'AA' },
        { type: 'idle' },
        { type: 'callEnd', index: 0 },
      ],
      context,
    );
    expect(sent).toEqual([{ role: 'assistant', content: '' }, { content: 'x' }, {}]);
    expect(context.ledger.dropped).toEqual([
      'reply.thoughtSignature',
      'reply.server_tool_use',
      'reply.audio/wav',
    ]);
  });
});
