/** Gateways that share what they know through a hub: the whole of it but for the processes. */
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway, type PlexusGateway } from '../../src/index.ts';
import { parseJson } from '../../src/json.ts';
import { createLog } from '../../src/log.ts';
import type { OtherWorkers } from '../../src/workers/other-workers.ts';
import { jsonReply } from '../support/gateway.ts';
import { readFixture } from '../support/matrix.ts';
import { type Crew, crewOf } from './support/crew.ts';

const provider = (name: string, more: object = {}) => ({
  type: 'chat',
  baseUrl: `https://${name}.test/v1`,
  apiKey: 'provider-key',
  ...more,
});
const CONFIG = {
  apiKeys: {
    free: { secret: 'free-secret' },
    app: { secret: 'app-secret', limits: { requestsPerMinute: 3, usdPerDay: 1 } },
    narrow: { secret: 'narrow-secret', limits: { maxConcurrency: 4 } },
  },
  providers: { good: provider('good'), bad: provider('bad') },
  models: {
    m: 'good/up',
    failing: { selector: 'in_order', targets: ['bad/up', 'good/up'] },
    sticky: { selector: 'in_order', sticky: true, targets: ['bad/up', 'good/up'] },
  },
  pricing: { models: { up: { perRequest: 0.25 } } },
};

let cwd = '';
let crew: Crew;
let running: PlexusGateway[] = [];
beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'plexus-workers-'));
  writeFileSync(join(cwd, 'plexus.json'), JSON.stringify(CONFIG));
  crew = crewOf(2);
  running = [];
});
afterEach(async () => {
  for (const gateway of running) await gateway.close();
  rmSync(cwd, { recursive: true, force: true });
});

interface Worker {
  readonly gateway: PlexusGateway;
  readonly others: OtherWorkers;
  ask(model: string, secret?: string, path?: string, body?: object): Promise<Response>;
  get(path: string): Promise<Response>;
  post(path: string, body: object): Promise<Response>;
}

