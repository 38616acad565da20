/**
 * Keeps what keys have used over a restart: a small file in the data folder, replaced as a whole and
 * written shortly after a change; no request waits for it. Each process counts for itself: of two
 * on one folder, each grants the whole limit, the file is that of the last writer, and that is said
 * once. A damaged file is reported; money is then read from the usage log again.
 */
import { mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { object, parseJson } from '../json.ts';
import { readAccount, type SavedAccount } from './key-account.ts';
import type { KeyLimits } from './key-limits.ts';

export interface KeyLimitsFile {
  /** Writes what is still to be written. */
  flush(): void;
}

/** How long a change waits for others, ms. A process that is killed forgets no more than that. */
const WRITE_MS = 1000;

/**
 * Restores what `path` holds into `limits` and from then on keeps it up to date.
 * @param onProblem hears of trouble with the file, once when it begins
 */
export function keepKeyLimits(
  limits: KeyLimits,
  path: string,
  onProblem: (message: string) => void,
): KeyLimitsFile {
  const { accounts, problem } = load(path);
  if (problem !== undefined) onProblem(problem);
  limits.restore(accounts);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isFailing = false;
  /** The file as this process left it. */
  let mark = markOf(path);
  let isShared = false;

  function write(): void {
    timer = undefined;
    if (!isShared && markOf(path) !== mark) {
      isShared = true;
      onProblem(
        `another process writes ${path} too: each counts the limits of keys for itself, so a key may use them once in each`,
      );
    }
    const problem = store(path, limits.save());
    if (problem !== undefined && !isFailing) onProblem(problem);
    isFailing = problem !== undefined;
    mark = markOf(path);
  }

  limits.onChange = () => {
    if (timer !== undefined) return;
    timer = setTimeout(write, WRITE_MS);
    timer.unref();
  };
  return {
    flush() {
      if (timer === undefined) return;
      clearTimeout(timer);
      write();
    },
  };
}

/** Tells one writing of the file from another; '' when there is none to be seen. */
function markOf(path: string): string {
  try {
    const { ino, mtimeMs, size } = statSync(path);
    return `${ino} ${mtimeMs} ${size}`;
  } catch {
    // Whether it can be read and written is told where that is done.
    return '';
  }
}

function store(path: string, keys: Record<string, SavedAccount>): string | undefined {
  const own = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(own, `${JSON.stringify({ version: 1, keys })}\n`);
    renameSync(own, path);
    return undefined;
  } catch (cause) {
    return `${path} cannot be written (${codeOf(cause)}): what keys have used will not outlive this process`;
  }
}

function load(path: string): { accounts: Map<string, SavedAccount>; problem?: string } {
  const accounts = new Map<string, SavedAccount>();
  let written: string;
  try {
    written = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT') return { accounts };
    return { accounts, problem: `${path} cannot be read (${code}): ${CONSEQUENCE}` };
  }
  const value = object(parseJson(written));
  const keys = value?.['version'] === 1 ? object(value['keys']) : undefined;
  let isSound = keys !== undefined;
  for (const [name, entry] of Object.entries(keys ?? {})) {
    const account = readAccount(entry);
    if (account === undefined) isSound = false;
    else accounts.set(name, account);
  }
  return isSound ? { accounts } : { accounts, problem: `${path} is damaged: ${CONSEQUENCE}` };
}

const CONSEQUENCE = 'minutes begin anew where it is, money is read from the usage log';

function codeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause
    ? String(cause.code)
    : 'unknown';
}
