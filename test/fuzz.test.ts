/**
 * Malformed bodies at every endpoint: always a reply in the client's own envelope, in time, and never
 * a 5xx of our own making.
 */
import { describe, expect, test } from 'bun:test';
import { isObject, type JsonObject } from '../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../src/unified.ts';
import { randomOf } from './support/chaos.ts';
import { goodReply } from './support/failing.ts';
import { type TestGateway, testGateway } from './support/gateway.ts';
import { judgeReply, judgeStream } from './support/grammar.ts';
import { pathOf, requestOf } from './support/matrix.ts';

/** One provider of each format, so that every pair is met. */
const RAW = {
  providers: Object.fromEntries(
    FORMAT_NAMES.map((type) => [type, { type, baseUrl: `http://${type}.test/v1`, apiKey: 'k' }]),
  ),
  models: Object.fromEntries(FORMAT_NAMES.map((name) => [`to-${name}`, `${name}/up`])),
  resilience: { cooldown: false, retries: { max: 0 } },
};

function gatewayOfFuzz(): Promise<TestGateway> {
  return testGateway(RAW, ({ url }) => {
    const format = FORMAT_NAMES.find((name) => url.startsWith(`http://${name}.test`)) ?? 'chat';
    return goodReply(format, url.includes('stream'));
  });
}

function pathTo(client: FormatName, provider: FormatName): string {
  return pathOf(client, false).replace('models/m:', `models/to-${provider}:`);
}

/** What is wrong with a reply to a malformed request. */
async function faultsOf(
  gateway: TestGateway,
  client: FormatName,
  provider: FormatName,
  body: string,
): Promise<string[]> {
  const logged = gateway.logged.length;
  const response = await gateway.post(pathTo(client, provider), body);
  const text = await response.text();
  const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
  const verdict = isStream ? judgeStream(client, text) : judgeReply(client, response.status, text);
  const faults = [...verdict.complaints];
  if (response.status >= 500) faults.push(`${response.status}: ${text.slice(0, 200)}`);
  for (const line of gateway.logged.slice(logged)) {
    if (line.includes('a fault in the gateway')) faults.push(line.slice(0, 600));
  }
  return faults;
}

const PAIRS = FORMAT_NAMES.flatMap((client) =>
  FORMAT_NAMES.map((provider): [FormatName, FormatName] => [client, provider]),
);
const CASES = ['text', 'calls', 'results', 'images', 'pdf', 'reasoning', 'schema', 'sampling'];

function bodyFor(client: FormatName, provider: FormatName, name: string): JsonObject {
  const body = requestOf(client, name, false);
  return client === 'gemini' ? body : { ...body, model: `to-${provider}` };
}

/** Values of every other type, and some that are odd for any. */
const WRONG: readonly unknown[] = [
  null,
  true,
  7,
  -1,
  1e308,
  0.5,
  '',
  'text',
  '\ud800',
  [],
  [[]],
  [null],
  ['x'],
  [{}],
  {},
  { type: 'x' },
  { type: 7 },
  { constructor: 1, toString: 2 },
];

/** Every place of a value, the value itself included. */
function placesOf(value: unknown, path: readonly string[] = []): (readonly string[])[] {
  const inner = Array.isArray(value)
    ? value.flatMap((item, at) => placesOf(item, [...path, String(at)]))
    : isObject(value)
      ? Object.entries(value).flatMap(([key, item]) => placesOf(item, [...path, key]))
      : [];
  return [path, ...inner];
}

/** A copy with another value at a place. */
function withAt(value: unknown, [key, ...rest]: readonly string[], other: unknown): unknown {
  if (key === undefined) return other;
  if (Array.isArray(value)) {
    return value.map((item, at) => (String(at) === key ? withAt(item, rest, other) : item));
  }
  return isObject(value) ? { ...value, [key]: withAt(value[key], rest, other) } : value;
}

/**
 * The values in turns: each client's body meets each of them at each place, with one provider or the
 * other. `FUZZ=all` gives every pair every one.
 */
