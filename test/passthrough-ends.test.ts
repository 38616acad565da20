/** How a same-format stream ends when the provider does not end it well: bytes, then the truth. */
import { describe, expect, test } from 'bun:test';
import { FORMAT_NAMES, type FormatName } from '../src/unified.ts';
import { jsonReply, oneProvider, streamReply, testGateway } from './support/gateway.ts';
import { judgeStream } from './support/grammar.ts';
import { pathOf, readFixture, requestOf } from './support/matrix.ts';

/** The beginning of an answer up to its first words. */
function begun(format: FormatName): string {
  const events = readFixture(`${format}/error.reply.sse`).split('\n\n').filter(Boolean);
  return `${events.slice(0, -1).join('\n\n')}\n\n`;
}

/** What a client of the provider's own format gets. */
async function passed(format: FormatName, pieces: string[], then?: 'break'): Promise<string> {
  const gateway = await testGateway(oneProvider(format), () => streamReply(pieces, then));
  const response = await gateway.post(pathOf(format, true), requestOf(format, 'text', true));
  return response.text();
}

const named = (text: string): string => text.replaceAll('up-2026', 'm');

describe.each(FORMAT_NAMES)('a %s stream', (format) => {
  const head = begun(format);
  const whole = readFixture(`${format}/text.reply.sse`);

  test.each([
    ['breaks', 'break'],
    ['just ends', undefined],
  ] as const)(
    'that %s: what came, then one error, and nothing begins twice',
    async (_how, then) => {
      const text = await passed(format, [head], then);
      expect(text).toStartWith(named(head));
      expect(judgeStream(format, text)).toEqual({ end: 'error', complaints: [] });
      for (const start of ['response.created', 'message_start']) {
        expect(text.split(`event: ${start}\n`).length).toBeLessThanOrEqual(2);
      }
    },
  );

  test('that breaks within an event: half an event is nobody’s', async () => {
    for (const cut of [1, 7, 20, 60]) {
      const events = head.split('\n\n').filter(Boolean);
      const half = `${events.slice(0, -1).join('\n\n')}\n\n${events.at(-1)?.slice(0, cut)}`;
      const text = await passed(format, [half], 'break');
      expect({ cut, ...judgeStream(format, text) }).toEqual({ cut, end: 'error', complaints: [] });
    }
  });

  test('whose last event lacks its blank line is complete', async () => {
    const text = await passed(format, [whole.trimEnd()]);
    expect(text).toBe(named(whole));
  });

  test('with an event that is not JSON: it is left out, the error follows', async () => {
    const text = await passed(format, [head, 'data: {"oops\n\n', whole]);
    expect(judgeStream(format, text)).toEqual({ end: 'error', complaints: [] });
    expect(text).not.toContain('data: {"oops');
  });

  test('that ends in the provider’s own error has that one, and no second', async () => {
    const text = await passed(format, [readFixture(`${format}/error.reply.sse`)]);
    expect(text).toBe(named(readFixture(`${format}/error.reply.sse`)));
  });
});

test('a messages stream that is complete but for its message_stop gets it: clients wait for it', async () => {
  const whole = readFixture('messages/text.reply.sse');
  const at = whole.indexOf('event: message_stop');
  const text = await passed('messages', [whole.slice(0, at)]);
  expect(judgeStream('messages', text)).toEqual({ end: 'complete', complaints: [] });
});

test('the error of a broken responses stream goes on counting, under the same id', async () => {
  const text = await passed('responses', [begun('responses')], 'break');
  const last = text.trimEnd().split('\n').at(-1) ?? '';
  const { sequence_number: number, response } = JSON.parse(last.slice(6));
  expect(number).toBe(5);
  expect(response).toMatchObject({ id: 'resp_7', status: 'failed', model: 'm' });
});

test('an event of 20 MB passes, in time that grows with its size only', async () => {
  const picture = 'A'.repeat(20 * 1024 * 1024);
  const event = `data: {"candidates":[{"content":{"parts":[{"inlineData":{"mimeType":"image/png","data":"${picture}"}}],"role":"model"},"finishReason":"STOP","index":0}],"modelVersion":"up"}\n\n`;
  const pieces: string[] = [];
  for (let at = 0; at < event.length; at += 16 * 1024) pieces.push(event.slice(at, at + 16 * 1024));
  const started = performance.now();
  const text = await passed('gemini', pieces);
  expect(text.length).toBe(event.length - 1);
  expect(performance.now() - started).toBeLessThan(2500);
});

