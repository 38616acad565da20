/** The end of the process: what runs is told, what is written is whole. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isObject, type JsonObject, parseJson } from '../../src/json.ts';
import { FORMAT_NAMES } from '../../src/unified.ts';
import { type Running, start, until } from '../cli/support/process.ts';
import { judgeStream } from '../support/grammar.ts';
import { providerAt } from '../support/loopback.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';

/** Answers `/fast/` at once, and else begins an answer and never ends it. */
function provider() {
  const seen = { asked: 0, left: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      request.signal.addEventListener('abort', () => {
        seen.left += 1;
      });
      await request.text();
      seen.asked += 1;
      const type = { 'content-type': 'text/event-stream' };
      if (request.url.includes('/fast/')) {
        return new Response(readFixture('chat/text.reply.sse'), { headers: type });
      }
      if (request.url.includes('/bad/')) return Response.json({}, { status: 500 });
      const events = readFixture('chat/error.reply.sse').split('\n\n').filter(Boolean);
      const body = new ReadableStream({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode(`${events.slice(0, -1).join('\n\n')}\n\n`)),
      });
      return new Response(body, { headers: type });
    },
  });
  return { seen, server, url: `http://127.0.0.1:${server.port}` };
}

let upstream: ReturnType<typeof provider>;
let folder = '';
beforeAll(() => {
  upstream = provider();
  folder = mkdtempSync(join(tmpdir(), 'plexus-shutdown-'));
});
afterAll(async () => {
  await upstream.server.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

function started(name: string, config: JsonObject): Promise<Running> {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify({ dataDir: join(folder, name), ...config }));
  return start(['--config', path], { cwd: folder });
}

function ask(plexus: Running, client: (typeof FORMAT_NAMES)[number]): Promise<Response> {
  return fetch(plexus.url + pathOf(client, true), {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(requestOf(client, 'text', true)),
  });
}

/** The lines of the usage log; fails when one is not whole. */
/** Lines of the usage log, also while it is written. */
function lineCount(name: string): number {
  const logs = join(folder, name, 'logs', 'usage');
  if (!existsSync(logs)) return 0;
  const texts = readdirSync(logs).map((file) => readFileSync(join(logs, file), 'utf8'));
  return texts.join('').split('\n').length - 1;
}

function usageLines(name: string): JsonObject[] {
  const logs = join(folder, name, 'logs', 'usage');
  if (!existsSync(logs)) return [];
  return readdirSync(logs).flatMap((file) => {
    const text = readFileSync(join(logs, file), 'utf8');
    expect(text === '' || text.endsWith('\n')).toBe(true);
    return text
      .split('\n')
      .filter(Boolean)
      .map((line) => {
        const value = parseJson(line);
        if (!isObject(value)) throw new Error(`not a whole line: ${line}`);
        return value;
      });
  });
}

describe('SIGTERM', () => {
  test('streams that outlast the grace time end in their format’s error, and are in the log', async () => {
    const plexus = await started('grace', {
      ...providerAt('chat', `${upstream.url}/slow`),
      server: { port: 0, graceMs: 200 },
    });
    const streams = await Promise.all(FORMAT_NAMES.map((client) => ask(plexus, client)));
    const texts = streams.map((response) => response.text());
    await Bun.sleep(50);
    const stoppedAt = performance.now();
    const ended = plexus.stop();
    await plexus.saw('SIGTERM');
    await Bun.sleep(50);
    await expect(fetch(`${plexus.url}/health`)).rejects.toThrow();
    for (const [at, client] of FORMAT_NAMES.entries()) {
      const text = (await texts[at]) ?? '';
      const said = judgeStream(client, text);
      expect({ client, ...said }).toEqual({ client, end: 'error', complaints: [] });
      expect(text).toContain('shutting down');
    }
    const { code, err } = await ended;
    expect(code).toBe(0);
    expect(err).not.toContain('exception');
    expect(performance.now() - stoppedAt).toBeLessThan(2000);
    const lines = usageLines('grace');
    expect(lines.map(({ outcome }) => outcome)).toEqual(FORMAT_NAMES.map(() => 'error'));
    await until(
      () => upstream.seen.left >= 4,
      () => `${upstream.seen.left} of 4 were let go`,
    );
  }, 15_000);

  test('requests that wait for an answer are told to come again', async () => {
    const plexus = await started('waiting', {
      ...providerAt('chat', `${upstream.url}/slow`),
      server: { port: 0, graceMs: 100 },
    });
    const asked = upstream.seen.asked;
    const waiting = fetch(plexus.url + pathOf('messages', false), {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(requestOf('messages', 'text', false)),
    });
    await until(
      () => upstream.seen.asked > asked,
      () => 'was not asked',
    );
    const ended = plexus.stop();
    const response = await waiting;
    expect(response.status).toBe(503);
    expect(response.headers.get('retry-after')).toBe('5');
    expect(await response.json()).toMatchObject({
      type: 'error',
      error: { type: 'overloaded_error' },
    });
    expect((await ended).code).toBe(0);
  }, 15_000);

  test('cooldowns are there at the next start', async () => {
    const config = {
      ...providerAt('chat', `${upstream.url}/bad`),
      resilience: { retries: { max: 0 } },
    };
    const first = await started('cooldowns', config);
    expect((await ask(first, 'chat')).status).toBe(500);
    expect((await first.stop()).code).toBe(0);
    const second = await started('cooldowns', config);
    const health = await (await fetch(`${second.url}/health?detail=true`)).json();
    expect(health).toMatchObject({ cooldowns: [{ provider: 'p', model: 'up', failures: 1 }] });
    await second.stop();
  }, 15_000);
});

test('kill -9 in the middle of everything damages no file', async () => {
  const config = {
    providers: {
      ...Object(providerAt('chat', `${upstream.url}/fast`)['providers']),
      bad: { type: 'chat', baseUrl: `${upstream.url}/bad`, apiKey: 'k', proxy: false },
    },
    models: { m: { selector: 'in_order', targets: ['bad/up', 'p/up'] } },
    resilience: { cooldown: { minMs: 0, maxMs: 1 } },
  };
  for (let round = 0; round < 3; round += 1) {
    const plexus = await started('killed', config);
    let isKilled = false;
    const clients = Array.from({ length: 20 }, async () => {
      while (!isKilled) {
        const text = await ask(plexus, 'messages')
          .then((response) => response.text())
          .catch(() => '');
        if (text === '') return;
      }
    });
    const before = lineCount('killed');
    await until(
      () => lineCount('killed') > before + 10,
      () => 'nothing is logged',
    );
    await Bun.sleep(round * 37);
    isKilled = true;
    plexus.kill('SIGKILL');
    await plexus.ended();
    await Promise.allSettled(clients);
  }
  expect(usageLines('killed').length).toBeGreaterThan(20);
  const cooldowns = join(folder, 'killed', 'cooldowns.json');
  if (existsSync(cooldowns)) expect(parseJson(readFileSync(cooldowns, 'utf8'))).toBeObject();
  const after = await started('killed', config);
  expect((await ask(after, 'chat')).status).toBe(200);
  const { err } = await after.stop();
  expect(err).not.toContain('damaged');
}, 20_000);
