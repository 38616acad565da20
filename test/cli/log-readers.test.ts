import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { costText, countText, durationText, shareText } from '../../src/cli/figures.ts';
import { run as logs } from '../../src/cli/logs.ts';
import { run as top } from '../../src/cli/top.ts';
import { run as usage } from '../../src/cli/usage.ts';
import type { UsageRecord } from '../../src/usage/record.ts';
import { recordOf } from '../usage/support/record.ts';
import { testTerminal } from './support/terminal.ts';

let cwd: string;
beforeEach(() => {
  cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'plexus-readers-'));
});
afterEach(() => fs.rmSync(cwd, { recursive: true, force: true }));

function write(...records: Partial<UsageRecord>[]): void {
  const day = new Date().toISOString().slice(0, 10);
  const dir = path.join(cwd, 'data', 'logs', 'usage');
  fs.mkdirSync(dir, { recursive: true });
  const lines = records.map((more) =>
    JSON.stringify(recordOf({ timestamp: `${day}T00:00:01.000Z`, ...more })),
  );
  fs.appendFileSync(path.join(dir, `${day}.jsonl`), `${lines.join('\n')}\n`);
}

const refused = {
  outcome: 'error',
  status: 404,
  provider: null,
  model: null,
  usage: null,
  cost: null,
} as const;

describe('plexus logs', () => {
  test('shows the newest requests last, in columns and without colours', async () => {
    write({ id: 'a', alias: 'first' }, { id: 'b', alias: 'second' }, { id: 'c', ...refused });
    const terminal = testTerminal({ cwd });
    expect(await logs(['-n', '2'], terminal)).toBe(0);
    const [head = '', ...rows] = terminal.printed().trimEnd().split('\n');
    expect(head).toMatch(/^TIME +STATUS +MODEL +SERVED BY/);
    expect(rows).toHaveLength(2);
    expect(rows[0]).toMatch(/ 200 +second +acme\/large +125 +50 +\$0\.3 +200ms +1\.00s +app$/);
    expect(rows[1]).toContain('404 error');
    expect(terminal.printed()).not.toContain('\x1b');
  });

  test('gives programs a line of JSON for each', async () => {
    write({ id: 'a' }, { id: 'b', provider: 'other' });
    const terminal = testTerminal({ cwd });
    await logs(['--json', '--provider', 'acme'], terminal);
    expect(JSON.parse(terminal.printed())).toMatchObject({ id: 'a', provider: 'acme' });
  });

  test('shows everything of one request', async () => {
    write({ id: 'req_a' });
    const terminal = testTerminal({ cwd });
    expect(await logs(['req_a'], terminal)).toBe(0);
    expect(JSON.parse(terminal.printed())).toMatchObject({ usage: { id: 'req_a' }, trace: null });
    expect(await logs(['req_b'], terminal)).toBe(1);
  });

  test('follows', async () => {
    write({ id: 'a' });
    const terminal = testTerminal({ cwd });
    const stop = new AbortController();
    const following = logs(['-f', '--json'], terminal, stop.signal);
    for (let tries = 0; tries < 200 && !terminal.printed().includes('"late"'); tries += 1) {
      if (tries === 5) write({ id: 'late' });
      await Bun.sleep(10);
    }
    stop.abort();
    expect(await following).toBe(0);
    expect(terminal.printed().trimEnd().split('\n')).toHaveLength(2);
  });

  test.each([
    [['--limit', '0']],
    [['--type', 'x']],
    [['--from', 'soon']],
    [['a', 'b']],
    [['--nope']],
  ])('refuses %p as wrong usage', async (args) => {
    expect(await logs(args, testTerminal({ cwd }))).toBe(2);
  });

  test('says so when there is nothing yet', async () => {
    const terminal = testTerminal({ cwd });
    expect(await logs([], terminal)).toBe(0);
    expect(terminal.printed()).toBe('no requests yet\n');
  });
});

describe('plexus usage', () => {
  test('sums up by what is asked for', async () => {
    write({ apiKey: 'app' }, { apiKey: 'web', cost: null }, { apiKey: 'app', ...refused });
    const terminal = testTerminal({ cwd });
    expect(await usage(['--by', 'key'], terminal)).toBe(0);
    const lines = terminal.printed().split('\n');
    expect(lines[0]).toMatch(/^KEY +REQUESTS +ERRORS +IN/);
    expect(lines[1]).toMatch(/^app +2 +1 +125 +20 +50 +10 +\$0\.3/);
    expect(lines[3]).toMatch(/^total +3 +1 +250/);
    expect(terminal.printed()).toContain('No price is known for 1 of them.');
  });

  test('gives programs JSON', async () => {
    write({});
    const terminal = testTerminal({ cwd });
    await usage(['--json', '--by', 'model'], terminal);
    expect(JSON.parse(terminal.printed())).toMatchObject({ by: 'model', total: { requests: 1 } });
  });

  test('refuses an unknown grouping', async () => {
    expect(await usage(['--by', 'colour'], testTerminal({ cwd }))).toBe(2);
  });
});

describe('plexus top', () => {
  const STATE = {
    version: '1.2.3',
    uptime: 65,
    requests: { inFlight: 1, openStreams: 1 },
    providers: {
      acme: {
        health: 'cooling',
        models: { large: { attempts: 4, errorRate: 0.25, ttftMs: 120, tokensPerSecond: 55 } },
      },
    },
    running: [{ id: 'req_abc', alias: 'fast', provider: 'acme', model: 'large', ms: 1500 }],
  };

  test('shows what the running gateway says, with the admin key', async () => {
    const server = Bun.serve({
      port: 0,
      hostname: '127.0.0.1',
      fetch: (request) =>
        request.headers.get('authorization') === 'Bearer adm'
          ? Response.json(STATE)
          : new Response('{}', { status: 401 }),
    });
    try {
      const url = `http://127.0.0.1:${server.port}`;
      const terminal = testTerminal({ cwd });
      expect(await top(['--url', url, '--key', 'adm'], terminal)).toBe(0);
      expect(terminal.printed()).toContain('plexus 1.2.3 · up 1m05s · 1 running · 1 streams');
      expect(terminal.printed()).toMatch(/acme\/large +cooling +- +4 +25% +120ms +55/);
      expect(terminal.printed()).toMatch(/req_abc +fast +acme\/large +1\.50s/);
      expect(await top(['--url', url], terminal)).toBe(1);
      expect(terminal.complained()).toContain('wants its admin key');
    } finally {
      await server.stop(true);
    }
  });

  test('says when there is no gateway', async () => {
    const terminal = testTerminal({ cwd });
    expect(await top(['--url', 'http://127.0.0.1:1'], terminal)).toBe(1);
    expect(terminal.complained()).toContain('cannot be reached');
  });
});

describe('figures', () => {
  test('are short and say what matters', () => {
    const counts = [0, 950, 9999, 12_345, 999_400, 4_560_000, null].map((value) =>
      countText(value),
    );
    expect(counts).toEqual(['0', '950', '9999', '12.3k', '999k', '4.56M', '-']);
    const costs = [0, 0.0000123, 0.0075, 12.3456, undefined].map((value) => costText(value));
    expect(costs).toEqual(['$0', '$0.0000123', '$0.0075', '$12.35', '-']);
    const times = [0.4, 87, 1520, 15_200, 185_000, 7_500_000].map((value) => durationText(value));
    expect(times).toEqual(['0ms', '87ms', '1.52s', '15.2s', '3m05s', '2h05m']);
    expect([0.0435, 1, null].map((value) => shareText(value))).toEqual(['4.35%', '100%', '-']);
  });
});
