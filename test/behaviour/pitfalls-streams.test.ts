/** What broke the streams of other gateways (test/README.md, 24–36), each as what must hold here. */
import { describe, expect, test } from 'bun:test';
import { type JsonObject, object, parseJson } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { dig, eventsOf } from '../support/answer.ts';
import {
  ask,
  chatChunk,
  chatReply,
  FOREIGN_PAIRS,
  messagesEvents,
  messagesReply,
  PAIRS,
} from '../support/ask.ts';
import { jsonReply, streamReply, testGateway } from '../support/gateway.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';
import { silentStream } from '../support/streams.ts';

const others = (format: FormatName): FormatName[] =>
  FORMAT_NAMES.filter((client) => client !== format);
const valuesOf = (body: string): JsonObject[] =>
  eventsOf(body).map(({ data }) => object(parseJson(data)) ?? {});

describe('an answer is complete when the provider has said so', () => {
  test.each(others('gemini'))(
    'although the connection stays open: %s provider',
    async (provider) => {
      for (const client of FORMAT_NAMES) {
        const says = () => streamReply([readFixture(`${provider}/text.reply.sse`)], 'silence');
        const { answer, gateway } = await ask({ client, provider, says, stream: true });
        expect(answer).toMatchObject({
          text: 'Zwei Wörter: 東京 ✓',
          finish: 'stop',
          error: undefined,
        });
        expect(gateway.records).toMatchObject([{ outcome: 'success' }]);
      }
    },
  );

  // Google's answers may go on behind a finishReason: only the end of the stream ends them.
  test.each(FORMAT_NAMES)(
    'silence behind a finishReason of Gemini’s is its end: %s client',
    async (client) => {
      const { answer, gateway } = await ask({
        client,
        provider: 'gemini',
        stream: true,
        says: ({ signal }) => silentStream(readFixture('gemini/text.reply.sse'), signal),
        providerConfig: { timeoutMs: { stall: 20 } },
      });
      expect(answer).toMatchObject({
        text: 'Zwei Wörter: 東京 ✓',
        finish: 'stop',
        error: undefined,
      });
      expect(gateway.records).toMatchObject([{ outcome: 'success' }]);
    },
  );

  test.each(others('chat'))('[DONE] is not demanded behind a finish: %s client', async (client) => {
    const says = [chatChunk({ content: 'Hi' }), chatChunk({}, 'stop')];
    const { answer } = await ask({ client, provider: 'chat', says });
    expect(answer).toMatchObject({ text: 'Hi', finish: 'stop', error: undefined });
  });
});

test('finish and usage that arrive in one read are both counted', async () => {
  for (const [client, provider] of PAIRS) {
    const says = () => streamReply([readFixture(`${provider}/usage.reply.sse`)]);
    const { answer, gateway } = await ask({ client, provider, says, stream: true });
    expect(answer.usage).toMatchObject({ cached: 100, output: 12 });
    expect(gateway.records[0]).toMatchObject({
      usage: { input: 20, cached: 100, output: 12, reasoning: 4 },
      usageSource: 'measured',
    });
  }
});

describe('message_start', () => {
  test.each(others('messages'))(
    'goes out first, names tokens, and comes once: %s provider',
    async (provider) => {
      const { body } = await ask({
        client: 'messages',
        provider,
        says: readFixture(`${provider}/text.reply.sse`),
      });
      const [first, ...rest] = valuesOf(body);
      expect(first).toMatchObject({
        type: 'message_start',
        message: { model: 'm', stop_reason: null },
      });
      expect(dig(first, 'message', 'usage', 'input_tokens')).toBeGreaterThan(0);
      expect(rest.filter((event) => event['type'] === 'message_start')).toEqual([]);
    },
  );
});

test.each(FORMAT_NAMES)(
  'an answer begins once, and whole, when the first provider fails before its output: %s client',
  async (client) => {
    const raw = {
      providers: {
        a: { type: 'messages', baseUrl: 'http://a.test/v1', apiKey: 'k' },
        b: { type: 'chat', baseUrl: 'http://b.test/v1', apiKey: 'k' },
      },
      models: { m: { selector: 'in_order', targets: ['a/up', 'b/up'] } },
    };
    const [start = {}] = messagesEvents([]);
    const dead = [
      `event: message_start\ndata: ${JSON.stringify(start)}\n\n`,
      'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"no"}}\n\n',
    ];
    const gateway = await testGateway(raw, ({ url }) =>
      url.includes('a.test')
        ? streamReply(dead)
        : streamReply([readFixture('chat/text.reply.sse')]),
    );
    const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
    const body = await response.text();
    expect(response.headers.get('x-plexus-attempts')).toBe('2');
    expect(body).toContain('Zwei W');
    const begins = {
      chat: /"role":"assistant"/g,
      messages: /"type":"message_start"/g,
      responses: /"type":"response.created"/g,
      gemini: /Zwei W/g,
    };
    expect(body.match(begins[client])).toHaveLength(1);
  },
);

