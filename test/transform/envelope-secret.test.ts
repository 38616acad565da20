import { afterAll, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { loadSecret } from '../../src/transform/envelope-secret.ts';

const root = mkdtempSync(join(tmpdir(), 'plexus-secret-'));
afterAll(() => rmSync(root, { recursive: true }));

test('the secret is made once and kept for its owner only', () => {
  const folder = join(root, 'new', 'data');
  const first = loadSecret(folder);
  expect(first.reason).toBeUndefined();
  expect(first.secret.length).toBe(32);
  expect(statSync(join(folder, 'envelope.key')).mode & 0o777).toBe(0o600);
  expect(readdirSync(folder)).toEqual(['envelope.key']);
  expect([...loadSecret(folder).secret]).toEqual([...first.secret]);
});

test('processes that start together get the same secret', async () => {
  const folder = join(root, 'together');
  const module = join(import.meta.dir, '../../src/transform/envelope-secret.ts');
  const script = `import { loadSecret } from ${JSON.stringify(module)};
    console.log(Buffer.from(loadSecret(${JSON.stringify(folder)}).secret).toString('hex'));`;
  const started = Array.from({ length: 4 }, () => Bun.spawn([process.execPath, '-e', script]));
  const secrets = await Promise.all(started.map((child) => new Response(child.stdout).text()));
  const kept = readFileSync(join(folder, 'envelope.key')).toString('hex');
  for (const secret of secrets) expect(secret.trim()).toBe(kept);
  expect(readdirSync(folder)).toEqual(['envelope.key']);
});

test('a folder that cannot be written gives a secret for this process, and the reason', () => {
  const file = join(root, 'a-file');
  writeFileSync(file, '');
  const { secret, reason } = loadSecret(join(file, 'data'));
  expect(secret.length).toBe(32);
  expect(reason).toContain('a-file');
  expect([...loadSecret(join(file, 'data')).secret]).not.toEqual([...secret]);
});

test('a damaged file is neither used nor overwritten', () => {
  const folder = join(root, 'damaged');
  loadSecret(folder);
  writeFileSync(join(folder, 'envelope.key'), 'short');
  const { secret, reason } = loadSecret(folder);
  expect(secret.length).toBe(32);
  expect(reason).toContain('5 bytes');
  expect(readFileSync(join(folder, 'envelope.key'), 'utf8')).toBe('short');
});
