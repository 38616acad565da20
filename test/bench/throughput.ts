/** Plain replies and bursts of events, as many as go through: rate and CPU time. */
import { type Judgement, quantile, type Row, type Target } from './figures.ts';
import type { Gateway, Pair } from './gateways.ts';
import { closedLoop, readAnswer } from './load.ts';
import { BURST_EVENTS } from './mock.ts';
import { type Bench, compare, pairName, type Scenario, turnOf } from './scenario.ts';
import { marksIn, STREAM_END } from './wire.ts';

interface Case {
  readonly pair: Pair;
  readonly bytes: number;
  readonly connections: number;
  /** Targets of CPU time and rate, as multiples of the floor's. */
  readonly cpu?: Target;
  readonly rate?: Target;
}

const KB = 1000;
const MB = 1_000_000;
const CHAT: Pair = ['chat', 'chat'];

const PLAIN_SAME: readonly Case[] = [
  { pair: CHAT, bytes: KB, connections: 1, cpu: { most: 1.4 } },
  { pair: CHAT, bytes: KB, connections: 32, cpu: { most: 1.4 }, rate: { least: 0.75 } },
  { pair: CHAT, bytes: 100 * KB, connections: 1, cpu: { most: 1.3 } },
  { pair: CHAT, bytes: 100 * KB, connections: 32, cpu: { most: 1.3 }, rate: { least: 0.75 } },
  { pair: CHAT, bytes: MB, connections: 1, cpu: { most: 1.3 } },
];

const TRANSLATED: readonly Pair[] = [
  ['messages', 'chat'],
  ['chat', 'messages'],
  ['responses', 'chat'],
  ['chat', 'gemini'],
];
const PLAIN_TRANSLATED: readonly Case[] = [
  ...TRANSLATED.map(
    (pair): Case => ({
      pair,
      bytes: KB,
      connections: 32,
      cpu: { most: 1.8 },
      rate: { least: 0.55 },
    }),
  ),
  { pair: ['messages', 'chat'], bytes: 100 * KB, connections: 1, cpu: { most: 5 } },
  { pair: ['messages', 'chat'], bytes: 100 * KB, connections: 32, cpu: { most: 5 } },
];

const BURST_CONNECTIONS = 8;
const burst = (pair: Pair, most: number): Case => ({
  pair,
  bytes: KB,
  connections: BURST_CONNECTIONS,
  cpu: { most },
});
const BURSTS: readonly Case[] = [
  burst(CHAT, 1.3),
  burst(['messages', 'messages'], 1.3),
  burst(['responses', 'responses'], 1.3),
  ...TRANSLATED.map((pair) => burst(pair, 2.5)),
];

export const plain: Scenario = {
  name: 'plain',
  title: 'Plain replies',
  run: (bench) => runAll(bench, [...PLAIN_SAME, ...PLAIN_TRANSLATED], 'plain'),
};
export const bursts: Scenario = {
  name: 'burst',
  title: `Streams of ${BURST_EVENTS} events at once`,
  run: (bench) => runAll(bench, BURSTS, 'burst'),
};

async function runAll(
  bench: Bench,
  cases: readonly Case[],
  behaviour: 'plain' | 'burst',
): Promise<Row[]> {
  const rows: Row[] = [];
  for (const one of cases) rows.push(await runCase(bench, one, behaviour));
  return rows;
}

async function runCase(bench: Bench, one: Case, behaviour: 'plain' | 'burst'): Promise<Row> {
  const { scale, gateways } = bench;
  const { pair, bytes, connections } = one;
  const warm = (gateway: Gateway, seconds: number) => {
    const target = gateway.target(pair, behaviour, bytes);
    return closedLoop(target, connections, { seconds, requests: scale.requests });
  };
  for (const gateway of [gateways.floor, gateways.plexus]) {
    await turnOf(gateway, async () => {
      await checkAnswer(gateway, one, behaviour);
      await warm(gateway, scale.warmSeconds[0]);
    });
  }
  const unit = behaviour === 'burst' ? 'event' : 'request';
  const count = behaviour === 'burst' ? BURST_EVENTS : 1;
  const judgement: Judgement = {
    [`CPU µs/${unit}`]: ['ratio', one.cpu],
    [`${unit}s/s`]: ['ratio', one.rate],
    'p50 ms': ['ratio'],
    'p99 ms': ['ratio'],
  };
  const size = bytes >= MB ? `${bytes / MB} MB` : `${bytes / KB} KB`;
  const name = `${pairName(pair)}, ${size}, ${connections} connection${connections > 1 ? 's' : ''}`;
  return compare(bench, name, scale.rounds, judgement, async (gateway) => {
    const target = gateway.target(pair, behaviour, bytes);
    await warm(gateway, scale.warmSeconds[1]);
    const before = gateway.cpuUs;
    const load = await closedLoop(target, connections, scale);
    const after = gateway.cpuUs;
    const done = load.answers * count;
    return {
      [`CPU µs/${unit}`]: before && after && (after - before) / done,
      [`${unit}s/s`]: done / load.seconds,
      'p50 ms': quantile(load.latencies, 0.5),
      'p99 ms': quantile(load.latencies, 0.99),
    };
  });
}

/** The answer must be there, whole, and in the client's format, or nothing that is measured means anything. */
async function checkAnswer(
  gateway: Gateway,
  { pair, bytes }: Case,
  behaviour: 'plain' | 'burst',
): Promise<void> {
  const format = gateway.name === 'floor' ? pair[1] : pair[0];
  const answer = await readAnswer(gateway.target(pair, behaviour, bytes));
  const wanted = behaviour === 'burst' ? BURST_EVENTS : 1;
  const isWhole = behaviour === 'plain' || answer.includes(STREAM_END[format]);
  if (marksIn(answer).length < wanted || !answer.includes(SHAPES[format]) || !isWhole) {
    throw new Error(`${gateway.name} answers ${pairName(pair)} wrongly: ${answer.slice(0, 600)}`);
  }
}

/** What only a reply or stream of the format holds. */
const SHAPES = {
  chat: '"chat.completion',
  messages: '"stop_reason"',
  responses: '"object":"response"',
  gemini: '"candidates"',
} as const;
