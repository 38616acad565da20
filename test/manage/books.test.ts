import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createGateway, type PlexusGateway } from '../../src/index.ts';
import { createLog } from '../../src/log.ts';

/** What the gateway tells its books: traces, running requests, targets that it has learnt of. */
const provider = (name: string) => ({
  type: 'chat',
  baseUrl: `https://${name}.test/v1`,
  apiKey: `${name}-provider-secret`,
});
const CONFIG = {
  providers: { quick: provider('quick'), slow: provider('slow') },
  models: {
    one: 'quick/m',
    latency: { selector: 'latency', targets: ['slow/m', 'quick/m'] },
    sticky: { selector: 'random', sticky: true, targets: ['slow/m', 'quick/m'] },
  },
  logging: { traces: { mode: 'on' } },
};

let cwd: string;
let gateway: PlexusGateway;
/** Held back until a test lets it go; unset: answers at once. */
let gate: Promise<void> | undefined;
beforeEach(async () => {
  cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'plexus-books-'));
  fs.writeFileSync(path.join(cwd, 'plexus.json'), JSON.stringify(CONFIG));
  gate = undefined;
  gateway = await createGateway({
    cwd,
    env: {},
    log: createLog({ level: 'silent', format: 'text' }),
    fetch: async (url) => {
      if (url.includes('slow')) await Bun.sleep(30);
      return new Response(chatStream(), { headers: { 'content-type': 'text/event-stream' } });
    },
  });
});
afterEach(async () => {
  await gateway.close();
  fs.rmSync(cwd, { recursive: true, force: true });
});

async function* chatStream() {
  const event = (delta: object, finish: string | null = null) =>
    Buffer.from(
      `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'm', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
    );
  yield event({ role: 'assistant', content: 'Hello' });
  await gate;
  yield event({}, 'stop');
  yield Buffer.from('data: [DONE]\n\n');
}

function ask(model: string, content = 'hi'): Promise<Response> {
  const body = { model, max_tokens: 9, stream: true, messages: [{ role: 'user', content }] };
  const request = new Request('http://localhost/v1/messages', {
    method: 'POST',
    headers: { 'x-api-key': 'whatever' },
    body: JSON.stringify(body),
  });
  return gateway.fetch(request, { ip: '127.0.0.1' });
}

async function get(where: string) {
  const response = await gateway.fetch(new Request(`http://localhost${where}`), {
    ip: '127.0.0.1',
  });
  return JSON.parse(await response.text());
}

async function served(model: string, content?: string): Promise<string | null> {
  const response = await ask(model, content);
  await response.text();
  return response.headers.get('x-plexus-provider');
}

describe('the books', () => {
  test('have the four bodies of a translated request, without keys', async () => {
    const response = await ask('one');
    const text = await response.text();
    const { trace } = await get(`/v0/logs/${response.headers.get('x-request-id')}`);
    expect(JSON.parse(trace.clientRequest.body)).toMatchObject({ model: 'one', max_tokens: 9 });
    const [attempt] = trace.attempts;
    expect(JSON.parse(attempt.providerRequest.body)).toMatchObject({ model: 'm', stream: true });
    expect(attempt.providerRequest.url).toBe('https://quick.test/v1/chat/completions');
    expect(attempt.providerReply.body).toContain('"content":"Hello"');
    expect(trace.clientReply.body).toBe(text);
    expect(JSON.stringify(trace)).not.toMatch(/provider-secret|whatever/);
  });

  test('know what runs, until it has ended', async () => {
    const { promise, resolve } = Promise.withResolvers<void>();
    gate = promise;
    const { body } = await ask('one');
    const reader = body?.getReader();
    let text = '';
    while (!text.includes('Hello')) text += Buffer.from((await reader?.read())?.value ?? []);
    const running = [
      { alias: 'one', provider: 'quick', model: 'm', streaming: true, outputChars: 5 },
    ];
    expect(await get('/v0/state')).toMatchObject({ running, requests: { openStreams: 1 } });
    resolve();
    while ((await reader?.read())?.done === false);
    expect(await get('/v0/state')).toMatchObject({ running: [], requests: { inFlight: 0 } });
  });

  test('let an alias go by what was measured', async () => {
    await served('latency');
    await served('latency');
    const later = await Promise.all(Array.from({ length: 40 }, () => served('latency')));
    expect(later.filter((name) => name === 'quick').length).toBeGreaterThan(25);
  });

  test('keep a conversation where it began', async () => {
    const first = await served('sticky', 'a story');
    for (let n = 0; n < 8; n += 1) expect(await served('sticky', 'a story')).toBe(first);
  });
});
