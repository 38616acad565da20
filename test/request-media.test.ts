import { describe, expect, test } from 'bun:test';
import { createServer } from 'node:net';
import { invalid } from '../src/errors.ts';
import type { GatewayDeps } from '../src/exchange.ts';
import { createFetchMedia, type FetchMedia } from '../src/media/fetch-media.ts';
import { readMedia } from '../src/media/media.ts';
import { getAt } from '../src/upstream.ts';
import { jsonReply, oneProvider, type Play, testGateway } from './support/gateway.ts';
import { readFixture } from './support/matrix.ts';

const PDF = Buffer.from('%PDF-1.7');
const DATA_URL = `data:application/pdf;base64,${PDF.toString('base64')}`;

function fetching(fetched: string[]): Pick<GatewayDeps, 'fetchMedia'> {
  const fetchMedia: FetchMedia = async (url, { path }) => {
    fetched.push(url);
    if (url.endsWith('bad')) throw invalid(path, 'the URL could not be fetched');
    return readMedia(PDF, null) ?? expect.unreachable();
  };
  return { fetchMedia };
}

/** A messages client's question about a document by URL. */
function about(url: string): object {
  const document = { type: 'document', source: { type: 'url', url } };
  const content = [document, { type: 'text', text: 'What does it say?' }];
  return { model: 'm', max_tokens: 9, messages: [{ role: 'user', content }] };
}

const answers: Play = () => jsonReply(readFixture('chat/text.reply.json'));
const ON = { server: { fetchMedia: true } };

describe('a document by URL for a provider that takes only its content', () => {
  test('arrives as content, and is said to', async () => {
    const fetched: string[] = [];
    const raw = { ...oneProvider('chat'), ...ON };
    const gateway = await testGateway(raw, answers, fetching(fetched));
    const reply = await gateway.post('/v1/messages', about('https://a.test/x'));
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-plexus-approximated')).toBe('messages.0.content.0 (fetched)');
    expect(reply.headers.get('x-plexus-dropped')).toBeNull();
    expect(gateway.records[0]?.approximated).toEqual(['messages.0.content.0 (fetched)']);
    expect(JSON.parse(gateway.sent[0]?.body ?? '')).toMatchObject({
      messages: [{ content: [{ type: 'file', file: { file_data: DATA_URL } }, {}] }],
    });
    expect(fetched).toEqual(['https://a.test/x']);
  });

  test('is no loss to be refused', async () => {
    const raw = { ...oneProvider('chat'), server: { fetchMedia: true, onLoss: 'refuse' } };
    const gateway = await testGateway(raw, answers, fetching([]));
    expect((await gateway.post('/v1/messages', about('https://a.test/x'))).status).toBe(200);
  });

  test('is not fetched unless the configuration says so', async () => {
    const fetched: string[] = [];
    const gateway = await testGateway(oneProvider('chat'), answers, fetching(fetched));
    const reply = await gateway.post('/v1/messages', about('https://a.test/x'));
    expect(reply.headers.get('x-plexus-dropped')).toBe('messages.0.content.0');
    expect(fetched).toEqual([]);
  });

  test('that cannot be fetched is a 400 that names the field, and nobody is asked', async () => {
    const raw = { ...oneProvider('chat'), ...ON };
    const gateway = await testGateway(raw, answers, fetching([]));
    const reply = await gateway.post('/v1/messages', about('https://a.test/bad'));
    expect(reply.status).toBe(400);
    expect(await reply.json()).toMatchObject({
      error: {
        type: 'invalid_request_error',
        message: 'messages.0.content.0: the URL could not be fetched',
      },
    });
    expect(gateway.sent).toEqual([]);
    expect(gateway.cooldowns.isAny).toBe(false);
  });

  test('is fetched once for all attempts', async () => {
    const fetched: string[] = [];
    const provider = { type: 'chat', baseUrl: 'http://p.test/v1', apiKey: 'k' };
    const raw = {
      providers: { one: provider, two: provider },
      models: { m: { selector: 'in_order', targets: ['one/a', 'two/b'] } },
      ...ON,
    };
    const play: Play = (request, attempt) =>
      attempt === 1 ? jsonReply({ error: { message: 'no' } }, 503) : answers(request, attempt);
    const gateway = await testGateway(raw, play, fetching(fetched));
    expect((await gateway.post('/v1/messages', about('https://a.test/x'))).status).toBe(200);
    expect(gateway.sent.map(({ body }) => body.includes(DATA_URL))).toEqual([true, true]);
    expect(fetched).toHaveLength(1);
  });

  test('takes its time without the provider being blamed', async () => {
    const slow: FetchMedia = async () => {
      await Bun.sleep(60);
      return readMedia(PDF, null) ?? expect.unreachable();
    };
    const raw = { ...oneProvider('chat', { timeoutMs: { firstOutput: 20 } }), ...ON };
    const gateway = await testGateway(raw, answers, { fetchMedia: slow });
    expect((await gateway.post('/v1/messages', about('https://a.test/x'))).status).toBe(200);
  });

  test('is named as the client wrote it, behind an answer that it refers to', async () => {
    const raw = { ...oneProvider('chat'), ...ON };
    const gateway = await testGateway(raw, answers, fetching([]));
    const first = await gateway.post('/v1/responses', { model: 'm', input: 'Hello' });
    const { id } = Object(await first.json());
    const content = [{ type: 'input_file', file_url: 'https://a.test/bad' }];
    const reply = await gateway.post('/v1/responses', {
      model: 'm',
      previous_response_id: id,
      input: [{ role: 'user', content }],
    });
    expect(await reply.json()).toMatchObject({ error: { param: 'input.0.content.0' } });
  });
});

