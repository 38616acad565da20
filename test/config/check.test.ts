import { describe, expect, test } from 'bun:test';
import { type CheckOptions, checkConfig, isLoopback } from '../../src/config/check.ts';
import type { Config } from '../../src/config/config.ts';
import { unconfiguredProviders, usableAliases } from '../../src/config/describe.ts';
import { type Finding, pathText } from '../../src/config/problem.ts';
import type { JsonObject } from '../../src/json.ts';

const demo = { demo: { type: 'demo' } };
const acme = { type: 'chat', baseUrl: 'https://acme.example/v1' };
const ref = (inner: string) => `\${${inner}}`;

function check(raw: unknown, options: Partial<CheckOptions> = {}) {
  return checkConfig(raw, { env: {}, cwd: '/start', ...options });
}
function accept(raw: JsonObject, options: Partial<CheckOptions> = {}): Config {
  const { config, problems } = check({ providers: demo, ...raw }, options);
  expect(problems).toEqual([]);
  if (config === undefined) throw new Error('no problems and no configuration');
  return config;
}
const told = (findings: readonly Finding[]) =>
  findings.map((finding) => `${pathText(finding.at)} ${finding.message}`);
const problemsOf = (raw: unknown, options: Partial<CheckOptions> = {}) =>
  told(check(raw, options).problems);
const warningsOf = (raw: unknown, options: Partial<CheckOptions> = {}) =>
  told(check(raw, options).warnings);

describe('defaults', () => {
  const config = accept({});
  test('the whole configuration follows from one provider', () => {
    expect(config.server).toEqual({
      host: '127.0.0.1',
      port: 4000,
      unix: undefined,
      allowAnonymous: false,
      maxBodyBytes: 50 * 1024 * 1024,
      onLoss: 'report',
      fetchMedia: false,
      graceMs: 10_000,
      maxConcurrency: 0,
    });
    expect(config.resilience).toEqual({
      cooldown: { enabled: true, minMs: 5_000, maxMs: 3_600_000 },
      failover: { enabled: true, maxAttempts: 5 },
      retries: { max: 2, maxWaitMs: 2_000 },
      timeouts: { connectMs: 10_000, firstOutputMs: 300_000, stallMs: 120_000 },
      hold: { maxBytes: 262_144, maxMs: 30_000 },
      keepAliveMs: 15_000,
      queue: { maxLength: 100, maxWaitMs: 10_000 },
    });
    expect(config.logging).toEqual({
      level: 'info',
      format: 'text',
      usage: { enabled: true, retentionDays: 30 },
      traces: { mode: 'off', retentionDays: 7, maxBytes: 1_048_576 },
      errors: { retentionDays: 90 },
    });
    expect(config.events).toEqual({ heartbeatMs: 15_000, maxClients: 100 });
    expect(config.responses).toEqual({ store: 'memory' });
    expect(config.dataDir).toBe('/start/data');
    expect(config.apiKeys.size + config.aliases.size + config.transformers.length).toBe(0);
  });
  test('it is frozen all the way down', () => {
    const { providers } = accept({
      providers: { acme: { ...acme, extraBody: { a: { b: [1] } } } },
    });
    for (const part of [config, config.server, config.resilience.cooldown, providers.get('acme')]) {
      expect(Object.isFrozen(part)).toBe(true);
    }
    const body = providers.get('acme')?.extraBody;
    expect(() => Object.assign(body?.['a'] ?? {}, { b: 2 })).toThrow(TypeError);
  });
  test('what the user wrote is not what the program holds', () => {
    const extraBody = { a: 1 };
    const config = accept({ providers: { acme: { ...acme, extraBody } } });
    extraBody.a = 2;
    expect(config.providers.get('acme')?.extraBody).toEqual({ a: 1 });
  });
});

test('a configuration without a provider is none: a half-written file must not replace a good one', () => {
  expect(problemsOf({})).toEqual(['providers is required (an object)']);
  expect(problemsOf({ providers: {} })).toEqual(['providers must name at least 1']);
  for (const raw of [null, [], 'text', 3]) expect(problemsOf(raw)).toHaveLength(1);
});

