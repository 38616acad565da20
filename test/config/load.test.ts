import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import {
  CONFIG_PLACES,
  type LoadOptions,
  type LoadResult,
  loadConfig,
} from '../../src/config/load.ts';
import { formatProblems } from '../../src/config/problem.ts';

const root = mkdtempSync(join(tmpdir(), 'plexus-config-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let count = 0;
/** A fresh folder with these files in it. */
function folder(files: Record<string, string>): string {
  const dir = join(root, String(count++));
  mkdirSync(dir);
  for (const [name, text] of Object.entries(files)) {
    mkdirSync(dirname(join(dir, name)), { recursive: true });
    writeFileSync(join(dir, name), text);
  }
  return dir;
}
const load = (cwd: string, options: Partial<LoadOptions> = {}) =>
  loadConfig({ cwd, env: {}, ...options });

const demo = (port: number) =>
  `{"server": {"port": ${port}}, "providers": {"demo": {"type": "demo"}}}`;
const portOf = (result: LoadResult) => result.config?.server.port;
/** The problems as text, without color. */
const told = (result: LoadResult) => formatProblems(result.problems ?? []);

describe('where a configuration is found', () => {
  test('nowhere: the built-in one, with which only the demo works', async () => {
    const { config, warnings } = await load(folder({}));
    expect(config?.path).toBeUndefined();
    expect(warnings).toEqual([]);
    const ready = [...(config?.providers.values() ?? [])].filter((p) => p.missing.length === 0);
    expect(ready.map((provider) => provider.name)).toEqual(['demo']);
  });
  test('the first of the usual places counts', async () => {
    const files = Object.fromEntries(CONFIG_PLACES.map((place, index) => [place, String(index)]));
    expect(Object.keys(files)).toHaveLength(12);
    expect(CONFIG_PLACES[0]).toBe(join('config', 'plexus.json'));
    const dir = folder({ 'config/plexus.json': demo(1), 'plexus.json': demo(2) });
    expect(portOf(await load(dir))).toBe(1);
    rmSync(join(dir, 'config'), { recursive: true });
    const second = await load(dir);
    expect(portOf(second)).toBe(2);
    expect(second.config?.path).toBe(join(dir, 'plexus.json'));
  });
  test('--config, then PLEXUS_CONFIG, then the usual places', async () => {
    const dir = folder({ 'a.json': demo(1), 'b.json': demo(2), 'plexus.json': demo(3) });
    expect(portOf(await load(dir, { path: 'a.json', env: { PLEXUS_CONFIG: 'b.json' } }))).toBe(1);
    expect(portOf(await load(dir, { env: { PLEXUS_CONFIG: join(dir, 'b.json') } }))).toBe(2);
    expect(portOf(await load(dir, { env: { PLEXUS_CONFIG: '' } }))).toBe(3);
  });
  test('a file that was named and is not there is a problem, never another file', async () => {
    const dir = folder({ 'plexus.json': demo(1) });
    expect(told(await load(dir, { path: 'none.json' }))).toBe(
      `--config\n  names ${join(dir, 'none.json')}, which does not exist.`,
    );
    expect(told(await load(dir, { env: { PLEXUS_CONFIG: dir } }))).toContain('which is not a file');
  });
});

describe('languages', () => {
  test.each([
    ['x.json', `\uFEFF${demo(7)}`],
    ['x', demo(7)],
    ['a b#%20ü.json', demo(7)],
    ['x.jsonc', `// head\n${demo(7).replace('}}}', '},},}')}`],
    ['x.json5', "{server: {port: +7,}, providers: {demo: {type: 'demo'}}}"],
    ['x.yaml', 'server:\n  port: 7\nproviders:\n  demo: { type: demo }\n'],
    ['x.yml', 'server: { port: 7 }\nproviders: { demo: { type: demo } }\n'],
    ['x.toml', '[server]\nport = 7\n[providers.demo]\ntype = "demo"\n'],
  ])('%s', async (name, text) => {
    const result = await load(folder({ [name]: text }), { path: name });
    expect(told(result)).toBe('');
    expect(portOf(result)).toBe(7);
  });

  test.each([
    ['x.json', '', 1, 1],
    ['x.json', '\n\n', 3, 1],
    ['x.jsonc', '', 1, 1],
    ['x.jsonc', '// nothing\n', 2, 1],
    ['x.json5', ' ', 1, 2],
    ['x.json', demo(7).slice(0, -1), 1, 64],
    ['x.jsonc', `${demo(7)}}`, 1, 65],
    ['x.jsonc', `${demo(7)}\n${demo(8)}`, 2, 1],
    ['x.json', `// c\n${demo(7)}`, 1, 1],
    ['x.json5', '{server: {port 7}}', 1, 16],
    ['x.yaml', 'server: [1\nport: 7', 2, 1],
    ['x.toml', 'a = 1\nb =\n', 2, 4],
  ])('%s: %j is refused with line and column', async (name, text, line, column) => {
    const { problems } = await load(folder({ [name]: text }), { path: name });
    expect(problems).toHaveLength(1);
    expect(problems?.[0]).toMatchObject({ source: name, line, column });
  });
  test.each(['x.yaml', 'x.toml'])('an empty %s is refused', async (name) => {
    expect(told(await load(folder({ [name]: ' \n' }), { path: name }))).toContain(
      'the file is empty',
    );
  });

  test('a line is shown where the text is wrong, without its secrets', async () => {
    const text =
      '{\n  "providers": {\n    "a": { "type": "chat" "apiKey": "hunter2-hunter2" }\n  }\n}';
    const result = await load(folder({ 'x.json': text }), { path: 'x.json' });
    expect(told(result)).toBe(
      [
        'x.json:3:27',
        '  expected "," or "}", found "\\"".',
        '  |     "a": { "type": "…………" "apiKey": "………………………………………" }',
        '  |                           ^',
      ].join('\n'),
    );
  });

  test('keys that stand twice are told, all of them', async () => {
    const text =
      '{"providers": {"demo": {"type": "demo"}},\n "models": {"a": "demo/x",\n  "a": "demo/y"},\n "models": {}}';
    for (const name of ['x.json', 'x.jsonc', 'x.json5']) {
      const { problems } = await load(folder({ [name]: text }), { path: name });
      expect(problems).toMatchObject([
        { path: 'models.a', line: 3, column: 3 },
        { path: 'models', line: 4, column: 2 },
      ]);
    }
  });
});

test('problems stand in the order of the file, each with its place', async () => {
  const text = `{
  "models": { "fast": "dmo/echo" },
  "providers": {
    "demo": { "type": "demo", "colour": 1 }
  },
  "server": { "port": "4000", "host": "0.0.0.0" }
}`;
  const result = await load(folder({ 'plexus.json': text }));
  const lines = told(result).split('\n');
  expect(lines.filter((line) => !line.startsWith(' '))).toEqual([
    'plexus.json:2:23  models.fast',
    'plexus.json:4:31  providers.demo.colour',
    'plexus.json:6:23  server.port',
    'plexus.json:6:39  server.host',
  ]);
  expect(lines[1]).toBe(
    '  names a provider "dmo", which is not in providers (known: "demo"). Did you mean "demo"?',
  );
  expect(lines[5]).toBe('  must be a whole number from 0 to 65535, not "4000".');
  expect(formatProblems(result.problems ?? [], { color: true })).toContain(
    '\x1b[1mmodels.fast\x1b[0m',
  );
});

test.each([
  [
    'x.yaml',
    [
      'models: # by name',
      '  fast:',
      '    targets:',
      '      - model: dmo/echo',
      'providers:',
      '  demo: { type: demo, colour: 1 }',
      '  other:',
      '    baseUrl: http://localhost:1',
      'server:',
      '  port: "4000"',
    ],
    [
      'x.yaml:4:9  models.fast.targets.0.provider',
      'x.yaml:6:23  providers.demo.colour',
      'x.yaml:7:3  providers.other.type',
      'x.yaml:10:9  server.port',
    ],
  ],
  [
    'x.toml',
    [
      '[[models.fast.targets]]',
      'model = "dmo/echo"',
      '[providers]',
      'demo = { type = "demo", colour = 1 }',
      '[providers.other]',
      'baseUrl = "http://localhost:1"',
      '[server]',
      'port = "4000"',
    ],
    [
      'x.toml:1:15  models.fast.targets.0.provider',
      'x.toml:4:25  providers.demo.colour',
      'x.toml:5:12  providers.other.type',
      'x.toml:8:8  server.port',
    ],
  ],
])('problems of %s have their places too', async (name, lines, places) => {
  const result = await load(folder({ [name]: lines.join('\n') }), { path: name });
  const found = told(result)
    .split('\n')
    .filter((line) => !line.startsWith(' '));
  expect(found).toEqual(places);
});

test.each([
  ['x.yaml', 'a: [1\napiKey: hunter2', '  | ………………… …………………'],
  ['x.toml', 'apiKey = "hunter2" x', '  | apiKey = "…………………" x'],
])('the line of a syntax error in %s is shown without its secrets', async (name, text, line) => {
  expect(told(await load(folder({ [name]: text }), { path: name })).split('\n')).toContain(line);
});

describe('read again', () => {
  test('an edit is seen, also after a text that could not be read', async () => {
    const dir = folder({ 'plexus.json': demo(1) });
    const file = join(dir, 'plexus.json');
    expect(portOf(await load(dir))).toBe(1);
    writeFileSync(file, demo(2));
    expect(portOf(await load(dir))).toBe(2);
    writeFileSync(file, '{"server": {');
    expect((await load(dir)).problems).toHaveLength(1);
    writeFileSync(join(dir, 'new.json'), demo(3));
    renameSync(join(dir, 'new.json'), file);
    expect(portOf(await load(dir))).toBe(3);
  });
  test('a link that leads elsewhere now is followed', async () => {
    const dir = folder({ 'v1/plexus.json': demo(1), 'v2/plexus.json': demo(2) });
    const link = join(dir, 'config');
    symlinkSync('v1', link);
    expect(portOf(await load(dir))).toBe(1);
    rmSync(link);
    symlinkSync('v2', link);
    expect(portOf(await load(dir))).toBe(2);
  });
  test('two loads share nothing that one could change', async () => {
    const dir = folder({ 'plexus.json': demo(1) });
    const [a, b] = await Promise.all([load(dir), load(dir)]);
    expect(a.config).toEqual(b.config);
    expect(a.config).not.toBe(b.config);
  });
});

describe('settings from outside the file', () => {
  const file =
    '{"server": {"port": 1, "host": "localhost"}, "logging": {"level": "warn"}, "dataDir": "from-file", "providers": {"demo": {"type": "demo"}}}';
  const env = {
    PLEXUS_PORT: '2',
    PLEXUS_HOST: '127.0.0.2',
    PLEXUS_LOG_LEVEL: 'debug',
    PLEXUS_DATA_DIR: '/from-env',
  };
  const overrides = { port: '0', host: '::1', logLevel: 'silent', dataDir: 'from-argument' };
  const settings = ({ config }: LoadResult) => [
    config?.server.port,
    config?.server.host,
    config?.logging.level,
    config?.dataDir,
  ];

  test('arguments win over environment, environment over file', async () => {
    const dir = folder({ 'plexus.json': file });
    expect(settings(await load(dir))).toEqual([1, 'localhost', 'warn', join(dir, 'from-file')]);
    expect(settings(await load(dir, { env }))).toEqual([2, '127.0.0.2', 'debug', '/from-env']);
    const all = settings(await load(dir, { env, overrides }));
    expect(all).toEqual([0, '::1', 'silent', join(dir, 'from-argument')]);
  });
  test('they reach the built-in configuration too', async () => {
    expect(portOf(await load(folder({}), { env }))).toBe(2);
  });
  test('a wrong one is told with its own name', async () => {
    const dir = folder({ 'plexus.json': file });
    const result = await load(dir, {
      env: { PLEXUS_LOG_LEVEL: 'loud' },
      overrides: { port: '70000' },
    });
    expect(result.problems?.map(({ source, path, line }) => [source, path, line])).toEqual([
      ['--port', 'server.port', undefined],
      ['PLEXUS_LOG_LEVEL', 'logging.level', undefined],
    ]);
    expect(told(await load(dir, { overrides: { port: 'abc' } }))).toContain('not "abc"');
  });
  test('an address from outside wins over a socket in the file', async () => {
    const dir = folder({ 'plexus.json': demo(1).replace('"port"', '"unix": "/x", "port"') });
    expect((await load(dir)).config?.server.unix).toBe('/x');
    expect((await load(dir, { overrides: { port: '0' } })).config?.server.unix).toBeUndefined();
  });
  test('a host that others can reach is refused from outside as well', async () => {
    const result = await load(folder({}), { overrides: { host: '0.0.0.0' } });
    expect(result.problems).toMatchObject([{ source: '--host', path: 'server.host' }]);
  });
  test('an argument is taken as it stands', async () => {
    const dataDir = `/a/\${HOME}/$$b`;
    expect((await load(folder({}), { overrides: { dataDir } })).config?.dataDir).toBe(dataDir);
  });
});

describe('the user’s own transformers', () => {
  const text = JSON.stringify({
    transformers: [{ path: './mine.ts' }],
    providers: { p: { type: 'demo', transformer: { use: ['mine'] } } },
  });
  const dir = folder({ 'config/plexus.json': text, 'config/mine.ts': '' });

  test('are asked for their names, seen from the folder of the file', async () => {
    const asked: string[] = [];
    const names = (known: string[]) => async (path: string) => {
      asked.push(path);
      return known;
    };
    const good = await load(dir, { transformerNames: names(['mine']) });
    expect([good.problems, good.warnings, asked]).toEqual([
      undefined,
      [],
      [join(dir, 'config/mine.ts')],
    ]);
    expect(told(await load(dir, { transformerNames: names(['mime']) }))).toContain(
      'Did you mean "mime"?',
    );
  });
  test('that cannot be loaded are a problem that says why', async () => {
    const transformerNames = async () => {
      throw new Error('no class in it');
    };
    expect(told(await load(dir, { transformerNames }))).toContain('cannot be used: no class in it');
  });
});

test('a file that cannot be imported is a problem, not a throw', async () => {
  const dir = folder({ 'what?.json': demo(1) });
  expect(told(await load(dir, { path: 'what?.json' }))).toContain('its path holds a "?"');
});
