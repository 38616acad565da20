/** Lines of a log of day files as they are written, by this process or another. */
import { stat } from 'node:fs/promises';
import type { JsonObject } from '../json.ts';
import { dayPath, listDays, nothingThere, scanForward } from './line-scan.ts';
import { type LogFilter, matches, needlesOf } from './query.ts';

export interface FollowOptions {
  readonly signal?: AbortSignal;
  /** How often to look. */
  readonly pollMs?: number;
}

/** Gives what the filter lets through of what is written from now on; ends with the signal. */
export async function* followLog(
  dir: string,
  filter: LogFilter,
  { signal, pollMs = 300 }: FollowOptions = {},
): AsyncGenerator<JsonObject, void> {
  let [day = ''] = await listDays(dir);
  let offset = day === '' ? 0 : await sizeOf(dayPath(dir, day));
  while (signal?.aborted !== true) {
    const days = await listDays(dir);
    // The days that are still of interest, the oldest first: at midnight two at once are written to.
    for (const next of days.filter((one) => one >= day).reverse()) {
      if (next > day) [day, offset] = [next, 0];
      const path = dayPath(dir, day);
      if ((await sizeOf(path)) < offset) offset = 0;
      for await (const { lines, reached } of scanForward({ path, ...needlesOf(filter) }, offset)) {
        for (const line of lines) {
          if (line.offset < reached && matches(line, filter)) yield line.value;
        }
        offset = reached;
      }
    }
    await Bun.sleep(pollMs);
  }
}

async function sizeOf(path: string): Promise<number> {
  const stats = await stat(path).catch(nothingThere);
  return Array.isArray(stats) ? 0 : stats.size;
}
