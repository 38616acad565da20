import { describe, expect, test } from 'bun:test';
import { FORMAT_NAMES, type FormatName } from '../src/unified.ts';
import { readAnswer } from './support/answer.ts';
import { FAILURES, goodReply, neverAnswers, STREAM_FAILURES } from './support/failing.ts';
import { jsonReply, type Play, testGateway } from './support/gateway.ts';
import { pathOf, readFixture, requestOf } from './support/matrix.ts';

/** Two providers of two formats; the alias takes `bad` first. */
function twoOf(bad: FormatName, good: FormatName, more: object = {}): object {
  return {
    providers: {
      bad: {
        type: bad,
        baseUrl: 'http://bad.test/v1',
        apiKey: 'key-bad',
        timeoutMs: { firstOutput: 10 },
      },
      good: { type: good, baseUrl: 'http://good.test/v1', apiKey: 'key-good' },
    },
    models: { m: { selector: 'in_order', targets: ['bad/one', 'good/two'] } },
    ...more,
  };
}

const PAIRS = FORMAT_NAMES.flatMap((client) =>
  FORMAT_NAMES.map((provider): [FormatName, FormatName] => [client, provider]),
);
/** The good target speaks the client's format, another one, or that of the bad one. */
function goodFor(client: FormatName, bad: FormatName): FormatName {
  return client === bad ? (FORMAT_NAMES.find((name) => name !== client) ?? client) : client;
}

describe.each([false, true])(
  'before the first output the next target answers, stream: %p',
  (stream) => {
    const failures = Object.entries(stream ? { ...FAILURES, ...STREAM_FAILURES } : FAILURES);
    describe.each(failures)('%s', (name, fail) => {
      test.each(PAIRS)('%s client, %s provider', async (client, bad) => {
        const good = goodFor(client, bad);
        const gateway = await testGateway(twoOf(bad, good), (request) =>
          request.url.startsWith('http://bad.test')
            ? fail(bad, request, stream)
            : goodReply(good, stream),
        );
        const response = await gateway.post(
          pathOf(client, stream),
          requestOf(client, 'text', stream),
        );
        const text = await response.text();
        expect(response.status).toBe(200);
        expect(response.headers.get('x-plexus-attempts')).toBe('2');
        expect(response.headers.get('x-plexus-provider')).toBe('good');
        const said = readAnswer(
          good,
          readFixture(`${good}/text.reply.${stream ? 'sse' : 'json'}`),
          stream,
        );
        const answer = readAnswer(client, text, stream);
        expect(answer).toMatchObject({ text: said.text, error: undefined, model: 'm' });
        expect(gateway.records).toHaveLength(1);
        const [record] = gateway.records;
        expect(record).toMatchObject({ outcome: 'success', provider: 'good', model: 'two' });
        expect(record?.attempts.map(({ provider }) => provider)).toEqual(['bad', 'good']);
        expect(record?.attempts[0]?.reason).toBeString();
        expect(record?.attempts[1]?.reason).toBeNull();
        const cooling = gateway.cooldowns.list();
        // 409 and 425 are about one request and say nothing of the target.
        const expected = /status (409|425)/.test(name) ? [] : [['bad', 1]];
        expect(cooling.map(({ provider, cooldown }) => [provider, cooldown.failures])).toEqual(
          expected,
        );
      });
    });
  },
);

