import { afterEach, beforeEach, expect, test } from 'bun:test';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { pruneDays } from '../../src/usage/retention.ts';

const NOW = Date.UTC(2025, 2, 31, 23, 59);

let root: string;
beforeEach(() => {
  root = fs.mkdtempSync(path.join(os.tmpdir(), 'plexus-retention-'));
});
afterEach(() => {
  fs.rmSync(root, { recursive: true, force: true });
});

const touch = (name: string): void => fs.writeFileSync(path.join(root, name), 'x');

test('deletes old days, files and folders, and nothing else', async () => {
  const old = ['2025-02-28.jsonl', '2020-01-01.jsonl', '2024-12-31'];
  const kept = [
    '2025-03-01.jsonl',
    '2025-03-31.jsonl',
    '2025-04-01.jsonl',
    '2025-03-01',
    '2020-01-01.jsonl.bak',
    '2020-01-01.json',
    'x2020-01-01.jsonl',
    '2020-13-01.jsonl',
    'cooldowns.json',
  ];
  for (const name of [...old, ...kept]) {
    if (name.includes('json')) touch(name);
    else {
      fs.mkdirSync(path.join(root, name));
      touch(`${name}/trace.json`);
    }
  }
  expect(await pruneDays(root, 30, NOW)).toEqual([...old].sort());
  expect(fs.readdirSync(root).sort()).toEqual([...kept].sort());
});

test('a link is left alone, and so is what it leads to', async () => {
  touch('precious');
  fs.symlinkSync(path.join(root, 'precious'), path.join(root, '2020-01-01.jsonl'));
  expect(await pruneDays(root, 1, NOW)).toEqual([]);
  expect(fs.readdirSync(root)).toHaveLength(2);
});

test('0 days keep everything; a folder that is not there is nothing', async () => {
  touch('2020-01-01.jsonl');
  expect(await pruneDays(root, 0, NOW)).toEqual([]);
  expect(await pruneDays(path.join(root, 'none'), 5, NOW)).toEqual([]);
  expect(fs.readdirSync(root)).toHaveLength(1);
});
