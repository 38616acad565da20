/**
 * How fast, small and prompt Plexus is, beside the smallest proxy that Bun allows in the same run.
 *
 *     bun run bench [--quick] [--only plain,burst] [--json FILE] [--executable FILE]
 *
 * The two take turns, so that what disturbs the machine disturbs both: trust ratios, not times.
 */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { coldStart } from './cold-start.ts';
import { type Row, table } from './figures.ts';
import { createGateways, startUpstream } from './gateways.ts';
import { leaving } from './leaving.ts';
import { machineNotes, pinOwnProcess, stopAll } from './machine.ts';
import { memory, slowReader } from './memory.ts';
import { paced } from './paced.ts';
import { type Bench, SCALES, type Scenario } from './scenario.ts';
import { bursts, plain } from './throughput.ts';
import { workers } from './workers.ts';

/** In this order: what restarts the gateways comes after what wants them warm. */
const SCENARIOS: readonly Scenario[] = [
  plain,
  bursts,
  paced,
  leaving,
  memory,
  slowReader,
  coldStart,
  workers,
];

const { values } = parseArgs({
  options: {
    quick: { type: 'boolean', default: false },
    smallest: { type: 'boolean', default: false },
    only: { type: 'string' },
    json: { type: 'string' },
    executable: { type: 'string' },
  },
});
const size = values.smallest ? 'smallest' : values.quick ? 'quick' : 'full';
const chosen = chooseScenarios(values.only);

/** What came of a scenario, as it stands in the JSON. */
interface Outcome {
  readonly scenario: string;
  readonly rows: readonly Row[];
  /** Why there are no rows. */
  readonly problem?: string;
}

/** @throws Error for a name that is none */
function chooseScenarios(only: string | undefined): readonly Scenario[] {
  if (only === undefined) return SCENARIOS;
  return only.split(',').map((name) => {
    const scenario = SCENARIOS.find((one) => one.name === name);
    if (scenario) return scenario;
    const known = SCENARIOS.map((one) => one.name).join(', ');
    throw new Error(`there is no scenario "${name}"; there are ${known}`);
  });
}

function progress(text: string): void {
  if (process.stderr.isTTY) process.stderr.write(`\r\x1b[K${text}`);
}

async function runAll(folder: string): Promise<Outcome[]> {
  pinOwnProcess();
  const scale = SCALES[size];
  const upstream = await startUpstream(folder, scale.gapMs);
  const gateways = createGateways(upstream, folder);
  for (const gateway of [gateways.floor, gateways.plexus]) {
    await gateway.start();
    gateway.pause();
  }
  const { executable } = values;
  const bench: Bench = { scale, gateways, upstream, folder, executable, progress };
  const outcomes: Outcome[] = [];
  for (const scenario of chosen) {
    const outcome = await runOne(scenario, bench);
    progress('');
    const { rows, problem } = outcome;
    const title = `${scenario.title} (${scenario.name})`;
    if (rows.length > 0) console.log(table(title, rows));
    if (problem !== undefined) console.error(`${title}: ${problem}\n`);
    outcomes.push(outcome);
  }
  return outcomes;
}

/** What goes wrong in one scenario does not take away the figures of the others. */
async function runOne({ name, run }: Scenario, bench: Bench): Promise<Outcome> {
  try {
    return { scenario: name, rows: await run(bench) };
  } catch (cause) {
    return { scenario: name, rows: [], problem: reason(cause) };
  }
}

function reason(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

function tellOutcome(outcomes: readonly Outcome[], seconds: number): void {
  const figures = outcomes.flatMap(({ rows }) => rows.flatMap((row) => row.figures));
  const missed = figures.filter((figure) => figure.isMet === false).length;
  const judged = figures.filter((figure) => figure.isMet !== undefined).length;
  for (const note of machineNotes) console.log(note);
  if (size === 'smallest') console.log('The smallest form shows that the bench works, no more.');
  const load = loadavg()[0]?.toFixed(1);
  console.log(
    `${judged - missed} of ${judged} targets met, in ${seconds.toFixed(0)} s; load ${load}`,
  );
  if (values.json === undefined) return;
  const about = { bun: Bun.version, size, seconds, date: new Date().toISOString(), machineNotes };
  writeFileSync(values.json, `${JSON.stringify({ about, outcomes }, null, 1)}\n`);
}

const folder = mkdtempSync(join(tmpdir(), 'plexus-bench-'));
async function end(code: number): Promise<never> {
  await stopAll();
  rmSync(folder, { recursive: true, force: true });
  process.exit(code);
}
process.on('SIGINT', () => void end(130));
process.on('SIGTERM', () => void end(143));

try {
  const began = performance.now();
  const outcomes = await runAll(folder);
  tellOutcome(outcomes, (performance.now() - began) / 1000);
  await end(outcomes.some(({ problem }) => problem !== undefined) ? 1 : 0);
} catch (cause) {
  console.error(reason(cause));
  await end(1);
}