test('all problems are told at once, whatever else is wrong', () => {
  const problems = problemsOf({
    sever: {},
    server: { port: 70_000 },
    providers: { acme: { type: 'chatt', baseUrl: 'x' } },
    models: { fast: 'acmee/x' },
    logging: { level: 'loud' },
  });
  expect(problems.map((text) => text.split(' ')[0])).toEqual([
    'sever',
    'server.port',
    'providers.acme.type',
    'providers.acme.baseUrl',
    'logging.level',
    'models.fast',
  ]);
});

describe('keys nobody knows', () => {
  const nearOf = (raw: JsonObject) =>
    check({ providers: demo, ...raw }).problems.map((p) => p.near);
  test('are told with a near name', () => {
    expect(nearOf({ severs: {} })).toEqual([['server']]);
    expect(nearOf({ server: { Port: 1 } })).toEqual([['port']]);
    expect(nearOf({ providers: { a: { ...acme, base_url: 'x' } } })).toEqual([['baseUrl']]);
  });
  test('are told with the section they belong into', () => {
    const apiKeys = { a: { secret: 's', requestsPerMinute: 3 } };
    expect(nearOf({ apiKeys })).toEqual([['limits.requestsPerMinute']]);
    const models = { a: { model: 'x', targets: ['demo/echo'] } };
    expect(nearOf({ models })[0]).toContain('targets.0.model');
  });
});

