/** What the README says is so: its commands work, its tables have all there is and nothing else. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createAnthropic } from '@ai-sdk/anthropic';
import { createGoogleGenerativeAI } from '@ai-sdk/google';
import { createOpenAI } from '@ai-sdk/openai';
import Anthropic from '@anthropic-ai/sdk';
import { GoogleGenAI } from '@google/genai';
import { generateText } from 'ai';
import OpenAI from 'openai';
import { COMMANDS } from '../src/cli/commands.ts';
import { CLIENTS } from '../src/cli/setup-clients.ts';
import { configSchema } from '../src/config/table.ts';
import { type ErrorKind, GatewayError } from '../src/errors.ts';
import { Cooldowns } from '../src/health/cooldowns.ts';
import { createGateway, type PlexusGateway, type UsageRecord } from '../src/index.ts';
import { isObject, parseJson, text } from '../src/json.ts';
import { EVENT_TYPES } from '../src/manage/events.ts';
import { QUIRKS } from '../src/quirks/index.ts';
import { LLMS_TRANSFORMERS } from '../src/transform/llms.ts';
import { testTerminal } from './cli/support/terminal.ts';
import { configOf } from './support/gateway.ts';
import {
  codes,
  firstCodes,
  LINES,
  README,
  ROOT,
  rows,
  SHELL,
  SHOWN,
  section,
  sorted,
} from './support/readme.ts';
import { reference, withReference } from './support/reference.ts';

// ------------------------------------------------------------------------------ a gateway

let folder = '';
let gateway: PlexusGateway;
let address = '';
let close: () => Promise<void>;
const records: UsageRecord[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'plexus-readme-'));
  const config = {
    providers: { demo: { type: 'demo' } },
    models: { demo: 'demo/echo', smart: 'demo/echo', fast: 'demo/echo' },
  };
  writeFileSync(join(folder, 'plexus.json'), JSON.stringify(config));
  gateway = await createGateway({
    config: 'plexus.json',
    cwd: folder,
    env: {},
    onRecord: (record) => records.push(record),
  });
  const server = Bun.serve({ port: 0, hostname: '127.0.0.1', fetch: gateway.fetch });
  address = `http://127.0.0.1:${server.port}`;
  close = async () => {
    gateway.stopEvents();
    await server.stop(true);
    await gateway.close();
  };
});
afterAll(async () => {
  await close();
  rmSync(folder, { recursive: true, force: true });
});

/** A call as from a program on this machine. */
function call(path: string, init?: RequestInit): Promise<Response> {
  return gateway.fetch(new Request(`http://127.0.0.1${path}`, init), { ip: '127.0.0.1' });
}

function ask(): Promise<Response> {
  const body = { model: 'demo', messages: [{ role: 'user', content: 'Hello!' }] };
  return call('/v1/chat/completions', { method: 'POST', body: JSON.stringify(body) });
}

// ------------------------------------------------------------------------------ commands

test('the first answer is to be had before line 25', () => {
  const at = LINES.findIndex((line) => line.startsWith(`curl ${SHOWN}`));
  expect(at).toBeGreaterThan(0);
  expect(at).toBeLessThan(25);
});

const CURLS = SHELL.filter((command) => command.startsWith('curl '));
/** What an answer must hold, by a part of its command. */
const HELD: Readonly<Record<string, string>> = {
  '/v1/chat/completions': 'Hello from the demo model!',
  'set-debug': '"traces":"errors"',
  "/v0/state'": '"providers"',
  '/v0/logs?': '"records":[{',
  '/v0/logs/summary': '"key":"echo"',
  dryRun: '"written":false',
  'disable-provider': '"enabled":false',
  'enable-provider': '"enabled":true',
  'clear-cooldowns': '"cleared":0',
  '/v0/events': ': connected',
  '/metrics': 'plexus_requests_total{',
};
const hasCurl = process.platform !== 'win32' && Bun.which('curl') !== null;

