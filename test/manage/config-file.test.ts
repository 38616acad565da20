// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment look like this
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { loadAll } from '../../src/config/load-all.ts';
import { GatewayError } from '../../src/errors.ts';
import { checksumOf, createConfigFile } from '../../src/manage/config-file.ts';

const FIRST = {
  apiKeys: { app: { secret: 'literal-secret' } },
  providers: {
    demo: { type: 'demo' },
    acme: { type: 'chat', baseUrl: 'https://acme.test', apiKey: '${KEY}' },
  },
  models: { demo: 'demo/echo' },
};

let cwd: string;
beforeEach(() => {
  cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'plexus-config-'));
});
afterEach(() => fs.rmSync(cwd, { recursive: true, force: true }));

function fileOf(name: string | undefined, text?: string) {
  const file = name === undefined ? undefined : path.join(cwd, name);
  if (file !== undefined && text !== undefined) fs.writeFileSync(file, text, { mode: 0o640 });
  const clock = { now: Date.UTC(2025, 0, 2) };
  const config = createConfigFile({
    path: () => file,
    firstPath: () => path.join(cwd, 'config', 'plexus.json'),
    check: (one) => loadAll({ config: one, cwd, env: { KEY: 'the-key-itself' } }),
    secrets: () => ['the-key-itself', 'literal-secret'],
    now: () => clock.now,
  });
  return { config, file: file ?? '', clock };
}

const text = (value: object): string => JSON.stringify(value, null, 1);
const parse = (file: string): unknown => JSON.parse(fs.readFileSync(file, 'utf8'));
const names = (): string[] => fs.readdirSync(cwd).sort();

async function refusal(promise: Promise<unknown>): Promise<GatewayError> {
  const error = await promise.then(
    () => undefined,
    (cause: unknown) => cause,
  );
  if (!(error instanceof GatewayError)) throw new Error(`not refused: ${String(error)}`);
  return error;
}

describe('reading', () => {
  test('shows the file without its secrets, and the checksum of its bytes', async () => {
    const { config, file } = fileOf('plexus.json', text(FIRST));
    const shown = await config.read();
    expect(shown).toMatchObject({ path: file, checksum: checksumOf(text(FIRST)), problems: [] });
    expect(shown.checksum).toStartWith('sha256:');
    expect(JSON.stringify(shown)).not.toContain('literal-secret');
    expect(JSON.stringify(shown)).not.toContain('the-key-itself');
    expect(shown.config).toMatchObject({ providers: { acme: { apiKey: '${KEY}' } } });
  });

  test('shows what is wrong with a file that was spoilt', async () => {
    const { config } = fileOf('plexus.json', '{"providers": {}, "modles": {}}');
    const { problems } = await config.read();
    expect(problems.map((problem) => problem.path)).toContain('modles');
    const { config: broken } = fileOf('plexus.json', '{"providers": ');
    expect(await broken.read()).toMatchObject({ config: null, problems: [{ line: 1 }] });
  });

  test('shows the built-in configuration where there is no file', async () => {
    const shown = await fileOf(undefined).config.read();
    expect(shown).toMatchObject({ path: null, lastModified: null });
    expect(shown.config).toMatchObject({ models: { demo: 'demo/echo' } });
  });
});

