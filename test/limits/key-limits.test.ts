import { describe, expect, test } from 'bun:test';
import type { ApiKeyConfig, KeyLimits as Limits } from '../../src/config/config.ts';
import { GatewayError } from '../../src/errors.ts';
import { KeyLimits, type KeyUse } from '../../src/limits/key-limits.ts';
import type { Spent } from '../../src/limits/spent.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { goodReply } from '../support/failing.ts';
import {
  jsonReply,
  oneProvider,
  streamReply,
  type TestGateway,
  testGateway,
} from '../support/gateway.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';
import { recordOf } from '../usage/support/record.ts';

const NOON = Date.parse('2025-06-15T12:00:00Z');

function keyOf(limits: Limits): ApiKeyConfig {
  const secret = 'secret-1';
  return {
    name: 'app',
    secret,
    missing: [],
    models: ['*'],
    enabled: true,
    limits,
    expires: undefined,
  };
}

function cost(total: number) {
  const parts = { input: null, output: null, cached: null, cacheWrite: null };
  return { ...parts, total, currency: 'USD', source: 'provider' } as const;
}

/** Limits with a clock that the test sets. */
function limitsAt(now: number, spentBefore?: () => AsyncIterable<Spent>) {
  const clock = { now };
  const problems: string[] = [];
  const limits = new KeyLimits({
    now: () => clock.now,
    ...(spentBefore === undefined ? {} : { spentBefore }),
    onProblem: (problem) => problems.push(problem),
  });
  return { clock, limits, problems };
}

/** The refusal of a request; undefined when it is admitted. */
async function refusal(limits: KeyLimits, key: ApiKeyConfig): Promise<GatewayError | undefined> {
  try {
    await limits.admit(key);
    return undefined;
  } catch (cause) {
    if (cause instanceof GatewayError) return cause;
    throw cause;
  }
}

describe('requests a minute', () => {
  test('so many are admitted, refused ones do not count', async () => {
    const { clock, limits } = limitsAt(NOON);
    const key = keyOf({ requestsPerMinute: 2 });
    expect(await refusal(limits, key)).toBeUndefined();
    clock.now += 20_000;
    expect(await refusal(limits, key)).toBeUndefined();
    const refused = await refusal(limits, key);
    expect(refused).toMatchObject({
      status: 429,
      code: 'rate_limit_exceeded',
      type: 'requests',
      retryAfter: 41,
    });
    expect(refused?.message).toBe(
      'This API key has reached its limit of 2 requests a minute. Please try again in 41s.',
    );
    clock.now = NOON + 60_499;
    expect(await refusal(limits, key)).toMatchObject({ retryAfter: 1 });
    clock.now = NOON + 60_500;
    expect(await refusal(limits, key)).toBeUndefined();
    expect(await refusal(limits, key)).toMatchObject({ retryAfter: 20 });
  });

  test('of a key do not count for another', async () => {
    const { limits } = limitsAt(NOON);
    const key = keyOf({ requestsPerMinute: 1 });
    expect(await refusal(limits, key)).toBeUndefined();
    expect(await refusal(limits, { ...key, name: 'other' })).toBeUndefined();
    expect(await refusal(limits, key)).toBeDefined();
  });
});

describe('tokens a minute', () => {
  test('are those of answers that have ended, cached ones among them', async () => {
    const { clock, limits } = limitsAt(NOON);
    const key = keyOf({ tokensPerMinute: 200 });
    expect(await refusal(limits, key)).toBeUndefined();
    expect(await refusal(limits, key)).toBeUndefined();
    limits.count(recordOf());
    expect(limits.uses(key).tokensPerMinute).toMatchObject({ used: 175, remaining: 25 });
    expect(await refusal(limits, key)).toBeUndefined();
    clock.now += 1000;
    limits.count(recordOf());
    expect(limits.uses(key).tokensPerMinute).toMatchObject({ used: 350, remaining: 0 });
    expect(await refusal(limits, key)).toMatchObject({ type: 'tokens', retryAfter: 60 });
    clock.now = NOON + 60_500;
    expect(await refusal(limits, key)).toBeUndefined();
  });

  test('the limit that lasts longest is the one that is named', async () => {
    const { clock, limits } = limitsAt(NOON);
    const key = keyOf({ requestsPerMinute: 1, tokensPerMinute: 10, usdPerDay: 1 });
    await limits.admit(key);
    clock.now += 30_000;
    limits.count(recordOf({ cost: null }));
    expect(await refusal(limits, key)).toMatchObject({ type: 'tokens', retryAfter: 61 });
    limits.count(recordOf({ cost: cost(2), timestamp: '2025-06-15T12:00:00Z' }));
    expect(await refusal(limits, key)).toMatchObject({ code: 'insufficient_quota' });
  });
});

