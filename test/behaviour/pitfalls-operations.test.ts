/** What broke routing, cancelling, accounting and operation elsewhere (test/README.md, 47–70). */
import { describe, expect, test } from 'bun:test';
import { createGateway } from '../../src/index.ts';
import type { JsonObject } from '../../src/json.ts';
import { createLog } from '../../src/log.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { ask, PAIRS } from '../support/ask.ts';
import { jsonReply, oneProvider, streamReply, testGateway } from '../support/gateway.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';

const http = (name: string, type: FormatName = 'chat') => ({
  [name]: { type, baseUrl: `http://${name}.test/v1`, apiKey: `key-${name}` },
});
const refuse = (status: number, message = 'no', headers: Record<string, string> = {}) =>
  jsonReply({ error: { message } }, status, headers);

describe('routing', () => {
  test('a literal provider/model rests like any other target', async () => {
    const raw = {
      providers: { ...http('a'), ...http('b') },
      models: { m: { selector: 'in_order', targets: ['a/up', 'b/up'] } },
      resilience: { retries: { max: 0 } },
    };
    const gateway = await testGateway(raw, ({ url }) =>
      url.includes('a.test')
        ? refuse(429, 'slow', { 'retry-after': '30' })
        : jsonReply(readFixture('chat/text.reply.json')),
    );
    const asked = requestOf('chat', 'text', false);
    await gateway.post('/v1/chat/completions', asked);
    const literal = await gateway.post('/v1/chat/completions', { ...asked, model: 'a/up' });
    expect(literal.status).toBe(503);
    expect(Number(literal.headers.get('retry-after'))).toBe(30);
    expect(gateway.sent.filter(({ url }) => url.includes('a.test'))).toHaveLength(1);
  });

  test('a refused request is the client’s, whatever words it comes with', async () => {
    const gateway = await testGateway(
      {
        providers: { ...http('a'), ...http('b') },
        models: { m: { selector: 'in_order', targets: ['a/up', 'b/up'] } },
      },
      () => refuse(400, 'Invalid schema: property "rate_limit" exceeds the quota of characters'),
    );
    const response = await gateway.post('/v1/chat/completions', requestOf('chat', 'text', false));
    expect(response.status).toBe(400);
    expect(gateway.sent).toHaveLength(1);
    expect(gateway.cooldowns.until('a', 'up')).toBeUndefined();
  });

  test('an empty account is the gateway’s affair, although Anthropic calls it a bad request', async () => {
    const raw = {
      providers: { ...http('a', 'messages'), ...http('b') },
      models: { m: { selector: 'in_order', targets: ['a/up', 'b/up'] } },
    };
    const message =
      'Your credit balance is too low to access the Anthropic API. Please go to Plans & Billing to upgrade or purchase credits.';
    const empty = { type: 'error', error: { type: 'invalid_request_error', message } };
    const gateway = await testGateway(raw, ({ url }) =>
      url.includes('a.test')
        ? jsonReply(empty, 400)
        : jsonReply(readFixture('chat/text.reply.json')),
    );
    const asked = requestOf('messages', 'text', false);
    const first = await gateway.post('/v1/messages', asked);
    expect(first.headers.get('x-plexus-provider')).toBe('b');
    // No model of that account is asked again.
    await gateway.post('/v1/messages', { ...asked, model: 'a/other' });
    expect(gateway.cooldowns.until('a', 'any other')).toBeNumber();
    const alone = await testGateway(oneProvider('messages'), () => jsonReply(empty, 400));
    const refused = await alone.post('/v1/messages', asked);
    expect(refused.status).toBe(502);
    expect(await refused.text()).toContain('credit balance');
  });

  test('another model of a provider that rests is asked', async () => {
    const gateway = await testGateway(
      {
        providers: http('a'),
        models: { m: 'a/one', n: 'a/two' },
        resilience: { retries: { max: 0 } },
      },
      ({ body }) =>
        String(body).includes('"one"')
          ? refuse(500)
          : jsonReply(readFixture('chat/text.reply.json')),
    );
    const asked = requestOf('chat', 'text', false);
    await gateway.post('/v1/chat/completions', asked);
    const other = await gateway.post('/v1/chat/completions', { ...asked, model: 'n' });
    expect(other.status).toBe(200);
  });
});

