/** Where a request goes: names, targets, selectors, the format in which a provider is addressed. */
import { describe, expect, test } from 'bun:test';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { jsonReply, testGateway } from '../support/gateway.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';

const http = (name: string, type: unknown, more: object = {}) => ({
  [name]: { type, baseUrl: `http://${name}.test/v1`, apiKey: `key-${name}`, ...more },
});
const THREE = { ...http('a', 'chat'), ...http('b', 'chat'), ...http('c', 'messages') };

/** The provider's format by the path that was called. */
function formatOf(url: string): FormatName {
  if (url.includes(':generateContent')) return 'gemini';
  if (url.endsWith('/messages')) return 'messages';
  return url.endsWith('/responses') ? 'responses' : 'chat';
}

/** A gateway whose providers all answer in the format they are asked in. */
async function routed(raw: object, random: () => number = () => 0) {
  const gateway = await testGateway(
    raw,
    ({ url }) => jsonReply(readFixture(`${formatOf(url)}/text.reply.json`)),
    { random },
  );
  return {
    gateway,
    /** Asks for a model; gives `host model` of where it went, or the status when it went nowhere. */
    async ask(model: string, client: FormatName = 'chat', headers: Record<string, string> = {}) {
      const before = gateway.sent.length;
      const path = client === 'gemini' ? `/v1beta/models/${model}:generateContent` : undefined;
      const body = { ...requestOf(client, 'text', false), ...(path ? {} : { model }) };
      const response = await gateway.post(path ?? pathOf(client, false), body, headers);
      const sent = gateway.sent[before];
      if (sent === undefined) return String(response.status);
      const url = new URL(sent.url);
      const inPath = /models\/(.+):/.exec(url.pathname)?.[1];
      const inBody = /"model":\s*"([^"]*)"/.exec(String(sent.body))?.[1];
      return `${url.hostname.replace('.test', '')} ${inPath ?? inBody}`;
    },
  };
}

describe('a literal name', () => {
  test('goes in the format of each client, however often it was asked for in another', async () => {
    const { gateway, ask } = await routed({ providers: http('two', ['chat', 'messages']) });
    for (const client of ['chat', 'messages', 'chat', 'messages'] as const) {
      expect(await ask('two/x', client)).toBe('two x');
    }
    expect(gateway.sent.map(({ url }) => formatOf(url))).toEqual([
      'chat',
      'messages',
      'chat',
      'messages',
    ]);
  });
});

describe('a name', () => {
  const raw = {
    providers: { ...THREE, ...http('openrouter', 'chat') },
    models: {
      smart: { targets: ['a/one'], aliases: ['clever', 'gpt-4o'] },
      'a/one': 'b/alias-of-that-name',
    },
  };
  const rows: [string, string, string][] = [
    ['an alias', 'smart', 'a one'],
    ['a further name of it', 'clever', 'a one'],
    ['another', 'gpt-4o', 'a one'],
    ['a literal provider/model', 'b/some-model', 'b some-model'],
    [
      'a literal whose model has slashes',
      'openrouter/meta/llama-4:free',
      'openrouter meta/llama-4:free',
    ],
    ['an alias that looks like a literal', 'a/one', 'b alias-of-that-name'],
    ['the wrong case', 'Smart', '404'],
    ['the wrong case of a provider', 'B/some-model', '404'],
    ['an unknown provider', 'd/model', '404'],
    ['a provider without a model', 'a/', '404'],
    ['a provider alone', 'a', '404'],
  ];
  test.each(rows)('%s: %s → %s', async (_what, model, where) => {
    expect(await (await routed(raw)).ask(model)).toBe(where);
  });

  test('a Gemini path takes aliases and literals, encoded or not', async () => {
    const { ask } = await routed(raw);
    expect(await ask('smart', 'gemini')).toBe('a one');
    expect(await ask('b/some-model', 'gemini')).toBe('b some-model');
    expect(await ask('openrouter%2Fmeta%2Fllama', 'gemini')).toBe('openrouter meta/llama');
  });

  test('an unknown name is told near ones, of aliases and further names', async () => {
    const { gateway } = await routed(raw);
    const response = await gateway.post('/v1/chat/completions', { model: 'SMART', messages: [] });
    expect(response.status).toBe(404);
    const text = await response.text();
    expect(text).toContain('model_not_found');
    expect(text).toContain('smart');
  });

  test('every reply carries the name that was asked for', async () => {
    const { gateway } = await routed(raw);
    for (const model of ['clever', 'b/some-model']) {
      const response = await gateway.post('/v1/chat/completions', {
        model,
        messages: [{ role: 'user', content: 'Hi' }],
      });
      expect(await response.json()).toMatchObject({ model });
    }
  });
});

