/**
 * Thousands of requests over all pairs of formats against providers that misbehave at random, with a
 * fixed seed: every call ends in time, what it gives is legal, each has one record, nothing leaks.
 */
import { expect, test } from 'bun:test';
import { FORMAT_NAMES, type FormatName } from '../src/unified.ts';
import { misbehave, pick, randomOf } from './support/chaos.ts';
import { testGateway } from './support/gateway.ts';
import { judgeReply, judgeStream } from './support/grammar.ts';
import { pathOf, requestOf } from './support/matrix.ts';

const REQUESTS = 4000;
const AT_ONCE = 50;
/** Far more than all attempts of a request may take together. */
const IN_TIME_MS = 5000;

const CASES = ['text', 'calls', 'reasoning', 'results'];

function configOfChaos(): object {
  const providers = Object.fromEntries(
    FORMAT_NAMES.map((type) => [
      type,
      {
        type,
        baseUrl: `http://${type}.test/v1`,
        apiKey: `key-of-${type}`,
        timeoutMs: { firstOutput: 30, stall: 30 },
        maxConcurrency: 30,
      },
    ]),
  );
  const targets = FORMAT_NAMES.map((name) => `${name}/up`);
  return {
    providers,
    models: {
      m: { selector: 'random', targets },
      ...Object.fromEntries(FORMAT_NAMES.map((name) => [`only-${name}`, `${name}/up`])),
    },
    server: { maxConcurrency: 45 },
    resilience: {
      cooldown: false,
      retries: { max: 1, maxWaitMs: 5 },
      keepAliveMs: 15,
      hold: { maxBytes: 4096, maxMs: 20 },
      queue: { maxLength: 20, maxWaitMs: 50 },
    },
  };
}

test(`${REQUESTS} requests in chaos`, async () => {
  const random = randomOf(4);
  const gateway = await testGateway(
    configOfChaos(),
    (request) => {
      const format = FORMAT_NAMES.find((name) => request.url.startsWith(`http://${name}.test`));
      const isSame = request.headers['idempotency-key'] !== undefined;
      const body = String(request.body);
      const isStream = request.url.includes('stream') || /"stream":\s*true/.test(body);
      return misbehave(random, format ?? 'chat', isStream, request, isSame);
    },
    { random },
  );
  const faults: string[] = [];
  const outcomes = new Map<string, number>();

  async function one(index: number): Promise<void> {
    const client = pick(random, FORMAT_NAMES);
    const stream = random() < 0.7;
    const model = random() < 0.5 ? 'm' : `only-${pick(random, FORMAT_NAMES)}`;
    const leaves = random() < 0.1 ? Math.floor(random() * 30) : undefined;
    const result = await Promise.race([ask(client, stream, model, leaves), late()]);
    outcomes.set(result.end, (outcomes.get(result.end) ?? 0) + 1);
    for (const complaint of result.complaints) {
      faults.push(`#${index} ${client} ${model} ${stream ? 'stream' : 'plain'}: ${complaint}`);
    }
  }

  async function ask(client: FormatName, stream: boolean, model: string, leaves?: number) {
    const leaving = new AbortController();
    if (leaves !== undefined) setTimeout(() => leaving.abort(), leaves);
    const body = requestOf(client, pick(random, CASES), stream);
    const response = await gateway.app(
      new Request(
        `http://127.0.0.1${pathOf(client, stream).replace('models/m:', `models/${model}:`)}`,
        {
          method: 'POST',
          // Goes up only where both sides speak the same format.
          headers: { 'idempotency-key': 'same' },
          body: JSON.stringify(client === 'gemini' ? body : { ...body, model }),
          signal: leaving.signal,
        },
      ),
      { ip: null },
    );
    if (leaves !== undefined) {
      const reader = response.body?.getReader();
      for (;;) {
        const { done } = (await reader?.read()) ?? { done: true };
        if (done) return { end: 'read to its end', complaints: [] };
        if (leaving.signal.aborted) break;
      }
      await reader?.cancel();
      return { end: 'left', complaints: [] };
    }
    const text = await response.text();
    const type = response.headers.get('content-type') ?? '';
    const isStream = type.startsWith('text/event-stream');
    const verdict = isStream
      ? judgeStream(client, text)
      : judgeReply(client, response.status, text);
    const complaints = [...verdict.complaints];
    if (verdict.end === 'none') complaints.push('no end');
    if (response.status === 200 && isStream !== stream) complaints.push(`answered with ${type}`);
    if (text.includes('The gateway failed')) complaints.push('a fault of our own');
    return { end: verdict.end, complaints };
  }

  function late(): Promise<{ end: string; complaints: string[] }> {
    return new Promise((resolve) => {
      setTimeout(resolve, IN_TIME_MS, { end: 'late', complaints: ['did not end in time'] }).unref();
    });
  }

  let next = 0;
  await Promise.all(
    Array.from({ length: AT_ONCE }, async () => {
      while (next < REQUESTS) {
        next += 1;
        await one(next);
      }
    }),
  );
  await Bun.sleep(60);

  expect(faults.slice(0, 20)).toEqual([]);
  expect(
    gateway.logged.filter((line) => line.includes('a fault in the gateway')).slice(0, 3),
  ).toEqual([]);
  expect(gateway.records).toHaveLength(REQUESTS);
  expect(new Set(gateway.records.map(({ id }) => id)).size).toBe(REQUESTS);
  for (const record of gateway.records) expect(record.attempts.length).toBeLessThanOrEqual(5);
  // Every way of ending was met.
  expect(
    Math.min(...['complete', 'error', 'left'].map((end) => outcomes.get(end) ?? 0)),
  ).toBeGreaterThan(20);
  // No upstream that was begun is still open: whoever got no end was told to stop.
  const open =
    gateway.sent.length - gateway.records.reduce((sum, { attempts }) => sum + attempts.length, 0);
  expect(open).toBe(0);
  expect(JSON.stringify([gateway.records, gateway.logged])).not.toContain('key-of-');
}, 60_000);