test.skipIf(!hasCurl)(
  'every curl gets a good answer',
  async () => {
    expect(CURLS.length).toBeGreaterThan(9);
    const curl = join(folder, 'curl');
    writeFileSync(curl, `#!/bin/sh\nexec "${Bun.which('curl')}" --fail-with-body -sS "$@"\n`);
    chmodSync(curl, 0o755);
    for (const command of CURLS) {
      // A stream of events has no end of its own.
      const endless = command.startsWith('curl -N ');
      const typed = command
        .replaceAll(SHOWN, address)
        .replace('curl ', endless ? 'curl --max-time 0.5 ' : 'curl ');
      const child = Bun.spawn(['sh', '-c', typed], {
        env: { PATH: `${folder}:${process.env['PATH']}` },
        stdout: 'pipe',
        stderr: 'pipe',
      });
      const out = await new Response(child.stdout).text();
      const TIMED_OUT = 28;
      expect([command, await child.exited, out]).toEqual([command, endless ? TIMED_OUT : 0, out]);
      const [, held] = Object.entries(HELD).find(([part]) => command.includes(part)) ?? [];
      expect(`${command}\n${out}`).toContain(held ?? '"');
    }
  },
  20_000,
);

test('every other command exists', () => {
  const manifest = parseJson(readFileSync(join(ROOT, 'package.json'), 'utf8'));
  const scripts = isObject(manifest) && isObject(manifest['scripts']) ? manifest['scripts'] : {};
  const known = (script: string): boolean => script in scripts;
  const named = [...README.matchAll(/\bbun (?:run ([a-z]+(?::[a-z]+)?)|(start)\b)/g)].map(
    ([, script = 'start']) => script,
  );
  expect(named.filter((script) => !known(script))).toEqual([]);
  const commands = [...README.matchAll(/`plexus ([a-z]+)/g)].map(([, name = '']) => name);
  expect(sorted(commands)).toEqual(sorted(Object.keys(COMMANDS)));
  const clients = codes(/\| `plexus setup CLIENT` \|.*/.exec(README)?.[0] ?? '').filter((code) =>
    /^[a-z]+$/.test(code),
  );
  expect(sorted(clients)).toEqual(sorted(Object.keys(CLIENTS)));
});

test('the examples of commands that read the log work', async () => {
  await ask();
  const examples = codes(README).filter((code) => /^plexus (logs|usage) --/.test(code));
  expect(examples).not.toEqual([]);
  for (const example of examples) {
    const [, name = '', ...args] = example.split(' ');
    const terminal = testTerminal({ cwd: folder });
    const command = await COMMANDS[name]?.load();
    expect(await command?.run([...args, '--config', 'plexus.json'], terminal)).toBe(0);
    expect(terminal.complained()).toBe('');
  }
});

describe('the libraries in the table of clients', () => {
  const LIBRARIES = {
    OpenAI,
    Anthropic,
    GoogleGenAI,
    createOpenAI,
    createAnthropic,
    createGoogleGenerativeAI,
  };
  const user = { role: 'user', content: 'Hello!' } as const;
  const messages = [user];

  /** The expression of the table that begins so, with the address of the gateway here. */
  function client(begin: string): unknown {
    const found = codes(section('Clients')).filter((code) => code.startsWith(begin));
    expect(found).toHaveLength(1);
    const expression = (found[0] ?? '').replaceAll(SHOWN, address);
    return new Function(...Object.keys(LIBRARIES), `return ${expression}`)(
      ...Object.values(LIBRARIES),
    );
  }

  test('OpenAI', async () => {
    const own = client('new OpenAI(');
    if (!(own instanceof OpenAI)) throw new Error('no OpenAI');
    const reply = await own.chat.completions.create({ model: 'demo', messages });
    expect(reply.choices[0]?.message.content).toContain('Hello!');
    const response = await own.responses.create({ model: 'demo', input: 'Hello!' });
    expect(response.output_text).toContain('Hello!');
  });

  test('Anthropic', async () => {
    const own = client('new Anthropic(');
    if (!(own instanceof Anthropic)) throw new Error('no Anthropic');
    const reply = await own.messages.create({ model: 'demo', max_tokens: 99, messages });
    expect(JSON.stringify(reply.content)).toContain('Hello!');
  });

  test('Google GenAI', async () => {
    const own = client('new GoogleGenAI(');
    if (!(own instanceof GoogleGenAI)) throw new Error('no GoogleGenAI');
    const reply = await own.models.generateContent({ model: 'demo', contents: 'Hello!' });
    expect(reply.text).toContain('Hello!');
  });

  test.each(['createOpenAI(', 'createAnthropic(', 'createGoogleGenerativeAI('])(
    'AI SDK: %s',
    async (begin) => {
      const provider = client(begin);
      if (typeof provider !== 'function') throw new Error(`no provider: ${begin}`);
      const reply = await generateText({
        model: provider('demo'),
        prompt: 'Hello!',
        maxOutputTokens: 99,
      });
      expect(reply.text).toContain('Hello!');
    },
  );
});

// ------------------------------------------------------------------------------ tables

test('the reference is what the schema says; else: bun run docs', () => {
  expect(README).toBe(withReference(README, reference(configSchema())));
  expect(README).toContain('| `server.port` | whole number, 0 to 65535 | `4000` |');
  expect(() => withReference('nothing', 'new')).toThrow('no place');
});

/** All kinds; a missing or an unknown one is an error of the types. */
const KINDS: Readonly<Record<ErrorKind, true>> = {
  invalid_request: true,
  too_large: true,
  unauthorized: true,
  forbidden: true,
  unknown_model: true,
  not_found: true,
  method_not_allowed: true,
  limited: true,
  unavailable: true,
  unsupported: true,
  upstream_refused: true,
  upstream_credentials: true,
  upstream_unreachable: true,
  upstream_garbled: true,
  upstream_timeout: true,
  client_left: true,
  internal: true,
};
function isKind(name: string): name is ErrorKind {
  return Object.hasOwn(KINDS, name);
}

describe('when something fails', () => {
  const failures = rows(section('When something fails')).filter(([, kind = '']) =>
    kind.startsWith('`'),
  );

  test('each kind is there once, with its status and what follows', () => {
    const told = failures.map(([, kind = '']) => kind.replaceAll('`', ''));
    expect(told.toSorted()).toEqual(Object.keys(KINDS).toSorted());
    for (const [, cell = '', status, next] of failures) {
      const kind = cell.replaceAll('`', '');
      if (!isKind(kind)) throw new Error(`no kind: ${kind}`);
      const error = new GatewayError(kind, '');
      const wanted =
        kind === 'upstream_refused'
          ? ['as it said', '408, 409, 425, 429, 5xx']
          : [String(error.status), error.retryable ? 'yes' : 'no'];
      expect([kind, status, next]).toEqual([kind, ...wanted]);
    }
  });

  test('of the provider’s own statuses just those are tried elsewhere', () => {
    const tried = Array.from({ length: 200 }, (_, index) => 400 + index).filter(
      (status) => new GatewayError('upstream_refused', '', { status }).retryable,
    );
    const servers = Array.from({ length: 100 }, (_, index) => 500 + index);
    expect(tried).toEqual([408, 409, 425, 429, ...servers]);
  });

  test('rests last as long as the table says', () => {
    const reasons: Readonly<Record<string, GatewayError>> = {
      'rate limit': new GatewayError('upstream_refused', '', { status: 429 }),
      timeout: new GatewayError('upstream_timeout', ''),
      connection: new GatewayError('upstream_unreachable', ''),
      server: new GatewayError('upstream_refused', '', { status: 500 }),
      credentials: new GatewayError('upstream_credentials', ''),
    };
    const { cooldown } = configOf({ providers: { demo: { type: 'demo' } } }).resilience;
    const [names = [], times = []] = rows(section('When something fails')).filter(
      ([, , , , fifth]) => fifth !== undefined,
    );
    expect(sorted(names)).toEqual(sorted(Object.keys(reasons)));
    for (const [index, name] of names.entries()) {
      const error = reasons[name];
      if (error === undefined) throw new Error(`no reason: ${name}`);
      const cooldowns = new Cooldowns(() => 0);
      cooldowns.fail('p', 'm', error, cooldown);
      const seconds = Number.parseInt(times[index] ?? '', 10);
      expect([name, cooldowns.until('p', 'm')]).toEqual([name, seconds * 1000]);
      const whole = times[index]?.includes('whole provider') ?? false;
      expect([name, cooldowns.until('p', 'another') !== undefined]).toEqual([name, whole]);
    }
    expect(cooldown).toMatchObject({ minMs: 5_000, maxMs: 3_600_000 });
  });

  test('the bounds in its text are the defaults', () => {
    const { resilience, server } = configOf({ providers: { demo: { type: 'demo' } } });
    const said = section('When something fails').replaceAll('\n', ' ');
    expect(resilience.timeouts).toEqual({
      connectMs: 10_000,
      firstOutputMs: 300_000,
      stallMs: 120_000,
    });
    expect(said).toContain('ten seconds for the connection, five minutes for the first output');
    expect(said).toContain('two minutes from one sign of progress');
    expect(resilience.keepAliveMs).toBe(15_000);
    expect(said).toContain('every 15 seconds');
    expect(resilience.failover).toEqual({ enabled: true, maxAttempts: 5 });
    expect(said).toContain('five attempts in all');
    expect(resilience.retries).toEqual({ max: 2, maxWaitMs: 2000 });
    expect(said).toContain('at most twice, if the wait is two seconds at most');
    expect(server.maxBodyBytes).toBe(50 * 1024 * 1024);
    expect(said).toContain('50 MB, 32 MB for `messages`');
  });
});

test('each field of a usage record is explained, and no other', async () => {
  await ask();
  const record = records.at(-1);
  expect(sorted(firstCodes(section('The usage log')))).toEqual(sorted(Object.keys(record ?? {})));
  const counts = codes(section('The usage log').split('\n| `usage` |')[1]?.split('\n')[0] ?? '');
  expect(sorted(counts)).toEqual(sorted(Object.keys(record?.usage ?? {})));
});

test('each metric is explained, and no other', async () => {
  const shown = await (await call('/metrics')).text();
  const names = [...shown.matchAll(/^# TYPE (\S+)/gm)].map(([, name = '']) => name);
  expect(sorted(firstCodes(section('Metrics')))).toEqual(sorted(names));
});

test('each path is there, with the methods that are named', async () => {
  const told = firstCodes(README).flatMap((code) => {
    const [, method = '', path = ''] = /^(GET|POST|DELETE|HEAD) (\/\S*)$/.exec(code) ?? [];
    return method === '' ? [] : [{ method, path: path.replaceAll(/\{[^}]+\}/g, 'x') }];
  });
  expect(told.length).toBeGreaterThan(20);
  for (const { method, path } of told) {
    const { status, headers } = await call(path, { method: 'PATCH' });
    expect([path, status]).toEqual([path, 405]);
    expect([path, headers.get('allow')?.split(', ')]).toEqual([
      path,
      expect.arrayContaining([method]),
    ]);
  }
});

test('the words of the management API are those it takes', async () => {
  const table = rows(section('The management API'));
  const words = (path: string): string[] =>
    codes(table.find(([first]) => first === `\`${path}\``)?.[1] ?? '');
  const refused = async (path: string, body?: object): Promise<string> => {
    const init = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    return (await call(path, init)).text();
  };
  const [, ...actions] = words('POST /v0/state');
  expect(await refused('/v0/state', { action: '?' })).toContain(
    `must be one of ${actions.join(', ')}`,
  );
  const events = words('GET /v0/events').filter((word) => word !== 'Last-Event-ID');
  expect(events).toEqual([...EVENT_TYPES]);
  const [by, ...groupings] = words('GET /v0/logs/summary');
  for (const grouping of groupings) {
    expect((await call(`/v0/logs/summary?${by}=${grouping}`)).status).toBe(200);
  }
  const [type, usage, error, trace] = words('GET /v0/logs');
  for (const one of [usage, error, trace]) {
    expect((await call(`/v0/logs?${type}=${one}`)).status).toBe(200);
  }
});

test('each transformer that needs no file is there, and no other', () => {
  const names = firstCodes(section('Configuration')).filter(
    (name) => QUIRKS.has(name) || LLMS_TRANSFORMERS.includes(name),
  );
  expect(sorted(names)).toEqual(sorted([...QUIRKS.keys(), ...LLMS_TRANSFORMERS]));
});

test('each selector is there, and no other', () => {
  const part = section('Configuration');
  const table = part.slice(part.indexOf('| `selector` |')).split('\n\n')[0] ?? '';
  const [, ...names] = firstCodes(table);
  const schema = JSON.stringify(configSchema());
  expect(schema).toContain('"enum":["random","in_order","round_robin","cost",');
  const known = /"selector":\{[^}]*?"enum":\[([^\]]*)\]/.exec(schema)?.[1] ?? '';
  expect(sorted(names)).toEqual(sorted(known.replaceAll('"', '').split(',')));
});

// ------------------------------------------------------------------------------ the text itself

test('each piece of configuration that is shown is a good one', () => {
  const providers = Object.fromEntries(
    ['openai', 'gemini', 'demo'].map((name) => [name, { type: 'chat', baseUrl: 'http://p.test' }]),
  );
  const blocks = [...README.matchAll(/```jsonc?\n([\s\S]*?)```/g)].map(([, block = '']) => block);
  expect(blocks.length).toBeGreaterThan(3);
  for (const block of blocks) {
    const isWhole = block.includes('"providers"');
    const value: unknown = Bun.JSONC.parse(isWhole ? block : `{${block}}`);
    if (!isObject(value)) throw new Error(block);
    const { transformer, ...config } = value;
    const own = { ...providers, other: { type: 'chat', baseUrl: 'http://p.test', transformer } };
    const whole = transformer === undefined ? { providers, ...config } : { providers: own };
    expect(configOf(whole).providers.size).toBeGreaterThan(2);
  }
});

test('each file of the repository that is named exists', () => {
  const files = codes(README).filter((code) => /^(src|test|config)\/[^<*]*$/.test(code));
  expect(files.length).toBeGreaterThan(20);
  // A user's own; this repository has the same but for the comments.
  const own = ['config/plexus.jsonc'];
  const missing = files.filter((file) => !own.includes(file) && !existsSync(join(ROOT, file)));
  expect(missing).toEqual([]);
});

test('each link leads somewhere', () => {
  const anchors = LINES.filter((line) => /^#+ /.test(line)).map((line) =>
    line
      .replace(/^#+ /, '')
      .toLowerCase()
      .replace(/[^\w\- ]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...README.matchAll(/\]\(([^)]+)\)/g)].map(([, to = '']) => to);
  const broken = links.filter((to) =>
    to.startsWith('#')
      ? !anchors.includes(to.slice(1))
      : !to.startsWith('https://') && !existsSync(join(ROOT, to)),
  );
  expect(links.length).toBeGreaterThan(10);
  expect(broken).toEqual([]);
});

test('a key without effect is called so, as long as it has none', () => {
  const users = new Bun.Glob('**/*.ts').scanSync({ cwd: join(ROOT, 'src') });
  const isUsed = [...users].some(
    (file) =>
      !/^config\b/.test(file) &&
      readFileSync(join(ROOT, 'src', file), 'utf8').includes('fetchMedia'),
  );
  expect(README.includes('`server.fetchMedia` has no effect yet')).toBe(!isUsed);
});

test('each header of Plexus’s own is explained', () => {
  const used = ['app', 'reply-headers', 'gateway', 'count-tokens/count-tokens'].flatMap((file) => [
    ...readFileSync(join(ROOT, `src/${file}.ts`), 'utf8').matchAll(/'(x-plexus-[a-z-]+)'/g),
  ]);
  const names = sorted(used.map(([, name = '']) => name));
  expect(names).not.toEqual([]);
  const told = firstCodes(section('Formats')).filter((name) => name.startsWith('x-plexus-'));
  expect(sorted(told)).toEqual(names);
  expect(text(records.at(-1)?.id)).toStartWith('req_');
});
