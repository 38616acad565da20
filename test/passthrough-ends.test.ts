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
