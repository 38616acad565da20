/** Counting tokens: asked where a target can, else an estimate that says so, never 0. */
import { describe, expect, test } from 'bun:test';
import { isObject } from '../../src/json.ts';
import { createEnvelope } from '../../src/transform/envelope.ts';
import { FORMAT_NAMES } from '../../src/unified.ts';
import { jsonReply, oneProvider, testGateway } from '../support/gateway.ts';
import { sentBody } from '../support/vocabulary/scripted.ts';

const ASK = { model: 'm', messages: [{ role: 'user', content: 'Count these few words, please.' }] };
const CONTENTS = [{ role: 'user', parts: [{ text: 'Count these few words, please.' }] }];

interface Counter {
  path: string;
  body: object;
  /** The field of the reply that holds the count. */
  field: string;
}
const COUNTERS: readonly [string, Counter][] = [
  ['messages', { path: '/v1/messages/count_tokens?beta=true', body: ASK, field: 'input_tokens' }],
  [
    'gemini',
    { path: '/v1beta/models/m:countTokens', body: { contents: CONTENTS }, field: 'totalTokens' },
  ],
  [
    'responses',
    {
      path: '/v1/responses/input_tokens',
      body: { model: 'm', input: 'Count these few words, please.' },
      field: 'input_tokens',
    },
  ],
];

async function counted(reply: Response, field: string): Promise<number> {
  const value: unknown = await reply.json();
  return isObject(value) ? Number(value[field]) : 0;
}

describe.each(COUNTERS)('a %s client', (client, { path, body, field }) => {
  test('is told what the provider counts', async () => {
    const gateway = await testGateway(oneProvider(client), () => jsonReply({ [field]: 4711 }));
    const reply = await gateway.post(path, body, { 'anthropic-beta': 'some-2026' });
    expect(await reply.json()).toEqual({ [field]: 4711 });
    expect(reply.headers.has('x-plexus-estimated')).toBe(false);
    expect(reply.headers.get('x-plexus-provider')).toBe('p');
    const [sent] = gateway.sent;
    expect(sent?.url).toMatch(
      /^http:\/\/provider\.test\/v1\/(messages\/count_tokens|responses\/input_tokens|models\/up:countTokens)$/,
    );
    expect(sentBody(sent)).toEqual({ ...body, ...(client === 'gemini' ? {} : { model: 'up' }) });
    if (client === 'messages') expect(sent?.headers['anthropic-beta']).toBe('some-2026');
  });

  test.each(FORMAT_NAMES)('gets an estimate that says so from a %s provider', async (provider) => {
    const gateway = await testGateway(oneProvider(provider), () => jsonReply({}, 404));
    const reply = await gateway.post(path, body);
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-plexus-estimated')).toBe('true');
    const count = await counted(reply, field);
    expect(count).toBeGreaterThan(5);
    expect(count).toBeLessThan(30);
  });

  test('a provider without the endpoint is asked once only', async () => {
    const gateway = await testGateway(oneProvider(client), () => jsonReply({}, 404));
    await gateway.post(path, body);
    await gateway.post(path, body);
    expect(gateway.sent).toHaveLength(1);
  });

  test.each([500, 429, 401])(
    'a provider that fails with %d is no reason to fail',
    async (status) => {
      const gateway = await testGateway(oneProvider(client), () => jsonReply({}, status));
      const reply = await gateway.post(path, body);
      expect(reply.status).toBe(200);
      expect(reply.headers.get('x-plexus-estimated')).toBe('true');
    },
  );

  test('a count of 0 is not believed, nor is something that is not JSON', async () => {
    for (const text of [`{"${field}":0}`, '<html>']) {
      const gateway = await testGateway(oneProvider(client), () => jsonReply(text));
      const reply = await gateway.post(path, body);
      expect(reply.headers.get('x-plexus-estimated')).toBe('true');
    }
  });

  test('an unknown model and a wrong key are refused', async () => {
    const gateway = await testGateway({ ...oneProvider('chat'), apiKeys: { me: { secret: 's' } } });
    expect((await gateway.post(path, body)).status).toBe(401);
    const other = { ...body, model: 'no' };
    const reply = await gateway.post(path.replace('models/m:', 'models/no:'), other, {
      'x-api-key': 's',
    });
    expect(reply.status).toBe(404);
  });
});

test('what the provider says is wrong with the body is told', async () => {
  const error = {
    type: 'error',
    error: { type: 'invalid_request_error', message: 'no such block' },
  };
  const gateway = await testGateway(oneProvider('messages'), () => jsonReply(error, 400));
  const reply = await gateway.post('/v1/messages/count_tokens', ASK);
  expect(reply.status).toBe(400);
  expect(await reply.json()).toEqual(error);
});

test('a body with a sealed token is not shown to a provider, which would refuse it', async () => {
  const signature = createEnvelope('x').seal({ value: 'v', format: 'chat' }, 'hm');
  const thinking = { type: 'thinking', thinking: 'hm', signature };
  const gateway = await testGateway(oneProvider('messages'));
  const messages = [...ASK.messages, { role: 'assistant', content: [thinking] }];
  const reply = await gateway.post('/v1/messages/count_tokens', { ...ASK, messages });
  expect(reply.headers.get('x-plexus-estimated')).toBe('true');
  expect(gateway.sent).toEqual([]);
});

test('a whole request inside Gemini’s count is counted, and names the provider’s model', async () => {
  const whole = {
    model: 'models/m',
    contents: CONTENTS,
    systemInstruction: { parts: [{ text: 'Be brief. '.repeat(50) }] },
  };
  const path = '/v1beta/models/m:countTokens';
  const asked = await testGateway(oneProvider('gemini'), () => jsonReply({ totalTokens: 5 }));
  await asked.post(path, { generateContentRequest: whole });
  expect(sentBody(asked.sent[0])).toEqual({
    generateContentRequest: { ...whole, model: 'models/up' },
  });
  const estimated = await testGateway(oneProvider('chat'));
  const reply = await estimated.post(path, { generateContentRequest: whole });
  expect(await counted(reply, 'totalTokens')).toBeGreaterThan(100);
});

test('fourteen large ones at once are answered within a moment', async () => {
  const tools = Array.from({ length: 25 }, (_, n) => ({
    name: `tool_${n}`,
    description: 'Does what its name says, and says so at some length. '.repeat(40),
    input_schema: { type: 'object', properties: { a: { type: 'string', description: 'An a.' } } },
  }));
  const gateway = await testGateway(oneProvider('chat'));
  const start = performance.now();
  const replies = await Promise.all(
    Array.from({ length: 14 }, () => gateway.post('/v1/messages/count_tokens', { ...ASK, tools })),
  );
  expect(replies.every(({ status }) => status === 200)).toBe(true);
  expect(performance.now() - start).toBeLessThan(1000);
});