describe('a selector', () => {
  const alias = (selector: string, more: object = {}) => ({
    providers: THREE,
    models: {
      m: {
        selector,
        targets: [
          { provider: 'a', model: 'x', weight: 3 },
          { provider: 'b', model: 'x', weight: 1 },
        ],
        ...more,
      },
    },
  });

  test('random follows the weights', async () => {
    // Every quarter of the unit interval once: three times the one with weight 3.
    const draws = Array.from({ length: 400 }, (_, index) => (index + 0.5) / 400);
    let next = 0;
    const { ask } = await routed(alias('random'), () => draws[next++ % draws.length] ?? 0);
    const counts: Record<string, number> = {};
    for (let index = 0; index < 400; index += 1) {
      const where = await ask('m');
      counts[where] = (counts[where] ?? 0) + 1;
    }
    // A choice may draw more than once; the shares hold all the same.
    expect(Object.keys(counts).toSorted()).toEqual(['a x', 'b x']);
    expect((counts['a x'] ?? 0) / 400).toBeWithin(0.7, 0.8);
  });

  test('random with real draws comes near the weights', async () => {
    const { ask } = await routed(alias('random'), Math.random);
    let a = 0;
    for (let index = 0; index < 600; index += 1) if ((await ask('m')) === 'a x') a += 1;
    // 450 expected, deviation about 11: six of them on either side.
    expect(a).toBeWithin(380, 520);
  });

  test('in_order takes the first that is well', async () => {
    const { ask, gateway } = await routed(alias('in_order'));
    expect([await ask('m'), await ask('m')]).toEqual(['a x', 'a x']);
    expect(gateway.records.map(({ provider }) => provider)).toEqual(['a', 'a']);
  });

  test('round_robin takes turns, for each alias by itself', async () => {
    const raw = {
      providers: THREE,
      models: {
        m: { selector: 'round_robin', targets: ['a/x', 'b/x', 'c/x'] },
        n: { selector: 'round_robin', targets: ['a/x', 'b/x'] },
      },
    };
    const { ask } = await routed(raw);
    const went: string[] = [];
    for (const model of ['m', 'n', 'm', 'n', 'm', 'm']) went.push(await ask(model));
    expect(went).toEqual(['a x', 'a x', 'b x', 'b x', 'c x', 'a x']);
  });

  test('what is disabled or not configured is passed over', async () => {
    const raw = {
      providers: {
        ...THREE,
        ...http('off', 'chat', { enabled: false }),
        ...http('bare', 'chat', { apiKey: ['$', '{NO_SUCH_VARIABLE}'].join('') }),
      },
      models: {
        m: {
          selector: 'in_order',
          targets: ['off/x', 'bare/x', { provider: 'a', model: 'x', enabled: false }, 'b/x'],
        },
      },
    };
    expect(await (await routed(raw)).ask('m')).toBe('b x');
  });
});

