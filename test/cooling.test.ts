import { describe, expect, test } from 'bun:test';
import { Cooldowns } from '../src/health/cooldowns.ts';
import { FORMAT_NAMES } from '../src/unified.ts';
import { goodReply } from './support/failing.ts';
import { jsonReply, type Play, testGateway } from './support/gateway.ts';
import { pathOf, requestOf } from './support/matrix.ts';

const START = 1_750_000_000_000;
const ASK = requestOf('chat', 'text', false);

/** A gateway with a clock that the test moves. */
async function clocked(raw: object, play: Play) {
  const clock = { at: START };
  const now = (): number => clock.at;
  const cooldowns = new Cooldowns(now);
  const gateway = await testGateway(raw, play, {
    cooldowns,
    clock: { now, monotonic: () => performance.now() },
  });
  return {
    ...gateway,
    cooldowns,
    pass(seconds: number) {
      clock.at += seconds * 1000;
    },
    ask: () => gateway.post(pathOf('chat', false), ASK),
    /** The hosts that were asked since the last look. */
    asked: () =>
      gateway.sent.splice(0).map(({ url }) => new URL(url).hostname.replace('.test', '')),
  };
}

const provider = (name: string, more: object = {}) => ({
  [name]: { type: 'chat', baseUrl: `http://${name}.test/v1`, apiKey: 'k', ...more },
});
const TWO = {
  providers: { ...provider('a'), ...provider('b') },
  models: { m: { selector: 'in_order', targets: ['a/up', 'b/up'] } },
  resilience: { retries: { max: 0 } },
};
const ONE = {
  providers: provider('a'),
  models: { m: 'a/up' },
  resilience: { retries: { max: 0 } },
};
const no = (status: number, headers: Record<string, string> = {}, message = 'no') =>
  jsonReply({ error: { message } }, status, headers);

test('a target that rests is left out, and comes first again when it is well', async () => {
  let isWell = false;
  const gateway = await clocked(TWO, ({ url }) =>
    url.includes('a.test') && !isWell ? no(429, { 'retry-after': '30' }) : goodReply('chat', false),
  );
  await gateway.ask();
  expect(gateway.asked()).toEqual(['a', 'b']);
  isWell = true;
  gateway.pass(29);
  await gateway.ask();
  expect(gateway.asked()).toEqual(['b']);
  gateway.pass(2);
  await gateway.ask();
  expect(gateway.asked()).toEqual(['a']);
  expect(gateway.cooldowns.list()).toEqual([]);
});

test('when all rest: 503 that says which, until when and when to come again', async () => {
  const gateway = await clocked(TWO, ({ url }) =>
    no(429, { 'retry-after': url.includes('a.test') ? '50' : '20' }),
  );
  const first = await gateway.ask();
  expect(first.status).toBe(429);
  gateway.asked();
  for (const client of FORMAT_NAMES) {
    const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('20');
    expect(response.headers.get('x-plexus-error-source')).toBe('gateway');
    const text = await response.text();
    expect(text).toContain('a/up, b/up');
    expect(text).toContain(new Date(START + 20_000).toISOString());
  }
  expect(gateway.asked()).toEqual([]);
  const health = await (await gateway.get('/health?detail=true')).json();
  expect(health).toMatchObject({
    cooldowns: [
      { provider: 'a', model: 'up', reason: 'rate_limit', failures: 1 },
      { provider: 'b', model: 'up', reason: 'rate_limit', failures: 1 },
    ],
  });
});

describe('a single target', () => {
  test('is tried although it rests: nothing else could serve', async () => {
    let isWell = false;
    const gateway = await clocked(ONE, () => (isWell ? goodReply('chat', false) : no(500)));
    expect((await gateway.ask()).status).toBe(500);
    isWell = true;
    expect((await gateway.ask()).status).toBe(200);
    expect(gateway.cooldowns.list()).toEqual([]);
  });

  test('but not before the time that it named itself', async () => {
    const gateway = await clocked(ONE, (_request, attempt) =>
      attempt === 1 ? no(429, { 'retry-after': '3' }) : goodReply('chat', false),
    );
    expect((await gateway.ask()).status).toBe(429);
    const refused = await gateway.ask();
    expect(refused.status).toBe(503);
    expect(gateway.sent).toHaveLength(1);
    gateway.pass(3.1);
    expect((await gateway.ask()).status).toBe(200);
  });
});

test('a burst of failures is one failure', async () => {
  const gateway = await clocked(ONE, async () => {
    await Bun.sleep(5);
    gateway.pass(0.001);
    return no(429);
  });
  await Promise.all(Array.from({ length: 40 }, () => gateway.ask()));
  expect(gateway.cooldowns.list()[0]?.cooldown.failures).toBe(1);
});

