/** `plexus --workers N`: the process that keeps the workers and what they know together. */
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createLog, type Log } from '../log.ts';
import { Hub } from '../workers/hub.ts';
import { isFromWorker, type Listening } from '../workers/messages.ts';
import { makeScratch, removeScratch } from '../workers/scratch.ts';
import { Supervisor, type SupervisorOptions } from '../workers/supervisor.ts';
import type { Given } from './arguments.ts';
import { sayReady } from './ready.ts';
import { missingSettings } from './runtime-settings.ts';
import { outliveFaults, watchParent } from './stopping.ts';
import type { Terminal } from './terminal.ts';
import { WORKER_VARIABLE } from './worker-seat.ts';

/** Runs until told to stop; resolves with the exit code. */
export async function supervise(count: number, given: Given, terminal: Terminal): Promise<number> {
  let log = logAs(given);
  const scratchDir = scratchFor((message) => log.warn(message));
  const hub = new Hub({ now: Date.now, onProblem: (message) => log.warn(message), later });
  const supervisor = new Supervisor({
    count,
    hub,
    seat: { startedAt: Date.now(), secret: newSecret(), scratchDir },
    spawn: spawnWith(workerCommand(given)),
    onReady(listening) {
      log = logAs(given, listening);
      const { address: url, port, lines, logFormat: format } = listening;
      sayReady({ place: { url, port }, lines, format, workers: count }, given, terminal, log);
    },
    log: () => log,
    later,
    monotonic: () => performance.now(),
  });
  obey(supervisor, () => log, given.switches.has('with-parent'));
  const code = await supervisor.run();
  hub.close();
  removeScratch(scratchDir);
  return code;
}

/** A folder that cannot be made stops nothing: then no answer is kept, which the log says. */
function scratchFor(onProblem: (message: string) => void): string {
  try {
    return makeScratch();
  } catch (cause) {
    onProblem(`there is no place for what workers share: ${String(cause)}`);
    return join(tmpdir(), `plexus-${process.pid}`);
  }
}

function later(ms: number, action: () => void): void {
  setTimeout(action, ms);
}

function newSecret(): string {
  return crypto.getRandomValues(new Uint8Array(32)).toHex();
}

/** As the first worker found it in the configuration, once that is known. */
function logAs({ values, switches }: Given, listening?: Listening): Log {
  const format = values.get('log-format') ?? listening?.logFormat;
  return createLog({
    level: listening?.logLevel ?? (switches.has('quiet') ? 'error' : 'info'),
    format: format === 'json' ? 'json' : 'text',
    color: process.stderr.isTTY === true && !process.env['NO_COLOR'],
  });
}

/** What is the supervisor's own affair. */
const OWN_OPTIONS: readonly string[] = ['workers', 'ready-fd', 'with-parent'];

function workerCommand({ values, switches }: Given): string[] {
  const program = Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main];
  const isTheirs = (name: string): boolean => !OWN_OPTIONS.includes(name);
  const options = [...values].map(([name, value]) => [name, `--${name}=${value}`] as const);
  const flags = [...switches].map((name) => [name, `--${name}`] as const);
  return [
    ...program,
    'serve',
    ...[...options, ...flags].filter(([name]) => isTheirs(name)).map(([, text]) => text),
  ];
}

function spawnWith(command: string[]): SupervisorOptions['spawn'] {
  return (_, onMessage, onEnd) => {
    const child = Bun.spawn(command, {
      env: {
        ...process.env,
        [WORKER_VARIABLE]: '1',
        // The worker need not start itself again for them.
        ...missingSettings(process.env),
      },
      stdio: ['ignore', 'inherit', 'inherit'],
      // A third of the CPU time of Bun's other way (measured on 1.4.4 with a usage record).
      serialization: 'json',
      ipc(message) {
        if (isFromWorker(message)) onMessage(message);
      },
      onExit: ({ signalCode }, code) =>
        onEnd({ code, signal: signalCode === null ? null : String(signalCode) }),
    });
    return {
      pid: child.pid,
      send(message) {
        try {
          child.send(message);
        } catch {
          // It has just ended, which is told by `onExit`.
        }
      },
      kill: () => child.kill('SIGKILL'),
    };
  };
}

function obey(supervisor: Supervisor, log: () => Log, withParent: boolean): void {
  const stop = (reason: string): void => {
    log().info(`${reason}: letting running requests end`);
    supervisor.stop();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  process.on('SIGHUP', () => supervisor.reload());
  if (withParent) watchParent(() => stop('the parent ended'));
  outliveFaults(log);
}
