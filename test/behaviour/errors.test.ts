/**
 * Failures are honest: each kind has its status and its place in every client's envelope, before the
 * answer has begun and in the middle of a stream; and what goes wrong at a provider reaches the
 * client as the failure table of the design says.
 */
import { describe, expect, test } from 'bun:test';
import Anthropic from '@anthropic-ai/sdk';
import OpenAI from 'openai';
import { type ErrorKind, GatewayError } from '../../src/errors.ts';
import { FORMATS } from '../../src/formats/index.ts';
import { errorReply } from '../../src/gateway.ts';
import { isObject, type JsonObject, object, parseJson } from '../../src/json.ts';
import { Ledger } from '../../src/ledger.ts';
import { createEnvelope } from '../../src/transform/envelope.ts';
import { ClientSide } from '../../src/transform/hook-context.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { eventsOf, readAnswer } from '../support/answer.ts';
import { jsonReply, oneProvider, type Play, streamReply, testGateway } from '../support/gateway.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';
import { silentStream } from '../support/streams.ts';

/** Kind → status, Anthropic's `type`, Google's `status`. */
const KINDS: Readonly<Record<ErrorKind, [number, string, string]>> = {
  invalid_request: [400, 'invalid_request_error', 'INVALID_ARGUMENT'],
  too_large: [413, 'request_too_large', 'INVALID_ARGUMENT'],
  unauthorized: [401, 'authentication_error', 'UNAUTHENTICATED'],
  forbidden: [403, 'permission_error', 'PERMISSION_DENIED'],
  unknown_model: [404, 'not_found_error', 'NOT_FOUND'],
  not_found: [404, 'not_found_error', 'NOT_FOUND'],
  method_not_allowed: [405, 'invalid_request_error', 'UNIMPLEMENTED'],
  limited: [429, 'rate_limit_error', 'RESOURCE_EXHAUSTED'],
  unavailable: [503, 'overloaded_error', 'UNAVAILABLE'],
  unsupported: [400, 'invalid_request_error', 'INVALID_ARGUMENT'],
  upstream_refused: [502, 'api_error', 'UNAVAILABLE'],
  upstream_credentials: [502, 'api_error', 'UNAVAILABLE'],
  upstream_unreachable: [502, 'api_error', 'UNAVAILABLE'],
  upstream_garbled: [502, 'api_error', 'UNAVAILABLE'],
  upstream_timeout: [504, 'timeout_error', 'DEADLINE_EXCEEDED'],
  client_left: [499, 'invalid_request_error', 'CANCELLED'],
  internal: [500, 'api_error', 'INTERNAL'],
};
const EACH_KIND = Object.entries(KINDS).flatMap(([kind, row]) =>
  isKind(kind) ? FORMAT_NAMES.map((format) => ({ kind, format, row })) : [],
);
function isKind(kind: string): kind is ErrorKind {
  return Object.hasOwn(KINDS, kind);
}

function bodyOf(text: string): JsonObject {
  const value = parseJson(text);
  if (!isObject(value)) throw new Error(`no JSON object: ${text}`);
  return value;
}

/** Fails when `body` is not an error as `format` writes one. */
function expectEnvelope(format: FormatName, body: JsonObject, status: number): void {
  const error = object(body['error']) ?? {};
  expect(error['message']).toBeString();
  expect(error['message']).not.toBe('');
  switch (format) {
    case 'chat':
    case 'responses':
      expect(Object.keys(error).toSorted()).toEqual(['code', 'message', 'param', 'type']);
      expect(error['type']).toBeString();
      break;
    case 'messages':
      expect(body['type']).toBe('error');
      expect(Object.keys(error).toSorted()).toEqual(['message', 'type']);
      expect(body['request_id']).toBeString();
      break;
    case 'gemini':
      expect(error['code']).toBe(status);
      expect(error['status']).toMatch(/^[A-Z_]+$/);
  }
}

