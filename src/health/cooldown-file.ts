/**
 * Keeps cooldowns over a restart: a small file in the data folder, replaced as a whole, so that a
 * process that is killed leaves the old one or the new one. Written shortly after a change; no request
 * waits for it. A damaged file is reported and ignored.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { isObject, number, parseJson, text } from '../json.ts';
import type { Cooldown, CooldownEntry, CooldownReason, Cooldowns } from './cooldowns.ts';
import { isCooldownReason } from './cooldowns.ts';

export interface CooldownFile {
  /** Writes what is still to be written. */
  flush(): void;
}

/** How long a change waits for others, ms. */
const WRITE_MS = 250;

/**
 * Restores what `path` holds into `cooldowns` and from then on keeps it up to date.
 * @param onProblem hears of trouble with the file, once when it begins
 */
export function keepCooldowns(
  cooldowns: Cooldowns,
  path: string,
  onProblem: (message: string) => void,
): CooldownFile {
  const { entries, problem } = loadCooldowns(path);
  if (problem !== undefined) onProblem(problem);
  cooldowns.restore(entries);
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isFailing = false;

  function write(): void {
    timer = undefined;
    const problem = storeCooldowns(path, cooldowns.save());
    if (problem !== undefined && !isFailing) onProblem(problem);
    isFailing = problem !== undefined;
  }

  cooldowns.onChange = () => {
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

function storeCooldowns(path: string, entries: readonly CooldownEntry[]): string | undefined {
  const own = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(own, `${JSON.stringify({ version: 1, cooldowns: entries }, null, 1)}\n`);
    renameSync(own, path);
    return undefined;
  } catch (cause) {
    return `${path} cannot be written (${codeOf(cause)}): cooldowns will not outlive this process`;
  }
}

function loadCooldowns(path: string): { entries: CooldownEntry[]; problem?: string } {
  let written: string;
  try {
    written = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = codeOf(cause);
    if (code === 'ENOENT') return { entries: [] };
    return { entries: [], problem: `${path} cannot be read (${code}) and is ignored` };
  }
  const value = parseJson(written);
  const list = isObject(value) && value['version'] === 1 ? value['cooldowns'] : undefined;
  const entries = Array.isArray(list) ? list.map(readEntry) : undefined;
  const sound = entries?.filter((entry) => entry !== undefined);
  if (entries === undefined || sound?.length !== entries.length) {
    return { entries: sound ?? [], problem: `${path} is damaged and is ignored where it is` };
  }
  return { entries: sound };
}

function readEntry(value: unknown): CooldownEntry | undefined {
  if (!isObject(value)) return undefined;
  const provider = text(value['provider']);
  const model = text(value['model']);
  const cooldown = readCooldown(value['cooldown']);
  if (!provider || cooldown === undefined) return undefined;
  return model === undefined ? { provider, cooldown } : { provider, model, cooldown };
}

function readCooldown(value: unknown): Cooldown | undefined {
  if (!isObject(value)) return undefined;
  const until = number(value['until']);
  const failures = number(value['failures']);
  const at = number(value['at']);
  const namedUntil = number(value['namedUntil']);
  const reason: CooldownReason | undefined = isCooldownReason(value['reason'])
    ? value['reason']
    : undefined;
  if (until === undefined || failures === undefined || at === undefined || !reason)
    return undefined;
  const cooldown = { until, failures, at, reason };
  return namedUntil === undefined ? cooldown : { ...cooldown, namedUntil };
}

function codeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause
    ? String(cause.code)
    : 'unknown';
}
