import { afterEach, beforeEach, expect, test } from 'bun:test';
import { existsSync, mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { makeScratch, makeScratchIn, removeScratch } from '../../src/workers/scratch.ts';

let base = '';
beforeEach(() => {
  base = mkdtempSync(join(tmpdir(), 'scratch-'));
});
afterEach(() => rmSync(base, { recursive: true }));

test('a folder of one’s own, for nobody else', () => {
  const dir = makeScratchIn(base);
  if (process.platform !== 'win32') expect(statSync(dir).mode & 0o777).toBe(0o700);
  expect(makeScratchIn(base)).not.toBe(dir);
  removeScratch(dir);
  removeScratch(dir);
  expect(existsSync(dir)).toBe(false);
});

test.skipIf(process.platform === 'win32')(
  'what a killed process left is removed, that of a running one and of others stays',
  () => {
    const ended = Bun.spawnSync(['true']).pid;
    const sibling = (pid: number): string =>
      join(base, basename(makeScratchIn(base)).replace(`-${process.pid}-`, `-${pid}-`));
    const [dead, alive, foreign] = [
      sibling(ended),
      sibling(process.ppid),
      join(base, 'plexus-9-1-x'),
    ];
    for (const dir of [dead, alive, foreign]) mkdirSync(dir);
    makeScratchIn(base);
    expect([dead, alive, foreign].map((dir) => existsSync(dir))).toEqual([false, true, true]);
  },
);

test('usually in memory, or where temporary files are', () => {
  const dir = makeScratch();
  expect(existsSync(dir)).toBe(true);
  removeScratch(dir);
});