describe('the time that a provider names counts for the rest and reaches the client', () => {
  const rpc = (retryDelay: string) => ({
    error: {
      code: 429,
      message: 'Quota exceeded.',
      status: 'RESOURCE_EXHAUSTED',
      details: [{ '@type': 'type.googleapis.com/google.rpc.RetryInfo', retryDelay }],
    },
  });
  const said = (message: string) => ({
    error: { message, type: 'requests', param: null, code: 'rate_limit_exceeded' },
  });
  const ways: [string, 'chat' | 'gemini' | 'responses', object, Record<string, string>, number][] =
    [
      ['seconds', 'chat', said('Slow.'), { 'retry-after': '17' }, 17],
      [
        'a date',
        'chat',
        said('Slow.'),
        { 'retry-after': new Date(START + 42_000).toUTCString() },
        42,
      ],
      ['milliseconds', 'chat', said('Slow.'), { 'retry-after-ms': '6500' }, 6.5],
      ['RetryInfo', 'gemini', rpc('38.5s'), {}, 38.5],
      ['RetryInfo behind a chat surface', 'chat', rpc('38s'), {}, 38],
      ['OpenAI’s text, seconds', 'chat', said('Please try again in 7.25s.'), {}, 7.25],
      ['OpenAI’s text, minutes', 'responses', said('Please try again in 6m0s.'), {}, 360],
      ['OpenAI’s text, hours', 'chat', said('Please try again in 1h2m3s.'), {}, 3600],
    ];
  test.each(ways)('%s', async (_name, type, body, headers, seconds) => {
    const gateway = await clocked({ ...ONE, providers: provider('a', { type }) }, () =>
      jsonReply(body, 429, headers),
    );
    const response = await gateway.post(
      pathOf('messages', false),
      requestOf('messages', 'text', false),
    );
    expect(response.status).toBe(429);
    const passedOn = Number(response.headers.get('retry-after'));
    expect(passedOn).toBe(seconds === 3600 ? 3723 : Math.ceil(seconds));
    expect(gateway.cooldowns.until('a', 'up')).toBe(START + seconds * 1000);
  });

  test('milliseconds', async () => {
    const gateway = await clocked(ONE, () => jsonReply(said('Please try again in 28ms.'), 429));
    const response = await gateway.ask();
    expect(response.headers.get('retry-after')).toBe('1');
  });

  test('in a stream, too', async () => {
    const gateway = await clocked(TWO, ({ url }) =>
      url.includes('a.test')
        ? new Response(`data: ${JSON.stringify(said('Please try again in 20s.'))}\n\n`, {
            headers: { 'content-type': 'text/event-stream' },
          })
        : goodReply('chat', true),
    );
    const response = await gateway.post(pathOf('chat', true), requestOf('chat', 'text', true));
    expect(response.headers.get('x-plexus-provider')).toBe('b');
    expect(gateway.cooldowns.until('a', 'up')).toBe(START + 20_000);
  });
});

describe('what clients make of it', () => {
  test('a 429 always names a time: Codex gives up without one', async () => {
    const gateway = await clocked(ONE, () => no(429));
    const response = await gateway.ask();
    expect(response.headers.get('retry-after')).toBe('5');
    expect(response.headers.get('x-should-retry')).toBeNull();
  });

  const hopeless: [string, () => Response][] = [
    ['a key of ours that is refused', () => no(401)],
    [
      'Gemini’s 400 for a wrong key',
      () =>
        jsonReply(
          {
            error: {
              code: 400,
              message: 'API key not valid.',
              status: 'INVALID_ARGUMENT',
              details: [
                { '@type': 'type.googleapis.com/google.rpc.ErrorInfo', reason: 'API_KEY_INVALID' },
              ],
            },
          },
          400,
        ),
    ],
    [
      'Anthropic’s 400 for an empty account',
      () =>
        jsonReply(
          {
            type: 'error',
            error: {
              type: 'invalid_request_error',
              message: 'Your credit balance is too low to access the Anthropic API.',
            },
          },
          400,
        ),
    ],
  ];
  test.each(hopeless)('%s: 502, no retries, and the whole provider rests', async (_name, play) => {
    const type = { ...provider('a', { type: 'gemini' }) };
    const gateway = await clocked({ ...ONE, providers: type }, play);
    const response = await gateway.post(
      pathOf('messages', true),
      requestOf('messages', 'text', true),
    );
    expect(response.status).toBe(502);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(gateway.cooldowns.list()).toMatchObject([
      { provider: 'a', cooldown: { reason: 'credentials' } },
    ]);
    expect(gateway.cooldowns.list()[0]).not.toHaveProperty('model');
  });

  test('an account without credit: OpenAI’s own 429, without a time to come again', async () => {
    const body = {
      error: {
        message: 'You exceeded your quota.',
        type: 'insufficient_quota',
        param: null,
        code: 'insufficient_quota',
      },
    };
    const gateway = await clocked(ONE, () => jsonReply(body, 429));
    const response = await gateway.ask();
    expect(response.status).toBe(429);
    expect(response.headers.get('x-should-retry')).toBe('false');
    expect(response.headers.get('retry-after')).toBeNull();
    expect(gateway.cooldowns.list()[0]).not.toHaveProperty('model');
  });

  test('OpenRouter’s 403 for flagged words is the client’s', async () => {
    const gateway = await clocked(ONE, () =>
      no(403, {}, 'Your chosen model requires moderation and your input was flagged.'),
    );
    const response = await gateway.ask();
    expect(response.status).toBe(403);
    expect(gateway.cooldowns.list()).toEqual([]);
  });

  test('what the provider says of retries is passed on', async () => {
    const gateway = await clocked(ONE, () => no(500, { 'x-should-retry': 'false' }));
    expect((await gateway.ask()).headers.get('x-should-retry')).toBe('false');
  });
});

test('a failure in the middle of a stream makes the target rest once', async () => {
  const gateway = await clocked(TWO, () => {
    const [first = ''] = [
      'data: {"id":"c","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":"Hi"},"finish_reason":null}]}\n\n',
    ];
    return new Response(first, { headers: { 'content-type': 'text/event-stream' } });
  });
  const response = await gateway.post(
    pathOf('messages', true),
    requestOf('messages', 'text', true),
  );
  expect(await response.text()).toContain('event: error');
  expect(gateway.cooldowns.list()).toMatchObject([
    { provider: 'a', model: 'up', cooldown: { failures: 1 } },
  ]);
});