describe('money', () => {
  test.each([
    ['usdPerDay', 'day', '2025-06-15T23:59:59.999Z', '2025-06-16T00:00:00Z'],
    ['usdPerMonth', 'month', '2025-06-30T23:59:59.999Z', '2025-07-01T00:00:00Z'],
  ])('%s is refused until its %s is over', async (name, period, last, next) => {
    const { clock, limits } = limitsAt(NOON);
    const key = keyOf({ [name]: 0.5 });
    const timestamp = '2025-06-15T11:59:00Z';
    await limits.admit(key);
    limits.count(recordOf({ timestamp, cost: cost(0.49) }));
    expect(await refusal(limits, key)).toBeUndefined();
    limits.count(recordOf({ timestamp, cost: cost(0.01) }));
    const refused = await refusal(limits, key);
    expect(refused).toMatchObject({ status: 429, code: 'insufficient_quota' });
    expect(refused?.retryAfter).toBe((Date.parse(next) - NOON) / 1000);
    expect(refused?.message).toBe(
      `This API key has spent its budget of 0.5 USD a ${period}. It may be used again from ${next} on.`,
    );
    clock.now = Date.parse(last);
    expect(await refusal(limits, key)).toMatchObject({ retryAfter: 1 });
    clock.now = Date.parse(next);
    expect(await refusal(limits, key)).toBeUndefined();
  });

  test('a budget of 0 admits nothing', async () => {
    const { limits } = limitsAt(NOON);
    expect(await refusal(limits, keyOf({ usdPerDay: 0 }))).toMatchObject({ status: 429 });
  });

  test('whose amount is unknown is told once for each model, and only of keys with a budget', async () => {
    const { limits, problems } = limitsAt(NOON);
    const key = keyOf({ usdPerDay: 1 });
    await limits.admit(key);
    for (let i = 0; i < 3; i += 1) limits.count(recordOf({ cost: null }));
    expect(problems).toEqual([expect.stringContaining('the price of acme/large is not known')]);
    await limits.admit({ ...key, name: 'other', limits: { tokensPerMinute: 1 } });
    limits.count(recordOf({ apiKey: 'other', cost: null }));
    expect(problems).toHaveLength(1);
  });
});

describe('what was spent before this process counted', () => {
  const LOG: Spent[] = [
    { id: 'a', at: Date.parse('2025-06-01T00:00:00Z'), usd: 3 },
    { id: 'b', at: Date.parse('2025-06-15T01:00:00Z'), usd: 1 },
  ];

  test('is read once, and the first requests wait for it', async () => {
    let reads = 0;
    const { limits } = limitsAt(NOON, async function* () {
      reads += 1;
      await Bun.sleep(1);
      yield* LOG;
    });
    const key = keyOf({ usdPerDay: 2, usdPerMonth: 4 });
    const refused = await Promise.all([refusal(limits, key), refusal(limits, key)]);
    expect(refused.map((each) => each?.message)).toEqual([
      expect.stringContaining('4 USD a month'),
      expect.stringContaining('4 USD a month'),
    ]);
    expect(limits.uses(key)).toMatchObject({ usdPerDay: { used: 1 }, usdPerMonth: { used: 4 } });
    expect(reads).toBe(1);
  });

  test('is not counted twice when it ends meanwhile, or was counted before there was a budget', async () => {
    const { limits } = limitsAt(NOON, async function* () {
      yield* LOG;
      // Written while the log is read, by a request that this process counts itself.
      limits.count(recordOf({ id: 'c', timestamp: '2025-06-15T11:00:00Z', cost: cost(0.25) }));
      yield { id: 'c', at: Date.parse('2025-06-15T11:00:00Z'), usd: 0.25 };
    });
    await limits.admit(keyOf({ requestsPerMinute: 10 }));
    limits.count(recordOf({ id: 'b', timestamp: '2025-06-15T01:00:00Z', cost: cost(1) }));
    const key = keyOf({ usdPerMonth: 100 });
    await limits.admit(key);
    expect(limits.uses(key).usdPerMonth?.used).toBe(4.25);
  });

  test('a log that cannot be read is told and stops nobody', async () => {
    // biome-ignore lint/correctness/useYield: it fails before it gives anything
    const { limits, problems } = limitsAt(NOON, async function* () {
      throw new Error('EIO');
    });
    expect(await refusal(limits, keyOf({ usdPerDay: 1 }))).toBeUndefined();
    expect(problems).toEqual([expect.stringContaining('EIO')]);
  });
});

