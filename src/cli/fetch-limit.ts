/**
 * Bun holds 256 fetches in one process unless told otherwise before it starts, and the 257th waits in
 * silence (measured on 1.4.4). A process cannot change that for itself, so it starts itself again,
 * once, in its place: the same process to everybody outside.
 */

/** Read by Bun at its start. */
export const FETCH_LIMIT_VARIABLE = 'BUN_CONFIG_MAX_HTTP_REQUESTS';
export const FETCH_LIMIT = '65535';

/** Does not return when it starts the program again. */
export async function raiseFetchLimit(args: readonly string[]): Promise<void> {
  // Windows cannot replace a process; there the limit is set by whoever starts it.
  if (process.env[FETCH_LIMIT_VARIABLE] || process.execve === undefined) return;
  const kept = await keepDescriptor(args);
  // Better few fetches than a parent that waits for ever.
  if (kept === undefined) return;
  const program = Bun.isStandaloneExecutable ? [process.execPath] : [process.execPath, Bun.main];
  const env = { ...process.env, [FETCH_LIMIT_VARIABLE]: FETCH_LIMIT };
  process.execve(process.execPath, [...program, ...kept], env);
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