describe('the format in which a provider is addressed', () => {
  test.each(FORMAT_NAMES)('the client’s own when the provider speaks it: %s', async (client) => {
    const raw = { providers: http('all', [...FORMAT_NAMES]), models: { m: 'all/x' } };
    const { ask, gateway } = await routed(raw);
    await ask('m', client);
    expect(formatOf(gateway.sent[0]?.url ?? '')).toBe(client);
    expect(gateway.records[0]).toMatchObject({ passthrough: true, providerFormat: client });
  });

  test('else the provider’s first', async () => {
    const raw = { providers: http('two', ['responses', 'chat']), models: { m: 'two/x' } };
    const { ask, gateway } = await routed(raw);
    await ask('m', 'messages');
    expect(formatOf(gateway.sent[0]?.url ?? '')).toBe('responses');
  });

  test('a base URL of its own for each format', async () => {
    const raw = {
      providers: {
        deep: {
          type: { chat: 'http://deep.test/v1', messages: 'http://deep.test/anthropic/v1/' },
          apiKey: 'k',
        },
      },
      models: { m: 'deep/x' },
    };
    const { ask, gateway } = await routed(raw);
    await ask('m', 'messages');
    await ask('m', 'chat');
    expect(gateway.sent.map(({ url }) => url)).toEqual([
      'http://deep.test/anthropic/v1/messages',
      'http://deep.test/v1/chat/completions',
    ]);
  });

  test('apiMatch prefers targets that speak the client’s format, in the selector’s order', async () => {
    const models = {
      m: { selector: 'in_order', targets: ['a/x', 'c/x', 'b/x'], apiMatch: true },
      n: { selector: 'in_order', targets: ['a/x', 'c/x', 'b/x'] },
    };
    const { ask } = await routed({ providers: THREE, models });
    expect(await ask('m', 'messages')).toBe('c x');
    expect(await ask('m', 'chat')).toBe('a x');
    expect(await ask('m', 'gemini')).toBe('a x');
    expect(await ask('n', 'messages')).toBe('a x');
  });

  test('failover crosses formats, and each attempt starts from the client’s body', async () => {
    const raw = {
      providers: { ...http('c', 'messages'), ...http('g', 'gemini'), ...http('a', 'chat') },
      models: { m: { selector: 'in_order', targets: ['c/x', 'g/y', 'a/z'] } },
    };
    const gateway = await testGateway(raw, ({ url }) =>
      formatOf(url) === 'chat'
        ? jsonReply(readFixture('chat/text.reply.json'))
        : jsonReply({ error: { message: 'no' } }, 500),
    );
    const asked = requestOf('chat', 'results', false);
    const response = await gateway.post('/v1/chat/completions', asked);
    expect(response.headers.get('x-plexus-attempts')).toBe('3');
    expect(gateway.sent.map(({ url }) => formatOf(url))).toEqual(['messages', 'gemini', 'chat']);
    // The third speaks the client's format: its bytes, but for the model's name.
    expect(String(gateway.sent[2]?.body)).toBe(JSON.stringify({ ...asked, model: 'z' }));
    expect(
      gateway.sent.map(
        ({ headers }) =>
          headers['x-api-key'] ?? headers['x-goog-api-key'] ?? headers['authorization'],
      ),
    ).toEqual(['key-c', 'key-g', 'Bearer key-a']);
  });
});

describe('what a key may use', () => {
  const raw = {
    providers: THREE,
    models: { 'team-fast': 'a/x', 'team-smart': 'b/x', other: 'c/x' },
    apiKeys: {
      all: { secret: 'all-key' },
      team: { secret: 'team-key', models: ['team-*', 'a/*'] },
      none: { secret: 'none-key', models: [] },
    },
  };
  const rows: [string, string, string][] = [
    ['all-key', 'other', 'c x'],
    ['team-key', 'team-fast', 'a x'],
    ['team-key', 'team-smart', 'b x'],
    ['team-key', 'a/anything', 'a anything'],
    ['team-key', 'other', '403'],
    ['team-key', 'b/x', '403'],
    ['none-key', 'other', '403'],
    ['bad-key', 'other', '401'],
  ];
  test.each(rows)('%s for %s: %s', async (key, model, where) => {
    const { ask } = await routed(raw);
    expect(await ask(model, 'chat', { authorization: `Bearer ${key}` })).toBe(where);
  });

  test('a refused key learns nothing of which models exist', async () => {
    const { ask } = await routed(raw);
    expect(await ask('no-such-model', 'chat', { authorization: 'Bearer team-key' })).toBe('403');
  });
});
