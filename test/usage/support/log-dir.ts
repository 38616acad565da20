/** A folder of day files for one test. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

export interface LogDir {
  readonly dir: string;
  /** Appends objects as lines, or text as it is. */
  append(day: string, ...lines: (object | string)[]): void;
  remove(): void;
}

export function logDir(): LogDir {
  const dir = fs.mkdtempSync(path.join(os.tmpdir(), 'plexus-logs-'));
  return {
    dir,
    append(day, ...lines) {
      const text = lines.map((line) =>
        typeof line === 'string' ? line : `${JSON.stringify(line)}\n`,
      );
      fs.appendFileSync(path.join(dir, `${day}.jsonl`), text.join(''));
    },
    remove: () => fs.rmSync(dir, { recursive: true, force: true }),
  };
}