describe('before the answer has begun', () => {
  test.each(EACH_KIND)('$kind for $format', async ({ kind, format, row }) => {
    const [status, anthropicType, googleStatus] = row;
    const response = errorReply(new GatewayError(kind, 'Because.'), FORMATS[format], 'req_1');
    expect(response.status).toBe(status);
    expect(response.headers.get('content-type')).toBe('application/json');
    expect(response.headers.get('x-request-id')).toBe('req_1');
    expect(response.headers.get('x-plexus-error-source')).toBe(
      kind.startsWith('upstream_') ? 'upstream' : 'gateway',
    );
    const body = bodyOf(await response.text());
    expectEnvelope(format, body, status);
    const error = object(body['error']) ?? {};
    expect(error['message']).toBe('Because.');
    if (format === 'messages') expect(error['type']).toBe(anthropicType);
    if (format === 'gemini') expect(error['status']).toBe(googleStatus);
  });

  const CLASSES = [
    [400, OpenAI.BadRequestError, Anthropic.BadRequestError],
    [401, OpenAI.AuthenticationError, Anthropic.AuthenticationError],
    [403, OpenAI.PermissionDeniedError, Anthropic.PermissionDeniedError],
    [404, OpenAI.NotFoundError, Anthropic.NotFoundError],
    [409, OpenAI.ConflictError, Anthropic.ConflictError],
    [422, OpenAI.UnprocessableEntityError, Anthropic.UnprocessableEntityError],
    [429, OpenAI.RateLimitError, Anthropic.RateLimitError],
    [500, OpenAI.InternalServerError, Anthropic.InternalServerError],
    [502, OpenAI.InternalServerError, Anthropic.InternalServerError],
    [503, OpenAI.InternalServerError, Anthropic.InternalServerError],
    [529, OpenAI.InternalServerError, Anthropic.InternalServerError],
  ] as const;
  test.each(CLASSES)(
    'the official SDKs know status %d and show the text',
    async (status, openaiClass, anthropicClass) => {
      const error = new GatewayError('upstream_refused', 'Because.', { status });
      const body = async (format: FormatName): Promise<JsonObject> =>
        bodyOf(await errorReply(error, FORMATS[format], 'req_1').text());
      const headers = new Headers();
      const openai = OpenAI.APIError.generate(status, await body('chat'), undefined, headers);
      const anthropic = Anthropic.APIError.generate(
        status,
        await body('messages'),
        undefined,
        headers,
      );
      expect(openai).toBeInstanceOf(openaiClass);
      expect(openai.message).toContain('Because.');
      expect(anthropic).toBeInstanceOf(anthropicClass);
      expect(anthropic.message).toContain('Because.');
    },
  );

  test('the field at fault, the time to wait and the headers of the reply', async () => {
    const error = new GatewayError('limited', 'Slow down.', {
      field: 'model',
      retryAfter: 6.2,
      headers: { 'x-ratelimit-limit-requests': '5' },
    });
    const response = errorReply(error, FORMATS.chat, 'req_1');
    expect(response.headers.get('retry-after')).toBe('7');
    expect(response.headers.get('x-ratelimit-limit-requests')).toBe('5');
    expect(object(bodyOf(await response.text())['error'])?.['param']).toBe('model');
  });
});

// ------------------------------------------------------------------------------ in a stream

/** What ends a good stream of a format, and must not stand at the end of a broken one. */
const CLEAN_END: Readonly<Record<FormatName, RegExp>> = {
  chat: /\[DONE\]|"finish_reason":"/,
  messages: /message_stop|message_delta/,
  responses: /response\.(completed|incomplete)/,
  gemini: /"finishReason"/,
};

function expectBroken(format: FormatName, stream: string, translated = true): void {
  expect(stream).not.toMatch(CLEAN_END[format]);
  const events = eventsOf(stream);
  const last = events.at(-1);
  const body = bodyOf(last?.data ?? '');
  if (format === 'responses') {
    expect(last?.event).toBe('response.failed');
    const failed = object(object(body['response'])?.['error']) ?? {};
    expect(failed['code']).toBeString();
    expect(failed['message']).toBeString();
    const numbered = events.filter(({ data }) => data.includes('sequence_number'));
    if (translated) expect(numbered).toHaveLength(events.length);
    return;
  }
  if (format === 'messages') expect(last?.event).toBe('error');
  expect(object(body['error'])?.['message']).toBeString();
}

