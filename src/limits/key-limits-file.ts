/**
 * Keeps what keys have used over a restart; see `state-file.ts`. The workers of one gateway count
 * together, and their supervisor keeps the file. Of two gateways on one folder each grants the whole
 * limit, the file is that of the last writer, and that is said once. A damaged file is reported; money
 * is then read from the usage log again.
 */
import { statSync } from 'node:fs';
import { object } from '../json.ts';
import { keepStateFile, loadStateFile, type StateFile } from '../state-file.ts';
import { readAccount, type SavedAccount } from './key-account.ts';
import type { KeyLimits } from './key-limits.ts';

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
): StateFile {
  const { accounts, problem } = load(path);
  if (problem !== undefined) onProblem(problem);
  limits.restore(accounts);
  /** The file as this process left it. */
  let mark = markOf(path);
  let isShared = false;
  const file = keepStateFile({
    path,
    delayMs: WRITE_MS,
    save: () => JSON.stringify({ version: 1, keys: limits.save() }),
    consequence: 'what keys have used will not outlive this process',
    onProblem,
    beforeWrite() {
      if (isShared || markOf(path) === mark) return;
      isShared = true;
      onProblem(
        `another process writes ${path} too: each counts the limits of keys for itself, so a key may use them once in each`,
      );
    },
    afterWrite() {
      mark = markOf(path);
    },
  });
  limits.onChange = file.touch;
  return file;
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

function load(path: string): { accounts: Map<string, SavedAccount>; problem?: string } {
  const accounts = new Map<string, SavedAccount>();
  const loaded = loadStateFile(path);
  if (loaded.failure !== undefined) {
    return { accounts, problem: `${path} cannot be read (${loaded.failure}): ${CONSEQUENCE}` };
  }
  if (!('value' in loaded)) return { accounts };
  const value = object(loaded.value);
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
