import { afterAll, describe, expect, test } from 'bun:test';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway } from '../../src/index.ts';
import { KeyLimits } from '../../src/limits/key-limits.ts';
import { keepKeyLimits } from '../../src/limits/key-limits-file.ts';
import { createLog } from '../../src/log.ts';
import { recordOf } from '../usage/support/record.ts';

const NOON = Date.parse('2025-06-15T12:00:00Z');
const KEY = {
  name: 'app',
  secret: 's',
  missing: [],
  models: ['*'],
  enabled: true,
  limits: { requestsPerMinute: 9, tokensPerMinute: 1000, usdPerDay: 5, usdPerMonth: 50 },
  expires: undefined,
};
const folder = mkdtempSync(join(tmpdir(), 'plexus-key-limits-'));
afterAll(() => rmSync(folder, { recursive: true }));

function started(path: string, now = NOON) {
  const problems: string[] = [];
  const limits = new KeyLimits({ now: () => now });
  const file = keepKeyLimits(limits, path, (problem) => problems.push(problem));
  return { limits, file, problems };
}

/** A request that was made and has ended. */
async function use(limits: KeyLimits): Promise<void> {
  await limits.admit(KEY);
  limits.count(recordOf({ timestamp: '2025-06-15T11:59:59Z' }));
}

const used = (limits: KeyLimits) =>
  Object.fromEntries(Object.entries(limits.uses(KEY)).map(([name, use]) => [name, use.used]));
const ALL = { requestsPerMinute: 1, tokensPerMinute: 175, usdPerDay: 0.3, usdPerMonth: 0.3 };

describe('over a restart', () => {
  test('what was used goes on counting, each for its own time', async () => {
    const path = join(folder, 'a', 'key-limits.json');
    const before = started(path);
    await use(before.limits);
    before.file.flush();
    expect(before.problems).toEqual([]);
    expect(used(started(path, NOON + 60_000).limits)).toEqual(ALL);
    const later = started(path, NOON + 61_000);
    expect(used(later.limits)).toEqual({ ...ALL, requestsPerMinute: 0, tokensPerMinute: 0 });
    const tomorrow = started(path, Date.parse('2025-06-16T00:00:00Z'));
    expect(used(tomorrow.limits)).toMatchObject({ usdPerDay: 0, usdPerMonth: 0.3 });
    const july = started(path, Date.parse('2025-07-01T00:00:00Z'));
    expect(used(july.limits)).toMatchObject({ usdPerDay: 0, usdPerMonth: 0 });
  });

  test('the file is written without being asked, soon after a change, and replaced as a whole', async () => {
    const path = join(folder, 'b', 'key-limits.json');
    const { limits } = started(path);
    await use(limits);
    await Bun.sleep(1200);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: 1, keys: { app: {} } });
    expect(readdirSync(join(folder, 'b'))).toEqual(['key-limits.json']);
  });
});

test.each([
  ['cut in the middle', '{"version":1,"keys":{"app":{"requ'],
  ['another program’s', '[1]'],
  ['of a later version', '{"version":2,"keys":{}}'],
  [
    'with an account that is none',
    '{"version":1,"keys":{"app":{"requests":[["x",1]],"tokens":[]}}}',
  ],
])('a damaged file (%s) is reported, ignored and replaced', async (name, content) => {
  const path = join(folder, `${name}.json`);
  writeFileSync(path, content);
  const { limits, file, problems } = started(path);
  expect(problems).toEqual([expect.stringContaining(`${path} is damaged`)]);
  await use(limits);
  file.flush();
  expect(started(path).problems).toEqual([]);
});

test('a folder that cannot be written is reported once and stops nothing', async () => {
  writeFileSync(join(folder, 'file'), '');
  const { limits, file, problems } = started(join(folder, 'file', 'key-limits.json'));
  const before = problems.length;
  for (let i = 0; i < 3; i += 1) {
    await use(limits);
    file.flush();
  }
  expect(problems.length - before).toBe(1);
});

