/** Several processes behind one port: `plexus --workers 2`. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { array, isObject, type JsonObject, number, object, parseJson } from '../../src/json.ts';
import { MAIN, type Running, runToEnd, spawn, start, until } from '../cli/support/process.ts';
import { providerAt } from '../support/loopback.ts';
import { pathOf, readFixture, requestOf } from '../support/matrix.ts';

/** Answers `/fast/` at once, refuses `/bad/`, and takes its time with the rest. */
function provider() {
  const seen = { bad: 0 };
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      await request.text();
      if (request.url.includes('/bad/')) {
        seen.bad += 1;
        return Response.json({ error: { message: 'no' } }, { status: 500 });
      }
      if (request.url.includes('/slow/')) await Bun.sleep(300);
      return new Response(readFixture('chat/text.reply.json'), {
        headers: { 'content-type': 'application/json' },
      });
    },
  });
  return { seen, server, url: `http://127.0.0.1:${server.port}` };
}

let upstream: ReturnType<typeof provider>;
let folder = '';
/** All that were started, so that none outlives a test that failed. */
const supervisors: Pick<Running, 'kill'>[] = [];
beforeAll(() => {
  upstream = provider();
  folder = mkdtempSync(join(tmpdir(), 'plexus-workers-'));
});
afterAll(async () => {
  for (const supervisor of supervisors) supervisor.kill('SIGKILL');
  await upstream.server.stop(true);
  rmSync(folder, { recursive: true, force: true });
});

function configure(name: string, config: JsonObject): string[] {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, JSON.stringify({ dataDir: join(folder, name), ...config }));
  return ['--config', path, '--workers', '2'];
}

async function started(name: string, config: JsonObject): Promise<Running> {
  const plexus = await start(configure(name, config), { cwd: folder });
  supervisors.push(plexus);
  return plexus;
}

/** Each on a connection of its own, which the system gives to one of the workers. */
const APART = { connection: 'close', 'content-type': 'application/json' };

function ask(plexus: Running): Promise<Response> {
  return fetch(plexus.url + pathOf('chat', false), {
    method: 'POST',
    headers: APART,
    body: JSON.stringify(requestOf('chat', 'text', false)),
  });
}

async function stateOf(plexus: Running): Promise<JsonObject> {
  const response = await fetch(`${plexus.url}/v0/state`, { headers: APART });
  return object(await response.json()) ?? {};
}

/** The two processes that serve, as any of them says. */
async function pidsOf(plexus: Running): Promise<readonly [number, number]> {
  for (let n = 0; n < 500; n += 1) {
    const workers = array((await stateOf(plexus))['workers']);
    const [first, second] = workers.map((worker) => number(object(worker)?.['pid']));
    if (first !== undefined && second !== undefined) return [first, second];
    await Bun.sleep(10);
  }
  throw new Error('there are never two workers');
}

/** Asks until each worker has answered; gives the last answer of each. */
async function fromEach<T>(plexus: Running, read: () => Promise<T>, pid: (answer: T) => unknown) {
  const answers = new Map<unknown, T>();
  const pids = await pidsOf(plexus);
  for (let n = 0; n < 200 && answers.size < pids.length; n += 1) {
    const answer = await read();
    answers.set(pid(answer), answer);
  }
  expect([...answers.keys()].toSorted()).toEqual(pids.toSorted());
  return [...answers.values()];
}

function usageLines(name: string): JsonObject[] {
  const logs = join(folder, name, 'logs', 'usage');
  return readdirSync(logs).flatMap((file) =>
    readFileSync(join(logs, file), 'utf8')
      .trim()
      .split('\n')
      .map((line) => {
        const value = parseJson(line);
        if (!isObject(value)) throw new Error(`not a whole line: ${line}`);
        return value;
      }),
  );
}

/** Of an orphan that has ended something may be left until its new parent looks. */
function isAlive(pid: number): boolean {
  const status = `/proc/${pid}/status`;
  return existsSync(status) && !/^State:\s+Z/m.test(readFileSync(status, 'utf8'));
}

async function gone(pids: readonly number[]): Promise<void> {
  await until(
    () => pids.every((pid) => !isAlive(pid)),
    () => `${pids.join(', ')} still run`,
  );
}

