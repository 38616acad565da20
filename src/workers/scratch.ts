/** A folder that all workers use while they run: in memory where the system offers that. */
import { mkdtempSync, readdirSync, readlinkSync, rmSync, statfsSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Files that live in memory on Linux (tmpfs); containers often get a small one (Docker: 64 MB). */
const MEMORY_FOLDER = '/dev/shm';
const ROOM_BYTES = 256 * 2 ** 20;

/** A new empty folder, for the eyes of this user only. @throws Error when there is no place for one */
export function makeScratch(): string {
  try {
    if (hasRoom(MEMORY_FOLDER)) return makeScratchIn(MEMORY_FOLDER);
  } catch {
    // Not there, or not to be written.
  }
  return makeScratchIn(tmpdir());
}

/** The same in a folder. What was left there by those that were killed is removed. */
export function makeScratchIn(base: string): string {
  const own = `plexus-${processSpace()}-`;
  for (const name of readdirSync(base)) {
    const pid = name.startsWith(own) ? Number(name.slice(own.length).split('-', 1)[0]) : 0;
    if (pid > 0 && !isAlive(pid)) removeScratch(join(base, name));
  }
  return mkdtempSync(join(base, `${own}${process.pid}-`));
}

/** Never throws: what cannot be removed stays. */
export function removeScratch(dir: string): void {
  try {
    rmSync(dir, { recursive: true, force: true });
  } catch {
    // Another user's, or another process removes it at the same time.
  }
}

function hasRoom(base: string): boolean {
  const { bavail, bsize } = statfsSync(base);
  return bavail * bsize >= ROOM_BYTES;
}

/** In another container the same number is another process, of which nothing can be said. */
function processSpace(): string {
  try {
    return readlinkSync('/proc/self/ns/pid').replaceAll(/\D/g, '');
  } catch {
    return 'unknown';
  }
}

function isAlive(pid: number): boolean {
  if (pid === process.pid) return false;
  try {
    process.kill(pid, 0);
    return true;
  } catch (cause) {
    // EPERM: it is there, but another user's.
    return !(cause instanceof Error && 'code' in cause && cause.code === 'ESRCH');
  }
}