describe('providers', () => {
  const provider = (raw: JsonObject, env: Record<string, string> = {}) => {
    const found = accept({ providers: { p: raw } }, { env }).providers.get('p');
    if (found === undefined) throw new Error('no provider');
    return found;
  };

  test('type may be one format, several, or each with its URL', () => {
    expect([...provider({ ...acme, baseUrl: 'https://a.b/v1//' }).formats]).toEqual([
      ['chat', 'https://a.b/v1'],
    ]);
    expect([...provider({ ...acme, type: ['responses', 'chat'] }).formats.keys()]).toEqual([
      'responses',
      'chat',
    ]);
    const type = { messages: 'http://a/x/', chat: 'http://a/y' };
    expect([...provider({ type }).formats]).toEqual([
      ['messages', 'http://a/x'],
      ['chat', 'http://a/y'],
    ]);
    expect(provider({ type: 'demo' }).kind).toBe('demo');
  });

  test('the names that others use for the formats lead to ours', () => {
    const near = (type: unknown) =>
      check({ providers: { p: { ...acme, type } } }).problems.map((problem) => problem.near);
    expect(near('anthropic')).toEqual([['messages']]);
    expect(near('antropic')).toEqual([['messages']]);
    expect(near('openai')).toEqual([['chat']]);
    expect(near('mesages')).toEqual([['messages']]);
    expect(near(['gemni'])).toEqual([['gemini']]);
    expect(near('whatever')).toEqual([[]]);
  });

  test.each([
    [{ type: 'chat' }, 'providers.p.baseUrl is required (a base URL for chat)'],
    [{ ...acme, baseUrl: 'ftp://a/b' }, 'providers.p.baseUrl must be an http:// or https:// URL'],
    [{ ...acme, baseUrl: 'https://[x' }, 'providers.p.baseUrl must be an http:// or https:// URL'],
    [
      { ...acme, baseUrl: 'https://a/b?c' },
      'providers.p.baseUrl must be an http:// or https:// URL',
    ],
    [
      { ...acme, baseUrl: 'https://a/v1/chat/completions' },
      'providers.p.baseUrl already ends in the path that Plexus appends for "chat"; write "https://a/v1"',
    ],
    [
      { type: { messages: 'https://a/v1/messages/' } },
      'providers.p.type.messages already ends in the path that Plexus appends for "messages"',
    ],
    [
      { type: 'gemini', baseUrl: 'https://a/v1beta/models/gemini-2.5-flash:generateContent' },
      'providers.p.baseUrl already ends in the path that Plexus appends for "gemini"; write "https://a/v1beta"',
    ],
    [
      { type: ['chat', 'responses'], endpoints: { chat: 'https://a/x?y=1' } },
      'providers.p.endpoints.responses is required, because there is no baseUrl for "responses"',
    ],
    [
      { ...acme, endpoints: { gemini: 'https://a/x' } },
      'providers.p.endpoints.gemini is for a format that type does not name',
    ],
    [{ ...acme, headers: { 'x y': 'z' } }, 'providers.p.headers["x y"] is named "x y"'],
    [{ ...acme, headers: { x: 'a\nb' } }, 'providers.p.headers.x must be a header value'],
    [{ ...acme, discount: 20 }, 'providers.p.discount must be a number from 0 to 1, not 20'],
    [{ ...acme, timeoutMs: 2 ** 31 }, 'providers.p.timeoutMs must be a whole number from 1 to'],
    [
      { ...acme, cooldown: { minMs: 9, maxMs: 3 } },
      'providers.p.cooldown.minMs must not be above maxMs (3)',
    ],
    [{ ...acme, proxy: true }, 'providers.p.proxy must be false, not true'],
  ])('%j is refused', (raw, message) => {
    const problems = problemsOf({ providers: { p: raw } });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toStartWith(message);
  });

  test('a name that could not be part of "provider/model" is refused', () => {
    expect(problemsOf({ providers: { 'a/b': acme } })[0]).toStartWith(
      'providers.a/b is named "a/b"',
    );
    // What `__proto__` would do to an object must not happen to a configuration.
    const raw: unknown = JSON.parse('{"providers": {"__proto__": {"type": "demo"}}}');
    expect(problemsOf(raw)).toHaveLength(1);
  });

  test('endpoints alone are enough, and may hold {model}', () => {
    const endpoints = { chat: 'https://{model}.a/deployments/{model}?api-version=1' };
    const { formats, endpoints: found } = provider({ type: 'chat', endpoints });
    expect([...formats]).toEqual([['chat', '']]);
    expect([...found]).toEqual([['chat', endpoints.chat]]);
  });

  test('times come from the provider, else from resilience', () => {
    const resilience = { timeoutMs: { connect: 1, stall: 3 }, cooldown: { minMs: 7 } };
    const config = accept({
      resilience,
      providers: {
        a: { ...acme, timeoutMs: 9 },
        b: { ...acme, timeoutMs: { stall: 8 }, cooldown: false },
        c: { ...acme, cooldown: { maxMs: 9000 } },
        d: { ...acme, cooldown: { maxMs: 5 } },
      },
    });
    const timeouts = (name: string) => Object.values(config.providers.get(name)?.timeouts ?? {});
    expect(timeouts('a')).toEqual([1, 9, 3]);
    expect(timeouts('b')).toEqual([1, 300_000, 8]);
    const cooldown = (name: string) => config.providers.get(name)?.cooldown;
    expect(cooldown('a')).toBeUndefined();
    expect(cooldown('b')).toEqual({ enabled: false, minMs: 7, maxMs: 3_600_000 });
    expect(cooldown('c')).toEqual({ enabled: true, minMs: 7, maxMs: 9000 });
    expect(cooldown('d')).toEqual({ enabled: true, minMs: 5, maxMs: 5 });
  });

  test('models may be a list or a map', () => {
    expect(provider(acme).modelsListed).toBe(false);
    expect([...provider({ ...acme, models: ['a', 'b/c'] }).models.keys()]).toEqual(['a', 'b/c']);
    const pricing = { inputPer1M: 1, outputPer1M: 2 };
    const { models, modelsListed } = provider({ ...acme, models: { a: { pricing } } });
    expect(modelsListed).toBe(true);
    expect(models.get('a')?.pricing).toEqual(pricing);
  });

  test('a base URL without the path that its host needs is warned of', () => {
    const providers = { p: { type: 'messages', baseUrl: 'https://api.anthropic.com' } };
    expect(warningsOf({ providers })[0]).toContain('write "https://api.anthropic.com/v1"');
    expect(
      warningsOf({ providers: { p: { type: 'chat', baseUrl: 'http://127.0.0.1:1234' } } }),
    ).toEqual([]);
  });

  test('no message shows a secret', () => {
    const secret = 'sk-hunter2-hünter2';
    const providers = {
      a: { ...acme, apiKey: secret, headers: { authorization: `${secret}\n` } },
      b: { ...acme, baseUrl: `ftp://me:${secret}@host/v1?key=${secret}` },
      c: { ...acme, apiKey: ref('KEY') },
    };
    const apiKeys = { x: { secret }, y: { secret: 'same-secret' }, z: { secret: 'same-secret' } };
    const { problems } = check({ providers, apiKeys }, { env: { KEY: secret } });
    expect(problems).toHaveLength(6);
    expect(JSON.stringify(problems)).not.toContain('hunter2');
    expect(JSON.stringify(problems)).not.toContain('same-secret');
  });
});

