/**
 * Notices that files were saved: in place, replaced by an editor, or swapped behind a link. A watch
 * on a file goes deaf at its first replacement, so the folders are watched (measured on Bun 1.4.4);
 * a slow look at each file covers file systems that tell nothing.
 */
import { type FSWatcher, statSync, watch } from 'node:fs';
import { dirname } from 'node:path';

export interface FileWatch {
  /** Watches these files from now on, instead of those before; as they are now counts as seen. */
  follow(paths: readonly string[]): void;
  close(): void;
}

interface WatchOptions {
  /** Silence that must follow a change: one save makes several events. */
  readonly debounceMs?: number;
  readonly pollMs?: number;
}

/** Calls `onChange` after each change of one of the followed files. Never keeps the process alive. */
export function watchFiles(onChange: () => void, options: WatchOptions = {}): FileWatch {
  const { debounceMs = 100, pollMs = 2000 } = options;
  /** By path, what the file looked like when it was last reported. */
  let seen = new Map<string, string>();
  let folders: FSWatcher[] = [];
  /** Set while a change waits for silence. */
  let pending: ReturnType<typeof setTimeout> | undefined;

  const look = (): void => {
    if (![...seen].some(([path, stamp]) => isNew(stampOf(path), stamp))) return;
    clearTimeout(pending);
    pending = setTimeout(report, debounceMs);
    pending.unref();
  };
  const report = (): void => {
    pending = undefined;
    let isChanged = false;
    for (const [path, stamp] of seen) {
      const now = stampOf(path);
      if (!isNew(now, stamp)) continue;
      seen.set(path, now);
      isChanged = true;
    }
    if (isChanged) onChange();
  };
  const poll = setInterval(look, pollMs);
  poll.unref();

  const closeFolders = (): void => {
    for (const folder of folders) folder.close();
    folders = [];
  };
  return {
    follow(paths) {
      closeFolders();
      seen = new Map(paths.map((path) => [path, seen.get(path) ?? stampOf(path)]));
      for (const folder of new Set(paths.map((path) => dirname(path)))) {
        const watcher = watchFolder(folder, look);
        if (watcher !== undefined) folders.push(watcher);
      }
    },
    close() {
      clearInterval(poll);
      clearTimeout(pending);
      closeFolders();
    },
  };
}

/** A file that is gone may be between the two steps of a replacement: it counts when it is back. */
function isNew(now: string, before: string): boolean {
  return now !== '' && now !== before;
}

function stampOf(path: string): string {
  const stats = statSync(path, { throwIfNoEntry: false });
  return stats === undefined ? '' : `${stats.ino} ${stats.mtimeMs} ${stats.size}`;
}

function watchFolder(folder: string, onEvent: () => void): FSWatcher | undefined {
  try {
    const watcher = watch(folder, { persistent: false }, onEvent);
    // The folder went away, or the system ran out of watches: the slow look goes on.
    watcher.on('error', () => watcher.close());
    return watcher;
  } catch {
    // The same, at once.
    return undefined;
  }
}
