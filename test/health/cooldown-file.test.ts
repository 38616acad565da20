import { afterAll, describe, expect, test } from 'bun:test';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { GatewayError } from '../../src/errors.ts';
import { keepCooldowns } from '../../src/health/cooldown-file.ts';
import { Cooldowns } from '../../src/health/cooldowns.ts';

const CONFIG = { enabled: true, minMs: 5_000, maxMs: 3_600_000 };
const NOW = 1_750_000_000_000;
const folder = mkdtempSync(join(tmpdir(), 'plexus-cooldowns-'));
afterAll(() => rmSync(folder, { recursive: true }));

function started(path: string, now = NOW) {
  const problems: string[] = [];
  const cooldowns = new Cooldowns(() => now);
  const file = keepCooldowns(cooldowns, path, (problem) => problems.push(problem));
  return { cooldowns, file, problems };
}

describe('over a restart', () => {
  test('a target rests on, and failures in a row are remembered', () => {
    const path = join(folder, 'a', 'cooldowns.json');
    const before = started(path);
    before.cooldowns.fail('p', 'm/with/slashes', new GatewayError('upstream_timeout', 'x'), CONFIG);
    before.cooldowns.fail('q', 'm', new GatewayError('upstream_credentials', 'x'), CONFIG);
    before.file.flush();
    expect(before.problems).toEqual([]);
    const after = started(path);
    expect(after.problems).toEqual([]);
    expect(after.cooldowns.until('p', 'm/with/slashes')).toBe(NOW + 30_000);
    expect(after.cooldowns.until('q', 'any')).toBe(NOW + 3_600_000);
    const later = started(path, NOW + 40_000);
    expect(later.cooldowns.until('p', 'm/with/slashes')).toBeUndefined();
    later.cooldowns.fail('p', 'm/with/slashes', new GatewayError('upstream_timeout', 'x'), CONFIG);
    expect(later.cooldowns.until('p', 'm/with/slashes')).toBe(NOW + 40_000 + 60_000);
  });

  test('a success is remembered too', () => {
    const path = join(folder, 'b.json');
    const before = started(path);
    before.cooldowns.fail('p', 'm', new GatewayError('upstream_timeout', 'x'), CONFIG);
    before.file.flush();
    before.cooldowns.succeed('p', 'm');
    before.file.flush();
    expect(started(path).cooldowns.list()).toEqual([]);
  });

  test('the file is written without being asked, soon after a change, and replaced as a whole', async () => {
    const path = join(folder, 'c', 'cooldowns.json');
    const { cooldowns } = started(path);
    cooldowns.fail('p', 'm', new GatewayError('upstream_timeout', 'x'), CONFIG);
    await Bun.sleep(400);
    expect(JSON.parse(readFileSync(path, 'utf8'))).toMatchObject({ version: 1 });
    expect(readdirSync(join(folder, 'c'))).toEqual(['cooldowns.json']);
  });
});

describe('a damaged file', () => {
  const damaged: [string, string][] = [
    ['cut in the middle', '{"version":1,"cooldowns":[{"provider":"p","coo'],
    ['empty', ''],
    ['another program’s', '[1,2,3]'],
    ['of a later version', '{"version":2,"cooldowns":[]}'],
    [
      'with an entry that is none',
      '{"version":1,"cooldowns":[{"provider":"p","cooldown":{"until":"x"}}]}',
    ],
  ];
  test.each(damaged)('%s: it is reported, ignored and replaced', (name, content) => {
    const path = join(folder, `${name}.json`);
    writeFileSync(path, content);
    const { cooldowns, file, problems } = started(path);
    expect(problems).toHaveLength(1);
    expect(problems[0]).toContain(path);
    expect(cooldowns.list()).toEqual([]);
    cooldowns.fail('p', 'm', new GatewayError('upstream_timeout', 'x'), CONFIG);
    file.flush();
    expect(started(path).problems).toEqual([]);
  });
});

test('a folder that cannot be written is reported once and stops nothing', () => {
  writeFileSync(join(folder, 'file'), '');
  const { cooldowns, file, problems } = started(join(folder, 'file', 'cooldowns.json'));
  const before = problems.length;
  for (let i = 0; i < 3; i += 1) {
    cooldowns.fail('p', `m${i}`, new GatewayError('upstream_timeout', 'x'), CONFIG);
    file.flush();
  }
  expect(problems.length - before).toBe(1);
  expect(cooldowns.list()).toHaveLength(3);
});
