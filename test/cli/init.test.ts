import { describe, expect, test } from 'bun:test';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { firstConfig, run } from '../../src/cli/init.ts';
import { KNOWN_PROVIDERS } from '../../src/cli/known-providers.ts';
import { usableAliases } from '../../src/config/describe.ts';
import { loadAll } from '../../src/config/load-all.ts';
import { QUIRKS } from '../../src/quirks/index.ts';
import { inFolder, testTerminal } from './support/terminal.ts';

const ALL_KEYS = Object.fromEntries(
  KNOWN_PROVIDERS.flatMap(({ variables }) => variables.slice(0, 1).map((name) => [name, 'a-key'])),
);
const EACH = KNOWN_PROVIDERS.flatMap(({ variables }) => variables);

async function load(text: string, env: Record<string, string>) {
  return inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'plexus.jsonc'), text);
    return loadAll({ cwd, env });
  });
}

describe('a first configuration', () => {
  test.each([[{}], [ALL_KEYS], ...EACH.map((name) => [{ [name]: 'a-key' }])])(
    'made with %j is valid, without a warning, and every provider in it is usable',
    async (env) => {
      const { config, problems, warnings } = await load(firstConfig(env), env);
      expect(problems).toBeUndefined();
      expect(warnings).toEqual([]);
      expect([...(config?.providers.values() ?? [])].flatMap(({ missing }) => missing)).toEqual([]);
      expect([...usableAliases(config ?? expect.unreachable()).values()]).not.toContain([]);
    },
  );

  test('stays valid when a commented provider is taken in', async () => {
    const text = firstConfig({}).replaceAll(/^( +)\/\/ ("\w+": \{ "type")/gm, '$1$2');
    const { config, problems } = await load(text, {});
    expect(problems).toBeUndefined();
    expect(config?.providers.size).toBe(KNOWN_PROVIDERS.length + 1);
  });

  test('uses the quirk of each provider that has one', async () => {
    const { config } = await load(firstConfig(ALL_KEYS), ALL_KEYS);
    for (const [name, { use }] of config?.providers ?? expect.unreachable()) {
      const isQuirky = QUIRKS.has(name);
      expect([name, use.some((each) => each.name === name)]).toEqual([
        name,
        isQuirky || name === 'cerebras',
      ]);
    }
  });

  test('holds the names of variables, never a key', () => {
    expect(firstConfig({ OPENAI_API_KEY: 'sk-very-secret' })).not.toContain('sk-very-secret');
  });
});

describe('init', () => {
  test('writes it, with the schema beside it, and never a second time', async () => {
    await inFolder(async (cwd) => {
      const terminal = testTerminal({ cwd, env: { OPENAI_API_KEY: 'sk-x' } });
      expect(await run([], terminal)).toBe(0);
      expect(terminal.printed()).toContain('keys found: OPENAI_API_KEY');
      const path = join(cwd, 'config', 'plexus.jsonc');
      const schema = readFileSync(join(cwd, 'config', 'plexus.schema.json'), 'utf8');
      expect(JSON.parse(schema)).toHaveProperty('properties');
      writeFileSync(path, 'mine');
      expect(await run([], terminal)).toBe(1);
      expect(readFileSync(path, 'utf8')).toBe('mine');
      expect(terminal.complained()).toContain('stays as it is');
    });
  });

  test('respects a configuration of another name', async () => {
    await inFolder(async (cwd) => {
      writeFileSync(join(cwd, 'plexus.yaml'), 'providers: {}');
      expect(await run([], testTerminal({ cwd }))).toBe(1);
      expect(existsSync(join(cwd, 'config'))).toBe(false);
    });
  });

  test('--print writes nothing', async () => {
    await inFolder(async (cwd) => {
      const terminal = testTerminal({ cwd });
      expect(await run(['--print'], terminal)).toBe(0);
      expect(terminal.printed()).toBe(firstConfig({}));
      expect(existsSync(join(cwd, 'config'))).toBe(false);
    });
  });
});
