/** A client that leaves takes its upstream with it, whatever it was waiting for; the record says so. */
import { describe, expect, test } from 'bun:test';
import { FORMAT_NAMES, type FormatName } from '../src/unified.ts';
import { HEADS, neverAnswers, silence } from './support/failing.ts';
import { jsonReply, oneProvider, type Play, testGateway } from './support/gateway.ts';
import { pathOf, readFixture, requestOf } from './support/matrix.ts';

const PAIRS = FORMAT_NAMES.flatMap((client) =>
  FORMAT_NAMES.map((provider): [FormatName, FormatName] => [client, provider]),
);

/** The beginning of an answer up to its first words. */
function begun(format: FormatName): string {
  const events = readFixture(`${format}/error.reply.sse`).split('\n\n').filter(Boolean);
  return `${events.slice(0, -1).join('\n\n')}\n\n`;
}

/** A plain reply whose body never comes. */
function silentJson(signal: AbortSignal): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      controller.enqueue(new TextEncoder().encode('{"id":'));
      signal.addEventListener('abort', () => controller.error(signal.reason));
    },
  });
  return new Response(body, { headers: { 'content-type': 'application/json' } });
}

type Scene = [
  name: string,
  stream: boolean,
  play: (format: FormatName, signal: AbortSignal) => Response | Promise<Response>,
];
const SCENES: readonly Scene[] = [
  ['plain, before headers', false, (_format, signal) => neverAnswers(signal)],
  ['plain, in the middle of the body', false, (_format, signal) => silentJson(signal)],
  ['stream, before headers', true, (_format, signal) => neverAnswers(signal)],
  ['stream, before the first output', true, (format, signal) => silence(HEADS[format], signal)],
  ['stream, while it is silent', true, (format, signal) => silence(begun(format), signal)],
];

describe.each(SCENES)('%s', (_name, stream, play) => {
  test.each(PAIRS)('%s client, %s provider', async (client, provider) => {
    const gateway = await testGateway(oneProvider(provider), ({ signal }) =>
      play(provider, signal),
    );
    const leaving = new AbortController();
    const answer = gateway.app(
      new Request(`http://127.0.0.1${pathOf(client, stream)}`, {
        method: 'POST',
        body: JSON.stringify(requestOf(client, 'text', stream)),
        signal: leaving.signal,
      }),
      { ip: null },
    );
    // The client reads what there is, and leaves.
    const reading = answer.then(({ body }) => body?.getReader().read());
    await Bun.sleep(1);
    leaving.abort();
    await reading.catch(() => undefined);
    while (gateway.records.length === 0) await Bun.sleep(1);
    expect(gateway.sent.map(({ signal }) => signal.aborted)).toEqual([true]);
    expect(gateway.records).toMatchObject([{ outcome: 'cancelled', status: 499 }]);
    expect(gateway.cooldowns.list()).toEqual([]);
  });
});

test('what was given until then is counted, and marked as a part', async () => {
  const gateway = await testGateway(oneProvider('chat'), ({ signal }) =>
    silence(begun('chat'), signal),
  );
  const response = await gateway.post(
    pathOf('messages', true),
    requestOf('messages', 'text', true),
  );
  const reader = response.body?.getReader();
  await reader?.read();
  await reader?.cancel();
  const [record] = gateway.records;
  expect(record).toMatchObject({ outcome: 'cancelled', usageSource: 'estimated' });
  expect(record?.usage?.output).toBeGreaterThan(0);
});

test('a client that left before its turn costs no attempt', async () => {
  const gateway = await testGateway(oneProvider('chat'), () => jsonReply({}));
  const response = await gateway.app(
    new Request(`http://127.0.0.1${pathOf('chat', false)}`, {
      method: 'POST',
      body: JSON.stringify(requestOf('chat', 'text', false)),
      signal: AbortSignal.abort(),
    }),
    { ip: null },
  );
  expect(response.status).toBe(499);
  expect(gateway.sent.filter(({ signal }) => !signal.aborted)).toEqual([]);
  expect(gateway.records).toMatchObject([{ outcome: 'cancelled' }]);
});

describe('places', () => {
  const limited = {
    ...oneProvider('chat', { maxConcurrency: 1 }),
    resilience: { retries: { max: 0 }, queue: { maxLength: 1, maxWaitMs: 15 } },
  };
  const good: Play = () => jsonReply(readFixture('chat/text.reply.json'));
  const ask = (gateway: Awaited<ReturnType<typeof testGateway>>) =>
    gateway.post(pathOf('chat', false), requestOf('chat', 'text', false));

  test('are given back by whoever leaves', async () => {
    const gateway = await testGateway(limited, (request, attempt) =>
      attempt === 1 ? silence(begun('chat'), request.signal) : good(request, attempt),
    );
    const response = await gateway.post(pathOf('chat', true), requestOf('chat', 'text', true));
    const reader = response.body?.getReader();
    await reader?.read();
    expect((await ask(gateway)).status).toBe(429);
    await reader?.cancel();
    expect((await ask(gateway)).status).toBe(200);
  });

  test('are given back after failures of every kind', async () => {
    const failures: Play[] = [
      () => Promise.reject(Object.assign(new Error('x'), { code: 'ECONNRESET' })),
      () => jsonReply({ error: { message: 'no' } }, 400),
      () => jsonReply({ error: { message: 'no' } }, 500),
      () => new Response('<html>'),
      () => new Response('data: {"oops', { headers: { 'content-type': 'text/event-stream' } }),
      () => new Response(begun('chat'), { headers: { 'content-type': 'text/event-stream' } }),
    ];
    const gateway = await testGateway(limited, (request, attempt) =>
      (failures[attempt - 1] ?? good)(request, attempt),
    );
    for (const _ of failures) {
      await (
        await gateway.post(pathOf('messages', true), requestOf('messages', 'text', true))
      ).text();
      gateway.cooldowns.clear();
    }
    expect((await ask(gateway)).status).toBe(200);
    expect((await ask(gateway)).status).toBe(200);
  });
});
