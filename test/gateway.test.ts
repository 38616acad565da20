import { describe, expect, test } from 'bun:test';
import { isObject, type JsonObject, parseJson } from '../src/json.ts';
import { jsonReply, oneProvider, streamReply, testGateway } from './support/gateway.ts';

const CHAT_REPLY = {
  id: 'chatcmpl-1',
  object: 'chat.completion',
  created: 1,
  model: 'up-2025',
  choices: [{ index: 0, message: { role: 'assistant', content: 'Hello.' }, finish_reason: 'stop' }],
  usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
};
const CHUNK = (delta: object, finish: string | null = null, usage?: object): string =>
  `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'up-2025', choices: [{ index: 0, delta, finish_reason: finish }], ...(usage ? { usage } : {}) })}\n\n`;
const USAGE_CHUNK =
  'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"up-2025","choices":[],"usage":{"prompt_tokens":10,"completion_tokens":3,"total_tokens":13}}\n\n';
const ASK = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };

function bodyOf(text: string): JsonObject {
  const value = parseJson(text);
  if (!isObject(value)) throw new Error(`no JSON object: ${text}`);
  return value;
}

describe('same format on both sides', () => {
  test('the request goes up byte for byte but for the model name', async () => {
    const gateway = await testGateway(oneProvider('chat'), () => jsonReply(CHAT_REPLY));
    const body =
      '{\n "messages" : [ {"content":"caf\\u00e9 \\/ 1.0","role":"user"} ],\n "seed": 12345678901234567890, "temperature": 1.0, "x": 1e3,\n "model": "m" }';
    await gateway.post('/v1/chat/completions', body);
    expect(gateway.sent[0]?.body).toBe(body.replace('"m"', '"up"'));
    expect(gateway.sent[0]?.url).toBe('http://provider.test/v1/chat/completions');
  });

  test('the reply comes back byte for byte but for the model name', async () => {
    const reply = '{ "model" : "up-2025",\n"choices":[],"id":"x", "n": 1.0,"z":{"model":"other"} }';
    const gateway = await testGateway(oneProvider('chat'), () => jsonReply(reply));
    const response = await gateway.post('/v1/chat/completions', ASK);
    expect(await response.text()).toBe(reply.replace('"up-2025"', '"m"'));
  });

  test('a stream comes back byte for byte but for the model name', async () => {
    const stream = [
      ': comment\r\n\r\n',
      CHUNK({ role: 'assistant', content: '' }),
      CHUNK({ content: 'é 東京 "model":"up-2025"' }),
      CHUNK({}, 'stop'),
      USAGE_CHUNK,
      'data: [DONE]\n\n',
    ].join('');
    const gateway = await testGateway(oneProvider('chat'), () => streamReply([stream]));
    const ask = { ...ASK, stream: true, stream_options: { include_usage: true } };
    const response = await gateway.post('/v1/chat/completions', ask);
    expect(await response.text()).toBe(stream.replaceAll('"model":"up-2025"', '"model":"m"'));
    expect(gateway.sent[0]?.body).toBe(JSON.stringify({ ...ask, model: 'up' }));
  });

  test('usage is asked for, and hidden from a client that did not ask', async () => {
    const pieces = [CHUNK({ content: 'Hi' }), CHUNK({}, 'stop'), USAGE_CHUNK, 'data: [DONE]\n\n'];
    const gateway = await testGateway(oneProvider('chat'), () => streamReply(pieces));
    const response = await gateway.post('/v1/chat/completions', { ...ASK, stream: true });
    const text = await response.text();
    expect(text).not.toContain('"usage":{');
    expect(text).toEndWith('data: [DONE]\n\n');
    expect(bodyOf(gateway.sent[0]?.body ?? '')['stream_options']).toEqual({ include_usage: true });
    expect(gateway.records[0]?.usage).toMatchObject({ input: 10, output: 3 });
  });

  test('an error body is passed on untouched, with its status and retry-after', async () => {
    const error = '{"error":{"message":"Too many.","type":"x","param":null,"code":"y"} }';
    const gateway = await testGateway(
      { ...oneProvider('chat'), resilience: { retries: { max: 0 } } },
      () => jsonReply(error, 429, { 'retry-after': '7', 'x-ratelimit-limit-requests': '5' }),
    );
    const response = await gateway.post('/v1/chat/completions', ASK);
    expect(response.status).toBe(429);
    expect(await response.text()).toBe(error);
    expect(response.headers.get('retry-after')).toBe('7');
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('5');
    expect(response.headers.get('x-plexus-error-source')).toBe('upstream');
  });

  test('headers of the client: open lists pass, credentials, cookies and our own do not', async () => {
    const gateway = await testGateway(
      { ...oneProvider('messages'), apiKeys: { me: { secret: 'client-key' } } },
      () => jsonReply({ type: 'message', content: [], model: 'up', usage: {} }),
    );
    await gateway.post(
      '/v1/messages?beta=true',
      { ...ASK, max_tokens: 9 },
      {
        'x-api-key': 'client-key',
        'anthropic-version': '2023-06-01',
        'anthropic-beta': 'a-2025,b-2026',
        cookie: 'session=1',
        'x-plexus-thing': '1',
      },
    );
    const headers = gateway.sent[0]?.headers ?? {};
    expect(headers['anthropic-beta']).toBe('a-2025,b-2026');
    expect(headers['x-api-key']).toBe('up-key');
    expect(Object.keys(headers)).not.toContain('cookie');
    expect(Object.keys(headers)).not.toContain('x-plexus-thing');
    expect(JSON.stringify(gateway.sent)).not.toContain('client-key');
  });
});

