/** A terminal for tests: what a command prints is kept. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Terminal } from '../../../src/cli/terminal.ts';

export interface TestTerminal extends Terminal {
  /** What went to standard output. */
  readonly printed: () => string;
  /** What went to standard error. */
  readonly complained: () => string;
}

export function testTerminal(given: Partial<Terminal> & { input?: string } = {}): TestTerminal {
  let out = '';
  let err = '';
  const { input = '', ...more } = given;
  return {
    cwd: import.meta.dir,
    env: {},
    home: '/nowhere',
    color: false,
    out: (text) => {
      out += text;
    },
    err: (text) => {
      err += text;
    },
    readInput: () => Promise.resolve(input),
    ...more,
    printed: () => out,
    complained: () => err,
  };
}

/** An empty folder that is gone after `use`. */
export async function inFolder<T>(use: (folder: string) => Promise<T>): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'plexus-test-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