describe('environment', () => {
  const providers = {
    a: { ...acme, apiKey: ref('A_KEY'), headers: { x: ref('A_HEADER') } },
    b: { type: 'chat', baseUrl: ref('B_URL') },
    c: { ...acme, apiKey: ref('C_KEY'), enabled: false },
    ...demo,
  };
  const models = { x: { targets: ['a/m', 'demo/echo'] }, y: 'b/m', z: 'c/m' };

  test('a provider whose variables are missing is unconfigured, and nothing else', () => {
    const config = accept({ providers, models });
    expect([...unconfiguredProviders(config)]).toEqual([
      ['a', ['A_KEY', 'A_HEADER']],
      ['b', ['B_URL']],
    ]);
    const usable = [...usableAliases(config)].map(([name, targets]) => [
      name,
      targets.map((target) => target.provider),
    ]);
    expect(usable).toEqual([
      ['x', ['demo']],
      ['y', []],
      ['z', []],
    ]);
  });
  test('with them it is as any other', () => {
    const env = { A_KEY: 'k', A_HEADER: 'h', B_URL: 'http://b/v1/' };
    const config = accept({ providers, models }, { env });
    expect(unconfiguredProviders(config).size).toBe(0);
    expect(config.providers.get('a')?.apiKey).toBe('k');
    expect(config.providers.get('b')?.formats.get('chat')).toBe('http://b/v1');
  });
  test('a missing variable anywhere else is a problem that names it', () => {
    expect(
      problemsOf({ providers: demo, dataDir: ref('DIR'), server: { port: ref('PORT') } }),
    ).toEqual([
      expect.stringContaining('server.port needs the environment variable PORT'),
      expect.stringContaining('dataDir needs the environment variable DIR'),
    ]);
  });
  test('it reaches every string of an extraBody, and only values', () => {
    const extraBody = { [ref('K')]: [{ deep: `${ref('V')}!` }], n: 1, b: null };
    const config = accept({ providers: { p: { ...acme, extraBody } } }, { env: { V: 'v' } });
    expect(config.providers.get('p')?.extraBody).toEqual({
      [ref('K')]: [{ deep: 'v!' }],
      n: 1,
      b: null,
    });
  });
});

