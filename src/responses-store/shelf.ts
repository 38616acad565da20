/** Where kept answers lie: in memory, or as files that survive a restart. */
import { mkdir, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What lies on a shelf, without its content. */
export interface Shelved {
  readonly name: string;
  readonly bytes: number;
  /** Unix ms of its writing. */
  readonly at: number;
}

/** Texts by name. What was written can be read at once, wherever it ends up. */
export interface Shelf {
  write(name: string, content: string): void;
  read(name: string): Promise<string | undefined>;
  remove(name: string): void;
  /** What was there before this process. */
  list(): Promise<readonly Shelved[]>;
  /** Resolves when everything is where it belongs. */
  drain(): Promise<void>;
}

export function memoryShelf(): Shelf {
  const contents = new Map<string, string>();
  return {
    write: (name, content) => void contents.set(name, content),
    read: async (name) => contents.get(name),
    remove: (name) => void contents.delete(name),
    list: async () => [],
    drain: async () => undefined,
  };
}

const SUFFIX = '.json';

/**
 * One file for each text. A file is written under another name and then renamed (POSIX rename(2)
 * replaces at once), so that nobody ever reads half of one, also where two processes share the folder.
 */
export function fileShelf(dir: string, onProblem: (message: string) => void): Shelf {
  /** Contents that are not yet in their file; undefined: to be removed. */
  const pending = new Map<string, string | undefined>();
  let running: Promise<void> | undefined;
  let drafts = 0;
  const path = (name: string): string => join(dir, name + SUFFIX);

  async function settle(name: string, content: string | undefined): Promise<void> {
    if (content === undefined) {
      await rm(path(name), { force: true });
      return;
    }
    drafts += 1;
    const draft = join(dir, `${name}.${process.pid}.${drafts}.draft`);
    await mkdir(dir, { recursive: true, mode: 0o700 });
    try {
      await writeFile(draft, content, { mode: 0o600 });
      await rename(draft, path(name));
    } catch (cause) {
      await rm(draft, { force: true });
      throw cause;
    }
  }

  async function run(): Promise<void> {
    for (const [name, content] of pending) {
      try {
        await settle(name, content);
      } catch (cause) {
        onProblem(cause instanceof Error ? cause.message : String(cause));
      }
      if (pending.get(name) === content) pending.delete(name);
    }
    running = undefined;
    if (pending.size > 0) start();
  }
  function start(): void {
    running ??= run();
  }

  return {
    write(name, content) {
      pending.set(name, content);
      start();
    },
    async read(name) {
      if (pending.has(name)) return pending.get(name);
      try {
        return await readFile(path(name), 'utf8');
      } catch {
        // Not there, or not readable: for the caller both mean that it is not kept.
        return undefined;
      }
    },
    remove(name) {
      pending.set(name, undefined);
      start();
    },
    async list() {
      const found: Shelved[] = [];
      for (const file of await entriesOf(dir)) {
        if (!file.endsWith(SUFFIX)) continue;
        const { size, mtimeMs } = await stat(join(dir, file)).catch(() => GONE);
        if (size >= 0) {
          found.push({ name: file.slice(0, -SUFFIX.length), bytes: size, at: mtimeMs });
        }
      }
      return found.sort((a, b) => a.at - b.at);
    },
    async drain() {
      while (running !== undefined) await running;
    },
  };
}

/** A file that another process removed in the meantime. */
const GONE = { size: -1, mtimeMs: 0 };

async function entriesOf(dir: string): Promise<string[]> {
  // A folder that is not there yet holds nothing.
  return readdir(dir).catch(() => []);
}
