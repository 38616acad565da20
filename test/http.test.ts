/** The HTTP surface beside the four formats' own answers: every path, method, coding, key and origin. */
import { describe, expect, test } from 'bun:test';
import { brotliCompressSync, deflateSync, gzipSync, zstdCompressSync } from 'node:zlib';
import { isObject, type JsonObject, parseJson } from '../src/json.ts';
import { FORMAT_NAMES } from '../src/unified.ts';
import { readAnswer } from './support/answer.ts';
import { jsonReply, oneProvider, streamReply, testGateway } from './support/gateway.ts';
import { pathOf, readFixture, requestOf } from './support/matrix.ts';

const NOT_SET = ['$', '{NO_SUCH_VARIABLE}'].join('');
const RAW = {
  providers: {
    p: {
      type: 'chat',
      baseUrl: 'http://p.test/v1',
      apiKey: 'up-key',
      models: { up: { maxInputTokens: 1000, maxOutputTokens: 100 } },
    },
    bare: { type: 'chat', baseUrl: 'http://bare.test/v1', apiKey: NOT_SET },
  },
  models: {
    fast: { targets: ['p/up'], aliases: ['quick'] },
    'team/smart': 'p/up',
    waiting: 'bare/up',
  },
};
const ASK = { model: 'fast', messages: [{ role: 'user', content: 'Hi' }] };
const chatGateway = (raw: object = RAW) =>
  testGateway(raw, () => jsonReply(readFixture('chat/text.reply.json')));

async function bodyOf(response: Response): Promise<JsonObject> {
  expect(response.headers.get('content-type')).toStartWith('application/json');
  const value = parseJson(await response.text());
  if (!isObject(value)) throw new Error('no JSON object');
  return value;
}

describe('the list of models', () => {
  test('for OpenAI: usable aliases and further names', async () => {
    const { get } = await chatGateway();
    const body = await bodyOf(await get('/v1/models'));
    expect(body).toEqual({
      object: 'list',
      data: ['fast', 'team/smart', 'quick'].map((id) => ({
        id,
        object: 'model',
        created: expect.any(Number),
        owned_by: 'p',
      })),
    });
  });

  test('for Anthropic, by its version header, in pages', async () => {
    const { get } = await chatGateway();
    const headers = { 'anthropic-version': '2023-06-01' };
    const first = await bodyOf(await get('/v1/models?limit=2', headers));
    expect(first).toMatchObject({ has_more: true, first_id: 'fast', last_id: 'team/smart' });
    expect(first['data']).toMatchObject([
      { type: 'model', id: 'fast', display_name: 'fast', created_at: expect.stringMatching(/Z$/) },
      { type: 'model', id: 'team/smart' },
    ]);
    const next = await bodyOf(await get('/v1/models?limit=2&after_id=team/smart', headers));
    expect(next).toMatchObject({ has_more: false, first_id: 'quick', last_id: 'quick' });
  });

  test('for Gemini, under /v1beta', async () => {
    const { get } = await chatGateway();
    const { models } = await bodyOf(await get('/v1beta/models'));
    expect(models).toMatchObject([
      {
        name: 'models/fast',
        inputTokenLimit: 1000,
        outputTokenLimit: 100,
        supportedGenerationMethods: expect.arrayContaining(['generateContent']),
      },
      { name: 'models/team/smart' },
      { name: 'models/quick' },
    ]);
  });

  test('one model, in the three shapes; slashes in its name, encoded or not', async () => {
    const { get } = await chatGateway();
    expect(await bodyOf(await get('/v1/models/quick'))).toMatchObject({
      id: 'quick',
      object: 'model',
    });
    expect(await bodyOf(await get('/v1/models/team/smart'))).toMatchObject({ id: 'team/smart' });
    expect(await bodyOf(await get('/v1/models/team%2Fsmart'))).toMatchObject({ id: 'team/smart' });
    const headers = { 'anthropic-version': '2023-06-01' };
    expect(await bodyOf(await get('/v1/models/fast', headers))).toMatchObject({ type: 'model' });
    expect(await bodyOf(await get('/v1beta/models/fast'))).toMatchObject({ name: 'models/fast' });
  });

  test.each([
    ['/v1/models/none', {}, { error: { code: 'model_not_found' } }],
    ['/v1/models/none', { 'anthropic-version': '1' }, { error: { type: 'not_found_error' } }],
    ['/v1beta/models/none', {}, { error: { status: 'NOT_FOUND' } }],
    ['/v1/models/waiting', {}, { error: { code: 'model_not_found' } }],
  ])('%s %o is a 404 in the asker’s envelope', async (path, headers, error) => {
    const { get } = await chatGateway();
    const response = await get(path, headers as Record<string, string>);
    expect(response.status).toBe(404);
    expect(await bodyOf(response)).toMatchObject(error);
  });
});