describe('in the middle of a stream', () => {
  test.each(EACH_KIND)('$kind for $format', ({ kind, format }) => {
    const client = new ClientSide({
      model: 'm',
      body: {},
      bytes: 100,
      ledger: new Ledger(),
      envelope: createEnvelope('secret'),
      newId: (prefix) => `${prefix}1`,
      now: () => 0,
    });
    client.request = { model: 'm', messages: [], stream: true };
    const encoder = FORMATS[format].encoder(client);
    const stream =
      encoder.push({ type: 'start', id: 'x', model: 'up' }) +
      encoder.push({ type: 'text', text: 'Half' }) +
      encoder.fail(new GatewayError(kind, 'Because.'));
    expectBroken(format, stream);
    const answer = readAnswer(format, stream, true);
    expect(answer.text).toBe('Half');
    expect(answer.error).toStartWith('Because.');
  });

  const pairs = FORMAT_NAMES.flatMap((client) =>
    FORMAT_NAMES.map((provider): [FormatName, FormatName] => [client, provider]),
  );
  const BREAKS: Readonly<Record<string, (text: string) => Response>> = {
    'the connection breaks': (text) => streamReply([text], 'break'),
    'the stream ends without its end': (text) => streamReply([text]),
    'an event is not JSON': (text) => streamReply([text, 'data: {"oops\n\n']),
  };
  describe.each(Object.keys(BREAKS))('%s', (how) => {
    test.each(pairs)('%s client, %s provider', async (client, provider) => {
      // Everything before the provider's own error event.
      const events = readFixture(`${provider}/error.reply.sse`).split('\n\n').filter(Boolean);
      const head = `${events.slice(0, -1).join('\n\n')}\n\n`;
      const gateway = await testGateway(
        oneProvider(provider),
        () => BREAKS[how]?.(head) ?? jsonReply({}),
      );
      const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
      const stream = await response.text();
      expect(readAnswer(client, stream, true).text).toBe('Half an answer');
      expectBroken(client, stream, client !== provider);
      expect(gateway.records).toMatchObject([{ outcome: 'error', status: 200 }]);
    });
  });

  test.each(FORMAT_NAMES)('a stall ends the stream of a %s client', async (client) => {
    const provider = client === 'chat' ? 'messages' : 'chat';
    const events = readFixture(`${provider}/error.reply.sse`).split('\n\n').filter(Boolean);
    const head = `${events.slice(0, -1).join('\n\n')}\n\n`;
    const gateway = await testGateway(
      oneProvider(provider, { timeoutMs: { stall: 20 } }),
      ({ signal }) => silentStream(head, signal),
    );
    const response = await gateway.post(pathOf(client, true), requestOf(client, 'text', true));
    expectBroken(client, await response.text());
    expect(gateway.records).toMatchObject([{ outcome: 'stall' }]);
  });
});

// ------------------------------------------------------------------------------ the failure table

interface Failure {
  what: string;
  play: Play;
  status: number;
  source: 'gateway' | 'upstream';
  says: string;
  headers?: Record<string, string>;
}

const refusal =
  (status: number, message: string, headers: Record<string, string> = {}): Play =>
  () =>
    jsonReply({ error: { message, type: 'x', code: 'y' } }, status, headers);

const UPSTREAM: readonly Failure[] = [
  ...[400, 404, 413, 422, 409, 429, 500, 503, 529].map((status) => ({
    what: `upstream ${status}`,
    play: refusal(status, `said with ${status}`),
    status,
    source: 'upstream' as const,
    says: `said with ${status}`,
  })),
  ...[401, 402, 403].map((status) => ({
    what: `upstream ${status}: the gateway's own credentials`,
    play: refusal(status, 'bad key'),
    status: 502,
    source: 'upstream' as const,
    says: "the gateway's own credentials",
  })),
  {
    what: 'upstream 429 with a time to wait and rate limits',
    play: refusal(429, 'slow', { 'retry-after': '17', 'x-ratelimit-remaining-tokens': '0' }),
    status: 429,
    source: 'upstream',
    says: 'slow',
    headers: { 'retry-after': '17', 'x-ratelimit-remaining-tokens': '0' },
  },
  {
    what: 'a connection that is refused',
    play: () => Promise.reject(Object.assign(new Error('no'), { code: 'ECONNREFUSED' })),
    status: 502,
    source: 'upstream',
    says: 'ECONNREFUSED',
  },
  {
    what: 'a page instead of JSON',
    play: () => new Response('<html>hello</html>', { headers: { 'content-type': 'text/html' } }),
    status: 502,
    source: 'upstream',
    says: 'provider',
  },
  {
    what: 'a redirect',
    play: () => new Response(null, { status: 307, headers: { location: 'http://other.test' } }),
    status: 502,
    source: 'upstream',
    says: 'redirect',
  },
  {
    what: 'no answer in time',
    play: ({ signal }) =>
      new Promise((_resolve, reject) => {
        signal.addEventListener('abort', () => reject(signal.reason));
      }),
    status: 504,
    source: 'upstream',
    says: '"p"',
  },
];

describe.each(FORMAT_NAMES)('what goes wrong at a provider, for a %s client', (client) => {
  const provider = client === 'chat' ? 'messages' : 'chat';
  test.each(UPSTREAM)('$what', async ({ play, status, source, says, headers = {} }) => {
    const gateway = await testGateway(
      {
        ...oneProvider(provider, { timeoutMs: { firstOutput: 20 } }),
        resilience: { retries: { max: 0 } },
      },
      play,
    );
    const response = await gateway.post(pathOf(client, false), requestOf(client, 'text', false));
    expect(response.status).toBe(status);
    expect(response.headers.get('x-plexus-error-source')).toBe(source);
    expect(response.headers.get('x-request-id')).toStartWith('req_');
    for (const [name, value] of Object.entries(headers)) {
      expect(response.headers.get(name)).toBe(value);
    }
    const text = await response.text();
    expectEnvelope(client, bodyOf(text), status);
    expect(JSON.stringify(parseJson(text))).toContain(JSON.stringify(says).slice(1, -1));
    expect(text).not.toContain('up-key');
    expect(text).not.toMatch(/\bat \S+\.ts:\d+/);
    expect(gateway.records).toHaveLength(1);
    expect(gateway.records[0]).toMatchObject({
      status,
      outcome: status === 504 ? 'timeout' : 'error',
    });
  });
});