describe('what is the client’s own fault is not tried elsewhere', () => {
  test.each([400, 404, 405, 413, 415, 422])('%d', async (status) => {
    const gateway = await testGateway(twoOf('chat', 'chat'), () =>
      jsonReply({ error: { message: 'yours' } }, status),
    );
    const response = await gateway.post(pathOf('chat', false), requestOf('chat', 'text', false));
    expect(response.status).toBe(status);
    expect(gateway.sent).toHaveLength(1);
    expect(gateway.cooldowns.list()).toEqual([]);
  });

  test('an answer that was filtered or cut to nothing is an answer', async () => {
    for (const finish of ['length', 'content_filter']) {
      const gateway = await testGateway(twoOf('chat', 'chat'), () =>
        jsonReply({
          id: 'c',
          object: 'chat.completion',
          created: 1,
          model: 'one',
          choices: [
            { index: 0, message: { role: 'assistant', content: '' }, finish_reason: finish },
          ],
        }),
      );
      const response = await gateway.post(
        pathOf('messages', false),
        requestOf('messages', 'text', false),
      );
      expect(response.status).toBe(200);
      expect(gateway.sent).toHaveLength(1);
    }
  });
});

describe('attempts are bounded', () => {
  const many = {
    providers: Object.fromEntries(
      Array.from({ length: 9 }, (_, i) => [
        `p${i}`,
        { type: 'chat', baseUrl: `http://p${i}.test/v1`, apiKey: 'k' },
      ]),
    ),
    models: {
      m: { selector: 'in_order', targets: Array.from({ length: 9 }, (_, i) => `p${i}/up`) },
    },
  };
  const fails: Play = () => jsonReply({ error: { message: 'no' } }, 500);
  const ask = requestOf('chat', 'text', false);

  test('five by default, over all targets', async () => {
    const gateway = await testGateway(many, fails);
    const response = await gateway.post(pathOf('chat', false), ask);
    expect(response.status).toBe(500);
    expect(gateway.sent).toHaveLength(5);
    expect(gateway.records[0]?.attempts).toHaveLength(5);
    expect(gateway.cooldowns.list()).toHaveLength(5);
  });

  test('as configured', async () => {
    const gateway = await testGateway(
      { ...many, resilience: { failover: { maxAttempts: 2 } } },
      fails,
    );
    await gateway.post(pathOf('chat', false), ask);
    expect(gateway.sent).toHaveLength(2);
  });

  test('one without failover', async () => {
    const raw = { ...many, resilience: { failover: false, retries: { max: 0 } } };
    const gateway = await testGateway(raw, fails);
    await gateway.post(pathOf('chat', false), ask);
    expect(gateway.sent).toHaveLength(1);
  });
});

describe('the same target again, when no other is left', () => {
  const one = (more: object = {}) => ({
    providers: { p: { type: 'chat', baseUrl: 'http://p.test/v1', apiKey: 'k', ...more } },
    models: { m: 'p/up' },
  });
  const ask = requestOf('chat', 'text', false);
  const after = (count: number, fail: Play): Play => {
    return (request, attempt) =>
      attempt <= count ? fail(request, attempt) : goodReply('chat', false);
  };
  const refusal =
    (status: number, headers: Record<string, string> = {}): Play =>
    () =>
      jsonReply({ error: { message: 'no' } }, status, headers);

  test('twice, after a short wait, and the failure that passed leaves no cooldown', async () => {
    const gateway = await testGateway(one(), after(2, refusal(503)));
    const response = await gateway.post(pathOf('chat', false), ask);
    expect(response.status).toBe(200);
    expect(response.headers.get('x-plexus-attempts')).toBe('3');
    expect(gateway.records[0]?.attempts).toHaveLength(3);
    expect(gateway.cooldowns.list()).toEqual([]);
  });

  test('not a third time, and then one cooldown', async () => {
    const gateway = await testGateway(one(), refusal(503));
    const response = await gateway.post(pathOf('chat', false), ask);
    expect(response.status).toBe(503);
    expect(gateway.sent).toHaveLength(3);
    expect(gateway.cooldowns.list()[0]?.cooldown.failures).toBe(1);
  });

  const never: [string, Play, number][] = [
    ['when the provider wants more time than that', refusal(429, { 'retry-after': '30' }), 429],
    ['when our key is refused', refusal(401), 502],
    ['when it answered nothing in time', ({ signal }) => neverAnswers(signal), 504],
    ['when the client is at fault', refusal(400), 400],
  ];
  test.each(never)('not %s', async (_name, play, status) => {
    const gateway = await testGateway(one({ timeoutMs: { firstOutput: 20 } }), play);
    const response = await gateway.post(pathOf('chat', false), ask);
    expect(response.status).toBe(status);
    expect(gateway.sent).toHaveLength(1);
  });

  test('a client that leaves during the wait ends it', async () => {
    const gateway = await testGateway(one(), refusal(429, { 'retry-after': '1.5' }));
    const leaving = new AbortController();
    const started = performance.now();
    const answer = gateway.app(
      new Request('http://127.0.0.1/v1/chat/completions', {
        method: 'POST',
        body: JSON.stringify(ask),
        signal: leaving.signal,
      }),
      { ip: null },
    );
    await Bun.sleep(20);
    leaving.abort();
    await answer;
    expect(performance.now() - started).toBeLessThan(500);
    expect(gateway.sent).toHaveLength(1);
    expect(gateway.records).toMatchObject([{ outcome: 'cancelled', status: 499 }]);
  });
});

