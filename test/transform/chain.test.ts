/** The chain of hooks: which run, in which order, what a request hook may change, who is blamed. */
import { describe, expect, test } from 'bun:test';
import { isObject, type JsonObject, parseJson } from '../../src/json.ts';
import { FORMAT_NAMES } from '../../src/unified.ts';
import { readAnswer } from '../support/answer.ts';
import { jsonReply, type Play, streamReply, testGateway } from '../support/gateway.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';

const file = (name: string): string =>
  new URL(`../fixtures/transformers/${name}.ts`, import.meta.url).pathname;

/** One chat provider that uses `use`, and `more` for single models. */
function using(use: unknown[], more: object = {}, options: object = {}): object {
  return {
    transformers: ['trail', 'loud', 'quiet'].map((name) => ({ path: file(name), options })),
    providers: {
      p: {
        type: 'chat',
        baseUrl: 'http://p.test/v1',
        apiKey: 'up-key',
        transformer: { use, ...more },
      },
      q: { type: 'chat', baseUrl: 'http://q.test/v1', apiKey: 'other-key' },
    },
    models: { m: 'p/up', n: 'p/other', two: { selector: 'in_order', targets: ['p/up', 'q/up'] } },
    resilience: { retries: { max: 0 } },
  };
}

const ASK = { model: 'm', messages: [{ role: 'user', content: 'Hi' }] };
const plain: Play = () => jsonReply(readFixture('chat/length.reply.json'));
const sentTo = (sent: { body: unknown }[], at = 0): JsonObject => {
  const value = parseJson(String(sent[at]?.body ?? ''));
  if (!isObject(value)) throw new Error('nothing was sent');
  return value;
};

describe('order', () => {
  test('request hooks in the order of `use`, reply hooks the other way round', async () => {
    const { post, sent } = await testGateway(
      using([
        ['trail', { mark: 'a' }],
        ['trail', { mark: 'b' }],
      ]),
      plain,
    );
    const response = await post('/v1/chat/completions', ASK);
    expect(sentTo(sent)['messages']).toEqual([{ role: 'user', content: 'Hiab' }]);
    expect(readAnswer('chat', await response.text(), false).text).toBe('This goes on andba');
  });

  test('the provider’s first, then the model’s; another model has none of those', async () => {
    const { post, sent } = await testGateway(
      using([['trail', { mark: 'p' }]], { up: { use: [['trail', { mark: 'm' }]] } }),
      plain,
    );
    await post('/v1/chat/completions', ASK);
    await post('/v1/chat/completions', { ...ASK, model: 'n' });
    expect(sentTo(sent)['messages']).toEqual([{ role: 'user', content: 'Hipm' }]);
    expect(sentTo(sent, 1)['messages']).toEqual([{ role: 'user', content: 'Hip' }]);
  });

  test('options of `use` win over those of the file, which count without any', async () => {
    const { post, sent } = await testGateway(
      using(['trail', ['trail', { mark: '!' }]], {}, { mark: '?' }),
      plain,
    );
    await post('/v1/chat/completions', ASK);
    expect(sentTo(sent)['messages']).toEqual([{ role: 'user', content: 'Hi?!' }]);
  });

  test('a provider without transformers gets the client’s bytes', async () => {
    const { post, sent } = await testGateway(using(['trail']), plain);
    await post('/v1/chat/completions', { ...ASK, model: 'q/up' });
    expect(String(sent[0]?.body)).toBe(JSON.stringify({ ...ASK, model: 'up' }));
  });
});

describe('what a request hook may change', () => {
  test('the body, the URL, headers: added and taken away', async () => {
    const { post, sent } = await testGateway(using(['loud']), plain);
    await post('/v1/messages', { ...ASK, max_tokens: 5, system: 'Be brief.' });
    expect(sent[0]?.url).toBe('http://p.test/v1/loud?of=req_');
    expect(sent[0]?.headers).toMatchObject({ 'x-loud': 'yes' });
    expect(sent[0]?.headers).not.toHaveProperty('authorization');
    expect(sentTo(sent)).toMatchObject({ temperature: 0.5, seen_by: 'p', max_tokens: 5 });
  });

  test('each attempt starts from the client’s request, not from what a hook made of it', async () => {
    const { post, sent } = await testGateway(using(['trail']), ({ url }) =>
      url.includes('p.test') ? jsonReply({ error: { message: 'no' } }, 500) : plain(request(), 1),
    );
    const response = await post('/v1/messages', { ...ASK, model: 'two', max_tokens: 5 });
    expect(response.status).toBe(200);
    expect(sentTo(sent)['messages']).toEqual([{ role: 'user', content: 'Hi.' }]);
    expect(sentTo(sent, 1)['messages']).toEqual([{ role: 'user', content: 'Hi' }]);
  });

  function request() {
    return { url: '', headers: {}, body: '', signal: new AbortController().signal };
  }
});

