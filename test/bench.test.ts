/** The bench works, and what it costs to serve does not grow unseen: counts, no times. */
import { describe, expect, test } from 'bun:test';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Report } from './bench/counts.ts';
import type { Row } from './bench/figures.ts';

async function run(file: string, ...args: string[]): Promise<string> {
  const child = Bun.spawn([process.execPath, join(import.meta.dir, 'bench', file), ...args], {
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, complaints] = await Promise.all([
    new Response(child.stdout).text(),
    new Response(child.stderr).text(),
  ]);
  if ((await child.exited) !== 0) throw new Error(complaints);
  return out;
}

// Windows stops no processes, which is how the two that are compared take turns.
describe.skipIf(process.platform === 'win32')('the bench', () => {
  test('runs every scenario in its smallest form and writes what came of it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'bench-test-'));
    try {
      const file = join(folder, 'bench.json');
      const printed = await run('bench.ts', '--smallest', '--json', file);
      const written: { outcomes: { scenario: string; rows: Row[] }[] } = JSON.parse(
        readFileSync(file, 'utf8'),
      );
      const scenarios = ['plain', 'burst', 'paced', 'leaving', 'memory', 'slow-reader'];
      if (process.platform === 'linux') scenarios.push('workers');
      for (const name of scenarios) expect(printed).toContain(`(${name})`);
      const figures = written.outcomes.flatMap(({ rows }) => rows.flatMap((row) => row.figures));
      expect(figures.length).toBeGreaterThan(50);
      expect(figures.filter(({ plexus }) => !Number.isFinite(plexus))).toEqual([]);
      expect(figures.some(({ comparison, judged }) => comparison === 'ratio' && judged > 0)).toBe(
        true,
      );
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  }, 30_000);

  test('refuses a scenario that is none', async () => {
    await expect(run('bench.ts', '--only', 'plain,nonsense')).rejects.toThrow('"nonsense"');
  });
});

describe('what is done for a request', async () => {
  const report: Report = JSON.parse(await run('counts.ts'));
  const isSame = (pair: string): boolean => new Set(pair.split(' → ')).size === 1;
  const requests = Object.entries(report.request);
  const events = Object.entries(report.event);
  const pairsWhere = <T>(all: [string, T][], holds: (taken: T, pair: string) => boolean) =>
    all.filter(([pair, taken]) => holds(taken, pair)).map(([pair]) => pair);

  test('sixteen pairs of formats are counted', () => {
    expect(requests).toHaveLength(16);
    expect(events).toHaveLength(16);
  });

  test('a body of the same format is neither parsed nor serialised, and copied once at most', () => {
    const same = requests.filter(([pair]) => isSame(pair));
    expect(same).toHaveLength(4);
    expect(pairsWhere(same, (taken) => taken.wholeParses > 0)).toEqual([]);
    expect(pairsWhere(same, (taken) => taken.wholeSerializations > 0)).toEqual([]);
    expect(pairsWhere(same, (taken) => taken.wholeCopies > 1)).toEqual([]);
  });

  test('a body that is translated becomes text once, is parsed once and serialised once at most', () => {
    const translated = requests.filter(([pair]) => !isSame(pair));
    // Long results of tools are neither, but for Gemini, which takes them as values.
    const isWhole = (pair: string): boolean => pair.includes('gemini');
    const times = (pair: string): number => (isWhole(pair) ? 1 : 0);
    expect(pairsWhere(translated, (taken, pair) => taken.wholeParses !== times(pair))).toEqual([]);
    expect(
      pairsWhere(translated, (taken, pair) => taken.wholeSerializations !== times(pair)),
    ).toEqual([]);
    expect(pairsWhere(translated, (taken) => taken.wholeCopies > 1)).toEqual([]);
  });

  test('a small request makes few objects, of which a bare proxy makes 40', () => {
    const objects = Object.entries(report.objects);
    expect(pairsWhere(objects, (count, pair) => count > (isSame(pair) ? 290 : 590))).toEqual([]);
    expect(pairsWhere(objects, (count) => count < 100)).toEqual([]);
  });

  test('a request leaves no table to be made anew', () => {
    expect(pairsWhere(requests, (taken) => taken.deletions > 0)).toEqual([]);
    expect(pairsWhere(events, (taken) => taken.deletions > 0)).toEqual([]);
  });

  test('a request starts no timer of its own', () => {
    expect(pairsWhere(requests, (taken) => taken.timersStarted > 0)).toEqual([]);
  });

  test('an event of the same format is not serialised, and parsed for Gemini only', () => {
    const same = events.filter(([pair]) => isSame(pair));
    expect(pairsWhere(same, (taken) => taken.serializations > 0)).toEqual([]);
    // Gemini's say their usage each time, so they are read.
    const isRead = pairsWhere(same, (taken) => taken.parses > 0);
    expect(isRead.filter((pair) => pair !== 'gemini → gemini')).toEqual([]);
  });

  test('an event is parsed once and serialised once at most', () => {
    expect(pairsWhere(events, (taken) => taken.parses > 1)).toEqual([]);
    expect(pairsWhere(events, (taken) => taken.serializations > 1)).toEqual([]);
  });

  test('an event starts no timer, and waits for few promises', () => {
    expect(pairsWhere(events, (taken) => taken.timersStarted > 0)).toEqual([]);
    expect(pairsWhere(events, (taken, pair) => taken.ticks > (isSame(pair) ? 5 : 6))).toEqual([]);
  });

  test('events that come together leave together', () => {
    const pieces = Object.entries(report.piecesOfBurst);
    expect(pairsWhere(pieces, (count) => count > 2)).toEqual([]);
  });

  test('no timer and no listener is left, also by clients that left', () => {
    expect(report.timersLeft).toBe(0);
    expect(report.listenersLeft).toBe(0);
  });
});
