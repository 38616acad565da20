/** What the processes of `plexus serve` have in common about their end and their faults. */
import type { Log } from '../log.ts';

/** How often to look whether the parent is still there. */
const PARENT_MS = 500;

/** Calls `onGone` once the process that started this one has ended. */
export function watchParent(onGone: () => void): void {
  const parent = process.ppid;
  const timer = setInterval(() => {
    // An orphan is given to another parent.
    if (process.ppid === parent) return;
    clearInterval(timer);
    onGone();
  }, PARENT_MS);
  timer.unref();
}

/** A fault in one place must not take the rest with it. */
export function outliveFaults(log: () => Log): void {
  process.on('uncaughtException', (error) => {
    log().error('uncaught exception', { error: error.stack ?? error.message });
  });
  process.on('unhandledRejection', (reason) => {
    log().error('unhandled rejection', {
      error: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason),
    });
  });
}
