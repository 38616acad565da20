/** What must not leave: keys in either direction, and headers that stop here. */
import { describe, expect, test } from 'bun:test';
import { FORMAT_NAMES, type FormatName } from '../src/unified.ts';
import { HEADS } from './support/failing.ts';
import { jsonReply, type Play, streamReply, testGateway } from './support/gateway.ts';
import { pathOf, readFixture, requestOf } from './support/matrix.ts';

const OURS = 'provider-key-5f1b7c';
const HEADER = 'header-secret-93ab';
const CLIENTS = 'client-key-77ac21';
const SECRETS = [OURS, HEADER, CLIENTS];

function rawFor(provider: FormatName): object {
  return {
    providers: {
      p: {
        type: provider,
        baseUrl: 'http://p.test/v1',
        apiKey: OURS,
        headers: { 'x-extra': `Bearer ${HEADER}` },
      },
    },
    models: { m: 'p/up' },
    apiKeys: { me: { secret: CLIENTS } },
    resilience: { retries: { max: 0 } },
  };
}

const PAIRS = FORMAT_NAMES.flatMap((client) =>
  FORMAT_NAMES.map((provider): [FormatName, FormatName] => [client, provider]),
);

/** Whatever the gateway lets out, as one text. */
async function everything(
  client: FormatName,
  provider: FormatName,
  stream: boolean,
  play: Play,
): Promise<{ text: string; sent: string }> {
  const gateway = await testGateway(rawFor(provider), play);
  const response = await gateway.post(pathOf(client, stream), requestOf(client, 'text', stream), {
    authorization: `Bearer ${CLIENTS}`,
  });
  const parts = [
    await response.text(),
    JSON.stringify(Object.fromEntries(response.headers)),
    gateway.logged.join('\n'),
  ];
  return { text: parts.join('\n'), sent: JSON.stringify(gateway.sent) };
}

const said = `Incorrect API key provided: ${OURS} (${HEADER}).`;
const saidAs: Readonly<Record<FormatName, object>> = {
  chat: { error: { message: said, type: 'x', param: null, code: 'y' } },
  messages: { type: 'error', error: { type: 'api_error', message: said } },
  responses: { error: { message: said, type: 'x', param: null, code: 'y' } },
  gemini: { error: { code: 503, message: said, status: 'UNAVAILABLE' } },
};
const eventOf: Readonly<Record<FormatName, string>> = {
  chat: `data: ${JSON.stringify(saidAs.chat)}\n\n`,
  messages: `event: error\ndata: ${JSON.stringify(saidAs.messages)}\n\n`,
  responses: `event: response.failed\ndata: ${JSON.stringify({ type: 'response.failed', sequence_number: 9, response: { id: 'r', object: 'response', created_at: 1, status: 'failed', model: 'up', output: [], error: { code: 'server_error', message: said } } })}\n\n`,
  gemini: `data: ${JSON.stringify(saidAs.gemini)}\n\n`,
};
/** The beginning of an answer up to its first words. */
function begun(format: FormatName): string {
  const events = readFixture(`${format}/error.reply.sse`).split('\n\n').filter(Boolean);
  return `${events.slice(0, -1).join('\n\n')}\n\n`;
}

const LEAKS: [string, boolean, (format: FormatName) => Response][] = [
  ['in a refusal', false, (format) => jsonReply(saidAs[format], 400)],
  ['in a refusal of our key', false, (format) => jsonReply(saidAs[format], 401)],
  ['in a failure', true, (format) => jsonReply(saidAs[format], 503)],
  ['in a page', false, () => new Response(`<p>${said}</p>`, { status: 500 })],
  ['in plain text', false, () => new Response(said, { status: 400 })],
  ['inside a 200', false, (format) => jsonReply(saidAs[format])],
  ['as the first event', true, (format) => streamReply([HEADS[format], eventOf[format]])],
  ['in the middle of a stream', true, (format) => streamReply([begun(format), eventOf[format]])],
];

