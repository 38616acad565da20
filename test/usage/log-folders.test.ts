import { afterEach, beforeEach, expect, test } from 'bun:test';
import fs from 'node:fs';
import path from 'node:path';
import { logFolders, pruneLogs } from '../../src/usage/log-folders.ts';
import { configOf } from '../support/gateway.ts';
import { type LogDir, logDir } from './support/log-dir.ts';

let log: LogDir;
beforeEach(() => {
  log = logDir();
});
afterEach(() => log.remove());

test('each log is kept as long as the configuration says', async () => {
  const { logging } = configOf({
    providers: { demo: { type: 'demo' } },
    logging: {
      usage: { retentionDays: 30 },
      errors: { retentionDays: 5 },
      traces: { retentionDays: 1 },
    },
  });
  const folders = logFolders(log.dir);
  const days = ['2025-01-01', '2025-01-25', '2025-01-30', '2025-01-31'];
  for (const dir of Object.values(folders)) {
    for (const day of days) {
      fs.mkdirSync(dir, { recursive: true });
      fs.writeFileSync(path.join(dir, `${day}.jsonl`), '');
    }
  }
  fs.mkdirSync(path.join(folders.traces, '2025-01-25'));
  const problems: string[] = [];
  await pruneLogs(folders, logging, Date.UTC(2025, 0, 31, 12), (text) => problems.push(text));
  const left = (dir: string) => fs.readdirSync(dir).sort();
  expect(left(folders.usage)).toHaveLength(4);
  expect(left(folders.errors)).toEqual(['2025-01-30.jsonl', '2025-01-31.jsonl']);
  expect(left(folders.traces)).toEqual(['2025-01-30.jsonl', '2025-01-31.jsonl']);
  expect(problems).toEqual([]);
});
