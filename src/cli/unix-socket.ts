/** A unix socket's file: what a crash left behind goes, what is in use stays. */
import { lstatSync, unlinkSync } from 'node:fs';

/**
 * Removes the file of a socket on which nobody listens any more. A file of another kind is left for
 * `listen` to stumble over.
 */
export async function freeSocket(path: string): Promise<void> {
  if (lstatSync(path, { throwIfNoEntry: false })?.isSocket() !== true) return;
  if (!(await isListenedOn(path))) unlinkSync(path);
}

function isListenedOn(path: string): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>();
  // Loaded here only: it takes 2 MB.
  const socket = process.getBuiltinModule('node:net').connect(path);
  socket.once('connect', () => {
    socket.destroy();
    resolve(true);
  });
  socket.once('error', () => resolve(false));
  return promise;
}

/** Files that `make` creates are for their owner alone. */
export function withPrivateFiles<T>(make: () => T): T {
  const before = process.umask(0o177);
  try {
    return make();
  } finally {
    process.umask(before);
  }
}
