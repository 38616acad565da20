/** Over real sockets: a client that leaves takes its upstream with it within milliseconds. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { until } from '../cli/support/process.ts';
import { type Loopback, listening } from '../support/loopback.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';

/** A provider that says something or nothing, then is silent, and notes when it was left. */
function silentProvider() {
  const seen = { asked: 0, leftAt: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      const { pathname } = new URL(request.url);
      const [, head = '', format = 'chat'] = /^\/(\w+)\/(\w+)\//.exec(pathname) ?? [];
      request.signal.addEventListener('abort', () => {
        seen.leftAt = performance.now();
      });
      await request.text();
      seen.asked += 1;
      if (head === 'none') await new Promise(() => undefined);
      const events = readFixture(`${format}/error.reply.sse`).split('\n\n').filter(Boolean);
      const body = new ReadableStream({
        start: (controller) =>
          controller.enqueue(new TextEncoder().encode(`${events.slice(0, -1).join('\n\n')}\n\n`)),
      });
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  return { seen, server, url: `http://127.0.0.1:${server.port}` };
}

let provider: ReturnType<typeof silentProvider>;
let plexus: Loopback;
beforeAll(async () => {
  provider = silentProvider();
  const providers = Object.fromEntries(
    FORMAT_NAMES.flatMap((type) =>
      ['none', 'some'].map((head) => [
        `${type}-${head}`,
        { type, baseUrl: `${provider.url}/${head}/${type}/v1`, apiKey: 'k', proxy: false },
      ]),
    ),
  );
  plexus = await listening({ providers, models: {} });
});
afterAll(async () => {
  await plexus.stop();
  await provider.server.stop(true);
});

const PAIRS = FORMAT_NAMES.flatMap((client) =>
  FORMAT_NAMES.map((format): [FormatName, FormatName] => [client, format]),
);

describe.each([
  ['plain, before headers', false, 'none'],
  ['stream, before headers', true, 'none'],
  ['stream, while it is silent', true, 'some'],
] as const)('%s', (_name, stream, head) => {
  test('for every pair; half of them within 20 ms', async () => {
    const took: number[] = [];
    for (const [client, format] of PAIRS) {
      const model = `${format}-${head}/up`;
      const path = pathOf(client, stream).replace('models/m:', `models/${model}:`);
      const body = requestOf(client, 'text', stream);
      const leaving = new AbortController();
      const asked = provider.seen.asked;
      const answer = fetch(plexus.url + path, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(client === 'gemini' ? body : { ...body, model }),
        signal: leaving.signal,
        keepalive: false,
      }).then((response) => response.body?.getReader().read());
      answer.catch(() => undefined);
      await until(
        () => provider.seen.asked > asked,
        () => `${client} ${format} was not asked`,
      );
      if (head === 'some') await answer;
      provider.seen.leftAt = 0;
      const before = plexus.records.length;
      const leftAt = performance.now();
      leaving.abort();
      await until(
        () => provider.seen.leftAt > 0,
        () => `${client} ${format} was not let go`,
      );
      took.push(provider.seen.leftAt - leftAt);
      await until(
        () => plexus.records.length > before,
        () => 'no record',
      );
      expect(plexus.records.at(-1)).toMatchObject({ outcome: 'cancelled', status: 499 });
    }
    expect(plexus.records.length % PAIRS.length).toBe(0);
    const median = took.toSorted((a, b) => a - b)[Math.floor(took.length / 2)] ?? Number.NaN;
    expect(median).toBeLessThan(20);
  }, 20_000);
});
