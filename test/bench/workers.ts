/**
 * How it scales: one process and two workers on the same cores, in turns. Load and upstream run on the
 * same machine: with two cores they take their part of what the second worker could have.
 */
import type { Judgement, Row, Sample } from './figures.ts';
import { type Gateway, type Pair, type Upstream, workersGateway } from './gateways.ts';
import { closedLoop, readAnswer } from './load.ts';
import { cores, cpuUs, isLinux } from './machine.ts';
import { alone, type Bench, pairName, type Scenario } from './scenario.ts';

const KB = 1000;
/** What takes little of the gateway, and what takes much. */
const CASES: readonly { pair: Pair; bytes: number }[] = [
  { pair: ['messages', 'chat'], bytes: KB },
  { pair: ['messages', 'chat'], bytes: 100 * KB },
];
const COUNTS = [1, 2] as const;
/** Enough for the system's spreading of connections to come out even. */
const CONNECTIONS = 64;
/** A turn is so many times longer than elsewhere: here the whole machine is measured, and all that disturbs it. */
const LONGER = 2;

const JUDGEMENT: Judgement = {
  'requests/s': ['alone'],
  'CPU µs/request, all its processes': ['alone'],
  'cores busy with it': ['alone'],
  'cores busy with load and upstream': ['alone'],
  'requests/s, times one process': ['alone'],
  'CPU µs/request, times one process': ['alone'],
};

export const workers: Scenario = {
  name: 'workers',
  title: `Workers: ${cores} cores, which load and upstream share`,
  async run(bench) {
    if (!isLinux) return [];
    const gateways = COUNTS.map((count) => workersGateway(count, bench.upstream, bench.folder));
    for (const gateway of gateways) await gateway.start();
    const rows: Row[] = [];
    for (const one of CASES) rows.push(...(await runCase(bench, gateways, one)));
    for (const gateway of gateways) await gateway.stop();
    return rows;
  },
};

async function runCase(
  bench: Bench,
  gateways: readonly Gateway[],
  { pair, bytes }: (typeof CASES)[number],
): Promise<Row[]> {
  const { scale, upstream } = bench;
  const samples = gateways.map((): Sample[] => []);
  for (const gateway of gateways) {
    await readAnswer(gateway.target(pair, 'plain', bytes));
    await loadOf(gateway, pair, bytes, scale.warmSeconds[0], scale.requests);
  }
  for (let round = 0; round < scale.rounds; round += 1) {
    bench.progress(`workers, ${bytes / KB} KB, round ${round + 1} of ${scale.rounds}`);
    let one: Sample | undefined;
    for (const [index, gateway] of gateways.entries()) {
      await loadOf(gateway, pair, bytes, scale.warmSeconds[1], scale.requests);
      const sample = await measure(gateway, upstream, () =>
        loadOf(gateway, pair, bytes, LONGER * scale.seconds, scale.requests),
      );
      samples[index]?.push(one === undefined ? sample : { ...sample, ...comparedTo(one, sample) });
      one ??= sample;
    }
  }
  return samples.map((taken, index) => {
    const count = COUNTS[index] ?? 0;
    const who = count === 1 ? 'one process' : `${count} workers`;
    return alone(`${pairName(pair)}, ${bytes / KB} KB, ${who}`, taken, JUDGEMENT);
  });
}

function loadOf(gateway: Gateway, pair: Pair, bytes: number, seconds: number, requests: number) {
  const target = gateway.target(pair, 'plain', bytes);
  return closedLoop(target, CONNECTIONS, { seconds, requests });
}

async function measure(
  gateway: Gateway,
  upstream: Upstream,
  load: () => ReturnType<typeof closedLoop>,
): Promise<Sample> {
  const others = (): number => (cpuUs(process.pid) ?? 0) + (cpuUs(upstream.pid) ?? 0);
  const before = { own: gateway.cpuUs ?? 0, others: others() };
  const { answers, seconds } = await load();
  const own = (gateway.cpuUs ?? 0) - before.own;
  const beside = others() - before.others;
  return {
    'requests/s': answers / seconds,
    'CPU µs/request, all its processes': own / answers,
    'cores busy with it': own / 1e6 / seconds,
    'cores busy with load and upstream': beside / 1e6 / seconds,
  };
}

function comparedTo(one: Sample, sample: Sample): Sample {
  const times = (name: string): number => (sample[name] ?? 0) / (one[name] ?? Number.NaN);
  return {
    'requests/s, times one process': times('requests/s'),
    'CPU µs/request, times one process': times('CPU µs/request, all its processes'),
  };
}