describe('client keys', () => {
  test('a key whose variable is missing never opens the gateway', () => {
    const raw = { providers: demo, apiKeys: { a: { secret: ref('A') } } };
    const config = accept(raw);
    expect(config.apiKeys.get('a')).toMatchObject({ secret: '', enabled: false, missing: ['A'] });
    expect(warningsOf(raw)).toEqual([
      'apiKeys.a needs the environment variable A, which is not set: this key is not accepted',
      'apiKeys has no usable key: every request is refused',
    ]);
    // Closed, so it may listen anywhere.
    accept({ ...raw, server: { host: '0.0.0.0' } });
  });
  test('the others are untouched', () => {
    const apiKeys = { a: { secret: ref('A') }, b: { secret: 'b', limits: { usdPerDay: 1 } } };
    const { apiKeys: keys } = accept({ apiKeys });
    expect(keys.get('b')).toEqual({
      name: 'b',
      secret: 'b',
      missing: [],
      models: ['*'],
      enabled: true,
      limits: { usdPerDay: 1 },
      expires: undefined,
    });
  });
  test.each([
    [
      { a: { secret: '' } },
      'apiKeys.a.secret must be a key of visible ASCII characters that is not empty',
    ],
    [{ a: {} }, 'apiKeys.a.secret is required'],
    [
      { a: { secret: 'x' }, b: { secret: 'x' } },
      'apiKeys.b.secret is the same as that of apiKeys.a',
    ],
    [{ a: { secret: 'x', expires: '2030-02-31x' } }, 'apiKeys.a.expires must be a date'],
    [{ a: { secret: 'x', expires: '2030-13-01' } }, 'apiKeys.a.expires must be a date'],
  ])('%j is refused', (apiKeys, message) => {
    const problems = problemsOf({ providers: demo, apiKeys });
    expect(problems).toHaveLength(1);
    expect(problems[0]).toStartWith(message);
  });
  test('equal secrets are found when they come from the environment', () => {
    const apiKeys = { a: { secret: ref('A') }, b: { secret: ref('B') } };
    expect(problemsOf({ providers: demo, apiKeys }, { env: { A: 'x', B: 'x' } })).toHaveLength(1);
  });
  test('an admin key that is missing or shared is warned of', () => {
    const admin = { apiKey: ref('ADMIN') };
    expect(warningsOf({ providers: demo, admin })[0]).toContain('ADMIN, which is not set');
    const apiKeys = { a: { secret: 'x' } };
    const raw = { providers: demo, admin, apiKeys };
    expect(warningsOf(raw, { env: { ADMIN: 'x' } })[0]).toContain(
      'same as the secret of apiKeys.a',
    );
    expect(accept(raw, { env: { ADMIN: 'y' } }).adminKey).toBe('y');
  });
});

describe('who can reach the gateway', () => {
  const hostProblems = (server: JsonObject, more: JsonObject = {}) =>
    problemsOf({ providers: demo, server, ...more });
  test.each(['127.0.0.1', '127.8.9.1', 'localhost', '::1', '[::1]', '::ffff:127.0.0.1'])(
    '%s needs no keys',
    (host) => {
      expect(hostProblems({ host })).toEqual([]);
    },
  );
  test.each([
    '0.0.0.0',
    '::',
    '[::]',
    '192.168.1.2',
    'example.org',
    'localhost.example.org',
    '127.example.org',
  ])('%s needs keys, or to be allowed in words', (host) => {
    expect(hostProblems({ host })[0]).toStartWith('server.host is ');
    expect(hostProblems({ host, allowAnonymous: true })).toEqual([]);
    expect(hostProblems({ host }, { apiKeys: { a: { secret: 'x' } } })).toEqual([]);
    expect(hostProblems({ host }, { apiKeys: {} })).toHaveLength(1);
    expect(isLoopback(host)).toBe(false);
  });
  test('a socket is nobody else’s, and replaces host and port', () => {
    expect(hostProblems({ host: '0.0.0.0', unix: '/run/plexus.sock' })).toEqual([]);
    expect(warningsOf({ providers: demo, server: { port: 1, unix: '/x' } })).toEqual([
      'server.port is not used, because server.unix is set',
    ]);
  });
  test('a host is no URL and has no port', () => {
    for (const host of ['http://x', 'x:80', '', 'a b'])
      expect(hostProblems({ host })).toHaveLength(1);
    expect(accept({ server: { host: '[::1]', port: 0 } }).server).toMatchObject({
      host: '::1',
      port: 0,
    });
  });
});

