/** Who holds a port, for the line that says it is taken. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { WORKER_VARIABLE } from './worker-seat.ts';

/** `name (pid 123)`; undefined where the system does not tell, which is anywhere but on Linux. */
export function portHolder(port: number): string | undefined {
  if (process.platform !== 'linux') return undefined;
  try {
    const sockets = new Set(listeningSockets(port).map((inode) => `socket:[${inode}]`));
    if (sockets.size === 0) return undefined;
    const holder = readdirSync('/proc').find((name) => /^\d+$/.test(name) && holds(name, sockets));
    if (holder === undefined) return undefined;
    const pid = supervisorOf(holder) ?? holder;
    return `${readFileSync(`/proc/${pid}/comm`, 'utf8').trim()} (pid ${pid})`;
  } catch {
    // It has ended meanwhile, or /proc is not for us to read: then the line goes without.
    return undefined;
  }
}

/** Of one of our workers the process to end, as another worker would take its place. */
function supervisorOf(pid: string): string | undefined {
  const environment = readFileSync(`/proc/${pid}/environ`, 'utf8').split('\u0000');
  if (!environment.some((entry) => entry.startsWith(`${WORKER_VARIABLE}=`))) return undefined;
  return /^PPid:\s+(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
}

/** `st` of a socket that listens, in /proc/net/tcp (proc(5)). */
const LISTEN = '0A';

/** Inodes of the sockets that listen on a port, on any address. */
function listeningSockets(port: number): string[] {
  const wanted = port.toString(16).toUpperCase().padStart(4, '0');
  return ['/proc/net/tcp', '/proc/net/tcp6'].flatMap((table) =>
    readFileSync(table, 'utf8')
      .split('\n')
      .slice(1)
      .flatMap((line) => {
        const [, local = '', , state, , , , , , inode] = line.trim().split(/\s+/);
        const isIt = state === LISTEN && local.endsWith(`:${wanted}`);
        return isIt && inode !== undefined ? [inode] : [];
      }),
  );
}

function holds(pid: string, sockets: ReadonlySet<string>): boolean {
  try {
    const folder = `/proc/${pid}/fd`;
    return readdirSync(folder).some((fd) => sockets.has(readlinkSync(`${folder}/${fd}`)));
  } catch {
    // Another user's process, or one that has just ended.
    return false;
  }
}
