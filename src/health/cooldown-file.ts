/** Keeps cooldowns over a restart; see `state-file.ts`. A damaged file is reported and ignored. */
import { isObject, number, text } from '../json.ts';
import { keepStateFile, loadStateFile, type StateFile } from '../state-file.ts';
import type { Cooldown, CooldownEntry, CooldownReason, Cooldowns } from './cooldowns.ts';
import { isCooldownReason } from './cooldowns.ts';

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
): StateFile {
  const { entries, problem } = loadCooldowns(path);
  if (problem !== undefined) onProblem(problem);
  cooldowns.restore(entries);
  const file = keepStateFile({
    path,
    delayMs: WRITE_MS,
    save: () => JSON.stringify({ version: 1, cooldowns: cooldowns.save() }, null, 1),
    consequence: 'cooldowns will not outlive this process',
    onProblem,
  });
  cooldowns.onChange = file.touch;
  return file;
}

function loadCooldowns(path: string): { entries: CooldownEntry[]; problem?: string } {
  const loaded = loadStateFile(path);
  if (loaded.failure !== undefined) {
    return { entries: [], problem: `${path} cannot be read (${loaded.failure}) and is ignored` };
  }
  if (!('value' in loaded)) return { entries: [] };
  const { value } = loaded;
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