describe('what a reply hook may change', () => {
  test.each(FORMAT_NAMES)('JSON, for a %s client', async (client) => {
    const { post, records } = await testGateway(using(['loud']), () =>
      jsonReply(readFixture('chat/reasoning.reply.json')),
    );
    const response = await post(pathOf(client, false), requestOf(client, 'reasoning', false));
    expect(readAnswer(client, await response.text(), false)).toMatchObject({
      text: 'OSLO.',
      reasoning: 'FIRST COMPARE, THEN DECIDE.',
      finish: 'stop',
      usage: { input: 40, output: 25, reasoning: 15 },
    });
    expect(records[0]).toMatchObject({ outcome: 'success', usage: { input: 40, output: 25 } });
  });

  test.each(FORMAT_NAMES)('events, for a %s client', async (client) => {
    const { post, records } = await testGateway(using(['loud']), () =>
      streamReply([readFixture('chat/reasoning.reply.sse')]),
    );
    const response = await post(pathOf(client, true), requestOf(client, 'reasoning', true));
    expect(readAnswer(client, await response.text(), true)).toMatchObject({
      text: 'OSLO.',
      reasoning: 'FIRST COMPARE, THEN DECIDE.',
      finish: 'stop',
      usage: { input: 40, output: 25, reasoning: 15 },
    });
    expect(records[0]).toMatchObject({ outcome: 'success', usage: { input: 40, output: 25 } });
  });

  test('a hook beside a quirk and a transformer of the package', async () => {
    const use = [['maxtoken', { max_tokens: 7 }], 'loud', 'reasoning'];
    const { post, sent } = await testGateway(using(use), plain);
    const response = await post('/v1/messages', { ...ASK, max_tokens: 500 });
    expect(sentTo(sent)).toMatchObject({ max_tokens: 7, seen_by: 'p' });
    expect(readAnswer('messages', await response.text(), false).text).toBe('THIS GOES ON AND');
  });
});

describe('a hook that fails is named, and nobody else is blamed', () => {
  const rows: [string, string][] = [
    ['throw in request', 'The transformer "quiet" failed in transformRequestIn: out of paper'],
    ['give no request', 'The transformer "quiet" failed in transformRequestIn'],
    ['throw in reply', 'The transformer "quiet" failed in transformResponseOut: out of ink'],
    ['give no JSON', 'A transformer of the provider "p" gave a reply that is not a JSON object'],
    ['read and give back', 'A transformer of the provider "p" gave a reply that cannot be read'],
  ];
  test.each(rows)('%s', async (way, says) => {
    const gateway = await testGateway(using([['quiet', { way }]]), plain);
    const response = await gateway.post('/v1/messages', { ...ASK, model: 'two', max_tokens: 5 });
    expect(response.status).toBe(500);
    expect(response.headers.get('x-plexus-error-source')).toBe('gateway');
    expect(await response.text()).toContain(says.replaceAll('"', '\\"'));
    expect(gateway.sent.filter(({ url }) => url.includes('q.test'))).toEqual([]);
    expect(gateway.cooldowns.until('p', 'up')).toBeUndefined();
    expect(gateway.records).toHaveLength(1);
  });

  test('in the middle of a stream', async () => {
    const gateway = await testGateway(using([['quiet', { way: 'break' }]]), () =>
      streamReply([readFixture('chat/text.reply.sse')]),
    );
    const response = await gateway.post('/v1/messages', { ...ASK, max_tokens: 5, stream: true });
    const text = await response.text();
    expect(text).toContain('failed in the middle of a stream: snap');
    expect(text).not.toContain('message_stop');
    expect(gateway.records).toMatchObject([{ outcome: 'error' }]);
  });
});