describe('aliases', () => {
  const providers = { acme: { ...acme, models: ['big', 'org/small'] }, ...demo };
  const aliasProblems = (models: JsonObject) => problemsOf({ providers, models });

  test('a text is one target; a model may hold slashes', () => {
    const { aliases } = accept({ providers, models: { a: 'acme/org/small' } });
    expect(aliases.get('a')).toEqual({
      name: 'a',
      aliases: [],
      selector: 'in_order',
      targets: [{ provider: 'acme', model: 'org/small', weight: 1, enabled: true }],
      sticky: false,
      apiMatch: false,
      onLoss: undefined,
    });
  });
  test('several targets are taken at random unless told otherwise', () => {
    const targets = ['acme/big', { provider: 'demo', model: 'echo', weight: 3 }];
    const { aliases } = accept({
      providers,
      models: { a: { targets }, b: { targets, selector: 'cost', onLoss: 'refuse', sticky: true } },
    });
    expect(aliases.get('a')?.selector).toBe('random');
    expect(aliases.get('a')?.targets.map((target) => target.weight)).toEqual([1, 3]);
    expect(aliases.get('b')).toMatchObject({ selector: 'cost', onLoss: 'refuse', sticky: true });
  });
  test('every name leads to its alias', () => {
    const { aliasNames } = accept({
      providers,
      models: { a: { targets: ['demo/echo'], aliases: ['x', 'y'] }, b: 'demo/echo' },
    });
    expect([...aliasNames].map(([name, alias]) => [name, alias.name])).toEqual([
      ['a', 'a'],
      ['b', 'b'],
      ['x', 'a'],
      ['y', 'a'],
    ]);
  });
  test.each([
    [{ a: 'acm/big' }, 'models.a names a provider "acm"'],
    [{ a: 'acme/bigg' }, 'models.a names "bigg", which is not among providers.acme.models'],
    [{ a: 'fast' }, 'models.a must be "provider/model", not "fast"'],
    [{ a: { targets: [] } }, 'models.a.targets must have at least 1 entry'],
    [{ a: { targets: [{ provider: 'demo' }] } }, 'models.a.targets.0.model is required'],
    [
      { a: { targets: [{ provider: 'dem', model: 'echo' }] } },
      'models.a.targets.0.provider names a provider',
    ],
    [
      { a: { targets: [{ provider: 'demo', model: 'echo', weight: 0 }] } },
      'models.a.targets.0.weight must be a number above 0',
    ],
    [{ a: { targets: ['demo/echo'], selector: 'fast' } }, 'models.a.selector must be "random"'],
    [
      { a: { targets: ['demo/echo'], aliases: ['a'] } },
      'models.a.aliases.0 is already a name of models.a',
    ],
    [
      { a: { targets: ['demo/echo'], aliases: ['b'] }, b: 'demo/echo' },
      'models.a.aliases.0 is already a name of models.b',
    ],
    [
      {
        a: { targets: ['demo/echo'], aliases: ['x'] },
        b: { targets: ['demo/echo'], aliases: ['x'] },
      },
      'models.b.aliases.0 is already a name of models.a',
    ],
  ])('%j is refused', (models, message) => {
    const problems = aliasProblems(models);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toStartWith(message);
  });
  test('a provider or model that was meant is named', () => {
    const near = (models: JsonObject) => check({ providers, models }).problems.map((p) => p.near);
    expect(near({ a: 'acm/big' })).toEqual([['acme']]);
    expect(near({ a: 'acme/small' })).toEqual([['org/small']]);
  });
  test('a target of a provider that is itself at fault is no second problem', () => {
    const raw = { providers: { ...demo, acme: null }, models: { a: 'acme/x' } };
    expect(problemsOf(raw)).toEqual(['providers.acme must be an object, not null']);
  });
  test('a name of the form provider/model is warned of', () => {
    const models = { 'demo/x': 'demo/echo', 'other/x': 'demo/echo' };
    expect(warningsOf({ providers, models })).toEqual([
      'models.demo/x hides the model of that name at the provider "demo"',
    ]);
  });
});