describe('signs of life', () => {
  test('GET / says who answers, HEAD / is answered', async () => {
    const { app, get } = await chatGateway();
    expect(await bodyOf(await get('/'))).toMatchObject({ name: 'plexus' });
    const head = await app(new Request('http://h/', { method: 'HEAD' }), { ip: null });
    expect(head.status).toBe(200);
  });

  test('/health, /health?detail=true, /v1/health', async () => {
    const { get } = await chatGateway();
    for (const path of ['/health', '/v1/health', '/health?detail=true']) {
      const response = await get(path);
      expect(response.status).toBe(200);
      expect(await response.text()).not.toContain('up-key');
    }
    const detail = JSON.stringify(await bodyOf(await get('/health?detail=true')));
    expect(detail).toContain('NO_SUCH_VARIABLE');
  });

  test('/ready is a 503 when no alias can be used', async () => {
    expect((await (await chatGateway()).get('/ready')).status).toBe(200);
    const { get } = await chatGateway(oneProvider('chat', { apiKey: NOT_SET }));
    const response = await get('/ready');
    expect(response.status).toBe(503);
    await bodyOf(response);
  });
});

describe('paths and methods', () => {
  test.each(['/nothing', '/v1/nothing', '/v1', '/v2/chat/completions', '/v1/chat', '/favicon.ico'])(
    '%s is a 404 in JSON',
    async (path) => {
      const response = await (await chatGateway()).get(path);
      if (path === '/v1') return expect(response.status).toBe(200);
      expect(response.status).toBe(404);
      expect(await bodyOf(response)).toHaveProperty('error.message');
      expect(response.headers.get('x-plexus-error-source')).toBe('gateway');
    },
  );

  test.each([
    ['GET', '/v1/chat/completions', 'POST'],
    ['PUT', '/v1/messages', 'POST'],
    ['PATCH', '/v1/responses', 'POST'],
    ['GET', '/v1beta/models/fast:streamGenerateContent', 'GET'],
    ['POST', '/v1/models', 'GET, HEAD'],
    ['DELETE', '/health', 'GET, HEAD'],
  ])('%s %s is a 405 that names %s', async (method, path, allow) => {
    const { app } = await chatGateway();
    const response = await app(new Request(`http://h${path}`, { method }), { ip: null });
    if (allow === 'GET') return expect(response.status).toBe(404);
    expect(response.status).toBe(405);
    expect(response.headers.get('allow')).toBe(allow);
    expect(await bodyOf(response)).toHaveProperty('error.message');
  });

  test.each(FORMAT_NAMES)(
    '%s: without /v1, with a trailing slash, with a query',
    async (client) => {
      const gateway = await testGateway(oneProvider(client), () =>
        jsonReply(readFixture(`${client}/text.reply.json`)),
      );
      const asked = requestOf(client, 'text', false);
      const path = pathOf(client, false);
      for (const variant of [
        path.replace(/^\/v1(beta)?/, ''),
        `${path}/`,
        `${path}?beta=true&x=1`,
      ]) {
        const response = await gateway.post(variant, asked);
        expect(response.status).toBe(200);
        expect(readAnswer(client, await response.text(), false).text).toContain('東京');
      }
    },
  );

  test('the stable version of the Gemini path', async () => {
    const { post } = await chatGateway();
    const response = await post(
      '/v1/models/fast:generateContent',
      requestOf('gemini', 'text', false),
    );
    expect(await bodyOf(response)).toHaveProperty('candidates');
  });
});

