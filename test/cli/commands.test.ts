import { describe, expect, test } from 'bun:test';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { run as check } from '../../src/cli/check.ts';
import { COMMANDS } from '../../src/cli/commands.ts';
import { run as doctor } from '../../src/cli/doctor.ts';
import { mainHelp, unknownCommand } from '../../src/cli/help.ts';
import { run as models } from '../../src/cli/models.ts';
import { run as route } from '../../src/cli/route.ts';
import { run as schema } from '../../src/cli/schema.ts';
import type { Terminal } from '../../src/cli/terminal.ts';
import { run as translate } from '../../src/cli/translate.ts';
import { run as version } from '../../src/cli/version.ts';
import { inFolder, testTerminal } from './support/terminal.ts';

/** A port on which nothing listens: asking there for a running gateway finds none. */
const NOBODY = 1;
const CONFIG = {
  server: { port: NOBODY },
  providers: {
    a: { type: ['chat', 'responses'], baseUrl: 'http://a.test/v1', apiKey: 'key-of-a' },
    b: { type: 'messages', baseUrl: 'http://b.test/v1', apiKey: `\${KEY_OF_B}` },
    c: {
      type: 'chat',
      baseUrl: 'http://c.test/v1',
      apiKey: 'k',
      transformer: { use: ['maxtoken'] },
    },
    demo: { type: 'demo' },
  },
  models: {
    both: { selector: 'in_order', targets: ['b/y', 'a/x'], aliases: ['two'] },
    dice: {
      targets: [
        { provider: 'a', model: 'x', weight: 3 },
        { provider: 'demo', model: 'echo', weight: 1 },
      ],
    },
    idle: 'b/y',
  },
};

type Run = (args: readonly string[], terminal: Terminal) => Promise<number>;

async function type(
  run: Run,
  args: string[],
  config: object = CONFIG,
  given: Parameters<typeof testTerminal>[0] = {},
) {
  return inFolder(async (cwd) => {
    writeFileSync(join(cwd, 'plexus.json'), JSON.stringify(config, null, 2));
    const terminal = testTerminal({ cwd, ...given });
    const code = await run(args, terminal);
    return { code, out: terminal.printed(), err: terminal.complained() };
  });
}

describe('help', () => {
  test.each(Object.entries(COMMANDS))(
    'of %s is there, to standard output',
    async (name, command) => {
      const terminal = testTerminal();
      const { run } = await command.load();
      expect(await run(['--help'], terminal)).toBe(0);
      expect(terminal.printed()).toContain(`plexus ${name}`);
      expect(mainHelp()).toContain(`  ${name} `);
    },
  );

  test('an unknown command is answered with a near one', () => {
    expect(unknownCommand('chek')).toContain('did you mean "check"?');
  });
});

describe('check', () => {
  test('says what is there, and what waits', async () => {
    const { code, out } = await type(check, []);
    expect(code).toBe(0);
    expect(out).toContain('4 providers, 3 aliases, 0 keys');
    expect(out).toContain('b waits for KEY_OF_B');
    expect(out).toContain('no target yet: idle');
  });

  test('tells all problems at once, with line and column, and ends with 1', async () => {
    const broken = { providers: { a: { type: 'chatt' } }, models: { m: 'b/x' }, sever: {} };
    const { code, err } = await type(check, [], broken);
    expect(code).toBe(1);
    expect(err).toContain('plexus.json:4:15  providers.a.type');
    expect(err).toContain('Did you mean "chat"?');
    expect(err).toContain('Did you mean "server"?');
    expect(err).toMatch(/[3-9] problems\n$/);
  });

  test('--json gives the same to machines', async () => {
    const { code, out } = await type(check, ['--json'], {
      providers: { d: { type: 'demo' } },
      colour: 1,
    });
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ ok: false, problems: [{ path: 'colour', line: 7 }] });
  });

  test('a file of syntax errors shows the line without its secret', async () => {
    await inFolder(async (cwd) => {
      writeFileSync(join(cwd, 'x.json'), '{\n  "apiKey": "sk-abcdefghijklmnop" oops\n}');
      const terminal = testTerminal({ cwd });
      expect(await check(['x.json'], terminal)).toBe(1);
      expect(terminal.complained()).toContain('x.json:2:');
      expect(terminal.complained()).not.toContain('abcdefghijklmnop');
    });
  });

  test('--live asks each usable provider for its models', async () => {
    const list = { data: [{ id: 'x' }, { id: 'z' }] };
    const seen: string[] = [];
    using provider = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch(request) {
        const key = request.headers.get('authorization');
        seen.push(`${request.method} ${new URL(request.url).pathname} ${key}`);
        return key === 'Bearer good' ? Response.json(list) : new Response('no', { status: 401 });
      },
    });
    const baseUrl = `http://127.0.0.1:${provider.port}/v1`;
    const live = {
      providers: {
        good: { type: 'chat', baseUrl, apiKey: 'good' },
        bad: { type: 'chat', baseUrl, apiKey: 'bad' },
        gone: { type: 'chat', baseUrl: `http://127.0.0.1:${NOBODY}/v1`, apiKey: 'x' },
        waiting: { type: 'chat', baseUrl, apiKey: `\${NOT_SET}` },
      },
      models: { m: 'good/x', n: 'good/unlisted' },
    };
    const { code, out } = await type(check, ['--live'], live);
    expect(code).toBe(1);
    expect(out).toMatch(/good +answers, 2 models/);
    expect(out).toMatch(/bad +refuses the key \(401\)/);
    expect(out).toMatch(/gone +cannot be reached/);
    expect(out).toContain('models.n: good does not list unlisted');
    expect(out).not.toContain('models.m');
    expect(seen.sort()).toEqual(['GET /v1/models Bearer bad', 'GET /v1/models Bearer good']);
  });
});