test('what no longer counts is not kept', async () => {
  const { clock, limits } = limitsAt(NOON);
  await limits.admit(keyOf({ requestsPerMinute: 5, usdPerMonth: 5 }));
  limits.count(recordOf({ timestamp: '2025-06-15T12:00:00Z' }));
  expect(Object.keys(limits.save())).toEqual(['app']);
  clock.now = Date.parse('2025-06-30T23:59:59Z');
  expect(Object.keys(limits.save())).toEqual(['app']);
  clock.now = Date.parse('2025-07-01T00:00:00Z');
  expect(limits.save()).toEqual({});
});

test('a key without limits is not counted at all', () => {
  const { limits } = limitsAt(NOON);
  const key = keyOf({ maxConcurrency: 3 });
  expect(limits.admit(key)).toBeUndefined();
  limits.count(recordOf());
  expect(limits.save()).toEqual({});
  expect(limits.uses(key)).toEqual({});
});

// ------------------------------------------------------------------------------ the whole way

const HEADERS = { authorization: 'Bearer secret-1' };

async function limited(limits: Limits, client: FormatName, play = () => goodReply('chat', false)) {
  const clock = { now: NOON };
  const gateway = await testGateway(
    {
      ...oneProvider('chat'),
      apiKeys: { app: { secret: 'secret-1', models: ['m'], limits } },
      pricing: { models: { up: { inputPer1M: 1e6, outputPer1M: 1e6 } } },
    },
    play,
    { clock: { now: () => clock.now, monotonic: () => performance.now() } },
  );
  const ask = async (more: Partial<Record<string, string>> = {}) => {
    const response = await post(gateway, client, { ...HEADERS, ...more });
    return { status: response.status, headers: response.headers, json: await response.json() };
  };
  return { clock, gateway, ask };
}

function post(gateway: TestGateway, client: FormatName, headers: object): Promise<Response> {
  return gateway.post(pathOf(client, false), requestOf(client, 'text', false), { ...headers });
}

function limitHeadersOf(headers: Headers): Record<string, string> {
  return Object.fromEntries([...headers].filter(([name]) => name.includes('ratelimit')));
}