describe('the grammar of a chat stream', () => {
  test.each(others('chat'))('%s provider', async (provider) => {
    for (const name of ['text', 'calls', 'reasoning', 'refusal', 'usage']) {
      const { body } = await ask({
        client: 'chat',
        provider,
        says: readFixture(`${provider}/${name}.reply.sse`),
        name: 'text',
      });
      expect(body).toEndWith('data: [DONE]\n\n');
      const chunks = valuesOf(body).slice(0, -1);
      const same = (key: string) => new Set(chunks.map((chunk) => chunk[key])).size;
      expect([same('id'), same('created'), same('model'), same('object')]).toEqual([1, 1, 1, 1]);
      expect(chunks[0]).toMatchObject({ object: 'chat.completion.chunk', model: 'm' });
      expect(dig(chunks[0], 'choices', 0, 'delta', 'role')).toBe('assistant');
      const choices = chunks.map((chunk) => dig(chunk, 'choices', 0)).filter(Boolean);
      for (const choice of choices) {
        expect(dig(choice, 'index')).toBe(0);
        expect(object(dig(choice, 'delta'))).toBeDefined();
      }
      expect(choices.filter((choice) => dig(choice, 'finish_reason') != null)).toHaveLength(1);
    }
  });

  test.each(FORMAT_NAMES)('usage only for those who asked: %s provider', async (provider) => {
    const says = readFixture(`${provider}/usage.reply.sse`);
    const quiet = await ask({ client: 'chat', provider, says, fields: { stream_options: null } });
    expect(quiet.body).not.toContain('"prompt_tokens"');
    const asked = await ask({ client: 'chat', provider, says });
    expect(asked.body.match(/"prompt_tokens":/g)).toHaveLength(1);
  });
});

describe('the grammar of a responses stream', () => {
  test.each(others('responses'))('%s provider', async (provider) => {
    for (const name of ['text', 'calls', 'reasoning', 'refusal']) {
      const { body } = await ask({
        client: 'responses',
        provider,
        says: readFixture(`${provider}/${name}.reply.sse`),
        name: 'reasoning',
      });
      const events = eventsOf(body);
      const values = valuesOf(body);
      expect(values.map((event) => event['sequence_number'])).toEqual(values.map((_, at) => at));
      for (const [at, { event }] of events.entries()) expect(values[at]?.['type']).toBe(event);
      const last = values.at(-1);
      expect(String(last?.['type'])).toMatch(/^response\.(completed|incomplete)$/);
      const output = dig(last, 'response', 'output');
      if (name !== 'refusal') expect(output).not.toEqual([]);
      // What the last event repeats is what was told item by item, under the same ids.
      const done = values.filter((event) => event['type'] === 'response.output_item.done');
      expect(output).toEqual(done.map((event) => event['item']));
      for (const event of values) {
        if (event['type'] === 'response.output_text.delta') {
          expect(event).toMatchObject({
            item_id: expect.any(String),
            output_index: expect.any(Number),
            logprobs: [],
          });
        }
      }
      for (const item of done.map((event) => object(event['item']) ?? {})) {
        expect(item['id']).toBeString();
        if (item['type'] !== 'function_call') continue;
        expect(String(item['id'])).toStartWith('fc_');
        expect(item['call_id']).not.toBe(item['id']);
      }
    }
  });
});

test.each(others('messages'))('text behind a call is text: %s client', async (client) => {
  const content = [
    { type: 'text', text: 'Before. ' },
    { type: 'tool_use', id: 'toolu_1', name: 'get_time', input: { zone: 'x' } },
    { type: 'text', text: 'After.' },
  ];
  const streamed = await ask({
    client,
    provider: 'messages',
    says: messagesEvents(content, 'tool_use'),
    name: 'calls',
  });
  const plain = await ask({
    client,
    provider: 'messages',
    says: messagesReply(content, 'tool_use'),
    name: 'calls',
  });
  for (const { answer, body } of [streamed, plain]) {
    expect(answer).toMatchObject({
      text: 'Before. After.',
      calls: [{ name: 'get_time', input: { zone: 'x' } }],
      finish: 'calls',
    });
    expect(body).not.toContain('"index":-1');
  }
});

test.each(PAIRS)(
  'no header of the provider’s wire reaches the client: %s client, %s provider',
  async (client, provider) => {
    const wire = {
      'content-encoding': 'gzip',
      'content-length': '7',
      'transfer-encoding': 'chunked',
      connection: 'close',
      'set-cookie': 'a=b',
    };
    const plain = await ask({
      client,
      provider,
      says: () => jsonReply(readFixture(`${provider}/text.reply.json`), 200, wire),
    });
    const streamed = await ask({
      client,
      provider,
      stream: true,
      says: () => {
        const response = streamReply([readFixture(`${provider}/text.reply.sse`)]);
        for (const [name, value] of Object.entries(wire)) response.headers.set(name, value);
        return response;
      },
    });
    for (const { response, answer } of [plain, streamed]) {
      expect(answer.text).toContain('東京');
      for (const name of Object.keys(wire)) expect(response.headers.get(name)).toBeNull();
    }
  },
);

