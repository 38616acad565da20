import { describe, expect, test } from 'bun:test';
import { Concurrency } from '../../src/limits/concurrency.ts';
import { FORMAT_NAMES } from '../../src/unified.ts';
import { goodReply } from '../support/failing.ts';
import { oneProvider, type TestGateway, testGateway } from '../support/gateway.ts';
import { pathOf, requestOf } from '../support/matrix.ts';

const QUEUE = { queue: { maxLength: 2, maxWaitMs: 1000 } };

/** A provider that answers when it is told, and counts how many it serves at once. */
function patient() {
  const waiting: (() => void)[] = [];
  const seen = { now: 0, most: 0 };
  return {
    seen,
    async play() {
      seen.now += 1;
      seen.most = Math.max(seen.most, seen.now);
      await new Promise<void>((resolve) => waiting.push(resolve));
      seen.now -= 1;
      return goodReply('chat', false);
    },
    async answerAll() {
      for (let idle = 0; idle < 3; idle += 1) {
        await Bun.sleep(1);
        if (waiting.length > 0) idle = 0;
        waiting.shift()?.();
      }
    },
  };
}

function ask(gateway: TestGateway, headers: Record<string, string> = {}): Promise<Response> {
  return gateway.post(pathOf('chat', false), requestOf('chat', 'text', false), headers);
}

describe('requests at once', () => {
  const gateways: [string, object, Record<string, string>][] = [
    ['in all', { ...oneProvider('chat'), server: { maxConcurrency: 2 }, resilience: QUEUE }, {}],
    ['at a provider', { ...oneProvider('chat', { maxConcurrency: 2 }), resilience: QUEUE }, {}],
    [
      'of a key',
      {
        ...oneProvider('chat'),
        apiKeys: { me: { secret: 'secret-1', limits: { maxConcurrency: 2 } } },
        resilience: QUEUE,
      },
      { authorization: 'Bearer secret-1' },
    ],
  ];
  test.each(gateways)(
    '%s: so many run, some wait, the rest is told when to come again',
    async (_name, raw, headers) => {
      const provider = patient();
      const gateway = await testGateway(raw, () => provider.play());
      const asked = Array.from({ length: 7 }, () => ask(gateway, headers));
      await provider.answerAll();
      const responses = await Promise.all(asked);
      expect(responses.map(({ status }) => status).toSorted()).toEqual([
        200, 200, 200, 200, 429, 429, 429,
      ]);
      expect(provider.seen.most).toBe(2);
      for (const response of responses.filter(({ status }) => status === 429)) {
        expect(response.headers.get('retry-after')).toBe('5');
        expect(response.headers.get('x-plexus-error-source')).toBe('gateway');
      }
      expect(gateway.records).toHaveLength(7);
      expect(gateway.sent).toHaveLength(4);
      expect(gateway.cooldowns.list()).toEqual([]);
    },
  );

  test('one key does not take the places of another', async () => {
    const provider = patient();
    const gateway = await testGateway(
      {
        ...oneProvider('chat'),
        apiKeys: {
          greedy: { secret: 'secret-1', limits: { maxConcurrency: 1 } },
          modest: { secret: 'secret-2' },
        },
        server: { maxConcurrency: 2 },
        resilience: { queue: { maxLength: 5, maxWaitMs: 1000 } },
      },
      () => provider.play(),
    );
    const greedy = Array.from({ length: 4 }, () => ask(gateway, { 'x-api-key': 'secret-1' }));
    await Bun.sleep(2);
    const modest = ask(gateway, { 'x-api-key': 'secret-2' });
    await Bun.sleep(2);
    expect(provider.seen.now).toBe(2);
    await provider.answerAll();
    expect((await modest).status).toBe(200);
    for (const response of await Promise.all(greedy)) expect(response.status).toBe(200);
  });

  test('a provider without room lets another target go first', async () => {
    const provider = patient();
    const gateway = await testGateway(
      {
        providers: {
          small: { type: 'chat', baseUrl: 'http://small.test', apiKey: 'k', maxConcurrency: 1 },
          large: { type: 'chat', baseUrl: 'http://large.test', apiKey: 'k' },
        },
        models: { m: { selector: 'in_order', targets: ['small/up', 'large/up'] } },
        resilience: QUEUE,
      },
      () => provider.play(),
    );
    const asked = [ask(gateway), ask(gateway), ask(gateway)];
    await Bun.sleep(2);
    expect(gateway.sent.map(({ url }) => new URL(url).hostname).toSorted()).toEqual([
      'large.test',
      'large.test',
      'small.test',
    ]);
    await provider.answerAll();
    for (const response of await Promise.all(asked)) expect(response.status).toBe(200);
  });

  test.each(FORMAT_NAMES)('the refusal wears the envelope of a %s client', async (client) => {
    const provider = patient();
    const gateway = await testGateway(
      {
        ...oneProvider('chat'),
        server: { maxConcurrency: 1 },
        resilience: { queue: { maxLength: 0, maxWaitMs: 0 } },
      },
      () => provider.play(),
    );
    const first = ask(gateway);
    await Bun.sleep(1);
    const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject({
      error: { message: expect.stringContaining('1 requests at once') },
    });
    await provider.answerAll();
    await first;
  });
});

test('of a limit that several processes share each keeps to its part', async () => {
  const provider = patient();
  const config = { ...oneProvider('chat'), server: { maxConcurrency: 5 }, resilience: QUEUE };
  const gateway = await testGateway(config, provider.play, {
    concurrency: new Concurrency((max) => Math.floor(max / 2)),
  });
  const replies = [1, 2, 3, 4].map(() => ask(gateway));
  await provider.answerAll();
  for (const reply of replies) expect((await reply).status).toBe(200);
  expect(provider.seen.most).toBe(2);
});
