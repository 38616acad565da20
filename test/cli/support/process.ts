/** Plexus as a process of its own, from source or as an executable. */
import { resolve } from 'node:path';

export const MAIN = resolve(import.meta.dir, '../../../src/main.ts');

/** The parts of this environment that no test wants to set; never a key of the person who tests. */
function bareEnvironment(): Record<string, string> {
  const kept = ['PATH', 'HOME', 'TMPDIR', 'TEMP', 'SystemRoot'];
  return Object.fromEntries(
    kept.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}

export interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

export interface Running {
  readonly url: string;
  readonly pid: number;
  readonly out: () => string;
  readonly err: () => string;
  /** Resolves when a stream of output holds the text; fails after some seconds. */
  saw(text: string): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  /** Sends SIGTERM and waits for the end. */
  stop(): Promise<Ended>;
  ended(): Promise<Ended>;
}

interface Options {
  readonly cwd: string;
  readonly env?: Record<string, string>;
  readonly command?: readonly string[];
}

/** Starts it and collects what it prints. */
export function spawn(args: readonly string[], options: Options): Omit<Running, 'url'> {
  const { cwd, env = {}, command = [process.execPath, MAIN] } = options;
  const child = Bun.spawn([...command, ...args], {
    cwd,
    env: { ...bareEnvironment(), ...env },
    stdin: 'ignore',
    stdout: 'pipe',
    stderr: 'pipe',
  });
  let out = '';
  let err = '';
  const reading = Promise.all([
    collect(child.stdout, (text) => {
      out += text;
    }),
    collect(child.stderr, (text) => {
      err += text;
    }),
  ]);
  const ended = async (): Promise<Ended> => {
    const code = await child.exited;
    await reading;
    return { code, out, err };
  };
  return {
    pid: child.pid,
    out: () => out,
    err: () => err,
    saw: (text) =>
      until(
        () => out.includes(text) || err.includes(text),
        () => `${text}\n${out}${err}`,
      ),
    kill: (signal) => child.kill(signal),
    ended,
    stop() {
      child.kill('SIGTERM');
      return ended();
    },
  };
}

/** Starts the gateway on a free port and waits until it listens. */
export async function start(args: readonly string[], options: Options): Promise<Running> {
  const child = spawn(['--port', '0', ...args], options);
  await child.saw('listens on');
  const url = /listens on (http:\S+)/.exec(child.out())?.[1] ?? '';
  return { ...child, url };
}

/** Runs it to its end. */
export function runToEnd(args: readonly string[], options: Options): Promise<Ended> {
  return spawn(args, options).ended();
}

/** Waits until something holds, looking often; fails after ten seconds, saying what was there. */
export async function until(holds: () => boolean, describe: () => string): Promise<void> {
  for (let waited = 0; !holds(); waited += 10) {
    if (waited > 10_000) throw new Error(`never seen: ${describe()}`);
    await Bun.sleep(10);
  }
}

async function collect(
  stream: ReadableStream<Uint8Array>,
  take: (text: string) => void,
): Promise<void> {
  const decoder = new TextDecoder();
  for await (const bytes of stream) take(decoder.decode(bytes, { stream: true }));
}