async function start(number: number): Promise<Worker> {
  const others = crew.worker(number);
  const gateway = await createGateway({
    cwd,
    env: {},
    others,
    log: createLog({ level: 'silent', format: 'text' }),
    fetch: async (url) =>
      url.includes('bad.test')
        ? jsonReply({ error: { message: 'no' } }, 500)
        : jsonReply(readFixture('chat/text.reply.json')),
  });
  running.push(gateway);
  const visit = (path: string, init: RequestInit): Promise<Response> =>
    gateway.fetch(new Request(`http://127.0.0.1${path}`, init), { ip: '127.0.0.1' });
  const post = (path: string, body: object, secret = 'free-secret'): Promise<Response> =>
    visit(path, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}` },
      body: JSON.stringify(body),
    });
  const messages = [{ role: 'user', content: 'Hello!' }];
  return {
    gateway,
    others,
    ask: (model, secret, path = '/v1/chat/completions', body = { messages }) =>
      post(path, { model, ...body }, secret),
    get: (path) => visit(path, { headers: { authorization: 'Bearer free-secret' } }),
    post,
  };
}

async function both(): Promise<[Worker, Worker]> {
  return [await start(1), await start(2)];
}

async function jsonOf(response: Promise<Response>): Promise<unknown> {
  return parseJson(await (await response).text());
}

/** The text of an event stream as far as it has come. */
function reading({ body }: Response): () => string {
  let text = '';
  void (async () => {
    for await (const bytes of body ?? []) text += Buffer.from(bytes).toString();
  })();
  return () => text;
}

describe('cooldowns', () => {
  test('a target that failed at one rests at the other, and in the file', async () => {
    const [one, two] = await both();
    await (await one.ask('failing')).text();
    const reply = await two.ask('failing');
    expect(reply.headers.get('x-plexus-attempts')).toBe('1');
    expect(reply.headers.get('x-plexus-provider')).toBe('good');
    crew.hub.close();
    const file = readFileSync(join(cwd, 'data', 'cooldowns.json'), 'utf8');
    expect(parseJson(file)).toMatchObject({
      cooldowns: [{ provider: 'bad', model: 'up', cooldown: { failures: 1 } }],
    });
  });

  test('are there for a worker that begins anew, and after a restart of all', async () => {
    const [one] = await both();
    await (await one.ask('failing')).text();
    crew.hub.leave(2);
    const again = await start(2);
    expect((await again.ask('failing')).headers.get('x-plexus-attempts')).toBe('1');
    crew.hub.close();
    crew = crewOf(2);
    const later = await start(1);
    expect((await later.ask('failing')).headers.get('x-plexus-attempts')).toBe('1');
  });

  test('that are cleared at one are cleared at the other', async () => {
    const [one, two] = await both();
    await (await one.ask('failing')).text();
    await two.post('/v0/state', { action: 'clear-cooldowns' });
    expect((await one.ask('failing')).headers.get('x-plexus-attempts')).toBe('2');
  });
});

describe('limits of a key', () => {
  test('count what it uses at every worker', async () => {
    const [one, two] = await both();
    const statuses: number[] = [];
    for (const worker of [one, two, one, two, one]) {
      statuses.push((await worker.ask('m', 'app-secret')).status);
    }
    expect(statuses).toEqual([200, 200, 200, 429, 429]);
    expect(await jsonOf(two.get('/v0/state'))).toMatchObject({
      apiKeys: { app: { usage: { requestsPerMinute: { used: 3 }, usdPerDay: { used: 0.75 } } } },
    });
    crew.hub.close();
    expect(readFileSync(join(cwd, 'data', 'key-limits.json'), 'utf8')).toContain('"app"');
  });

  test('of requests at once are divided, and at least one each', () => {
    const parts = (count: number, max: number): number[] =>
      Array.from({ length: count }, (_, index) =>
        crewOf(count)
          .worker(index + 1)
          .partOf(max),
      );
    expect(parts(2, 8)).toEqual([4, 4]);
    expect(parts(3, 8)).toEqual([3, 3, 2]);
    expect(parts(3, 2)).toEqual([1, 1, 1]);
  });
});

describe('what one worker answers speaks of all', () => {
  test('metrics, figures and what runs', async () => {
    const [one, two] = await both();
    await (await one.ask('m')).text();
    await (await two.ask('m')).text();
    await (await two.ask('m')).text();
    one.others.share();
    two.others.share();
    for (const worker of [one, two]) {
      const metrics = await (await worker.get('/metrics')).text();
      expect(metrics).toContain('outcome="success",status="2xx"} 3\n');
      expect(metrics).toContain('process_resident_memory_bytes{worker="2"}');
      expect(await jsonOf(worker.get('/v0/state'))).toMatchObject({
        workers: [{ worker: 1 }, { worker: 2 }],
        providers: { good: { models: { up: { attempts: 3 } } } },
      });
    }
  });

  test('what an ended worker has counted stays, and a new one knows it', async () => {
    const [one, two] = await both();
    await (await two.ask('m')).text();
    two.others.share();
    crew.hub.leave(2);
    expect(await jsonOf(one.get('/v0/state'))).toMatchObject({ workers: [{ worker: 1 }] });
    const again = await start(2);
    await (await again.ask('m')).text();
    again.others.share();
    for (const worker of [one, again]) {
      const metrics = await (await worker.get('/metrics')).text();
      expect(metrics).toContain('outcome="success",status="2xx"} 2\n');
    }
  });

  test('nothing new is not told again', async () => {
    const [one] = await both();
    await (await one.ask('m')).text();
    const shares = (): number => crew.said.filter(({ kind }) => kind === 'share').length;
    one.others.share();
    const before = shares();
    one.others.share();
    expect(shares()).toBe(before);
  });
});

describe('events', () => {
  test('of one are heard at the other, once and with one number', async () => {
    const [one, two] = await both();
    const heard = [one, two].map(async (worker) => reading(await worker.get('/v0/events')));
    const [atOne = () => '', atTwo = () => ''] = await Promise.all(heard);
    await (await one.ask('failing')).text();
    await Bun.sleep(1);
    const ids = (text: string): string[] =>
      [...text.matchAll(/^id: \S+-[1-9]\d*$/gm)].map(([id]) => id);
    expect(atTwo().match(/^event: usage$/gm)).toHaveLength(1);
    expect(atTwo().match(/"change":"cooldown"/g)).toHaveLength(1);
    expect(ids(atTwo())).toEqual(ids(atOne()));
  });

  test('of requests are not sent while nobody listens, nor a minute later', async () => {
    const [one, two] = await both();
    const events = (): number => crew.said.filter(({ kind }) => kind === 'event').length;
    await (await one.ask('m')).text();
    expect(events()).toBe(0);
    const listening = await two.get('/v0/events');
    await (await one.ask('m')).text();
    expect(events()).toBe(1);
    await listening.body?.cancel();
    await (await one.ask('m')).text();
    expect(events()).toBe(2);
    for (const { action } of crew.later) action();
    await (await one.ask('m')).text();
    expect(events()).toBe(2);
  });
});

describe('what is switched or learnt at one', () => {
  test('a provider that is switched off is off at the other', async () => {
    const [one, two] = await both();
    await one.post('/v0/state', { action: 'disable-provider', provider: 'good' });
    expect((await two.ask('m')).status).toBe(503);
    const again = await start(2);
    expect((await again.ask('m')).status).toBe(503);
    await two.post('/v0/state', { action: 'enable-provider', provider: 'good' });
    expect((await one.ask('m')).status).toBe(200);
  });

  test('a conversation stays on its target', async () => {
    const [one, two] = await both();
    expect((await one.ask('sticky')).headers.get('x-plexus-provider')).toBe('good');
    await two.post('/v0/state', { action: 'clear-cooldowns' });
    expect((await two.ask('sticky')).headers.get('x-plexus-attempts')).toBe('1');
  });

  test('a configuration that was posted is told to the others', async () => {
    const [one] = await both();
    const next = { ...CONFIG, models: { ...CONFIG.models, more: 'good/up' } };
    expect((await one.post('/v0/config', { config: next })).status).toBe(200);
    expect(crew.said.filter(({ kind }) => kind === 'reload')).toHaveLength(1);
  });
});

test('each request has one line in the usage log', async () => {
  const [one, two] = await both();
  for (const worker of [one, two, two]) await (await worker.ask('m')).text();
  for (const gateway of running.splice(0)) await gateway.close();
  const day = `${new Date().toISOString().slice(0, 10)}.jsonl`;
  const lines = readFileSync(join(cwd, 'data', 'logs', 'usage', day), 'utf8')
    .trim()
    .split('\n');
  expect(new Set(lines.map((line) => JSON.parse(line).id)).size).toBe(3);
  expect(lines).toHaveLength(3);
  expect(existsSync(join(cwd, 'data', 'cooldowns.json'))).toBe(false);
});