test.each(PAIRS)(
  'events are labelled as events, JSON as JSON: %s client, %s provider',
  async (client, provider) => {
    for (const stream of [true, false]) {
      const { response, body } = await ask({ client, provider, stream });
      const isEvents =
        response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
      expect(isEvents).toBe(stream);
      expect(/^(event|data|:)/.test(body)).toBe(stream);
      if (stream) expect(response.headers.get('cache-control')).toContain('no-cache');
    }
  },
);

describe('stalls are judged by progress', () => {
  /** One event now, then pings for as long as anybody reads. */
  const pinging =
    (head: string, ping: string) =>
    ({ signal }: { signal: AbortSignal }) => {
      let timer: ReturnType<typeof setInterval>;
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          const say = (text: string): void => controller.enqueue(new TextEncoder().encode(text));
          say(head);
          timer = setInterval(() => say(ping), 5);
          signal.addEventListener('abort', () => {
            clearInterval(timer);
            controller.error(signal.reason);
          });
        },
        cancel: () => clearInterval(timer),
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    };
  const PINGS: Record<string, [FormatName, string]> = {
    'pings of messages': ['messages', 'event: ping\ndata: {"type":"ping"}\n\n'],
    comments: ['chat', ': OPENROUTER PROCESSING\n\n'],
    'empty deltas': ['chat', `data: ${JSON.stringify(chatChunk({ content: '' }))}\n\n`],
  };
  test.each(Object.keys(PINGS))('%s do not count', async (name) => {
    const [provider = 'chat', ping = ''] = PINGS[name] ?? [];
    const head = readFixture(`${provider}/error.reply.sse`).split('\n\n').slice(0, -2).join('\n\n');
    const { answer, gateway } = await ask({
      client: provider === 'chat' ? 'messages' : 'chat',
      provider,
      stream: true,
      says: pinging(`${head}\n\n`, ping),
      providerConfig: { timeoutMs: { stall: 60 } },
    });
    expect(answer.error).toBeString();
    expect(gateway.records).toMatchObject([{ outcome: 'stall' }]);
  });
});

describe('the end of an answer is no plain stop when it was none', () => {
  const reasons: [string, RegExp][] = [
    ['model_context_window_exceeded', /^length$/],
    ['refusal', /^declined$/],
    ['max_tokens', /^length$/],
  ];
  for (const [reason, finish] of reasons) {
    test.each(others('messages'))(`${reason}: %s client`, async (client) => {
      const content = [{ type: 'text', text: 'Hm' }];
      const streamed = await ask({
        client,
        provider: 'messages',
        says: messagesEvents(content, reason),
      });
      const plain = await ask({
        client,
        provider: 'messages',
        says: messagesReply(content, reason),
      });
      expect(streamed.answer.finish).toMatch(finish);
      expect(plain.answer.finish).toMatch(finish);
    });
  }

  test.each(others('messages'))('a paused turn is told or reported: %s client', async (client) => {
    const says = messagesReply([{ type: 'text', text: 'Hm' }], 'pause_turn');
    const { answer, reports } = await ask({ client, provider: 'messages', says });
    if (answer.finish === 'stop') expect(reports.join()).toContain('reply.stop_reason');
  });

  test.each(FOREIGN_PAIRS)(
    'refusals and filters: %s client, %s provider',
    async (client, provider) => {
      for (const name of ['refusal', 'filter']) {
        const says = readFixture(`${provider}/${name}.reply.sse`);
        expect((await ask({ client, provider, says })).answer.finish).toBe('declined');
      }
    },
  );

  test('further choices are reported, not mixed into the first', async () => {
    const reply = chatReply({ content: 'One.' });
    const second = {
      index: 1,
      message: { role: 'assistant', content: 'Two.' },
      finish_reason: 'stop',
    };
    const choices = [dig(reply, 'choices', 0), second];
    const { answer, reports } = await ask({
      client: 'messages',
      provider: 'chat',
      says: { ...reply, choices },
    });
    expect(answer.text).toBe('One.');
    expect(reports).toContain('reply.choices.1');
  });

  test('log probabilities come with their text where the client’s format has them', async () => {
    const logprobs = {
      content: [{ token: 'Hi', logprob: -0.1, bytes: [72, 105], top_logprobs: [] }],
    };
    const reply = chatReply({ content: 'Hi' });
    const choices = [{ ...object(dig(reply, 'choices', 0)), logprobs }];
    const { body } = await ask({
      client: 'responses',
      provider: 'chat',
      says: { ...reply, choices },
    });
    expect(body).toContain('"logprob":-0.1');
  });
});