describe('models', () => {
  test('lists aliases with their further names and targets', async () => {
    const { code, out } = await type(models, []);
    expect(code).toBe(0);
    expect(out).toMatch(/^both, two +in_order +b\/y \(waits for KEY_OF_B\), a\/x$/m);
    expect(out).toMatch(/^dice +random +a\/x, demo\/echo$/m);
  });

  test('--json says which are usable', async () => {
    const { out } = await type(models, ['--json']);
    const usable = JSON.parse(out).map((model: { usable: boolean }) => model.usable);
    expect(usable).toEqual([true, true, false]);
  });
});

describe('route', () => {
  test('shows the targets in order, the way, and why others are left out', async () => {
    const { code, out } = await type(route, ['two', '--from', 'messages']);
    expect(code).toBe(0);
    expect(out).toContain('two (both) for a messages client');
    expect(out).toMatch(/1 +a\/x +messages to chat/);
    expect(out).toMatch(/- +b\/y +waits for KEY_OF_B/);
    expect(out).toContain('No gateway answers here');
  });

  test.each([
    ['a/x', 'responses', /a\/x +responses, byte for byte/],
    ['c/x', 'chat', /c\/x +chat, through transformers/],
    ['dice', 'chat', /a\/x +chat, byte for byte +75 %/],
    ['demo/echo', 'gemini', /demo\/echo +answered in the gateway/],
  ])('%s for a %s client', async (model, from, line) => {
    expect((await type(route, [model, '--from', from])).out).toMatch(line);
  });

  test('what a running gateway lets rest is left out', async () => {
    const until = '2999-01-01T00:00:00.000Z';
    using gateway = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => Response.json({ cooldowns: [{ provider: 'a', model: 'x', until }] }),
    });
    const config = { ...CONFIG, server: { port: gateway.port } };
    const { out } = await type(route, ['dice'], config);
    expect(out).toMatch(/1 +demo\/echo/);
    expect(out).toContain(`rests after failures until ${until}`);
    expect(out).not.toContain('No gateway answers');
  });

  test('an unknown model ends with 1 and a near name', async () => {
    const { code, err } = await type(route, ['boht']);
    expect(code).toBe(1);
    expect(err).toContain('Did you mean "both"?');
  });

  test('an unknown format is wrong usage', async () => {
    expect((await type(route, ['both', '--from', 'soap'])).code).toBe(2);
  });
});

const REQUEST = {
  model: 'm',
  max_tokens: 10,
  top_k: 4,
  messages: [{ role: 'user', content: 'Hello!' }],
};