describe('transformers', () => {
  const use = (entries: unknown, options: Partial<CheckOptions> = {}, more: JsonObject = {}) =>
    check({ providers: { p: { ...acme, transformer: { use: entries } } }, ...more }, options);

  test('a chain is the provider’s, then the model’s', () => {
    const { providers } = accept({
      providers: {
        p: {
          ...acme,
          models: { a: { transformer: { use: ['sampling'] } }, b: {} },
          transformer: {
            use: ['maxtoken', ['customparams', { top_k: 40 }]],
            a: { use: ['deepseek'] },
          },
        },
        q: { ...acme, transformer: { free: { use: [['streamoptions', {}]] } } },
      },
    });
    const p = providers.get('p');
    expect(p?.use).toEqual([
      { name: 'maxtoken' },
      { name: 'customparams', options: { top_k: 40 } },
    ]);
    expect(p?.models.get('a')?.use).toEqual([{ name: 'deepseek' }, { name: 'sampling' }]);
    expect(p?.models.get('b')?.use).toEqual([]);
    expect(providers.get('q')?.models.get('free')?.use).toEqual([
      { name: 'streamoptions', options: {} },
    ]);
    expect(providers.get('q')?.modelsListed).toBe(false);
  });
  test('a name that nobody knows is a problem with a near one', () => {
    const { problems } = use(['maxtokn', ['sampling', {}]]);
    expect(told(problems)).toEqual([
      'providers.p.transformer.use.0 names a transformer "maxtokn" that nobody knows',
    ]);
    expect(problems[0]?.near).toEqual(['maxtoken']);
    expect(use(['mine'], { knownTransformers: ['mine'] }).problems).toEqual([]);
    expect(use(['maxtoken'], { knownTransformers: ['mine'] }).problems).toHaveLength(1);
  });
  test('names of the user’s own files are known, once they are read', () => {
    const own = { transformers: [{ path: './check.test.ts', options: { a: 1 } }] };
    const unread = use(['mine'], { directory: import.meta.dir }, own);
    expect(unread.problems).toEqual([]);
    expect(told(unread.warnings)[0]).toContain('unless a file in transformers brings it');
    expect(unread.config?.transformers).toEqual([{ path: import.meta.path, options: { a: 1 } }]);
    const read = { directory: import.meta.dir, userTransformers: ['mine'] };
    expect(use(['mine'], read, own).warnings).toEqual([]);
    expect(use(['min'], read, own).problems[0]?.near).toEqual(['mine']);
  });
  test('a file that is not there is a problem', () => {
    const transformers = [{ path: './none.ts' }];
    expect(problemsOf({ providers: demo, transformers }, { directory: '/nowhere' })).toEqual([
      'transformers.0.path names /nowhere/none.ts, which does not exist',
    ]);
  });
  test('a model that the provider does not list is a problem', () => {
    const p = { ...acme, models: ['gpt-5'], transformer: { 'gpt-6': { use: [] }, uses: {} } };
    const { problems } = check({ providers: { p } });
    expect(problems.map((problem) => problem.near)).toEqual([['gpt-5'], ['use']]);
  });
});

test('price steps ascend', () => {
  const steps = (...tiers: JsonObject[]) =>
    check({ providers: demo, pricing: { tiered: { m: tiers } } });
  expect(
    steps({ upTo: 5, inputPer1M: 1 }, { inputPer1M: 2 }).config?.pricing.tiered.get('m'),
  ).toEqual([{ upTo: 5, inputPer1M: 1 }, { inputPer1M: 2 }]);
  expect(told(steps({ upTo: 5 }, { upTo: 5 }, {}).problems)).toEqual([
    'pricing.tiered.m.1.upTo must be above that of the step before (5)',
  ]);
  expect(told(steps({}, { upTo: 5 }, {}).problems)).toEqual([
    'pricing.tiered.m.0.upTo is required, because more steps follow',
  ]);
  expect(told(steps({ upTo: 5 }).warnings)[0]).toContain('without a price');
});