describe('two choices of a chat provider', () => {
  const request = { model: 'm', n: 2, messages: [{ role: 'user', content: 'Hi' }] };
  const choice = (index: number, holder: 'message' | 'delta') => ({
    index,
    [holder]: { role: 'assistant', content: `Hello ${index}` },
    finish_reason: 'stop',
  });
  const both = (holder: 'message' | 'delta') => ({
    id: 'x',
    model: 'up-2026',
    choices: [choice(0, holder), choice(1, holder)],
  });

  test.each([false, true])(
    'reach a chat client, and none is said to be lost (stream: %p)',
    async (stream) => {
      const gateway = await testGateway(oneProvider('chat'), () =>
        stream
          ? streamReply([`data: ${JSON.stringify(both('delta'))}\n\ndata: [DONE]\n\n`])
          : jsonReply(both('message')),
      );
      const response = await gateway.post(pathOf('chat', stream), { ...request, stream });
      expect(response.headers.get('x-plexus-dropped')).toBeNull();
      expect(await response.text()).toContain('Hello 1');
      expect(gateway.records.map(({ outcome, dropped }) => [outcome, dropped])).toEqual([
        ['success', []],
      ]);
    },
  );
});

describe.each(FORMAT_NAMES)(
  'a %s stream that is all there when it is first looked at',
  (format) => {
    async function asked(text: string, isThere: boolean, fields: object = {}) {
      const gateway = await testGateway(
        { ...oneProvider(format), resilience: { retries: { max: 0 } } },
        () =>
          isThere
            ? Object.assign(streamReply([text]), { whole: Buffer.from(text) })
            : streamReply([text]),
      );
      const response = await gateway.post(pathOf(format, true), {
        ...requestOf(format, 'text', true),
        ...fields,
      });
      const body = await response.text();
      // A reader of pieces closes the record behind the last of them.
      while (gateway.records.length === 0) await Bun.sleep(1);
      const [record] = gateway.records;
      return {
        status: response.status,
        headers: response.headers.toJSON(),
        body,
        record: {
          outcome: record?.outcome,
          usage: record?.usage,
          source: record?.usageSource,
          finish: record?.finish,
          calls: record?.toolCalls,
        },
      };
    }

    const good = ['text', 'calls', 'reasoning', 'length', 'usage'].map((name): [string, string] => [
      name,
      readFixture(`${format}/${name}.reply.sse`),
    ]);
    const text = readFixture(`${format}/text.reply.sse`);
    const large = text.replace(/\S+ /, (word) => word.repeat(20_000));
    const bad: [string, string][] = [
      ['one that just ends', begun(format)],
      ['one that ends within an event', text.slice(0, -40)],
      ['one without its last blank line', text.trimEnd()],
      ['one that ends in the provider’s error', readFixture(`${format}/error.reply.sse`)],
      ['one with an event that is not JSON', `${begun(format)}data: {"oops\n\n${text}`],
      ['nothing', ''],
    ];

    test.each([...good, ['large', large] as [string, string], ...bad])(
      '%s is answered like any other',
      async (_, stream) => {
        expect(await asked(stream, true)).toEqual(await asked(stream, false));
      },
    );

    test('goes out at once', async () => {
      const gateway = await testGateway(oneProvider(format), () =>
        Object.assign(streamReply([], 'silence'), { whole: Buffer.from(text) }),
      );
      const response = await gateway.post(pathOf(format, true), requestOf(format, 'text', true));
      expect(gateway.records[0]?.outcome).toBe('success');
      expect(await response.text()).toBe(named(text));
    });
  },
);

test('of what is all there and names no usage the words are counted', async () => {
  const event = (content: string): string =>
    `data: ${JSON.stringify({ id: 'c', model: 'up', choices: [{ index: 0, delta: { content } }] })}\n\n`;
  const text = `${event('some words').repeat(40)}data: [DONE]\n\n`;
  const gateway = await testGateway(oneProvider('chat'), () =>
    Object.assign(streamReply([text]), { whole: Buffer.from(text) }),
  );
  await gateway.post(pathOf('chat', true), requestOf('chat', 'text', true));
  expect(gateway.records[0]).toMatchObject({ usage: { output: 100 }, usageSource: 'estimated' });
});

test('an empty answer that is all there lets the next target be asked', async () => {
  const empty = 'data: {"id":"c","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\n';
  const good = readFixture('chat/text.reply.sse');
  const gateway = await testGateway(
    {
      providers: {
        one: { type: 'chat', baseUrl: 'http://one.test/v1', apiKey: 'k' },
        two: { type: 'chat', baseUrl: 'http://two.test/v1', apiKey: 'k' },
      },
      models: { m: { selector: 'in_order', targets: ['one/up', 'two/up'] } },
    },
    ({ url }) => {
      const text = url.startsWith('http://one') ? `${empty}data: [DONE]\n\n` : good;
      return Object.assign(streamReply([text]), { whole: Buffer.from(text) });
    },
  );
  const response = await gateway.post(pathOf('chat', true), requestOf('chat', 'text', true));
  expect(response.headers.get('x-plexus-provider')).toBe('two');
  expect(await response.text()).toBe(named(good));
});
