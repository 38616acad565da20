import { describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Given } from '../../src/cli/arguments.ts';
import { wrongValue } from '../../src/cli/serve.ts';
import { MAIN, runToEnd, spawn, start, until } from './support/process.ts';
import { inFolder } from './support/terminal.ts';

const DEMO = { providers: { demo: { type: 'demo' } }, models: { demo: 'demo/echo' } };
const isPosix = process.platform !== 'win32';

/** A folder with a configuration in it. */
function withConfig<T>(config: object, use: (cwd: string, path: string) => Promise<T>): Promise<T> {
  return inFolder((cwd) => {
    const path = join(cwd, 'plexus.json');
    writeFileSync(path, JSON.stringify(config));
    return use(cwd, path);
  });
}

async function modelsOf(url: string): Promise<string[]> {
  const list = (await (await fetch(`${url}/v1/models`)).json()) as { data: { id: string }[] };
  return list.data.map(({ id }) => id);
}

/** A streaming request to a model of the demo provider. */
function ask(url: string, model: string): Promise<Response> {
  return fetch(`${url}/v1/chat/completions`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ model, stream: true, messages: [{ role: 'user', content: 'Hello!' }] }),
  });
}

describe('a start', () => {
  test('without any configuration serves the demo model, and says where', async () => {
    await inFolder(async (cwd) => {
      const gateway = await start([], { cwd });
      expect(gateway.out()).toContain('configuration: built in');
      expect(await (await ask(gateway.url, 'demo')).text()).toContain('data: [DONE]');
      expect((await gateway.stop()).code).toBe(0);
    });
  });

  test('with a bad configuration tells every problem and ends with 1', async () => {
    await withConfig({ providers: { a: { type: 'chatt' } }, colour: 1 }, async (cwd) => {
      const { code, out, err } = await runToEnd([], { cwd });
      expect(code).toBe(1);
      expect(out).toBe('');
      expect(err).toContain('providers.a.type');
      expect(err).toContain('colour');
    });
  });

  test('on a port that is taken says how to choose another and ends with 1', async () => {
    await withConfig(DEMO, async (cwd) => {
      using holder = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: () => new Response() });
      const { code, err } = await runToEnd(['--port', `${holder.port}`], { cwd });
      expect(code).toBe(1);
      expect(err).toContain(`port ${holder.port} on 127.0.0.1 is taken`);
      // Linux tells by whom.
      if (process.platform === 'linux') expect(err).toContain(`(pid ${process.pid})`);
      expect(err).toContain('--port, PLEXUS_PORT or server.port');
    });
  });

  test.each([
    [['--prot', '1'], 'did you mean --port?'],
    [['nonsense'], 'there is no command "nonsense"'],
    [['serve', 'x'], 'there is nothing to do with "x"'],
    [['--log-format', 'xml'], '--log-format is text or json'],
    [['--ready-fd', 'x'], '--ready-fd is the number'],
    [['--workers', '0'], '--workers is a whole number from 1 to 256, not "0"'],
    [['--workers', 'two'], '--workers is a whole number from 1 to 256, not "two"'],
  ])('%p is wrong usage: code 2', async (args, message) => {
    await inFolder(async (cwd) => {
      const { code, err } = await runToEnd(args, { cwd });
      expect(code).toBe(2);
      expect(err).toContain(message);
    });
  });

  test('of several workers is refused where the system does not spread connections', () => {
    const given = (workers: string): Given => ({
      positionals: [],
      values: new Map([['workers', workers]]),
      switches: new Set(),
    });
    for (const platform of ['darwin', 'win32']) {
      expect(wrongValue(given('2'), platform)).toContain('--workers above 1 needs Linux');
      expect(wrongValue(given('1'), platform)).toBeUndefined();
    }
    expect(wrongValue(given('2'), 'linux')).toBeUndefined();
  });

  test('a data folder that cannot be written is said and stops nothing', async () => {
    await withConfig(DEMO, async (cwd) => {
      writeFileSync(join(cwd, 'taken'), 'a file');
      const gateway = await start(['--data-dir', join(cwd, 'taken')], { cwd });
      expect((await ask(gateway.url, 'demo')).status).toBe(200);
      const { code, err } = await gateway.stop();
      expect(code).toBe(0);
      expect(err).toContain('taken');
    });
  });

  test('PLEXUS_DATA_DIR takes the log away from a read-only folder', async () => {
    await withConfig(DEMO, async (cwd) => {
      await inFolder(async (data) => {
        chmodSync(cwd, 0o555);
        try {
          const gateway = await start([], { cwd, env: { PLEXUS_DATA_DIR: data } });
          await (await ask(gateway.url, 'demo')).text();
          await gateway.stop();
        } finally {
          chmodSync(cwd, 0o755);
        }
        expect(existsSync(join(cwd, 'data'))).toBe(false);
        expect(existsSync(join(data, 'logs', 'usage'))).toBe(true);
      });
    });
  });
});