describe('Gemini’s streams', () => {
  const TWO = { ...oneProvider('gemini'), resilience: { retries: { max: 0 } } };
  const asked = requestOf('gemini', 'text', true);
  const PATH = '/v1beta/models/m:streamGenerateContent';

  test('alt=sse gives events', async () => {
    const { post } = await testGateway(TWO, () =>
      streamReply([readFixture('gemini/text.reply.sse')]),
    );
    const response = await post(`${PATH}?alt=sse`, asked);
    expect(response.headers.get('content-type')).toStartWith('text/event-stream');
    expect(await response.text()).toStartWith('data: {');
  });

  test.each(['gemini', 'messages'] as const)(
    'without it, one JSON array: %s provider',
    async (type) => {
      const { post, sent } = await testGateway(oneProvider(type), () =>
        streamReply([...readFixture(`${type}/text.reply.sse`)]),
      );
      const response = await post(PATH, asked);
      expect(response.headers.get('content-type')).toStartWith('application/json');
      const chunks: unknown = await response.json();
      if (!Array.isArray(chunks)) throw new Error('no array');
      const events = chunks.map((chunk) => `data: ${JSON.stringify(chunk)}\n\n`).join('');
      expect(readAnswer('gemini', events, true)).toMatchObject({
        text: 'Zwei Wörter: 東京 ✓',
        finish: 'stop',
        model: 'm',
      });
      // The provider is asked for events all the same.
      if (type === 'gemini') expect(sent[0]?.url).toEndWith('?alt=sse');
    },
  );

  test('an element goes out as soon as its event is there', async () => {
    const [first = ''] = readFixture('gemini/text.reply.sse').split(/(?<=\n\n)/);
    const { post } = await testGateway(TWO, () => streamReply([first], 'silence'));
    const reader = (await post(PATH, asked)).body?.getReader();
    const piece = await reader?.read();
    expect(new TextDecoder().decode(piece?.value)).toStartWith('[{"candidates"');
    await reader?.cancel();
  });

  test('a stream that breaks ends in an element that says so', async () => {
    const { post } = await testGateway(TWO, () =>
      streamReply([readFixture('gemini/error.reply.sse')]),
    );
    const chunks: unknown = await (await post(PATH, asked)).json();
    if (!Array.isArray(chunks)) throw new Error('no array');
    expect(chunks.at(-1)).toMatchObject({ error: { status: 'UNAVAILABLE' } });
    expect(JSON.stringify(chunks)).not.toContain('finishReason');
  });

  test('an error before it is the array’s only element', async () => {
    const { post } = await testGateway(TWO, () => jsonReply({ error: { message: 'no' } }, 429));
    const response = await post(PATH, asked);
    expect(response.status).toBe(429);
    expect(await response.json()).toMatchObject([{ error: { message: 'no' } }]);
  });
});

describe('content codings of a request', () => {
  const text = JSON.stringify(ASK);
  const post = async (body: Uint8Array | string, coding: string, raw: object = RAW) => {
    const { app, sent } = await chatGateway(raw);
    const response = await app(
      new Request('http://h/v1/chat/completions', {
        method: 'POST',
        headers: { 'content-type': 'application/json', 'content-encoding': coding },
        body,
      }),
      { ip: null },
    );
    return { response, sent };
  };
  test.each([
    ['gzip', gzipSync(text)],
    ['x-gzip', gzipSync(text)],
    ['GZIP', gzipSync(text)],
    ['deflate', deflateSync(text)],
    ['br', brotliCompressSync(text)],
    ['zstd', zstdCompressSync(text)],
    ['gzip, zstd', zstdCompressSync(gzipSync(text))],
    ['identity', text],
  ])('%s', async (coding, body) => {
    const { response, sent } = await post(body, coding);
    expect(response.status).toBe(200);
    expect(String(sent[0]?.body)).toBe(text.replace('"fast"', '"up"'));
    expect(sent[0]?.headers).not.toHaveProperty('content-encoding');
  });

  test('an unknown coding is a 415', async () => {
    const { response } = await post(text, 'compress');
    expect(response.status).toBe(415);
    expect(JSON.stringify(await bodyOf(response))).toContain('compress');
  });

  test('bytes that are not what the coding says are a 400', async () => {
    const { response } = await post(text, 'gzip');
    expect(response.status).toBe(400);
    expect(JSON.stringify(await bodyOf(response))).toContain('gzip');
  });

  test('a small body that unpacks to a huge one is a 413', async () => {
    const bomb = gzipSync(`{"model":"fast","x":"${'y'.repeat(100_000)}"}`);
    const { response } = await post(bomb, 'gzip', { ...RAW, server: { maxBodyBytes: 10_000 } });
    expect(response.status).toBe(413);
  });
});