describe('translated', () => {
  test('a messages client reaches a chat provider, plain', async () => {
    const gateway = await testGateway(oneProvider('chat'), () => jsonReply(CHAT_REPLY));
    const response = await gateway.post('/v1/messages', {
      ...ASK,
      max_tokens: 50,
      system: 'Be brief.',
    });
    const body = bodyOf(await response.text());
    expect(body).toMatchObject({
      type: 'message',
      model: 'm',
      content: [{ type: 'text', text: 'Hello.' }],
      stop_reason: 'end_turn',
      usage: { input_tokens: 10, output_tokens: 3 },
    });
    expect(bodyOf(gateway.sent[0]?.body ?? '')).toMatchObject({
      model: 'up',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: 'Hi' },
      ],
    });
  });

  test('what a provider cannot be told is named in the header and in the record', async () => {
    const gateway = await testGateway(oneProvider('chat'), () => jsonReply(CHAT_REPLY));
    const response = await gateway.post('/v1/messages', { ...ASK, max_tokens: 50, top_k: 7 });
    expect(response.headers.get('x-plexus-dropped')).toBe('top_k');
    expect(gateway.records[0]?.dropped).toEqual(['top_k']);
  });

  test('onLoss "refuse" gives a 400 that names it, and nothing is sent', async () => {
    const raw = { ...oneProvider('chat'), server: { onLoss: 'refuse' } };
    const gateway = await testGateway(raw, () => jsonReply(CHAT_REPLY));
    const response = await gateway.post('/v1/messages', { ...ASK, max_tokens: 50, top_k: 7 });
    expect(response.status).toBe(400);
    expect(bodyOf(await response.text())).toMatchObject({
      type: 'error',
      error: { type: 'invalid_request_error', message: expect.stringContaining('top_k') },
    });
    expect(gateway.sent).toEqual([]);
  });

  test('a stream that breaks off ends in the error of the client’s format, never in a clean finish', async () => {
    const pieces = [CHUNK({ role: 'assistant', content: 'Al' }), CHUNK({ content: 'pha' })];
    const gateway = await testGateway(oneProvider('chat'), () => streamReply(pieces, 'break'));
    const response = await gateway.post('/v1/messages', { ...ASK, max_tokens: 50, stream: true });
    const text = await response.text();
    expect(text).toContain('pha');
    expect(text).toContain('event: error');
    expect(text).not.toContain('message_stop');
    expect(gateway.records).toMatchObject([{ outcome: 'error', status: 200 }]);
  });

  test('a transformer of the configuration changes the request, on the same format too', async () => {
    const raw = oneProvider('chat', {
      transformer: {
        use: [
          ['maxtoken', { max_tokens: 5 }],
          ['customparams', { top_k: 40 }],
        ],
      },
    });
    const gateway = await testGateway(raw, () => jsonReply(CHAT_REPLY));
    const response = await gateway.post('/v1/chat/completions', { ...ASK, max_tokens: 500 });
    expect(response.status).toBe(200);
    expect(bodyOf(gateway.sent[0]?.body ?? '')).toMatchObject({ max_tokens: 5, top_k: 40 });
  });
});