describe('a parent', () => {
  test('is told on the descriptor it names, and nobody else with --quiet', async () => {
    await withConfig(DEMO, async (cwd) => {
      const ready = join(cwd, 'ready');
      const shell = ['sh', '-c', 'exec "$@" 3>ready', 'sh'];
      const command = [...shell, process.execPath, MAIN];
      const args = ['--port', '0', '--quiet', '--ready-fd', '3'];
      const child = spawn(args, { cwd, command });
      const told = (): string => (existsSync(ready) ? readFileSync(ready, 'utf8') : '');
      await until(
        () => told().endsWith('\n'),
        () => child.err(),
      );
      const line = JSON.parse(told());
      expect(line).toMatchObject({ event: 'ready', pid: child.pid });
      expect((await fetch(`${line.url}/health`)).status).toBe(200);
      expect(await child.stop()).toEqual({ code: 0, out: '', err: '' });
    });
  });

  test('that reads JSON gets the start and the log as JSON', async () => {
    await withConfig(DEMO, async (cwd) => {
      const child = spawn(['--port', '0', '--log-format', 'json'], { cwd });
      await child.saw('"event":"ready"');
      const { out, err } = await child.stop();
      expect(JSON.parse(out)).toHaveProperty('url');
      for (const line of err.trim().split('\n')) expect(JSON.parse(line)).toHaveProperty('level');
    });
  });

  test.if(isPosix)('that ends takes the gateway with it, when asked', async () => {
    await withConfig(DEMO, async (cwd) => {
      const script = '"$@" & echo $! > pid; sleep 1';
      const command = ['sh', '-c', script, 'sh', process.execPath, MAIN];
      const shell = spawn(['--port', '0', '--with-parent'], { cwd, command });
      const { out, err } = await shell.ended();
      expect(out).toContain('listens on');
      expect(err).toContain('the parent ended');
    });
  });
});

describe.if(isPosix)('a unix socket', () => {
  const CONFIG = { ...DEMO, server: { unix: './plexus.sock' } };
  const health = (cwd: string) => fetch('http://plexus/health', { unix: join(cwd, 'plexus.sock') });

  test('is for its owner alone, and gone at the end', async () => {
    await withConfig(CONFIG, async (cwd) => {
      const gateway = spawn([], { cwd });
      await gateway.saw('listens on unix:');
      expect(statSync(join(cwd, 'plexus.sock')).mode & 0o777).toBe(0o600);
      expect((await health(cwd)).status).toBe(200);
      await gateway.stop();
      expect(existsSync(join(cwd, 'plexus.sock'))).toBe(false);
    });
  });

  test('that a crash left behind is taken over, one in use is not', async () => {
    await withConfig(CONFIG, async (cwd) => {
      const crashed = spawn([], { cwd });
      await crashed.saw('listens on unix:');
      crashed.kill('SIGKILL');
      await crashed.ended();
      expect(existsSync(join(cwd, 'plexus.sock'))).toBe(true);
      const gateway = spawn([], { cwd });
      await gateway.saw('listens on unix:');
      const second = await runToEnd([], { cwd });
      expect(second.code).toBe(1);
      expect(second.err).toContain('is taken');
      expect((await health(cwd)).status).toBe(200);
      await gateway.stop();
    });
  });
});

