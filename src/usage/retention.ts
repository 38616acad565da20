/** Deletes the logs of days that are no longer kept. */
import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';

const DAY_MS = 86_400_000;
const DAY_FILE = /^(\d{4}-\d{2}-\d{2})\.jsonl$/;
const DAY_FOLDER = /^\d{4}-\d{2}-\d{2}$/;

/**
 * Deletes in `dir` the files `YYYY-MM-DD.jsonl` and the folders `YYYY-MM-DD` that are more than
 * `days` days older than the UTC day of `now`, and nothing else. 0 or less keeps everything.
 *
 * @returns the names of what was deleted
 * @throws AggregateError when something could not be deleted; the rest is
 */
export async function pruneDays(dir: string, days: number, now: number): Promise<string[]> {
  if (!(days > 0)) return [];
  const today = Math.floor(now / DAY_MS) * DAY_MS;
  const oldest = today - Math.floor(days) * DAY_MS;
  const deleted: string[] = [];
  const failures: unknown[] = [];
  for (const entry of await readdir(dir, { withFileTypes: true }).catch(nothingThere)) {
    const day = entry.isFile()
      ? DAY_FILE.exec(entry.name)?.[1]
      : entry.isDirectory()
        ? DAY_FOLDER.exec(entry.name)?.[0]
        : undefined;
    if (day === undefined) continue;
    const at = Date.parse(`${day}T00:00:00Z`);
    // An impossible date, as the 40th of a month, is none of our names; NaN is never smaller.
    if (!(at < oldest)) continue;
    try {
      // Another process may prune the same folder: what is already gone is as good as deleted.
      await rm(join(dir, entry.name), { recursive: true, force: true });
      deleted.push(entry.name);
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw new AggregateError(failures, `cannot delete old logs in ${dir}`);
  return deleted.sort();
}

function nothingThere(error: unknown): [] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
  throw error;
}
