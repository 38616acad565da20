/** Processes of the bench, and what the system tells of them: CPU time and memory, where it is Linux. */
import { readdirSync, readFileSync } from 'node:fs';
import { availableParallelism } from 'node:os';

export const isLinux = process.platform === 'linux';

/** Where each side runs: gateways on one core or on all, load and upstream on another; not told where that cannot be had. */
const isPinned = isLinux && availableParallelism() > 1 && Bun.which('taskset') !== null;
const CORES = { gateway: '0', load: '1', all: `0-${availableParallelism() - 1}` } as const;
/** How many there are, whichever of them this process is given. */
export const cores = availableParallelism();

/** What a reader has to know of this machine; each a sentence. */
export const machineNotes: readonly string[] = [
  ...(isLinux ? [] : ['CPU and memory are read from /proc, which this system does not have.']),
  ...(isPinned ? [] : ['Nothing is pinned to a core: that takes two of them and taskset.']),
];

/** A process that was started here. */
export interface Started {
  readonly pid: number;
  readonly exited: Promise<unknown>;
  /** Ends it, at once when it does not end by itself; resolves when it is gone. */
  stop(): Promise<void>;
}

export interface StartOptions {
  readonly core: keyof typeof CORES;
  /** A file that takes what it prints. */
  readonly log: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string>>;
  /** Gets what the process sends with `process.send`. */
  onMessage?(message: unknown): void;
}

const running = new Set<Started>();
const STOP_MS = 2000;

/** Starts a process that ends with the bench at the latest. */
export function start(command: readonly string[], options: StartOptions): Started {
  const { core, log, cwd, env, onMessage } = options;
  const pinned = isPinned ? ['taskset', '-c', CORES[core], ...command] : [...command];
  const child = Bun.spawn(pinned, {
    stdin: 'ignore',
    stdout: Bun.file(`${log}.out`),
    stderr: Bun.file(`${log}.err`),
    env: { ...process.env, ...env },
    ...(cwd === undefined ? {} : { cwd }),
    ...(onMessage === undefined ? {} : { ipc: onMessage }),
  });
  const started: Started = {
    pid: child.pid,
    exited: child.exited,
    async stop() {
      running.delete(started);
      // A stopped process takes no other signal.
      child.kill('SIGCONT');
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await child.exited;
      clearTimeout(timer);
    },
  };
  running.add(started);
  return started;
}

/** Ends all that was started. */
export async function stopAll(): Promise<void> {
  await Promise.all([...running].map((started) => started.stop()));
}

/** Has the bench itself run beside the upstream. */
export function pinOwnProcess(): void {
  if (isPinned) Bun.spawnSync(['taskset', '-acp', CORES.load, String(process.pid)]);
}

/** CPU time of a process so far, all its threads, in microseconds; undefined where it is not told. */
export function cpuUs(pid: number): number | undefined {
  if (!isLinux) return undefined;
  let nanoseconds = 0;
  for (const thread of readdirSync(`/proc/${pid}/task`)) {
    nanoseconds += threadNs(`/proc/${pid}/task/${thread}/schedstat`);
  }
  return nanoseconds / 1000;
}

/** The processes that a process has started and that still run; none where that is not told. */
export function childrenOf(pid: number): number[] {
  if (!isLinux) return [];
  const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'latin1');
  return children.split(' ').filter(Boolean).map(Number);
}

/** Exact, where utime and stime of `stat` count in ticks of 10 ms. */
function threadNs(schedstat: string): number {
  try {
    return Number(readFileSync(schedstat, 'latin1').split(' ', 1)[0]);
  } catch {
    // The thread ended meanwhile.
    return 0;
  }
}

export interface Memory {
  /** Resident megabytes. */
  readonly resident: number;
  /** The part that no file backs. */
  readonly anonymous: number;
}

/** Memory of a process; undefined where it is not told. */
export function memoryOf(pid: number): Memory | undefined {
  if (!isLinux) return undefined;
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  const megabytes = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1]) / 1024;
  return { resident: megabytes('VmRSS'), anonymous: megabytes('RssAnon') };
}

/** A port that is free now. */
export function freePort(): number {
  const listener = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: { data: () => undefined },
  });
  const { port } = listener;
  listener.stop(true);
  return port;
}