describe('keys', () => {
  const raw = { ...RAW, apiKeys: { me: { secret: 'my-key' } } };
  test.each([
    ['authorization', 'Bearer my-key'],
    ['authorization', 'bearer  my-key'],
    ['x-api-key', 'my-key'],
    ['x-goog-api-key', 'my-key'],
  ])('%s: %s', async (name, value) => {
    const { post, get, records } = await chatGateway(raw);
    const response = await post('/v1/chat/completions', ASK, { [name]: value });
    expect(response.status).toBe(200);
    expect(records[0]).toMatchObject({ apiKey: 'me' });
    expect((await get('/v1/models', { [name]: value })).status).toBe(200);
  });

  test('?key= for Gemini, and for Gemini only', async () => {
    const { post } = await chatGateway(raw);
    const body = requestOf('gemini', 'text', false);
    expect((await post('/v1beta/models/fast:generateContent?key=my-key', body)).status).toBe(200);
    expect((await post('/v1beta/models/fast:generateContent?key=other', body)).status).toBe(401);
    expect((await post('/v1/chat/completions?key=my-key', ASK)).status).toBe(401);
  });

  test('the list of models needs one, signs of life do not', async () => {
    const { get } = await chatGateway(raw);
    expect((await get('/v1/models')).status).toBe(401);
    for (const path of ['/', '/health', '/ready']) expect((await get(path)).status).toBe(200);
  });

  test('the client’s key goes nowhere', async () => {
    const { post, sent, logged } = await chatGateway(raw);
    await post('/v1/chat/completions', ASK, {
      authorization: 'Bearer my-key',
      'x-api-key': 'my-key',
    });
    await post('/v1/chat/completions', ASK, { authorization: 'Bearer wrong-key' });
    expect(JSON.stringify(sent.map(({ headers, url }) => ({ headers, url })))).not.toContain(
      'my-key',
    );
    expect(logged.join('\n')).not.toMatch(/my-key|wrong-key|up-key/);
  });
});

describe('web pages', () => {
  const keyed = { ...RAW, apiKeys: { me: { secret: 'my-key' } } };
  const visit = async (raw: object, method: string, headers: Record<string, string>) => {
    const { app } = await chatGateway(raw);
    const body = method === 'POST' ? { body: JSON.stringify(ASK) } : {};
    return app(new Request('http://h/v1/chat/completions', { method, headers, ...body }), {
      ip: null,
    });
  };

  test('without keys a page of another origin is refused, also by the preflight', async () => {
    const origin = 'https://evil.test';
    const response = await visit(RAW, 'POST', { origin });
    expect(response.status).toBe(403);
    const preflight = await visit(RAW, 'OPTIONS', { origin });
    expect(preflight.headers.get('access-control-allow-origin')).toBeNull();
  });

  test.each(['http://localhost:3000', 'http://127.0.0.1:8080', 'http://[::1]:1'])(
    'without keys a page of this machine is served: %s',
    async (origin) => {
      const response = await visit(RAW, 'POST', { origin });
      expect(response.status).toBe(200);
      expect(response.headers.get('access-control-allow-origin')).toBe(origin);
    },
  );

  test.each(['http://localhost.evil.test', 'http://127.0.0.1.evil.test', 'null'])(
    'an origin that only looks like this machine is refused: %s',
    async (origin) => {
      expect((await visit(RAW, 'POST', { origin })).status).toBe(403);
    },
  );

  test('with keys any origin is served, errors included', async () => {
    const origin = 'https://app.test';
    const preflight = await visit(keyed, 'OPTIONS', {
      origin,
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'authorization,x-stainless-os',
    });
    expect(preflight.status).toBe(204);
    expect(preflight.headers.get('access-control-allow-origin')).toBe(origin);
    expect(preflight.headers.get('access-control-allow-headers')).toContain('x-stainless-os');
    expect(preflight.headers.get('access-control-allow-methods')).toContain('POST');
    const refused = await visit(keyed, 'POST', { origin });
    expect(refused.status).toBe(401);
    expect(refused.headers.get('access-control-allow-origin')).toBe(origin);
  });

  test('a client that is no page gets no such headers', async () => {
    const response = await visit(RAW, 'POST', {});
    expect(response.headers.get('access-control-allow-origin')).toBeNull();
  });
});

describe('every reply', () => {
  test('names its request, provider, model and attempts', async () => {
    const { post } = await chatGateway();
    const { headers } = await post('/v1/chat/completions', ASK);
    expect(headers.get('x-request-id')).toStartWith('req_');
    expect(headers.get('x-plexus-provider')).toBe('p');
    expect(headers.get('x-plexus-model')).toBe('up');
    expect(headers.get('x-plexus-attempts')).toBe('1');
  });
});
