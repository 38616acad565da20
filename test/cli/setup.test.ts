import { describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { run } from '../../src/cli/setup.ts';
import { inFolder, testTerminal } from './support/terminal.ts';

const CONFIG = {
  server: { port: 4321 },
  apiKeys: { me: { secret: 'secret-of-the-client' } },
  providers: { demo: { type: 'demo' } },
  models: { fast: 'demo/echo', smart: 'demo/slow', other: 'demo/echo' },
};

/** A home with a configuration in it; `setup` runs there. */
function atHome<T>(
  config: object,
  use: (home: {
    folder: string;
    setup: (...args: string[]) => Promise<{ code: number; out: string; err: string }>;
    write: (path: string, text: string) => string;
    read: (path: string) => string;
  }) => Promise<T>,
): Promise<T> {
  return inFolder(async (folder) => {
    writeFileSync(join(folder, 'plexus.json'), JSON.stringify(config));
    return use({
      folder,
      async setup(...args) {
        const terminal = testTerminal({ cwd: folder, home: folder });
        const code = await run(args, terminal);
        return { code, out: terminal.printed(), err: terminal.complained() };
      },
      write(path, text) {
        const full = join(folder, path);
        mkdirSync(dirname(full), { recursive: true });
        writeFileSync(full, text);
        return full;
      },
      read: (path) => readFileSync(join(folder, path), 'utf8'),
    });
  });
}

const SETTINGS = '.claude/settings.json';
const MINE = '{\n  "model": "opus",\n  "env": { "FOO": "1" }\n}\n';

describe('setup prints', () => {
  test('the lines for a shell, with the key by the name of its variable', async () => {
    await atHome(CONFIG, async ({ setup }) => {
      const { code, out } = await setup('claude');
      expect(code).toBe(0);
      expect(out).toContain('export ANTHROPIC_BASE_URL=http://127.0.0.1:4321\n');
      expect(out).toContain('export ANTHROPIC_AUTH_TOKEN=$PLEXUS_API_KEY\n');
      expect(out).toContain('export ANTHROPIC_MODEL=smart\n');
      expect(out).toContain('export ANTHROPIC_DEFAULT_HAIKU_MODEL=fast\n');
      expect(out).not.toContain('secret-of-the-client');
    });
  });

  test('valid settings for each client that keeps them in a file, and writes nothing', async () => {
    await atHome({ ...CONFIG, apiKeys: undefined }, async ({ setup, folder }) => {
      const codex = (await setup('codex')).out;
      expect(Bun.TOML.parse(codex)).toEqual({
        model: 'smart',
        model_provider: 'plexus',
        model_providers: {
          plexus: { name: 'Plexus', base_url: 'http://127.0.0.1:4321/v1', wire_api: 'responses' },
        },
      });
      const opencode = (await setup('opencode')).out.replaceAll(/^#.*$/gm, '');
      expect(JSON.parse(opencode).provider.plexus.models).toEqual({
        fast: { name: 'fast' },
        smart: { name: 'smart' },
        other: { name: 'other' },
      });
      expect(existsSync(join(folder, '.codex'))).toBe(false);
      expect(existsSync(join(folder, '.config'))).toBe(false);
    });
  });

  test.each([
    [['claud'], 2, 'did you mean claude?'],
    [[], 2, 'one client is expected'],
    [['openai', '--write'], 2, 'there is no file to change'],
    [['claude', '--write', '--undo'], 2, 'exclude each other'],
    [['claude', '--key', 'you'], 1, 'There is no client key "you"'],
  ])('%p: code %p', async (args, wanted, message) => {
    await atHome(CONFIG, async ({ setup }) => {
      const { code, err } = await setup(...args);
      expect(code).toBe(wanted);
      expect(err).toContain(message);
    });
  });
});

describe('setup --write', () => {
  test('touches no other key, shows the difference without secrets, keeps a backup', async () => {
    await atHome(CONFIG, async ({ setup, write, read }) => {
      write(SETTINGS, MINE);
      const { code, out } = await setup('claude', '--write');
      expect(code).toBe(0);
      const { env, ...rest } = JSON.parse(read(SETTINGS));
      expect(rest).toEqual({ model: 'opus' });
      expect(env).toMatchObject({ FOO: '1', ANTHROPIC_AUTH_TOKEN: 'secret-of-the-client' });
      expect(out).toMatch(/^\+ .*"ANTHROPIC_BASE_URL": "http:\/\/127.0.0.1:4321"/m);
      expect(out).not.toContain('secret-of-the-client');
      expect(read(`${SETTINGS}.before-plexus`)).toBe(MINE);
    });
  });

  test('a second time says so and changes nothing; --undo gives the very bytes back', async () => {
    await atHome(CONFIG, async ({ setup, write, read, folder }) => {
      write(SETTINGS, MINE);
      await setup('claude', '--write');
      expect((await setup('claude', '--write')).out).toContain('says so already');
      await setup('claude', '--write', '--model', 'other');
      expect(read(`${SETTINGS}.before-plexus`)).toBe(MINE);
      const { code, out } = await setup('claude', '--undo');
      expect(code).toBe(0);
      expect(out).toContain('restored');
      expect(read(SETTINGS)).toBe(MINE);
      expect(existsSync(join(folder, `${SETTINGS}.before-plexus`))).toBe(false);
    });
  });

  test('--undo keeps what was changed by others since, and puts back what was replaced', async () => {
    await atHome(CONFIG, async ({ setup, write, read }) => {
      write('.codex/config.toml', 'model = "mine"\n\n[tui]\ntheme = "dark"\n');
      await setup('codex', '--write');
      write('.codex/config.toml', read('.codex/config.toml').replace('dark', 'light'));
      await setup('codex', '--undo');
      expect(read('.codex/config.toml')).toBe('model = "mine"\n\n[tui]\ntheme = "light"\n');
    });
  });

  test('a file that did not exist is made, and deleted again', async () => {
    await atHome(CONFIG, async ({ setup, read, folder }) => {
      await setup('opencode', '--write');
      const path = '.config/opencode/opencode.json';
      expect(JSON.parse(read(path)).provider.plexus.options.apiKey).toBe('{env:PLEXUS_API_KEY}');
      expect((await setup('opencode', '--undo')).out).toContain('deleted');
      expect(existsSync(join(folder, path))).toBe(false);
      expect((await setup('opencode', '--undo')).out).toContain('nothing to undo');
    });
  });

  test('a link to the file stays a link', async () => {
    await atHome(CONFIG, async ({ setup, write, read, folder }) => {
      const real = write('dotfiles/claude.json', '{}\n');
      mkdirSync(join(folder, '.claude'));
      symlinkSync(real, join(folder, SETTINGS));
      await setup('claude', '--write');
      expect(JSON.parse(read('dotfiles/claude.json')).env.ANTHROPIC_MODEL).toBe('smart');
    });
  });

  test('a file that cannot be understood is left alone', async () => {
    await atHome(CONFIG, async ({ setup, write, read }) => {
      write(SETTINGS, '{ "env": "no group" }');
      const { code, err } = await setup('claude', '--write');
      expect(code).toBe(1);
      expect(err).toContain('Nothing was changed');
      expect(read(SETTINGS)).toBe('{ "env": "no group" }');
    });
  });
});