function turnsOf(provider: FormatName): readonly unknown[] {
  if (process.env['FUZZ'] === 'all') return WRONG;
  const turn = FORMAT_NAMES.indexOf(provider);
  return WRONG.filter((_value, at) => at % FORMAT_NAMES.length === turn);
}

describe('a value of a wrong type at every place of a good body', () => {
  test.each(PAIRS)(
    '%s client, %s provider',
    async (client, provider) => {
      const gateway = await gatewayOfFuzz();
      const faults: string[] = [];
      for (const name of CASES) {
        const body = bodyFor(client, provider, name);
        for (const place of placesOf(body)) {
          if (place[0] === 'model') continue;
          for (const wrong of turnsOf(provider)) {
            const bad = JSON.stringify(withAt(body, place, wrong));
            for (const fault of await faultsOf(gateway, client, provider, bad)) {
              faults.push(`${name} ${place.join('.')} = ${JSON.stringify(wrong)}: ${fault}`);
            }
          }
        }
      }
      expect(faults.slice(0, 5)).toEqual([]);
    },
    30_000,
  );
});

describe('bodies that are none', () => {
  const deep = (open: string, close: string, depth: number): string =>
    open.repeat(depth) + close.repeat(depth);
  const bodies: [string, (good: string) => string][] = [
    ['empty', () => ''],
    ['white space', () => ' \n\t '],
    ['a number', () => '7'],
    ['null', () => 'null'],
    ['a list', () => '[]'],
    ['a string', () => '"x"'],
    ['cut', (good) => good.slice(0, good.length / 2)],
    ['twice', (good) => good + good],
    ['with a comma too many', (good) => good.replace(/\}$/, ',}')],
    ['single quotes', () => "{'model':'x'}"],
    ['NaN', (good) => good.replace(/\}$/, ',"temperature":NaN}')],
    ['binary', () => '\u0000\u0001\u0002\ufffd'],
    ['a page', () => '<!doctype html><html></html>'],
    ['a byte order mark', (good) => `\ufeff${good}`],
    [
      'huge numbers',
      (good) => good.replace(/\}$/, ',"max_tokens":1e400,"seed":99999999999999999999999999}'),
    ],
    ['negative zero', (good) => good.replace(/\}$/, ',"temperature":-0}')],
    ['keys twice', (good) => good.replace(/\}$/, ',"messages":7,"input":7,"contents":7}')],
    [
      'a prototype',
      (good) => good.replace(/\}$/, ',"__proto__":{"a":1},"constructor":{"prototype":{"b":1}}}'),
    ],
    ['lone surrogates', (good) => good.replace(/"Say two words\."/, '"\\ud800 \\udc00 \\ud83d"')],
    ['lists 10,000 deep', () => deep('[', ']', 10_000)],
    [
      'lists 10,000 deep in a field',
      (good) => good.replace(/\}$/, `,"x":${deep('[', ']', 10_000)}}`),
    ],
    [
      'objects 10,000 deep in a field',
      (good) =>
        good.replace(/\}$/, `,"metadata":${deep('{"a":', '}', 10_000).replace('}', '1}')}}`),
    ],
    [
      'a schema 10,000 deep',
      (good) =>
        good.replace(
          /"parameters":\s*\{|"input_schema":\s*\{/,
          (start) => `${start}"properties":${deep('{"a":', '}', 10_000).replace('}', '1}')},`,
        ),
    ],
    ['content 10,000 deep', (good) => good.replace(/"What is[^"]*"/, deep('[', ']', 10_000))],
    ['a field of a megabyte', (good) => good.replace(/\}$/, `,"${'k'.repeat(1024 * 1024)}":1}`)],
    [
      '20,000 fields',
      (good) =>
        good.replace(/\}$/, `,${Array.from({ length: 20_000 }, (_, i) => `"f${i}":1`).join(',')}}`),
    ],
  ];
  test.each(bodies)(
    '%s',
    async (_name, spoil) => {
      const gateway = await gatewayOfFuzz();
      const faults: string[] = [];
      for (const [client, provider] of PAIRS) {
        for (const name of ['text', 'calls']) {
          const bad = spoil(JSON.stringify(bodyFor(client, provider, name)));
          for (const fault of await faultsOf(gateway, client, provider, bad)) {
            faults.push(`${client} to ${provider}: ${fault}`);
          }
        }
      }
      expect(faults.slice(0, 5)).toEqual([]);
      expect(gateway.records).toHaveLength(PAIRS.length * 2);
    },
    20_000,
  );
});

