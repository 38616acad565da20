/** The executable as its users have it: alone in a folder, with a configuration beside it. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import manifest from '../package.json' with { type: 'json' };
import { runToEnd, start, until } from './cli/support/process.ts';

let folder = '';
let plexus = '';

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'plexus-compiled-'));
  plexus = join(folder, process.platform === 'win32' ? 'plexus.exe' : 'plexus');
  const script = resolve(import.meta.dir, '../src/cli/build.ts');
  const build = Bun.spawn([process.execPath, script, '--outfile', plexus], {
    cwd: folder,
    stderr: 'pipe',
  });
  const complaints = await new Response(build.stderr).text();
  if ((await build.exited) !== 0) throw new Error(complaints);
}, 60_000);

afterAll(() => rmSync(folder, { recursive: true, force: true }));

/** An OpenAI-compatible provider that keeps what it is asked and streams two words. */
function chatProvider() {
  const asked: { key: string | null; body: Record<string, unknown> }[] = [];
  const delta = (content: string, finish: string | null = null): string =>
    `data: ${JSON.stringify({ id: 'c1', object: 'chat.completion.chunk', created: 1, model: 'up', choices: [{ index: 0, delta: { content }, finish_reason: finish }] })}\n\n`;
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      const body = (await request.json()) as Record<string, unknown>;
      asked.push({ key: request.headers.get('authorization'), body });
      const events = [delta('Hello'), delta(' there'), delta('', 'stop'), 'data: [DONE]\n\n'];
      return new Response(events.join(''), { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  return { asked, server };
}

test('serves a translated stream, through a llms transformer, with a key from .env', async () => {
  const { asked, server } = chatProvider();
  const config = {
    providers: {
      up: {
        type: 'chat',
        baseUrl: `http://127.0.0.1:${server.port}/v1`,
        apiKey: `\${UPSTREAM_KEY}`,
        transformer: { use: [['maxtoken', { max_tokens: 7 }]] },
      },
    },
    models: { mine: 'up/real' },
  };
  writeFileSync(join(folder, 'plexus.json'), JSON.stringify(config));
  writeFileSync(join(folder, '.env'), 'UPSTREAM_KEY=from-the-env-file\n');
  // A bunfig.toml beside it must not make it run anything.
  writeFileSync(join(folder, 'bunfig.toml'), 'preload = ["./evil.ts"]\n');
  writeFileSync(join(folder, 'evil.ts'), 'process.exit(66)\n');
  const gateway = await start([], { cwd: folder, command: [plexus] });
  const client = new Anthropic({ baseURL: gateway.url, apiKey: 'any', maxRetries: 0 });
  const stream = client.messages.stream({
    model: 'mine',
    max_tokens: 100,
    messages: [{ role: 'user', content: 'Hello!' }],
  });
  const message = await stream.finalMessage();
  expect(message.content).toMatchObject([{ type: 'text', text: 'Hello there' }]);
  expect(message.model).toBe('mine');
  expect(asked).toMatchObject([
    { key: 'Bearer from-the-env-file', body: { model: 'real', max_tokens: 7, stream: true } },
  ]);
  expect((await gateway.stop()).code).toBe(0);
  server.stop(true);
}, 20_000);

test('knows its version and the commit it was made from', async () => {
  const { code, out } = await runToEnd(['version', '--json'], { cwd: folder, command: [plexus] });
  expect(code).toBe(0);
  expect(JSON.parse(out)).toMatchObject({ version: manifest.version });
  expect(JSON.parse(out).commit).toMatch(/^([0-9a-f]{12}\+?|unknown)$/);
});

test('holds more requests at once than the 256 fetches that Bun allows by itself', async () => {
  let asked = 0;
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    fetch() {
      asked += 1;
      return new Promise<Response>(() => undefined);
    },
  });
  const config = {
    providers: { up: { type: 'chat', baseUrl: `http://127.0.0.1:${server.port}/v1` } },
    models: { mine: 'up/real' },
    server: { graceMs: 0 },
  };
  writeFileSync(join(folder, 'many.json'), JSON.stringify(config));
  const gateway = await start(['--config', 'many.json'], { cwd: folder, command: [plexus] });
  const body = JSON.stringify({ model: 'mine', messages: [{ role: 'user', content: 'Hi' }] });
  const head = `POST /v1/chat/completions HTTP/1.1\r\nhost: plexus\r\ncontent-length: ${body.length}`;
  // Bare sockets: the bound holds for the fetches of this process as well.
  const sockets = Array.from({ length: 300 }, () => {
    const socket = connect(Number(new URL(gateway.url).port), '127.0.0.1');
    socket.on('error', () => undefined);
    socket.write(`${head}\r\n\r\n${body}`);
    return socket;
  });
  await until(
    () => asked === 300,
    () => `300 requests, but ${asked}\n${gateway.err()}`,
  );
  for (const socket of sockets) socket.destroy();
  await gateway.stop();
  server.stop(true);
}, 30_000);

test.if(process.platform === 'linux')(
  'serves in several processes',
  async () => {
    const config = { providers: { demo: { type: 'demo' } }, models: { demo: 'demo/echo' } };
    writeFileSync(join(folder, 'workers.json'), JSON.stringify(config));
    const args = ['--config', 'workers.json', '--workers', '2'];
    const gateway = await start(args, { cwd: folder, command: [plexus] });
    expect((await fetch(`${gateway.url}/v1/models`)).status).toBe(200);
    const state = await (await fetch(`${gateway.url}/v0/state`)).json();
    expect(state).toMatchObject({
      workers: expect.arrayContaining([expect.objectContaining({ worker: 1 })]),
    });
    expect((await gateway.stop()).code).toBe(0);
  },
  20_000,
);