test('another process on the same folder is noticed, once', async () => {
  const path = join(folder, 'shared.json');
  const [one, other] = [started(path), started(path)];
  for (let i = 0; i < 3; i += 1) {
    await use(one.limits);
    one.file.flush();
  }
  expect(one.problems).toEqual([]);
  for (let i = 0; i < 3; i += 1) {
    await use(other.limits);
    other.file.flush();
    await use(one.limits);
    one.file.flush();
  }
  expect(one.problems).toEqual([expect.stringContaining('another process')]);
  expect(other.problems).toEqual([expect.stringContaining('another process')]);
});

describe('a gateway', () => {
  const headers = { authorization: 'Bearer secret-1', 'content-type': 'application/json' };
  const body = JSON.stringify({ model: 'm', messages: [{ role: 'user', content: 'hello' }] });

  async function run(cwd: string) {
    const warnings: string[] = [];
    const gateway = await createGateway({
      cwd,
      config: join(cwd, 'plexus.json'),
      env: {},
      log: createLog({ level: 'warn', format: 'text', write: (line) => warnings.push(line) }),
    });
    const ask = async () => {
      const url = 'http://localhost/v1/chat/completions';
      const response = await gateway.fetch(new Request(url, { method: 'POST', headers, body }));
      await response.text();
      return response.status;
    };
    const state = async () => {
      const response = await gateway.fetch(new Request('http://localhost/v0/state'), {
        ip: '127.0.0.1',
      });
      return JSON.parse(await response.text()).apiKeys;
    };
    return { gateway, ask, state, warnings };
  }

  function folderWith(name: string): string {
    const cwd = join(folder, name);
    mkdirSync(cwd);
    const config = {
      apiKeys: {
        app: {
          secret: 'secret-1',
          limits: { requestsPerMinute: 5, maxConcurrency: 2, usdPerDay: 1 },
        },
        free: { secret: 'secret-2' },
      },
      providers: { demo: { type: 'demo' } },
      models: { m: 'demo/echo' },
      pricing: { models: { echo: { perRequest: 0.6 } } },
    };
    writeFileSync(join(cwd, 'plexus.json'), JSON.stringify(config));
    return cwd;
  }

  test('shows what each key uses, and goes on after a restart', async () => {
    const cwd = folderWith('restart');
    const first = await run(cwd);
    expect(await first.ask()).toBe(200);
    expect((await first.state()).app.usage).toMatchObject({
      requestsPerMinute: { limit: 5, used: 1, remaining: 4 },
      maxConcurrency: { limit: 2, used: 0, remaining: 2, waiting: 0 },
      usdPerDay: {
        limit: 1,
        used: 0.6,
        remaining: 0.4,
        resetsAt: expect.stringContaining('T00:00:00.000Z'),
      },
    });
    expect((await first.state()).free.usage).toEqual({});
    await first.gateway.close();

    const second = await run(cwd);
    expect((await second.state()).app.usage.usdPerDay.used).toBe(0.6);
    expect(await second.ask()).toBe(200);
    expect(await second.ask()).toBe(429);
    await second.gateway.close();
    expect(second.warnings).toEqual([]);
  });

  test('reads money from the usage log when its file is damaged', async () => {
    const cwd = folderWith('damaged');
    const first = await run(cwd);
    expect([await first.ask(), await first.ask(), await first.ask()]).toEqual([200, 200, 429]);
    await first.gateway.close();
    writeFileSync(join(cwd, 'data', 'key-limits.json'), '{"version":1,');
    const second = await run(cwd);
    expect(second.warnings.join()).toContain('key-limits.json is damaged');
    expect(await second.ask()).toBe(429);
    expect((await second.state()).app.usage.usdPerDay.used).toBe(1.2);
    await second.gateway.close();
  });
});