test('bytes at random, thrown at every endpoint', async () => {
  const random = randomOf(11);
  const gateway = await gatewayOfFuzz();
  const faults: string[] = [];
  for (let i = 0; i < 1500; i += 1) {
    const [client, provider] = PAIRS[i % PAIRS.length] ?? ['chat', 'chat'];
    const good = Buffer.from(
      JSON.stringify(bodyFor(client, provider, CASES[i % CASES.length] ?? 'text')),
    );
    for (let flips = 1 + Math.floor(random() * 6); flips > 0; flips -= 1) {
      good[Math.floor(random() * good.length)] = Math.floor(random() * 256);
    }
    for (const fault of await faultsOf(gateway, client, provider, good.toString('latin1'))) {
      faults.push(`${client} to ${provider}: ${fault} for ${good.toString('latin1')}`);
    }
  }
  expect(faults.slice(0, 3)).toEqual([]);
});

describe('the other endpoints', () => {
  test('tokens are counted or refused, never with a fault of ours', async () => {
    const gateway = await gatewayOfFuzz();
    const faults: string[] = [];
    for (const provider of FORMAT_NAMES) {
      const good = bodyFor('messages', provider, 'calls');
      const bodies = [
        '',
        '[]',
        '{"model":7}',
        ...placesOf(good)
          .filter((place) => place[0] !== 'model')
          .flatMap((place) => WRONG.map((wrong) => JSON.stringify(withAt(good, place, wrong)))),
      ];
      for (const body of bodies) {
        const response = await gateway.post('/v1/messages/count_tokens', body);
        const text = await response.text();
        if (response.status >= 500) faults.push(`${provider} ${response.status}: ${text}`);
      }
    }
    expect(faults.slice(0, 5)).toEqual([]);
    expect(gateway.logged.filter((line) => line.includes('a fault in the gateway'))).toEqual([]);
  }, 20_000);

  test('odd paths, methods and queries get an answer in JSON', async () => {
    const gateway = await gatewayOfFuzz();
    const paths = [
      '/v1/models/%',
      '/v1/models/%ff%fe',
      '/v1/models/../../etc/passwd',
      '/v1beta/models/:generateContent',
      '/v1beta/models/a:b:c:generateContent',
      '/v1beta/models/%00:streamGenerateContent',
      `/v1/responses/${'x'.repeat(5000)}`,
      '/v1/responses/resp_1?starting_after=zz&limit=-1',
      '/v1/responses/%2e%2e',
      '/v1/chat/completions/',
      '//v1//messages',
      '/v1/messages?a=%zz&&&=',
      '/health?detail=true&detail=false',
      '/v0/logs?limit=1e9&after=%00',
      '/v0/state/providers/%ff',
      '/metrics',
      '/\u{1f600}',
    ];
    for (const path of paths) {
      for (const method of ['GET', 'POST', 'PUT', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS']) {
        const hasBody = method !== 'GET' && method !== 'HEAD';
        const response = await gateway.app(
          new Request(`http://127.0.0.1${path}`, { method, ...(hasBody ? { body: '{"a":' } : {}) }),
          { ip: '127.0.0.1' },
        );
        const where = `${method} ${path} ${response.status}`;
        if (response.status === 500) expect(where).toBe('');
        const text = await response.text();
        if (response.status >= 400 && method !== 'HEAD') {
          expect({ where, isJson: /^[[{]/.test(text) }).toEqual({ where, isJson: true });
        }
      }
    }
    expect(gateway.logged.filter((line) => line.includes('a fault in the gateway'))).toEqual([]);
  });
});