describe('translate', () => {
  const input = JSON.stringify(REQUEST);

  test('prints the body that would be sent, and beside it what is lost', async () => {
    const { code, out, err } = await type(
      translate,
      ['--from', 'messages', '--to', 'chat', '-'],
      {},
      { input },
    );
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ model: 'm', messages: REQUEST.messages });
    expect(JSON.parse(out)).not.toHaveProperty('top_k');
    expect(err).toContain('POST https://provider.invalid/v1/chat/completions');
    expect(err).toMatch(/lost +top_k/);
  });

  test.each(['chat', 'messages', 'responses', 'gemini'])('to %s is possible', async (to) => {
    const args = ['--from', 'messages', '--to', to, '-', '--json'];
    const { code, out } = await type(translate, args, {}, { input });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ format: to, passthrough: to === 'messages' });
  });

  test('with a configuration, the transformers of the target take part', async () => {
    const config = {
      apiKeys: { me: { secret: 'client-key' } },
      providers: {
        p: {
          type: 'chat',
          baseUrl: 'http://p.test/v1',
          apiKey: 'provider-key',
          transformer: { use: [['maxtoken', { max_tokens: 5 }]] },
        },
      },
      models: { alias: 'p/real' },
    };
    const args = ['--from', 'messages', '--model', 'alias', '-', '--json'];
    const { code, out } = await type(translate, args, config, { input });
    expect(code).toBe(0);
    expect(JSON.parse(out)).toMatchObject({
      target: 'p/real',
      url: 'http://p.test/v1/chat/completions',
      body: { model: 'real', max_tokens: 5 },
    });
    expect(out).not.toContain('provider-key');
  });

  test('--strict ends with 1 when something is lost', async () => {
    const args = ['--from', 'messages', '--to', 'chat', '--strict', '-'];
    expect((await type(translate, args, {}, { input })).code).toBe(1);
    const { top_k: _, ...whole } = REQUEST;
    const fine = { input: JSON.stringify(whole) };
    expect((await type(translate, args, {}, fine)).code).toBe(0);
  });

  test.each([
    ['not JSON', 'holds no JSON object'],
    ['{"model": "m"}', 'messages'],
  ])('%j is told as what it is', async (wrong, message) => {
    const args = ['--from', 'messages', '--to', 'chat', '-'];
    const { code, err } = await type(translate, args, {}, { input: wrong });
    expect(code).toBe(1);
    expect(err).toContain(message);
  });

  test('a file that is not there, and a model that is not there', async () => {
    const gone = await type(translate, ['--from', 'chat', '--to', 'chat', 'no.json']);
    expect(gone).toMatchObject({ code: 1, out: '' });
    const unknown = await type(translate, ['--from', 'messages', '-'], CONFIG, { input });
    expect(unknown.err).toContain('"m" does not exist');
  });

  test.each([
    [['-']],
    [['--from', 'chat']],
    [['--from', 'x', '-']],
    [['--from', 'chat', '--to', 'x', '-']],
  ])('%p is wrong usage', async (args) => {
    expect((await type(translate, args, {}, { input })).code).toBe(2);
  });
});

describe('doctor', () => {
  test('finds everything fine, and runs a request of each kind', async () => {
    const config = {
      server: { port: 0 },
      dataDir: './data',
      providers: { demo: { type: 'demo' } },
      models: { d: 'demo/echo' },
    };
    const { code, out } = await type(doctor, [], config);
    expect(out).not.toContain('wrong');
    expect(code).toBe(0);
    for (const format of ['chat', 'messages', 'responses', 'gemini']) {
      expect(out).toMatch(new RegExp(`fine +${format} +answers, plain and streamed`));
    }
  });

  test('a bad configuration is wrong', async () => {
    const { code, out } = await type(doctor, [], { providers: {} });
    expect(code).toBe(1);
    expect(out).toMatch(/wrong +config +1 problem; plexus check tells/);
  });

  test('a port held by another program is wrong, one held by Plexus is not', async () => {
    let name = 'other';
    using holder = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: () => Response.json({ name }),
    });
    const config = {
      server: { port: holder.port },
      providers: { demo: { type: 'demo' } },
      models: { d: 'demo/echo' },
    };
    const taken = await type(doctor, ['--json'], config);
    expect(taken.code).toBe(1);
    expect(JSON.parse(taken.out).findings).toContainEqual(
      expect.objectContaining({ what: 'port', state: 'wrong' }),
    );
    name = 'plexus';
    expect((await type(doctor, [], config)).code).toBe(0);
  });
});

describe('schema and version', () => {
  test('schema prints what is shipped', async () => {
    const terminal = testTerminal();
    await schema([], terminal);
    const shipped = await Bun.file(join(import.meta.dir, '../../config/plexus.schema.json')).json();
    expect(JSON.parse(terminal.printed())).toEqual(shipped);
  });

  test('version says which one, and the platform', async () => {
    const terminal = testTerminal();
    expect(await version(['--json'], terminal)).toBe(0);
    const { version: own, platform } = JSON.parse(terminal.printed());
    const manifest = await Bun.file(join(import.meta.dir, '../../package.json')).json();
    expect(own).toBe(manifest.version);
    expect(platform).toBe(`${process.platform}-${process.arch}`);
  });
});