describe('where the provider takes URLs itself, nothing is fetched', () => {
  const image = { type: 'image_url', image_url: { url: 'https://a.test/x.png' } };
  const question = { model: 'm', messages: [{ role: 'user', content: [image] }] };

  test.each(['messages', 'responses', 'gemini', 'chat'])('%s', async (type) => {
    const fetched: string[] = [];
    const raw = { ...oneProvider(type), ...ON };
    const gateway = await testGateway(raw, () => jsonReply({}, 500), fetching(fetched));
    await gateway.post('/v1/chat/completions', question);
    expect(gateway.sent[0]?.body).toContain('https://a.test/x.png');
    expect(fetched).toEqual([]);
  });

  test('but for one whose quirk says that it takes none, also of images', async () => {
    const png = Buffer.from('89504e470d0a1a0a', 'hex');
    const raw = { ...oneProvider('chat', { transformer: { use: ['ollama'] } }), ...ON };
    const gateway = await testGateway(raw, answers, {
      fetchMedia: async () => readMedia(png, null) ?? expect.unreachable(),
    });
    const reply = await gateway.post('/v1/chat/completions', question);
    expect(reply.headers.get('x-plexus-approximated')).toBe('messages.0.content.0 (fetched)');
    expect(gateway.sent[0]?.body).toContain(`data:image/png;base64,${png.toString('base64')}`);
  });
});

describe('the connection', () => {
  test('goes to the address that was checked, with the name and nothing else', async () => {
    let seen: object = {};
    let path = '';
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch(request) {
        seen = request.headers.toJSON();
        path = new URL(request.url).pathname;
        return new Response(PDF);
      },
    });
    try {
      const fetchMedia = createFetchMedia({
        lookup: async () => ['127.0.0.1'],
        get: getAt,
        isAllowed: () => true,
        timeoutMs: 5000,
      });
      const { signal } = new AbortController();
      const options = { path: 'messages.0', room: { bytes: 100 }, signal };
      const media = await fetchMedia(`http://no-such-name.test:${server.port}/x`, options);
      expect(media.kind).toBe('pdf');
      expect(path).toBe('/x');
      expect(seen).toEqual({
        accept: expect.stringContaining('application/pdf'),
        host: `no-such-name.test:${server.port}`,
        'user-agent': 'plexus',
        'accept-encoding': 'identity',
      });
    } finally {
      await server.stop(true);
    }
  });

  test('asks for the certificate of the name, not of the address', async () => {
    const { promise: hello, resolve } = Promise.withResolvers<Buffer>();
    const server = createServer((socket) => {
      socket.once('data', (bytes) => {
        resolve(Buffer.from(bytes));
        socket.destroy();
      });
      socket.on('error', () => undefined);
    });
    await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
    const address = server.address();
    const port = typeof address === 'object' ? address?.port : undefined;
    try {
      const url = new URL(`https://no-such-name.test:${port}/`);
      const failed = await getAt(url, '127.0.0.1', AbortSignal.timeout(5000)).catch(() => 'failed');
      expect(failed).toBe('failed');
      // The name stands in clear in the first bytes of a TLS connection (RFC 6066, server_name).
      expect((await hello).includes('no-such-name.test')).toBe(true);
    } finally {
      server.close();
    }
  });
});
