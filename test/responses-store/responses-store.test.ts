import { afterEach, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  type Kept,
  ResponsesStore,
  type StoreBounds,
} from '../../src/responses-store/responses-store.ts';
import { fileShelf, memoryShelf } from '../../src/responses-store/shelf.ts';
import type { StoredResponse } from '../../src/responses-store/stored-response.ts';

const WIDE: StoreBounds = { count: 100, bytes: 1e6, ageMs: 1e6 };

function answer(id: string, text = 'Hi.', owner = 'ann'): StoredResponse {
  return {
    owner,
    provider: 'p',
    model: 'up',
    native: false,
    input: [{ type: 'message', role: 'user', content: 'Hello', id: `in_${id}` }],
    response: { id, output: [{ type: 'message', id: `msg_${id}`, text }] },
  };
}

const dirs: string[] = [];
function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'answers-'));
  dirs.push(dir);
  return join(dir, 'responses');
}
afterEach(() => {
  for (const dir of dirs.splice(0)) rmSync(dir, { recursive: true });
});

describe('bounds', () => {
  test('the one that was not used for longest goes first', async () => {
    const store = new ResponsesStore(() => 0, memoryShelf(), { ...WIDE, count: 2 });
    store.put(answer('a'));
    store.put(answer('b'));
    await store.get('ann', 'a');
    store.put(answer('c'));
    expect(await store.get('ann', 'b')).toBeUndefined();
    expect(await store.item('ann', 'msg_b')).toBeUndefined();
    expect(await store.get('ann', 'a')).toEqual(answer('a'));
    expect((await store.item('ann', 'msg_c'))?.item).toMatchObject({ text: 'Hi.' });
  });

  test('bytes', async () => {
    const store = new ResponsesStore(() => 0, memoryShelf(), { ...WIDE, bytes: 40_000 });
    for (let n = 0; n < 20; n += 1) store.put(answer(`r${n}`, 'x'.repeat(4000)));
    const kept = await Promise.all(Array.from({ length: 20 }, (_, n) => store.get('ann', `r${n}`)));
    const count = kept.filter((each) => each !== undefined).length;
    expect(count).toBeGreaterThan(6);
    expect(count).toBeLessThan(10);
    expect(kept.at(-1)).toBeDefined();
  });

  test('one answer never takes most of the room', async () => {
    const store = new ResponsesStore(() => 0, memoryShelf(), { ...WIDE, bytes: 8000 });
    store.put(answer('small'));
    store.put(answer('large', 'x'.repeat(5000)));
    expect(await store.get('ann', 'large')).toBeUndefined();
    expect(await store.get('ann', 'small')).toBeDefined();
  });

  test('age', async () => {
    let now = 0;
    const store = new ResponsesStore(() => now, memoryShelf(), { ...WIDE, ageMs: 1000 });
    store.put(answer('a'));
    now = 999;
    expect(await store.get('ann', 'a')).toBeDefined();
    now = 1001;
    expect(await store.get('ann', 'a')).toBeUndefined();
  });
});

describe('owners', () => {
  test('neither answers nor items are shared', async () => {
    const store = new ResponsesStore(() => 0);
    store.put(answer('a'));
    expect(await store.get('bob', 'a')).toBeUndefined();
    expect(await store.item('bob', 'msg_a')).toBeUndefined();
    expect(await store.belongsToAnother('bob', 'a')).toBe(true);
    expect(await store.belongsToAnother('ann', 'a')).toBe(false);
    expect(await store.belongsToAnother('bob', 'unknown')).toBe(false);
    expect(await store.delete('bob', 'a')).toBe(false);
    expect(await store.get('ann', 'a')).toBeDefined();
  });
});