test('of several failures the one is told that says more than that our key is wrong', async () => {
  const gateway = await testGateway(twoOf('chat', 'chat'), ({ url }) =>
    url.startsWith('http://bad.test')
      ? jsonReply({ error: { message: 'slow down' } }, 429, { 'retry-after': '3' })
      : jsonReply({ error: { message: 'bad key' } }, 401),
  );
  const response = await gateway.post(pathOf('chat', false), requestOf('chat', 'text', false));
  expect(response.status).toBe(429);
  expect(response.headers.get('retry-after')).toBe('3');
});

describe('the client gets what it asked for, whatever the provider makes of it', () => {
  test.each(FORMAT_NAMES)('JSON for a stream, %s on both sides', async (format) => {
    const gateway = await testGateway(twoOf(format, format), () => goodReply(format, false));
    const response = await gateway.post(pathOf(format, true), requestOf(format, 'text', true));
    expect(response.headers.get('content-type')).toStartWith('text/event-stream');
    const expected = readAnswer(format, readFixture(`${format}/text.reply.json`), false);
    const answer = readAnswer(format, await response.text(), true);
    expect(answer).toMatchObject({ text: expected.text, finish: 'stop', model: 'm' });
  });

  test.each(FORMAT_NAMES)('a stream for JSON, %s on both sides', async (format) => {
    const gateway = await testGateway(twoOf(format, format), () => goodReply(format, true));
    const response = await gateway.post(pathOf(format, false), requestOf(format, 'text', false));
    expect(response.headers.get('content-type')).toStartWith('application/json');
    const expected = readAnswer(format, readFixture(`${format}/text.reply.sse`), true);
    const answer = readAnswer(format, await response.text(), false);
    expect(answer).toMatchObject({ text: expected.text, finish: 'stop', model: 'm' });
  });
});

test('an answer that cannot be told to the client is a failure, and has one record', async () => {
  const broken = {
    id: 'c1',
    object: 'chat.completion',
    created: 1,
    model: 'one',
    choices: [
      {
        index: 0,
        message: {
          role: 'assistant',
          content: null,
          tool_calls: [
            { id: 'call_1', type: 'function', function: { name: 'f', arguments: '{"a":' } },
          ],
        },
        finish_reason: 'tool_calls',
      },
    ],
  };
  const gateway = await testGateway(twoOf('chat', 'chat'), ({ url }) =>
    url.startsWith('http://bad.test') ? jsonReply(broken) : goodReply('chat', false),
  );
  const response = await gateway.post(pathOf('gemini', false), requestOf('gemini', 'text', false));
  expect(response.status).toBe(200);
  expect(gateway.records).toHaveLength(1);
  expect(gateway.records[0]?.attempts).toHaveLength(gateway.sent.length);
});