describe('failover', () => {
  const TWO = {
    providers: {
      a: { type: 'chat', baseUrl: 'http://a.test/v1', apiKey: 'key-a' },
      b: { type: 'messages', baseUrl: 'http://b.test/v1', apiKey: 'key-b' },
    },
    models: { m: { selector: 'in_order', targets: ['a/one', 'b/two'] } },
  };
  const GOOD = {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'two',
    content: [{ type: 'text', text: 'From b.' }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 1, output_tokens: 2 },
  };
  const failures: [string, () => Response | Promise<Response>][] = [
    [
      'a refused connection',
      () => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNREFUSED' })),
    ],
    ['429', () => jsonReply({ error: { message: 'slow down' } }, 429)],
    ['500', () => jsonReply({ error: { message: 'oops' } }, 500)],
    ['refused credentials', () => jsonReply({ error: { message: 'bad key' } }, 401)],
    ['an error inside a 200', () => jsonReply({ error: { message: 'overloaded', code: 503 } })],
    ['something that is not JSON', () => new Response('<html>')],
  ];
  test.each(failures)('%s: the next target answers', async (_name, fail) => {
    const gateway = await testGateway(TWO, ({ url }) =>
      url.includes('a.test') ? fail() : jsonReply(GOOD),
    );
    const response = await gateway.post('/v1/chat/completions', ASK);
    expect(response.status).toBe(200);
    expect(await response.text()).toContain('From b.');
    expect(response.headers.get('x-plexus-attempts')).toBe('2');
    expect(response.headers.get('x-plexus-provider')).toBe('b');
    expect(gateway.records).toHaveLength(1);
    expect(gateway.records[0]?.attempts).toHaveLength(2);
    expect(gateway.records[0]).toMatchObject({ outcome: 'success', provider: 'b' });
  });

  test('a 400 is the client’s: no other target is asked', async () => {
    const gateway = await testGateway(TWO, () => jsonReply({ error: { message: 'bad' } }, 400));
    const response = await gateway.post('/v1/chat/completions', ASK);
    expect(response.status).toBe(400);
    expect(gateway.sent).toHaveLength(1);
  });

  test('a target that failed rests', async () => {
    const gateway = await testGateway(TWO, ({ url }) =>
      url.includes('a.test') ? jsonReply({ error: { message: 'no' } }, 500) : jsonReply(GOOD),
    );
    await gateway.post('/v1/chat/completions', ASK);
    await gateway.post('/v1/chat/completions', ASK);
    expect(gateway.sent.map(({ url }) => new URL(url).host)).toEqual([
      'a.test',
      'b.test',
      'b.test',
    ]);
  });
});

describe('a client that leaves', () => {
  test('while the provider is silent: the upstream is let go, the record says cancelled', async () => {
    let cancelled = false;
    const gateway = await testGateway(oneProvider('chat'), () =>
      streamReply([CHUNK({ content: 'Al' })], 'silence', () => {
        cancelled = true;
      }),
    );
    const response = await gateway.post('/v1/messages', { ...ASK, max_tokens: 9, stream: true });
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel();
    await Bun.sleep(0);
    expect(cancelled).toBe(true);
    expect(gateway.records).toMatchObject([{ outcome: 'cancelled', status: 499 }]);
  });
});

describe('bad input is a 4xx that names the field, in the client’s envelope', () => {
  const cases: [string, string, unknown, string][] = [
    ['no body', '/v1/chat/completions', '', 'body'],
    ['not JSON', '/v1/messages', '{"model":', 'JSON'],
    ['not an object', '/v1/responses', '[]', 'object'],
    ['no model', '/v1/chat/completions', { messages: [] }, 'model'],
    ['a model that is no string', '/v1/messages', { model: 3 }, 'model'],
    ['a stream that is no boolean', '/v1/responses', { model: 'm', stream: 'yes' }, 'stream'],
    [
      'messages of a wrong type',
      '/v1/messages',
      { model: 'm', max_tokens: 5, messages: 3 },
      'messages',
    ],
  ];
  test.each(cases)('%s', async (_name, path, body, word) => {
    const gateway = await testGateway(oneProvider('gemini'));
    const response = await gateway.post(
      path,
      typeof body === 'string' ? body : JSON.stringify(body),
    );
    expect(response.status).toBe(400);
    const reply = bodyOf(await response.text());
    expect(JSON.stringify(reply['error'])).toContain(word);
    expect(response.headers.get('x-plexus-error-source')).toBe('gateway');
    if (path === '/v1/messages') expect(reply['type']).toBe('error');
    expect(gateway.records).toHaveLength(1);
  });

  test('an unknown model is a 404 with near names', async () => {
    const gateway = await testGateway({ ...oneProvider('chat'), models: { 'gpt-5-mini': 'p/up' } });
    const response = await gateway.post('/v1/chat/completions', { ...ASK, model: 'gpt-5-mni' });
    expect(response.status).toBe(404);
    expect(await response.text()).toContain('gpt-5-mini');
  });

  test('a provider without its key is a 503 that names the variable', async () => {
    const gateway = await testGateway(
      oneProvider('chat', { apiKey: ['$', '{NOT_SET_ANYWHERE}'].join('') }),
    );
    const response = await gateway.post('/v1/messages', { ...ASK, max_tokens: 9 });
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).not.toBeNull();
    expect(await response.text()).toContain('NOT_SET_ANYWHERE');
  });
});
