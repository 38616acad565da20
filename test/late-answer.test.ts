/** A streaming client does not wait in the dark, and failover goes on behind the signs of life. */
import { describe, expect, test } from 'bun:test';
import { parseJson } from '../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../src/unified.ts';
import { eventsOf, readAnswer } from './support/answer.ts';
import { goodReply, HEADS, neverAnswers, silence } from './support/failing.ts';
import { jsonReply, type Play, testGateway } from './support/gateway.ts';
import { pathOf, readFixture, requestOf } from './support/matrix.ts';

const PATIENCE = { keepAliveMs: 5, retries: { max: 0 } };

function twoOf(type: FormatName, resilience: object = PATIENCE): object {
  const provider = (name: string) => ({
    type,
    baseUrl: `http://${name}.test/v1`,
    apiKey: 'k',
    timeoutMs: { firstOutput: 25 },
  });
  return {
    providers: { a: provider('a'), b: provider('b') },
    models: { m: { selector: 'in_order', targets: ['a/up', 'b/up'] } },
    resilience,
  };
}

const SIGN: Readonly<Record<FormatName, RegExp>> = {
  chat: /^: keep-alive\n\n/,
  messages: /^event: ping\ndata: \{"type": ?"ping"\}\n\n/,
  responses: /^: keep-alive\n\n/,
  // Not all of Google's SDKs skip comments.
  gemini: /^data: \{/,
};

const PAIRS = FORMAT_NAMES.flatMap((client) =>
  FORMAT_NAMES.map((provider): [FormatName, FormatName] => [client, provider]),
);

describe.each([
  ['before headers', (_head: string, signal: AbortSignal) => neverAnswers(signal)],
  ['after headers', (head: string, signal: AbortSignal) => silence(head, signal)],
])('a provider that is silent %s', (_name, hang) => {
  test.each(PAIRS)(
    '%s client, %s provider: signs of life, then the next target',
    async (client, provider) => {
      const play: Play = ({ url, signal }) =>
        url.includes('a.test') ? hang(HEADS[provider], signal) : goodReply(provider, true);
      const gateway = await testGateway(twoOf(provider), play);
      const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
      expect(response.status).toBe(200);
      expect(response.headers.get('content-type')).toStartWith('text/event-stream');
      const stream = await response.text();
      expect(stream).toMatch(SIGN[client]);
      const said = readAnswer(provider, readFixture(`${provider}/text.reply.sse`), true);
      expect(readAnswer(client, stream, true)).toMatchObject({ text: said.text, error: undefined });
      expect(gateway.records).toMatchObject([{ outcome: 'success', status: 200, provider: 'b' }]);
      expect(gateway.records[0]?.attempts).toHaveLength(2);
    },
  );
});

describe('when nobody answers', () => {
  test.each(FORMAT_NAMES)('the stream of a %s client ends in its error', async (client) => {
    const gateway = await testGateway(twoOf('chat'), ({ signal }) => neverAnswers(signal));
    const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
    expect(response.status).toBe(200);
    const stream = await response.text();
    expect(readAnswer(client, stream, true).error).toContain('no sign of progress');
    const last = eventsOf(stream).at(-1);
    expect(parseJson(last?.data ?? '')).toBeDefined();
    if (client === 'messages') expect(last?.event).toBe('error');
    if (client === 'responses') expect(last?.event).toBe('response.failed');
    expect(gateway.records).toMatchObject([{ outcome: 'timeout', status: 200 }]);
  });

  test('within the time of holding the failure still has its status', async () => {
    const gateway = await testGateway(twoOf('chat', { retries: { max: 0 } }), ({ signal }) =>
      neverAnswers(signal),
    );
    const response = await gateway.post(pathOf('chat', true), requestOf('chat', 'text', true));
    expect(response.status).toBe(504);
  });

  test('plain requests have no signs of life, but a status', async () => {
    const gateway = await testGateway(twoOf('chat'), ({ signal }) => neverAnswers(signal));
    const response = await gateway.post(pathOf('chat', false), requestOf('chat', 'text', false));
    expect(response.status).toBe(504);
    expect(gateway.sent).toHaveLength(2);
  });

  test('a fault of the client that shows late is told, too', async () => {
    const gateway = await testGateway(twoOf('chat'), async () => {
      await Bun.sleep(12);
      return jsonReply({ error: { message: 'prompt is too long', code: 'x' } }, 400);
    });
    const response = await gateway.post(
      pathOf('messages', true),
      requestOf('messages', 'text', true),
    );
    const error = eventsOf(await response.text()).at(-1);
    expect(error?.event).toBe('error');
    expect(error?.data).toContain('invalid_request_error');
    expect(error?.data).toContain('prompt is too long');
    expect(gateway.sent).toHaveLength(1);
  });
});

describe('a client that leaves while it waits', () => {
  test.each(FORMAT_NAMES)(
    '%s: the upstream is let go, the record says cancelled',
    async (client) => {
      const gateway = await testGateway(twoOf('chat'), ({ signal }) => neverAnswers(signal));
      const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
      const reader = response.body?.getReader();
      await reader?.read();
      await reader?.cancel();
      await Bun.sleep(1);
      expect(gateway.sent.map(({ signal }) => signal.aborted)).toEqual([true]);
      expect(gateway.records).toMatchObject([{ outcome: 'cancelled', status: 499 }]);
      expect(gateway.cooldowns.list()).toEqual([]);
    },
  );

  test('an answer that comes in the same moment is let go, too', async () => {
    let cancelled = 0;
    const gateway = await testGateway(twoOf('chat'), async () => {
      await Bun.sleep(20);
      const pull = (controller: ReadableStreamDefaultController<Uint8Array>): void => {
        controller.enqueue(new TextEncoder().encode(HEADS.chat));
      };
      const cancel = (): void => {
        cancelled += 1;
      };
      const body = new ReadableStream({ pull, cancel });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    });
    const response = await gateway.post(pathOf('chat', true), requestOf('chat', 'text', true));
    const reader = response.body?.getReader();
    await reader?.read();
    const reading = reader?.read();
    await Bun.sleep(10);
    await reader?.cancel();
    await reading;
    await Bun.sleep(30);
    expect(gateway.records).toMatchObject([{ outcome: 'cancelled' }]);
    expect(cancelled).toBeLessThanOrEqual(1);
    expect(gateway.sent[0]?.signal.aborted).toBe(true);
  });
});

test('signs of life go on between the outputs of an answer that came late', async () => {
  const gateway = await testGateway(twoOf('chat'), async () => {
    await Bun.sleep(15);
    const stream = readFixture('chat/text.reply.sse');
    const half = stream.indexOf('\n\n', stream.length / 2) + 2;
    const body = (async function* () {
      yield new TextEncoder().encode(stream.slice(0, half));
      await Bun.sleep(15);
      yield new TextEncoder().encode(stream.slice(half));
    })();
    return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
  });
  const response = await gateway.post(pathOf('chat', true), requestOf('chat', 'text', true));
  const stream = await response.text();
  const signs = stream.match(/: keep-alive/g)?.length ?? 0;
  expect(signs).toBeGreaterThanOrEqual(2);
  expect(signs).toBeLessThanOrEqual(7);
  expect(stream.indexOf('data:')).toBeLessThan(stream.lastIndexOf(': keep-alive'));
});

test('a body that only the provider finds to be none does not disturb the wait', async () => {
  const gateway = await testGateway(twoOf('chat'), async () => {
    await Bun.sleep(20);
    return jsonReply({ error: { message: 'not JSON', type: 'x' } }, 400);
  });
  const body = JSON.stringify(requestOf('chat', 'text', true)).replace(
    '"role":"user"',
    '"role":us',
  );
  const response = await gateway.post(pathOf('chat', true), body);
  const text = await response.text();
  expect(text).toContain('"error"');
  expect(gateway.records).toHaveLength(1);
});