describe('writing', () => {
  test('replaces the file, keeps references, masked values, permissions and a backup', async () => {
    const { config, file } = fileOf('plexus.json', text(FIRST));
    const { config: shown, checksum } = await config.read();
    const next = { ...Object(shown), models: { demo: 'demo/echo', more: 'acme/x' } };
    const changed = await config.write({ config: next, expected: checksum });
    expect(parse(file)).toEqual({ ...FIRST, models: { demo: 'demo/echo', more: 'acme/x' } });
    expect(changed.checksum).toBe(checksumOf(fs.readFileSync(file)));
    expect(changed.previousChecksum).toBe(checksum);
    expect(fs.statSync(file).mode & 0o777).toBe(0o640);
    expect(fs.readFileSync(changed.backup ?? '', 'utf8')).toBe(text(FIRST));
    expect(names()).toHaveLength(2);
  });

  test('refuses a change that was made upon an older file', async () => {
    const { config, file } = fileOf('plexus.json', text(FIRST));
    const { checksum } = await config.read();
    fs.writeFileSync(file, text({ ...FIRST, models: {} }));
    const error = await refusal(config.write({ config: FIRST, expected: checksum }));
    expect([error.status, error.code]).toEqual([409, 'stale_checksum']);
    expect(parse(file)).toEqual({ ...FIRST, models: {} });
    expect(names()).toEqual(['plexus.json']);
  });

  test.each(['"sha256:X"', 'sha256:X', 'X', 'W/"sha256:X"', '*'])(
    'takes a checksum as %p',
    async (shape) => {
      const { config } = fileOf('plexus.json', text(FIRST));
      const digest = checksumOf(text(FIRST)).slice('sha256:'.length);
      const expected = shape.replace('X', digest);
      expect(await config.write({ config: FIRST, expected })).toMatchObject({ written: true });
    },
  );

  test('of two changes upon the same file one wins', async () => {
    const { config } = fileOf('plexus.json', text(FIRST));
    const { checksum } = await config.read();
    const change = { config: { ...FIRST, models: {} }, expected: checksum };
    const results = await Promise.allSettled([config.write(change), config.write(change)]);
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
  });

  test('refuses what is not valid, with every problem and its place, and leaves all as it is', async () => {
    const { config, file } = fileOf('plexus.json', text(FIRST));
    const wrong = { ...FIRST, providers: { a: { type: 'chatt' } }, models: { m: 'nope/x' } };
    const error = await refusal(config.write({ config: wrong }));
    expect(error.status).toBe(400);
    const body = JSON.parse(error.body ?? '');
    const paths = body.problems.map((problem: { path: string }) => problem.path);
    expect(paths).toContain('providers.a.type');
    expect(paths).toContain('models.m');
    expect(body.problems[0]).toMatchObject({ source: 'plexus.json', line: expect.any(Number) });
    expect(parse(file)).toEqual(FIRST);
    expect(names()).toEqual(['plexus.json']);
  });

  test('refuses a mask that stands for nothing known', async () => {
    const { config } = fileOf('plexus.json', text(FIRST));
    const next = { ...FIRST, apiKeys: { other: { secret: '***' } } };
    const error = await refusal(config.write({ config: next }));
    expect([error.code, error.field]).toEqual(['masked_value', 'apiKeys.other.secret']);
  });

  test('only looks when asked to', async () => {
    const { config, file } = fileOf('plexus.json', text(FIRST));
    const change = { config: { ...FIRST, models: {} }, dryRun: true };
    expect(await config.write(change)).toMatchObject({ written: false, backup: null });
    expect(parse(file)).toEqual(FIRST);
    expect(names()).toEqual(['plexus.json']);
  });

  test('makes the first file where there is none', async () => {
    const { config } = fileOf(undefined);
    const { checksum } = await config.read();
    const changed = await config.write({ config: FIRST, expected: checksum });
    expect(changed).toMatchObject({ path: path.join(cwd, 'config', 'plexus.json'), backup: null });
    expect(parse(changed.path)).toEqual(FIRST);
  });

  test('keeps a bounded number of backups, the newest', async () => {
    const { config, clock } = fileOf('plexus.json', text(FIRST));
    for (let n = 0; n < 14; n += 1) {
      clock.now += 1000;
      await config.write({ config: { ...FIRST, models: { [`m${n}`]: 'demo/echo' } } });
    }
    const backups = names().filter((name) => name.endsWith('.bak'));
    expect(backups).toHaveLength(10);
    expect(backups.at(-1)).toContain('00-00-14');
  });

  test('takes text in the language of the file', async () => {
    const { config, file } = fileOf('plexus.yaml', 'providers:\n  demo: { type: demo }\n');
    const next = '# mine\nproviders:\n  demo: { type: demo }\nmodels:\n  m: demo/echo\n';
    await config.write({ config: next });
    expect(fs.readFileSync(file, 'utf8')).toBe(next);
    const error = await refusal(config.write({ config: 'providers: [' }));
    expect(error.code).toBe('invalid_config');
    expect((await refusal(config.write({ config: 5 }))).field).toBe('config');
  });

  test('follows a link and leaves it a link', async () => {
    const { config, file } = fileOf('real.json', text(FIRST));
    const link = path.join(cwd, 'plexus.json');
    fs.symlinkSync(file, link);
    const linked = createConfigFile({
      path: () => link,
      firstPath: () => link,
      check: (one) => loadAll({ config: one, cwd, env: {} }),
      secrets: () => [],
      now: () => 0,
    });
    await linked.write({ config: { ...FIRST, models: {} } });
    expect(fs.lstatSync(link).isSymbolicLink()).toBe(true);
    expect((await config.read()).config).toMatchObject({ models: {} });
  });
});
