/**
 * What Bun must be told before it starts. A process cannot change that for itself, so it starts itself
 * again, once, in its place: the same process to everybody outside.
 */

interface Setting {
  readonly variable: string;
  readonly value: string;
  /** Versions of Bun that are known to take it. */
  readonly versions: RegExp;
}

const SETTINGS: readonly Setting[] = [
  // Bun holds 256 fetches in one process, and the 257th waits in silence (measured on 1.4.4).
  { variable: 'BUN_CONFIG_MAX_HTTP_REQUESTS', value: '65535', versions: /./ },
  // The compiler's last tier takes a second of CPU and 7 to 25 MB after a start under load. Without it the
  // first ten seconds cost 6 to 17 % less CPU, and what comes later 5 to 9 % more (bench: plain, burst): a
  // gateway beside an app is seldom under load for long. A Bun that did not know it would refuse to start.
  { variable: 'BUN_JSC_useFTLJIT', value: '0', versions: /^1\.4\./ },
  // The collector comes half as often: a collection costs 1.5 to 2 ms however much has become garbage.
  // At 32 connections that is 4 to 8 % of CPU, for 27 MB more while the load lasts; what is idle or has
  // become quiet again takes the same (bench: plain, burst, memory). Twice as much again is slower.
  { variable: 'BUN_JSC_largeHeapSize', value: String(64 * 1024 * 1024), versions: /^1\.4\./ },
];

/** The settings that an environment does not have yet. */
export function missingSettings(
  env: Readonly<Record<string, string | undefined>>,
  version = Bun.version,
): Record<string, string> {
  const missing = SETTINGS.filter((one) => one.versions.test(version) && !env[one.variable]);
  return Object.fromEntries(missing.map(({ variable, value }) => [variable, value]));
}

/** Does not return when it starts the program again. */
export async function settleRuntime(args: readonly string[]): Promise<void> {
  const missing = missingSettings(process.env);
  // Windows cannot replace a process; there they are set by whoever starts it.
  if (Object.keys(missing).length === 0 || process.execve === undefined) return;
  const kept = await keepDescriptor(args);
  // Better few fetches than a parent that waits for ever.
  if (kept === undefined) return;
  const program = Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main];
  process.execve(process.execPath, [...program, ...kept], { ...process.env, ...missing });
}

/**
 * `execve` leaves only the three standard descriptors open, so the one of `--ready-fd` takes the
 * place of standard input, which a gateway does not read.
 * @returns the arguments with its new number; undefined when it cannot be moved
 */
async function keepDescriptor(args: readonly string[]): Promise<string[] | undefined> {
  const at = args.findIndex((arg) => arg === '--ready-fd' || arg.startsWith('--ready-fd='));
  if (at < 0) return [...args];
  const isApart = args[at] === '--ready-fd';
  const descriptor = Number(isApart ? args[at + 1] : args[at]?.slice('--ready-fd='.length));
  // What is no number is told by whoever reads the arguments.
  if (!Number.isInteger(descriptor) || descriptor <= 2) return [...args];
  if (!(await moveToInput(descriptor))) return undefined;
  return [...args.slice(0, at), '--ready-fd=0', ...args.slice(at + (isApart ? 2 : 1))];
}

async function moveToInput(descriptor: number): Promise<boolean> {
  const names = process.platform === 'darwin' ? ['libSystem.B.dylib'] : ['libc.so.6', 'libc.so'];
  const { dlopen } = await import('bun:ffi');
  for (const name of names) {
    try {
      const libc = dlopen(name, { dup2: { args: ['int', 'int'], returns: 'int' } });
      return libc.symbols.dup2(descriptor, 0) === 0;
    } catch {
      // Another C library: the next name.
    }
  }
  return false;
}