describe('a client that leaves', () => {
  test.each(PAIRS)(
    'lets the upstream go, is recorded once, and blames nobody: %s client, %s provider',
    async (client, provider) => {
      let cancelled = 0;
      const head = readFixture(`${provider}/text.reply.sse`)
        .split(/(?<=\n\n)/)
        .slice(0, -1);
      const begun = head.slice(0, provider === 'gemini' ? 1 : provider === 'responses' ? 5 : 4);
      const gateway = await testGateway(oneProvider(provider), () =>
        streamReply(begun, 'silence', () => {
          cancelled += 1;
        }),
      );
      const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
      const reader = response.body?.getReader();
      await reader?.read();
      await reader?.cancel();
      await Bun.sleep(1);
      expect(cancelled).toBe(1);
      expect(gateway.records).toMatchObject([{ outcome: 'cancelled', status: 499 }]);
      expect(gateway.records[0]?.usage?.output).toBeGreaterThan(0);
      expect(gateway.cooldowns.until('p', 'up')).toBeUndefined();
    },
  );

  test.each(FORMAT_NAMES)('before any answer: %s client', async (client) => {
    const left = new AbortController();
    const gateway = await testGateway(oneProvider('chat'), ({ signal }) => {
      left.abort();
      return new Promise((_, reject) => {
        if (signal.aborted) reject(signal.reason);
        else signal.addEventListener('abort', () => reject(signal.reason));
      });
    });
    const request = new Request(`http://h${pathOf(client, false)}`, {
      method: 'POST',
      body: JSON.stringify(requestOf(client, 'text', false)),
      signal: left.signal,
    });
    await gateway.app(request, { ip: null });
    expect(gateway.records).toMatchObject([{ outcome: 'cancelled', status: 499 }]);
    expect(gateway.cooldowns.until('p', 'up')).toBeUndefined();
  });

  test('although the upstream does not let itself be cancelled', async () => {
    const chunk = readFixture('chat/text.reply.sse')
      .split(/(?<=\n\n)/)
      .slice(0, 2);
    const gateway = await testGateway(oneProvider('chat'), () =>
      streamReply(chunk, 'silence', () => {
        throw new Error('cancel refused');
      }),
    );
    const response = await gateway.post('/v1/messages', requestOf('messages', 'text', true));
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    // An unhandled rejection would fail the test.
    await Bun.sleep(5);
    expect(gateway.records).toHaveLength(1);
  });
});

test.each(PAIRS)(
  'a client that does not read holds the provider back: %s client, %s provider',
  async (client, provider) => {
    const events = readFixture(`${provider}/text.reply.sse`).split(/(?<=\n\n)/);
    const delta = events.findIndex((event) => event.includes('Zwei W'));
    let pulled = 0;
    const body = new ReadableStream<Uint8Array>(
      {
        pull(controller) {
          const event = events[pulled] ?? events[delta] ?? '';
          pulled += 1;
          controller.enqueue(
            new TextEncoder().encode(pulled <= delta ? event : (events[delta] ?? '')),
          );
        },
      },
      { highWaterMark: 0 },
    );
    const gateway = await testGateway(
      oneProvider(provider),
      () => new Response(body, { headers: { 'content-type': 'text/event-stream' } }),
    );
    const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
    const reader = response.body?.getReader();
    await reader?.read();
    await Bun.sleep(5);
    expect(pulled).toBeLessThan(delta + 8);
    await reader?.cancel();
  },
);

test('Bun’s idle timer is switched off for requests that may be silent', async () => {
  const gateway = await createGateway({
    config: { providers: { demo: { type: 'demo' } }, models: { m: 'demo/echo' } },
    log: createLog({ level: 'silent', format: 'text', write: () => undefined }),
  });
  const timeouts: number[] = [];
  const server = {
    requestIP: () => null,
    timeout: (_request: Request, seconds: number) => {
      timeouts.push(seconds);
    },
  };
  const body = JSON.stringify(requestOf('chat', 'text', true));
  const request = new Request('http://h/v1/chat/completions', { method: 'POST', body });
  const response = await gateway.fetch(request, server);
  expect(response.status).toBe(200);
  await response.text();
  expect(timeouts).toEqual([0]);
  await gateway.close();
});