const OPENAI = {
  good: {
    'x-ratelimit-limit-requests': '2',
    'x-ratelimit-remaining-requests': '1',
    'x-ratelimit-reset-requests': '1m0.5s',
    'x-ratelimit-limit-tokens': '1000',
    'x-ratelimit-remaining-tokens': '1000',
    'x-ratelimit-reset-tokens': '0s',
  },
  refused: { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-reset-requests': '1m0s' },
};
const ANTHROPIC = {
  good: {
    'anthropic-ratelimit-requests-limit': '2',
    'anthropic-ratelimit-requests-remaining': '1',
    'anthropic-ratelimit-requests-reset': '2025-06-15T12:01:01Z',
    'anthropic-ratelimit-tokens-limit': '1000',
    'anthropic-ratelimit-tokens-remaining': '1000',
    'anthropic-ratelimit-tokens-reset': '2025-06-15T12:00:00Z',
  },
  refused: {
    'anthropic-ratelimit-requests-remaining': '0',
    'anthropic-ratelimit-requests-reset': '2025-06-15T12:01:01Z',
  },
};

/** What a client reads of a refusal. */
const ENVELOPES: Readonly<Record<FormatName, { rate: object; quota: object }>> = {
  chat: {
    rate: { error: { type: 'requests', code: 'rate_limit_exceeded' } },
    quota: { error: { type: 'insufficient_quota', code: 'insufficient_quota' } },
  },
  responses: {
    rate: { error: { type: 'requests', code: 'rate_limit_exceeded' } },
    quota: { error: { type: 'insufficient_quota', code: 'insufficient_quota' } },
  },
  messages: {
    rate: { type: 'error', error: { type: 'rate_limit_error' } },
    quota: { type: 'error', error: { type: 'rate_limit_error' } },
  },
  gemini: {
    rate: { error: { code: 429, status: 'RESOURCE_EXHAUSTED' } },
    quota: { error: { code: 429, status: 'RESOURCE_EXHAUSTED' } },
  },
};

describe.each(FORMAT_NAMES)('a %s client', (client) => {
  const style = client === 'messages' ? ANTHROPIC : OPENAI;

  test('reads what is left on good answers, and when to come again on refusals', async () => {
    const { clock, gateway, ask } = await limited(
      { requestsPerMinute: 2, tokensPerMinute: 1000 },
      client,
    );
    const first = await ask();
    expect(first.status).toBe(200);
    expect(first.headers.get('retry-after')).toBeNull();
    // The answer in one piece has ended, so its tokens are in the record, and in what is left.
    const used = gateway.records[0]?.usage?.total ?? 0;
    expect(used).toBeGreaterThan(0);
    const left = limitHeadersOf(first.headers);
    const tokens = Object.keys(style.good).filter((name) => /tokens/.test(name));
    expect(Object.keys(left).toSorted()).toEqual(Object.keys(style.good).toSorted());
    for (const [name, value] of Object.entries(style.good)) {
      if (!tokens.includes(name)) expect([name, left[name]]).toEqual([name, value]);
    }
    const remaining = tokens.find((name) => name.includes('remaining')) ?? '';
    expect(left[remaining]).toBe(String(1000 - used));

    clock.now += 500;
    expect((await ask()).status).toBe(200);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.json).toMatchObject(ENVELOPES[client].rate);
    expect(refused.headers.get('retry-after')).toBe('60');
    expect(refused.headers.get('x-plexus-error-source')).toBe('gateway');
    const last =
      client === 'messages' ? ANTHROPIC.refused : { 'x-ratelimit-remaining-requests': '0' };
    expect(limitHeadersOf(refused.headers)).toMatchObject(last);
    expect(gateway.sent).toHaveLength(2);
    expect(gateway.records.at(-1)).toMatchObject({ status: 429, apiKey: 'app', alias: 'm' });
    expect(gateway.cooldowns.list()).toEqual([]);
    clock.now = NOON + 60_500;
    expect((await ask()).status).toBe(200);
  });

  test('is told of a budget that is spent, and not to try again', async () => {
    const { clock, ask } = await limited({ usdPerDay: 1 }, client);
    expect((await ask()).status).toBe(200);
    const refused = await ask();
    expect(refused.status).toBe(429);
    expect(refused.json).toMatchObject(ENVELOPES[client].quota);
    expect(JSON.stringify(refused.json)).toContain('2025-06-16T00:00:00Z');
    expect(refused.headers.get('retry-after')).toBe(String(12 * 3600));
    expect(refused.headers.get('x-should-retry')).toBe('false');
    expect(limitHeadersOf(refused.headers)).toEqual({});
    clock.now = Date.parse('2025-06-16T00:00:00Z');
    expect((await ask()).status).toBe(200);
  });
});

test('a stream counts when it has ended', async () => {
  const { gateway, ask } = await limited({ tokensPerMinute: 1 }, 'chat', () =>
    streamReply(readFixture('chat/text.reply.sse').split(/(?<=\n\n)/)),
  );
  const open = await gateway.post(pathOf('chat', true), requestOf('chat', 'text', true), HEADERS);
  expect(open.headers.get('x-ratelimit-remaining-tokens')).toBe('1');
  await open.text();
  expect(gateway.records).toHaveLength(1);
  expect((await ask()).status).toBe(429);
});