describe.each(FORMAT_NAMES)('what the gateway itself refuses, for a %s client', (client) => {
  const KEYS = {
    apiKeys: {
      good: { secret: 'good-key', models: ['other'] },
      off: { secret: 'off-key', enabled: false },
    },
  };
  const ask = (raw: object, headers: Record<string, string> = {}, body?: unknown) =>
    testGateway({ ...oneProvider('chat'), ...raw }).then((gateway) =>
      gateway.post(pathOf(client, false), body ?? requestOf(client, 'text', false), headers),
    );
  const bearer = (key: string) => ({ authorization: `Bearer ${key}` });
  const rows: [string, () => Promise<Response>, number, string][] = [
    ['a body that is not JSON', () => ask({}, {}, '{"model": "m",'), 400, 'JSON'],
    ['a body that is no object', () => ask({}, {}, '[1]'), 400, 'object'],
    [
      'a body that is too large',
      () => ask({ server: { maxBodyBytes: 1024 } }, {}, { model: 'm', x: 'y'.repeat(2000) }),
      413,
      'larger',
    ],
    ['no key', () => ask(KEYS), 401, 'A valid API key is required.'],
    ['a wrong key', () => ask(KEYS, bearer('bad-key')), 401, 'A valid API key is required.'],
    ['a disabled key', () => ask(KEYS, bearer('off-key')), 401, 'A valid API key is required.'],
    ['a key that may not use the model', () => ask(KEYS, bearer('good-key')), 403, '"m"'],
    ['an unknown model', () => ask({ models: { mm: 'p/up' } }), 404, 'mm'],
    [
      'a provider that is not configured',
      () => ask(oneProvider('chat', { apiKey: ['$', '{NO_SUCH_VARIABLE}'].join('') })),
      503,
      'NO_SUCH_VARIABLE',
    ],
    [
      'a provider that is switched off',
      () => ask(oneProvider('chat', { enabled: false })),
      503,
      'p',
    ],
  ];
  test.each(rows)('%s', async (_what, visit, status, says) => {
    const response = await visit();
    expect(response.status).toBe(status);
    expect(response.headers.get('x-plexus-error-source')).toBe('gateway');
    if (status === 503) expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    const text = await response.text();
    expectEnvelope(client, bodyOf(text), status);
    expect(text).toContain(says.replaceAll('"', '\\"'));
    expect(text).not.toContain('good-key');
  });

  test('a field of the wrong type is named', async () => {
    const field = {
      chat: 'messages',
      messages: 'messages',
      responses: 'input',
      gemini: 'contents',
    }[client];
    const provider = client === 'chat' ? 'messages' : 'chat';
    const gateway = await testGateway(oneProvider(provider));
    const body = { ...requestOf(client, 'text', false), [field]: 7 };
    const response = await gateway.post(pathOf(client, false), body);
    expect(response.status).toBe(400);
    const text = await response.text();
    expectEnvelope(client, bodyOf(text), 400);
    expect(text).toContain(field);
    expect(gateway.sent).toEqual([]);
  });

  test('all targets resting: 503, who rests and until when', async () => {
    const raw = {
      providers: {
        a: { type: 'chat', baseUrl: 'http://a.test/v1', apiKey: 'key-a' },
        b: { type: 'chat', baseUrl: 'http://b.test/v1', apiKey: 'key-b' },
      },
      models: { m: { selector: 'in_order', targets: ['a/up', 'b/up'] } },
      resilience: { retries: { max: 0 } },
    };
    const gateway = await testGateway(raw, refusal(500, 'oops'));
    const visit = () => gateway.post(pathOf(client, false), requestOf(client, 'text', false));
    expect((await visit()).status).toBe(500);
    const response = await visit();
    expect(response.status).toBe(503);
    expect(Number(response.headers.get('retry-after'))).toBeGreaterThan(0);
    const text = await response.text();
    expectEnvelope(client, bodyOf(text), 503);
    expect(text).toContain('a/up');
    expect(text).toContain('b/up');
    expect(text).not.toContain('key-a');
    expect(gateway.sent).toHaveLength(2);
  });
});