describe('in files', () => {
  const open = (dir: string, bounds = WIDE, problems: string[] = []): ResponsesStore =>
    new ResponsesStore(
      () => Date.now(),
      fileShelf(dir, (problem) => problems.push(problem)),
      bounds,
    );

  test('what was kept is there after a restart: answers, items, owners', async () => {
    const dir = newDir();
    const before = open(dir);
    before.put(answer('a'));
    before.put(answer('b', 'B.', 'bob'));
    expect(await before.get('ann', 'a')).toEqual(answer('a'));
    await before.drain();
    const after = open(dir);
    expect(await after.get('ann', 'a')).toEqual(answer('a'));
    expect((await after.item('ann', 'msg_a'))?.isOutput).toBe(true);
    expect((await after.item('ann', 'in_a'))?.isOutput).toBe(false);
    expect(await after.item('ann', 'msg_b')).toBeUndefined();
    expect(await after.belongsToAnother('ann', 'b')).toBe(true);
    expect(await after.delete('ann', 'a')).toBe(true);
    await after.drain();
    expect(await open(dir).get('ann', 'a')).toBeUndefined();
    expect(readdirSync(dir)).toHaveLength(1);
  });

  test('what an earlier process left counts against the bounds', async () => {
    const dir = newDir();
    const before = open(dir);
    for (const id of ['a', 'b', 'c']) before.put(answer(id));
    await before.drain();
    const after = open(dir, { ...WIDE, count: 2 });
    after.put(answer('d'));
    expect(await after.get('ann', 'd')).toBeDefined();
    await after.drain();
    expect(readdirSync(dir)).toHaveLength(2);
  });

  test('a damaged file is an unknown answer', async () => {
    const dir = newDir();
    const before = open(dir);
    before.put(answer('a'));
    await before.drain();
    const [name = ''] = readdirSync(dir);
    writeFileSync(join(dir, name), '{"owner":"ann","resp');
    const after = open(dir);
    expect(await after.get('ann', 'a')).toBeUndefined();
    expect(await after.item('ann', 'msg_a')).toBeUndefined();
  });

  test('a folder that cannot be written is said, and stops nothing', async () => {
    const dir = newDir();
    writeFileSync(dir, 'a file in the place of the folder');
    const problems: string[] = [];
    const store = open(dir, WIDE, problems);
    store.put(answer('a'));
    await store.drain();
    expect(problems).toHaveLength(1);
    expect(await store.get('ann', 'a')).toBeUndefined();
  });

  test('ids cannot leave the folder', async () => {
    const dir = newDir();
    const store = open(dir);
    store.put(answer('../../evil'));
    await store.drain();
    expect(readdirSync(dir)).toHaveLength(1);
    expect(await store.get('ann', '../../evil')).toBeDefined();
  });
});

describe('of several processes on one folder', () => {
  function two(): [ResponsesStore, ResponsesStore, Kept[]] {
    const dir = newDir();
    const open = (): ResponsesStore =>
      new ResponsesStore(
        () => 0,
        fileShelf(dir, () => undefined),
        WIDE,
      );
    const [one, other] = [open(), open()];
    const told: Kept[] = [];
    one.onKeep = (kept) => told.push(kept);
    other.onKeep = () => undefined;
    return [one, other, told];
  }

  test('what one has just put the other finds, before it is told', async () => {
    const [one, other] = two();
    expect(await other.get('ann', 'unknown')).toBeUndefined();
    one.put(answer('a'));
    expect(await other.get('ann', 'a')).toEqual(answer('a'));
    expect(await other.get('bob', 'a')).toBeUndefined();
  });

  test('items of an answer are found by their ids once it was told', async () => {
    const [one, other, told] = two();
    expect(await other.item('ann', 'msg_a')).toBeUndefined();
    one.put(answer('a'));
    const asked = other.item('ann', 'msg_a');
    for (const kept of told) other.take(JSON.parse(JSON.stringify(kept)));
    expect((await asked)?.isOutput).toBe(true);
    expect(other.itemBelongsToAnother('bob', 'msg_a')).toBe(true);
  });
});