describe.each(LEAKS)('a provider that says the key back %s', (_name, stream, play) => {
  test.each(PAIRS)('%s client, %s provider', async (client, provider) => {
    const { text } = await everything(client, provider, stream, () => play(provider));
    for (const secret of SECRETS) expect(text).not.toContain(secret);
    if (!text.includes('instead of JSON')) expect(text).toContain('***');
  });
});

test('a lost connection does not tell the URL, which may hold a key', async () => {
  const error = Object.assign(new TypeError(`fetching "http://p.test/?key=${OURS}"`), {
    code: 'ECONNREFUSED',
    path: `http://p.test/?key=${OURS}`,
  });
  const { text } = await everything('chat', 'gemini', false, () => Promise.reject(error));
  expect(text).toContain('ECONNREFUSED');
  for (const secret of SECRETS) expect(text).not.toContain(secret);
});

test('a fault of our own shows nothing of itself', async () => {
  const gateway = await testGateway(rawFor('chat'), () => jsonReply({}), {
    newId: (prefix) => {
      if (prefix !== 'req_') throw new Error(`broken ${OURS}`);
      return 'req_1';
    },
  });
  const response = await gateway.post(
    pathOf('messages', true),
    requestOf('messages', 'text', true),
    {
      'x-api-key': CLIENTS,
    },
  );
  expect(await response.text()).not.toContain(OURS);
});

describe('what goes up', () => {
  const HEADERS: Record<string, string> = {
    authorization: `Bearer ${CLIENTS}`,
    'x-api-key': CLIENTS,
    'x-goog-api-key': CLIENTS,
    'api-key': CLIENTS,
    cookie: 'session=1',
    'proxy-authorization': 'Basic abc',
    connection: 'keep-alive, x-hop',
    'keep-alive': 'timeout=5',
    te: 'trailers',
    upgrade: 'h2c',
    'x-hop': '1',
    'x-plexus-anything': '1',
    'x-forwarded-for': '10.0.0.1',
    forwarded: 'for=10.0.0.1',
    origin: 'http://localhost',
    referer: 'http://localhost/secret',
    host: 'gateway.test',
    'accept-encoding': 'zstd',
    'anthropic-beta': 'a-2025',
    'anthropic-dangerous-direct-browser-access': 'true',
    'openai-organization': 'org-of-the-client',
    'idempotency-key': 'idem-1',
    'x-claude-code-session-id': 'session-1',
    'session-id': 'session-2',
  };
  test.each(PAIRS)(
    '%s client, %s provider: only what is known to be meant for it',
    async (client, provider) => {
      const gateway = await testGateway(rawFor(provider), () =>
        jsonReply(readFixture(`${provider}/text.reply.json`)),
      );
      const path =
        client === 'gemini' ? `${pathOf(client, false)}?key=${CLIENTS}` : pathOf(client, false);
      const response = await gateway.post(path, requestOf(client, 'text', false), HEADERS);
      expect(response.status).toBe(200);
      const [sent] = gateway.sent;
      expect(JSON.stringify(gateway.sent) + String(sent?.body)).not.toContain(CLIENTS);
      const names = Object.keys(sent?.headers ?? {});
      const never = Object.keys(HEADERS).filter(
        (name) =>
          !/^(anthropic-beta|openai-organization|idempotency-key|x-claude-code-|session-id)/.test(
            name,
          ),
      );
      const own = ['authorization', 'x-api-key', 'x-goog-api-key', 'accept-encoding'];
      expect(never.filter((name) => names.includes(name) && !own.includes(name))).toEqual([]);
      expect(sent?.headers['accept-encoding']).toBe('identity');
      if (client !== provider) expect(names).not.toContain('idempotency-key');
      if (client === provider) expect(sent?.headers['idempotency-key']).toBe('idem-1');
      expect(names.includes('anthropic-beta')).toBe(
        client === 'messages' && provider === 'messages',
      );
    },
  );
});
