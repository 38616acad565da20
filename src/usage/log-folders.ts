/** Where the logs lie in the data folder, and how long each is kept. */
import { join } from 'node:path';
import type { LoggingConfig } from '../config/config.ts';
import { pruneDays } from './retention.ts';

export interface LogFolders {
  readonly usage: string;
  readonly errors: string;
  readonly traces: string;
}

export function logFolders(dataDir: string): LogFolders {
  const logs = join(dataDir, 'logs');
  return {
    usage: join(logs, 'usage'),
    errors: join(logs, 'errors'),
    traces: join(logs, 'traces'),
  };
}

/** Deletes what the configuration does not want kept any longer. Never throws; trouble is reported. */
export async function pruneLogs(
  folders: LogFolders,
  logging: LoggingConfig,
  now: number,
  onProblem: (message: string) => void,
): Promise<void> {
  const kept = [
    [folders.usage, logging.usage.retentionDays],
    [folders.errors, logging.errors.retentionDays],
    [folders.traces, logging.traces.retentionDays],
  ] as const;
  for (const [dir, days] of kept) {
    try {
      await pruneDays(dir, days, now);
    } catch (error) {
      onProblem(error instanceof Error ? error.message : String(error));
    }
  }
}