describe('a saved configuration', () => {
  const more = { ...DEMO, models: { ...DEMO.models, more: 'demo/echo' } };
  const rest = { ...more, models: { more: 'demo/echo' } };

  test('counts at once, written in place or put in its place', async () => {
    await withConfig(DEMO, async (cwd, path) => {
      const gateway = await start([], { cwd });
      expect(await modelsOf(gateway.url)).toEqual(['demo']);
      writeFileSync(path, JSON.stringify(more));
      await gateway.saw('models: +more');
      expect(await modelsOf(gateway.url)).toEqual(['demo', 'more']);
      writeFileSync(`${path}.new`, JSON.stringify(rest));
      renameSync(`${path}.new`, path);
      await gateway.saw('models: -demo');
      expect(await modelsOf(gateway.url)).toEqual(['more']);
      await gateway.stop();
    });
  });

  test('counts also when there was none before', async () => {
    await inFolder(async (cwd) => {
      const gateway = await start([], { cwd });
      writeFileSync(join(cwd, 'plexus.yaml'), JSON.stringify(more));
      await gateway.saw('+more');
      expect(await modelsOf(gateway.url)).toEqual(['demo', 'more']);
      await gateway.stop();
    });
  });

  test('that is bad is refused with its problems, and the old one stays', async () => {
    await withConfig(DEMO, async (cwd, path) => {
      const gateway = await start([], { cwd });
      writeFileSync(path, '{ "providers": { "demo": { "type": "dmo" } } }');
      await gateway.saw('is refused, the old one stays');
      await gateway.saw('providers.demo.type');
      writeFileSync(path, '{ "providers": ');
      await gateway.saw('plexus.json:1:');
      expect(await modelsOf(gateway.url)).toEqual(['demo']);
      writeFileSync(path, JSON.stringify(more));
      await gateway.saw('models: +more');
      await gateway.stop();
    });
  });

  test('does not disturb a request that is running', async () => {
    const slow = { ...DEMO, models: { demo: 'demo/slow-20' } };
    await withConfig(slow, async (cwd, path) => {
      const gateway = await start([], { cwd });
      const reply = await ask(gateway.url, 'demo');
      const text = reply.text();
      writeFileSync(path, JSON.stringify(rest));
      await gateway.saw('models: +more, -demo');
      expect(await text).toContain('data: [DONE]');
      expect((await ask(gateway.url, 'demo')).status).toBe(404);
      await gateway.stop();
    });
  });

  test.if(isPosix)('is read at SIGHUP too, and says when nothing changed', async () => {
    await withConfig(DEMO, async (cwd) => {
      const gateway = await start([], { cwd });
      gateway.kill('SIGHUP');
      await gateway.saw('read again: no change');
      await gateway.stop();
    });
  });

  test('names its changes without its secrets; what needs a start says so', async () => {
    const keyed = { ...DEMO, apiKeys: { me: { secret: 'the-first-secret' } } };
    await withConfig(keyed, async (cwd, path) => {
      const gateway = await start([], { cwd });
      const next = {
        ...keyed,
        apiKeys: { me: { secret: 'the-second-secret' } },
        server: { port: 5 },
      };
      writeFileSync(path, JSON.stringify({ ...next, dataDir: './elsewhere' }));
      await gateway.saw('apiKeys: ~me; dataDir (at the next start)');
      expect(gateway.err()).not.toContain('secret');
      await gateway.stop();
    });
  });

  test("a user's transformer file belongs to it", async () => {
    const config = {
      providers: { demo: { type: 'demo', transformer: { use: ['mine'] } } },
      models: { demo: 'demo/echo' },
      transformers: [{ path: './mine.ts' }],
    };
    const file = (name: string) => `export class Mine { name = '${name}'; }\n`;
    await inFolder(async (cwd) => {
      writeFileSync(join(cwd, 'mine.ts'), file('mine'));
      writeFileSync(join(cwd, 'plexus.json'), JSON.stringify(config));
      const gateway = await start([], { cwd });
      writeFileSync(join(cwd, 'mine.ts'), file('other'));
      await gateway.saw('names a transformer "mine" that nobody knows');
      writeFileSync(join(cwd, 'mine.ts'), 'throw new Error("it broke")');
      await gateway.saw('which cannot be used: it broke');
      expect(await modelsOf(gateway.url)).toEqual(['demo']);
      await gateway.stop();
    });
  });
});

describe('the end', () => {
  test('waits for a running answer, and the usage log has it', async () => {
    await withConfig({ ...DEMO, models: { demo: 'demo/slow-30' } }, async (cwd) => {
      const gateway = await start([], { cwd });
      const reply = await ask(gateway.url, 'demo');
      const text = reply.text();
      gateway.kill('SIGTERM');
      expect(await text).toContain('data: [DONE]');
      expect((await gateway.ended()).code).toBe(0);
      const day = `${new Date().toISOString().slice(0, 10)}.jsonl`;
      const log = await Bun.file(join(cwd, 'data', 'logs', 'usage', day)).text();
      expect(JSON.parse(log)).toMatchObject({ outcome: 'success', alias: 'demo' });
    });
  });

  test('comes at once with a second signal', async () => {
    await withConfig({ ...DEMO, models: { demo: 'demo/slow-300' } }, async (cwd) => {
      const gateway = await start([], { cwd });
      const reply = await ask(gateway.url, 'demo');
      gateway.kill('SIGTERM');
      await gateway.saw('letting running requests end');
      gateway.kill('SIGTERM');
      expect((await gateway.ended()).code).toBe(1);
      await reply.text().catch(() => '');
    });
  });
});
