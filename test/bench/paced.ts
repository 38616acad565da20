/** Streams at the pace of a model: what a gateway adds to the first event, and to each one. */

import { clockMs } from './clock.ts';
import { type Judgement, quantile, type Row, type Sample } from './figures.ts';
import type { Gateway, Pair } from './gateways.ts';
import { closedLoop, openCall } from './load.ts';
import { PACED_EVENTS } from './mock.ts';
import { type Bench, compare, pairName, type Scenario } from './scenario.ts';
import { marksIn } from './wire.ts';

const PAIRS: readonly Pair[] = [
  ['chat', 'chat'],
  ['messages', 'chat'],
];
/** Streams begin spread over so much time, which is not measured. */
const RAMP_MS = 1000;
const WARM_CONNECTIONS = 8;

const JUDGEMENT: Judgement = {
  'first event, p50 ms': ['added', { most: 1 }],
  'first event, p99 ms': ['added', { most: 5 }],
  'delay of an event, p50 ms': ['added', { most: 1 }],
  'delay of an event, p99 ms': ['added', { most: 5 }],
  'CPU µs/event': ['ratio'],
};

export const paced: Scenario = {
  name: 'paced',
  title: 'Paced streams',
  async run(bench) {
    const rows: Row[] = [];
    const { pacedStreams, pacedRounds } = bench.scale;
    for (const pair of PAIRS) {
      const name = `${pairName(pair)}, ${pacedStreams} open`;
      rows.push(
        await compare(bench, name, pacedRounds, JUDGEMENT, (gateway) =>
          measure(bench, gateway, pair),
        ),
      );
    }
    return rows;
  },
};

async function measure({ scale }: Bench, gateway: Gateway, pair: Pair): Promise<Sample> {
  const target = gateway.target(pair, 'paced');
  await closedLoop(gateway.target(pair, 'burst'), WARM_CONNECTIONS, {
    seconds: scale.warmSeconds[0],
    requests: scale.requests,
  });
  const ramp = Math.min(RAMP_MS, scale.gapMs * PACED_EVENTS);
  const until = performance.now() + ramp + scale.pacedSeconds * 1000;
  const firsts: number[] = [];
  const delays: number[] = [];

  async function stream(): Promise<void> {
    const begin = clockMs();
    const { promise: complete, resolve } = Promise.withResolvers<void>();
    /** A mark may be cut by the end of a piece. */
    let rest = '';
    const seen = new Set<number>();
    const call = await openCall(target, (piece) => {
      const at = clockMs();
      const text = rest + piece;
      for (const mark of marksIn(text)) {
        // Closing events may say the text again.
        if (seen.has(mark)) continue;
        if (seen.size === 0) firsts.push(at - begin);
        seen.add(mark);
        delays.push(at - mark / 1000);
      }
      rest = text.slice(-24);
      if (rest.endsWith('\r\n0\r\n\r\n')) resolve();
    });
    await Promise.race([complete, call.closed]);
    call.close();
    if (seen.size < PACED_EVENTS) {
      throw new Error(`${gateway.name} gave ${seen.size} of ${PACED_EVENTS} events`);
    }
  }

  const before = gateway.cpuUs;
  await Promise.all(
    Array.from({ length: scale.pacedStreams }, async (_, index) => {
      await Bun.sleep((index * ramp) / scale.pacedStreams);
      do await stream();
      while (performance.now() < until);
    }),
  );
  const after = gateway.cpuUs;
  return {
    'first event, p50 ms': quantile(firsts, 0.5),
    'first event, p99 ms': quantile(firsts, 0.99),
    'delay of an event, p50 ms': quantile(delays, 0.5),
    'delay of an event, p99 ms': quantile(delays, 0.99),
    'CPU µs/event': before && after && (after - before) / delays.length,
  };
}
