import { describe, expect, test } from 'bun:test';
import { createLog } from '../../src/log.ts';
import type { FromWorker, Listening, ToWorker } from '../../src/workers/messages.ts';
import { type Ending, Supervisor } from '../../src/workers/supervisor.ts';

const LISTENING: Listening = {
  host: '127.0.0.1',
  port: 4321,
  address: 'http://127.0.0.1:4321',
  lines: 'it listens',
  logFormat: 'text',
  logLevel: 'info',
};
const KILLED: Ending = { code: null, signal: 'SIGKILL' };
const DONE: Ending = { code: 0, signal: null };

/** A process that a test plays. */
interface Played {
  readonly worker: number;
  readonly heard: ToWorker[];
  isKilled: boolean;
  say(message: FromWorker): void;
  end(ending: Ending): void;
}

function supervised(count: number) {
  const clock = { now: 0 };
  const started: Played[] = [];
  const later: { ms: number; action: () => void }[] = [];
  const ready: Listening[] = [];
  const left: number[] = [];
  const logged: string[] = [];
  const log = createLog({ level: 'info', format: 'text', write: (line) => logged.push(line) });
  const supervisor = new Supervisor({
    count,
    hub: { take: () => undefined, leave: (worker) => left.push(worker) },
    seat: { startedAt: 0, secret: '', scratchDir: '' },
    spawn(worker, say, end) {
      const played: Played = { worker, heard: [], isKilled: false, say, end };
      started.push(played);
      return {
        pid: 100 + started.length,
        send: (message) => played.heard.push(message),
        kill: () => {
          played.isKilled = true;
        },
      };
    },
    onReady: (listening) => ready.push(listening),
    log: () => log,
    later: (ms, action) => later.push({ ms, action }),
    monotonic: () => clock.now,
  });
  let code: number | undefined;
  const ended = supervisor.run().then((given) => {
    code = given;
  });
  const listen = (played: Played | undefined): void => {
    played?.say({ kind: 'here' });
    played?.say({ kind: 'listening', listening: LISTENING });
  };
  const listenAll = (): void => {
    for (let next = 0; next < count; next += 1) listen(started[next]);
  };
  const code_ = async (): Promise<number | undefined> => {
    await Bun.sleep(0);
    return code;
  };
  return {
    supervisor,
    clock,
    started,
    later,
    ready,
    left,
    logged,
    listen,
    listenAll,
    ended,
    code: code_,
  };
}

const kinds = (played: Played | undefined): string[] => played?.heard.map(({ kind }) => kind) ?? [];

describe('the start', () => {
  test('is of the first alone, then of the others on its port, and is said once', () => {
    const { started, ready, listen } = supervised(3);
    expect(started.map(({ worker }) => worker)).toEqual([1]);
    listen(started[0]);
    expect(started.map(({ worker }) => worker)).toEqual([1, 2, 3]);
    const [first, second, third] = started;
    listen(second);
    expect(ready).toEqual([]);
    listen(third);
    expect(ready).toEqual([LISTENING]);
    expect(first?.heard).toMatchObject([{ seat: { worker: 1, count: 3, isFirstStart: true } }]);
    expect(first?.heard[0]).not.toHaveProperty('seat.listen');
    expect(second?.heard).toMatchObject([{ seat: { listen: { host: '127.0.0.1', port: 4321 } } }]);
  });

  test('that fails at the first ends with its code', async () => {
    const { started, code } = supervised(2);
    started[0]?.end({ code: 1, signal: null });
    expect(await code()).toBe(1);
    expect(started).toHaveLength(1);
  });

  test('that fails at another ends all', async () => {
    const { started, listen, code } = supervised(2);
    listen(started[0]);
    started[1]?.end(KILLED);
    expect(kinds(started[0])).toEqual(['seat', 'stop']);
    started[0]?.end(DONE);
    expect(await code()).toBe(1);
  });
});

describe('a worker that ends on its own', () => {
  test('is started again in its place, and that is said', () => {
    const { started, later, left, logged, listen, listenAll, ready } = supervised(2);
    listenAll();
    started[1]?.end(KILLED);
    expect(left).toEqual([2]);
    expect(logged).toEqual([]);
    later.shift()?.action();
    expect(logged.join('')).toContain(
      'worker 2 (pid 102) ended and is started again signal=SIGKILL',
    );
    listen(started[2]);
    expect(started[2]?.heard).toMatchObject([
      { seat: { worker: 2, isFirstStart: false, listen: { port: 4321 } } },
    ]);
    expect(ready).toHaveLength(1);
  });

  test('again and again is started after longer and longer, until it has run for a while', () => {
    const { started, later, clock, listenAll } = supervised(2);
    listenAll();
    const waits: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      started.at(-1)?.end({ code: 1, signal: null });
      waits.push(later[0]?.ms ?? 0);
      later.shift()?.action();
    }
    expect(waits.slice(0, 4)).toEqual([100, 200, 400, 800]);
    expect(waits.at(-1)).toBe(30_000);
    clock.now += 61_000;
    started.at(-1)?.end(KILLED);
    expect(later[0]?.ms).toBe(100);
  });

  test('together with the whole is not started again', async () => {
    const { supervisor, started, later, logged, listenAll, code } = supervised(2);
    listenAll();
    for (const played of started) played.end(DONE);
    supervisor.stop();
    for (const { action } of later) action();
    expect(started).toHaveLength(2);
    expect(logged).toEqual([]);
    expect(await code()).toBe(0);
  });
});

describe('the end', () => {
  test('waits for all workers', async () => {
    const { supervisor, started, listenAll, code } = supervised(2);
    listenAll();
    supervisor.stop();
    expect(started.map((played) => kinds(played).at(-1))).toEqual(['stop', 'stop']);
    started[0]?.end(DONE);
    expect(await code()).toBeUndefined();
    started[1]?.end(DONE);
    expect(await code()).toBe(0);
  });

  test('comes at once with a second wish, by force if need be', async () => {
    const { supervisor, started, later, listenAll, code } = supervised(2);
    listenAll();
    supervisor.stop();
    supervisor.stop();
    expect(kinds(started[0]).at(-1)).toBe('end');
    started[0]?.end({ code: 1, signal: null });
    for (const { action } of later) action();
    expect(started.map(({ isKilled }) => isKilled)).toEqual([false, true]);
    started[1]?.end(KILLED);
    expect(await code()).toBe(1);
  });

  test('reaches a worker that is just starting', () => {
    const { supervisor, started } = supervised(2);
    supervisor.stop();
    started[0]?.say({ kind: 'here' });
    expect(kinds(started[0])).toContain('stop');
    started[0]?.say({ kind: 'listening', listening: LISTENING });
    expect(started).toHaveLength(1);
  });

  test('is no affair of a process whose place another has', () => {
    const { started, later, listenAll, left } = supervised(2);
    listenAll();
    started[1]?.end(KILLED);
    later.shift()?.action();
    started[1]?.end(KILLED);
    expect(left).toEqual([2]);
  });
});

test('a reload is told to all', () => {
  const { supervisor, started, listenAll } = supervised(2);
  listenAll();
  supervisor.reload();
  expect(started.map((played) => kinds(played).at(-1))).toEqual(['reload', 'reload']);
});