describe.if(process.platform === 'linux')('two workers', () => {
  test('share a port, requests, what failed, and what is counted', async () => {
    const plexus = await started('both', {
      providers: {
        ...Object(providerAt('chat', `${upstream.url}/fast`)['providers']),
        bad: { type: 'chat', baseUrl: `${upstream.url}/bad`, apiKey: 'k', proxy: false },
      },
      models: { m: { selector: 'in_order', targets: ['bad/up', 'p/up'] } },
    });
    expect(plexus.out().match(/listens on/g)).toHaveLength(1);
    expect((await ask(plexus)).status).toBe(200);
    const states = await fromEach(
      plexus,
      () => stateOf(plexus),
      ({ pid }) => pid,
    );
    for (const state of states) {
      expect(state['cooldowns']).toMatchObject([{ provider: 'bad', model: 'up' }]);
    }
    const replies = await Promise.all(Array.from({ length: 40 }, () => ask(plexus)));
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
    // All but the first knew better, whichever worker they came to.
    expect(upstream.seen.bad).toBe(1);
    await Promise.all(replies.map((reply) => reply.text()));
    const counted = async (): Promise<string> =>
      (await fetch(`${plexus.url}/metrics`, { headers: APART })).text();
    const isAll = (metrics: string): boolean => metrics.includes('status="2xx"} 41\n');
    // Asked often enough to have asked both.
    let agreed = 0;
    for (let n = 0; n < 300 && agreed < 20; n += 1) {
      agreed = isAll(await counted()) ? agreed + 1 : 0;
      await Bun.sleep(5);
    }
    expect(agreed).toBe(20);
    const { code, err } = await plexus.stop();
    expect(code).toBe(0);
    expect(err.match(/letting running requests end/g)).toHaveLength(1);
    const lines = usageLines('both');
    expect(new Set(lines.map(({ id }) => id)).size).toBe(41);
    expect(lines).toHaveLength(41);
    expect(existsSync(join(folder, 'both', 'cooldowns.json'))).toBe(true);
  }, 20_000);

  test('let running requests end, and none is lost', async () => {
    const plexus = await started('drain', providerAt('chat', `${upstream.url}/slow`));
    const pids = await pidsOf(plexus);
    const replies = Array.from({ length: 10 }, () => ask(plexus));
    const isRunning = async (): Promise<boolean> =>
      object((await stateOf(plexus))['requests'])?.['inFlight'] === 10;
    for (let n = 0; n < 100 && !(await isRunning()); n += 1) await Bun.sleep(5);
    const ended = plexus.stop();
    for (const reply of replies) expect((await reply).status).toBe(200);
    expect((await ended).code).toBe(0);
    expect(pids.filter(isAlive)).toEqual([]);
    expect(usageLines('drain').map(({ outcome }) => outcome)).toEqual(replies.map(() => 'success'));
  }, 20_000);

  test('one that is killed comes back', async () => {
    const plexus = await started('killed', providerAt('chat', `${upstream.url}/fast`));
    const [, victim] = await pidsOf(plexus);
    process.kill(victim, 'SIGKILL');
    await plexus.saw(`worker 2 (pid ${victim}) ended and is started again`);
    expect(await pidsOf(plexus)).not.toContain(victim);
    const replies = await Promise.all(Array.from({ length: 20 }, () => ask(plexus)));
    expect(replies.map(({ status }) => status)).toEqual(replies.map(() => 200));
    expect((await plexus.stop()).code).toBe(0);
  }, 20_000);

  test('end when their supervisor is killed, and leave nothing behind', async () => {
    const plexus = await started('orphans', providerAt('chat', `${upstream.url}/slow`));
    const pids = await pidsOf(plexus);
    const reply = ask(plexus);
    await Bun.sleep(50);
    plexus.kill('SIGKILL');
    expect((await reply).status).toBe(200);
    await gone(pids);
    expect(usageLines('orphans')).toHaveLength(1);
    const scratch = ['/dev/shm', tmpdir()].filter(existsSync).flatMap((dir) => readdirSync(dir));
    expect(scratch.filter((name) => name.includes(`-${plexus.pid}-`))).toEqual([]);
  }, 20_000);

  test('end at once with a second signal', async () => {
    const plexus = await started('twice', providerAt('chat', `${upstream.url}/slow`));
    const pids = await pidsOf(plexus);
    const reply = ask(plexus).catch(() => undefined);
    await Bun.sleep(50);
    plexus.kill('SIGTERM');
    await plexus.saw('letting running requests end');
    plexus.kill('SIGTERM');
    expect((await plexus.ended()).code).toBe(1);
    await gone(pids);
    await reply;
  }, 20_000);

  test('remember answers for one another', async () => {
    const plexus = await started('answers', providerAt('chat', `${upstream.url}/fast`));
    const respond = async (more: JsonObject): Promise<JsonObject> => {
      const response = await fetch(`${plexus.url}/v1/responses`, {
        method: 'POST',
        headers: APART,
        body: JSON.stringify({ model: 'm', ...more }),
      });
      return object(await response.json()) ?? {};
    };
    let previous = await respond({ input: 'Hello!' });
    const item = array(previous['output']).at(-1);
    for (let n = 0; n < 8; n += 1) {
      previous = await respond({ input: 'And?', previous_response_id: String(previous['id']) });
      expect(previous).toMatchObject({ status: 'completed' });
      const reference = { type: 'item_reference', id: String(object(item)?.['id']) };
      const input = [reference, { role: 'user', content: 'And?' }];
      expect(await respond({ input })).toMatchObject({ status: 'completed' });
    }
    expect(existsSync(join(folder, 'answers', 'responses'))).toBe(false);
    await plexus.stop();
  }, 20_000);

  test('of another gateway are not joined: the port is taken', async () => {
    const demo = { providers: { demo: { type: 'demo' } }, models: { m: 'demo/echo' } };
    const plexus = await started('taken', demo);
    const port = new URL(plexus.url).port;
    const args = [...configure('second', demo), '--port', port];
    const { code, err } = await runToEnd(args, { cwd: folder });
    expect(code).toBe(1);
    expect(err).toContain(`port ${port} on 127.0.0.1 is taken`);
    // Ending a worker would not free it.
    expect(err).toContain(`(pid ${plexus.pid})`);
    expect((await ask(plexus)).status).toBe(200);
    await plexus.stop();
  }, 20_000);

  test('follow the configuration, at its saving and at SIGHUP, and one says so', async () => {
    const demo = { providers: { demo: { type: 'demo' } }, models: { m: 'demo/echo' } };
    const plexus = await started('edited', demo);
    configure('edited', { ...demo, models: { ...demo.models, more: 'demo/echo' } });
    await plexus.saw('models: +more');
    plexus.kill('SIGHUP');
    await plexus.saw('read again: no change');
    expect(plexus.err().match(/models: \+more/g)).toHaveLength(1);
    const states = await fromEach(
      plexus,
      () => stateOf(plexus),
      ({ pid }) => pid,
    );
    for (const state of states) expect(state['aliases']).toHaveProperty('more');
    await plexus.stop();
  }, 20_000);

  test('tell a parent once, when all listen, and say nothing else with --quiet', async () => {
    const demo = { providers: { demo: { type: 'demo' } }, models: { m: 'demo/echo' } };
    const ready = join(folder, 'ready');
    const command = ['sh', '-c', 'exec "$@" 3>ready', 'sh', process.execPath, MAIN];
    const args = [...configure('told', demo), '--port', '0', '--quiet', '--ready-fd', '3'];
    const plexus = spawn(args, { cwd: folder, command });
    const told = (): string => (existsSync(ready) ? readFileSync(ready, 'utf8') : '');
    await until(
      () => told().endsWith('\n'),
      () => plexus.err(),
    );
    const line = JSON.parse(told());
    expect(line).toMatchObject({ event: 'ready', pid: plexus.pid, workers: 2 });
    expect((await fetch(`${line.url}/health`)).status).toBe(200);
    expect(await plexus.stop()).toEqual({ code: 0, out: '', err: '' });
  }, 20_000);

  test('on a unix socket are refused, with the reason', async () => {
    const demo = { providers: { demo: { type: 'demo' } }, models: { m: 'demo/echo' } };
    const args = configure('unix', { ...demo, server: { unix: './plexus.sock' } });
    const { code, out, err } = await runToEnd(args, { cwd: folder });
    expect([code, out]).toEqual([1, '']);
    expect(err).toContain('server.unix cannot be shared by several workers');
  }, 20_000);
});
