/** `plexus`: the gateway on a port, until it is told to stop; in this process, or in several. */
import { type Given, readArguments, wrongUsage } from './arguments.ts';
import { SERVE } from './serve-usage.ts';
import { processTerminal, type Terminal } from './terminal.ts';
import { takeSeat } from './worker-seat.ts';

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(SERVE, args, terminal);
  if (typeof given === 'number') return given;
  const wrong = wrongValue(given, process.platform);
  if (wrong !== undefined) return wrongUsage(SERVE, wrong, terminal);
  const workers = Number(given.values.get('workers') ?? 1);
  // Loaded only now: the process that keeps the workers need not have the gateway in memory.
  if (workers > 1) return (await import('./supervise.ts')).supervise(workers, given, terminal);
  return (await import('./gateway-process.ts')).runGateway(given, terminal, await takeSeat());
}

const MOST_WORKERS = 256;

/** @returns what is wrong, as a sentence without its full stop */
export function wrongValue({ values }: Given, platform: string): string | undefined {
  const format = values.get('log-format');
  if (format !== undefined && format !== 'text' && format !== 'json') {
    return `--log-format is text or json, not "${format}"`;
  }
  const descriptor = values.get('ready-fd');
  if (descriptor !== undefined && !/^\d{1,4}$/.test(descriptor)) {
    return `--ready-fd is the number of a descriptor, not "${descriptor}"`;
  }
  return wrongWorkers(values.get('workers'), platform);
}

function wrongWorkers(workers: string | undefined, platform: string): string | undefined {
  if (workers === undefined) return undefined;
  const count = /^\d{1,4}$/.test(workers) ? Number(workers) : 0;
  if (count < 1 || count > MOST_WORKERS) {
    return `--workers is a whole number from 1 to ${MOST_WORKERS}, not "${workers}"`;
  }
  // macOS gives all connections to the process that came last, Windows has no SO_REUSEPORT.
  if (count > 1 && platform !== 'linux') {
    return '--workers above 1 needs Linux, as other systems do not spread connections over processes';
  }
  return undefined;
}