test('a request for a model that the key may not use does not count', async () => {
  const { gateway, ask } = await limited({ requestsPerMinute: 1 }, 'chat');
  const body = { ...requestOf('chat', 'text', false), model: 'other' };
  expect((await gateway.post('/v1/chat/completions', body, HEADERS)).status).toBe(403);
  expect((await ask()).status).toBe(200);
});

test("a provider's refusal keeps the provider's figures; on a good answer the key's own count", async () => {
  const figures = { 'x-ratelimit-remaining-requests': '0', 'x-ratelimit-remaining-tokens': '7' };
  let status = 400;
  const { ask } = await limited({ requestsPerMinute: 5 }, 'chat', () => {
    const good = goodReply('chat', false);
    if (status === 200)
      return new Response(good.body, {
        headers: { ...figures, 'content-type': 'application/json' },
      });
    return jsonReply({ error: { message: 'no' } }, status, {
      ...figures,
    });
  });
  expect(limitHeadersOf((await ask()).headers)).toEqual(figures);
  status = 200;
  const { headers } = await ask();
  expect(headers.get('x-ratelimit-remaining-requests')).toBe('3');
  expect(headers.get('x-ratelimit-remaining-tokens')).toBe('7');
});

describe('of several processes', () => {
  test('what a key uses at one counts at the others', async () => {
    const [one, other] = [limitsAt(NOON).limits, limitsAt(NOON).limits];
    one.onUse = (use) => other.take(JSON.parse(JSON.stringify(use)));
    other.onUse = (use) => one.take(use);
    const key = keyOf({ requestsPerMinute: 2, tokensPerMinute: 1000, usdPerDay: 1 });
    await one.admit(key);
    await other.admit(key);
    expect(await refusal(one, key)).toMatchObject({ code: 'rate_limit_exceeded' });
    expect(await refusal(other, key)).toMatchObject({ code: 'rate_limit_exceeded' });
    other.count(recordOf({ timestamp: new Date(NOON).toISOString(), cost: cost(0.4) }));
    expect(one.uses(key)).toEqual(other.uses(key));
    expect(one.uses(key)).toMatchObject({
      requestsPerMinute: { used: 2 },
      tokensPerMinute: { used: 175 },
      usdPerDay: { used: 0.4 },
    });
  });

  test('what was spent before is read by one and counts once for all', async () => {
    let reads = 0;
    const spentBefore = async function* () {
      reads += 1;
      yield { id: 'req_0', at: NOON, usd: 3 };
    };
    const [one, other] = [limitsAt(NOON, spentBefore).limits, limitsAt(NOON, spentBefore).limits];
    const uses: KeyUse[] = [];
    one.onUse = (use) => uses.push(use);
    const key = keyOf({ usdPerMonth: 10 });
    await one.admit(key);
    // Both ways: told before it begins to count, and told again.
    for (const use of [...uses, ...uses.filter(({ kind }) => kind === 'before')]) other.take(use);
    await other.admit(key);
    expect(reads).toBe(1);
    expect(other.uses(key)).toMatchObject({ usdPerMonth: { used: 3 } });
  });

  test('what another tells of while the log is read is not counted twice', async () => {
    const { promise: gate, resolve: open } = Promise.withResolvers<void>();
    const spentBefore = async function* () {
      await gate;
      yield { id: 'req_0', at: NOON, usd: 3 };
      yield { id: 'req_1', at: NOON, usd: 1 };
    };
    const { limits } = limitsAt(NOON, spentBefore);
    const key = keyOf({ usdPerMonth: 10 });
    const admitted = limits.admit(key);
    limits.take({ kind: 'answer', key: 'app', id: 'req_1', tokens: 5, at: NOON, usd: 1 });
    open();
    await admitted;
    expect(limits.uses(key)).toMatchObject({ usdPerMonth: { used: 4 } });
  });
});