describe('accounting', () => {
  test.each(PAIRS)(
    'nothing is counted twice or as zero: %s client, %s provider',
    async (client, provider) => {
      for (const stream of [false, true]) {
        const says = () =>
          stream
            ? streamReply([readFixture(`${provider}/usage.reply.sse`)])
            : jsonReply(readFixture(`${provider}/usage.reply.json`));
        const { gateway } = await ask({ client, provider, says, stream });
        expect(gateway.records).toMatchObject([
          {
            usage: {
              input: 20,
              cached: 100,
              cacheWrite: provider === 'messages' ? 30 : 0,
              output: 12,
              reasoning: 4,
            },
            usageSource: 'measured',
            outcome: 'success',
          },
        ]);
      }
    },
  );

  test('a stream of a server that reports no usage is estimated, and says so', async () => {
    const quiet = readFixture('chat/text.reply.sse')
      .split(/(?<=\n\n)/)
      .filter((event) => !event.includes('prompt_tokens'));
    const { gateway } = await ask({ client: 'messages', provider: 'chat', says: quiet.join('') });
    expect(gateway.records[0]?.usageSource).toBe('estimated');
    expect(gateway.records[0]?.usage?.output).toBeGreaterThan(0);
  });

  test.each([400, 429, 500])('an error of the provider is no success: %d', async (status) => {
    const { gateway } = await ask({
      client: 'chat',
      provider: 'messages',
      says: () => refuse(status),
    });
    expect(gateway.records).toMatchObject([{ outcome: 'error', status }]);
  });
});

describe('what a provider says in anger', () => {
  test.each(FORMAT_NAMES)(
    'a megabyte is cut, a page is no JSON for the client: %s client',
    async (client) => {
      const provider = client === 'chat' ? 'messages' : 'chat';
      for (const body of [
        'x'.repeat(1_000_000),
        `<html>${'y'.repeat(1_000_000)}`,
        JSON.stringify({ error: { message: 'z'.repeat(1_000_000) } }),
      ]) {
        const {
          response,
          body: text,
          gateway,
        } = await ask({
          client,
          provider,
          says: () => new Response(body, { status: 500 }),
        });
        expect(response.status).toBe(500);
        expect(response.headers.get('content-type')).toBe('application/json');
        expect(text.length).toBeLessThan(100_000);
        expect(gateway.logged.join('').length).toBeLessThan(200_000);
      }
    },
  );

  test('no stack reaches a client', async () => {
    const { response, body } = await ask({
      client: 'chat',
      provider: 'messages',
      says: () => {
        throw new TypeError('boom at /secret/place.ts:1:1');
      },
    });
    expect(response.status).toBeGreaterThanOrEqual(500);
    expect(body).not.toMatch(/\.ts:\d|place/);
  });
});

describe('what is said to nobody else', () => {
  const SECRET = 'the-words-of-the-user';
  const fields: JsonObject = { messages: [{ role: 'user', content: SECRET }] };

  test('no content of requests or answers is logged, on success or failure', async () => {
    const plays = [
      () => jsonReply(readFixture('chat/text.reply.json').replace('Zwei W', `${SECRET} W`)),
      () => refuse(500),
      () => new Response('<html>'),
      () => Promise.reject(new Error('ECONNREFUSED')),
    ];
    for (const says of plays) {
      const { gateway } = await ask({ client: 'messages', provider: 'chat', fields, says });
      expect(gateway.logged.join('\n')).not.toContain(SECRET);
      expect(JSON.stringify(gateway.records)).not.toContain(SECRET);
    }
  });

  test('nor is any key, though a provider repeats it', async () => {
    const says = () => refuse(401, 'Incorrect API key provided: up-key');
    const { gateway, body } = await ask({ client: 'messages', provider: 'chat', says });
    expect(body).not.toContain('up-key');
    expect(gateway.logged.join('\n')).not.toContain('up-key');
    expect(JSON.stringify(gateway.records)).not.toContain('up-key');
  });
});
