/** A client leaves: how long until the upstream sees it. */
import { clockMs } from './clock.ts';
import { type Judgement, quantile, type Row, type Sample } from './figures.ts';
import type { Pair } from './gateways.ts';
import { openCall } from './load.ts';
import type { Behaviour } from './mock.ts';
import { alone, type Bench, pairName, type Scenario, turnOf } from './scenario.ts';
import { marksIn } from './wire.ts';

const PAIRS: readonly Pair[] = [
  ['chat', 'chat'],
  ['messages', 'chat'],
];
const MOMENTS: readonly (readonly [Behaviour, string])[] = [
  ['endless', 'within a stream'],
  ['silent', 'while the upstream is silent'],
  ['mute', 'before any answer'],
];
const JUDGEMENT: Judgement = {
  'p50 ms': ['alone', { most: 20 }],
  'longest ms': ['alone', { most: 100 }],
};
/** Later than this is never. */
const NEVER_MS = 2000;
const FIRST_EVENT_MS = 5000;
/** A request without an answer has reached the upstream by then. */
const UNDER_WAY_MS = 40;

/** The floor is not asked: it does not tell its upstream before the answer has begun. */
export const leaving: Scenario = {
  name: 'leaving',
  title: 'A client leaves: until the upstream sees it',
  async run(bench) {
    const rows: Row[] = [];
    for (const pair of PAIRS) {
      for (const [behaviour, moment] of MOMENTS) {
        const name = `${pairName(pair)}, ${moment}`;
        bench.progress(name);
        const sample = await turnOf(bench.gateways.plexus, () => leave(bench, pair, behaviour));
        rows.push(alone(name, [sample], JUDGEMENT));
      }
    }
    return rows;
  },
};

async function leave(bench: Bench, pair: Pair, behaviour: Behaviour): Promise<Sample> {
  const times: number[] = [];
  for (let left = 0; left < bench.scale.leavings; left += 1) {
    times.push(await leaveOnce(bench, pair, behaviour));
  }
  return { 'p50 ms': quantile(times, 0.5), 'longest ms': Math.max(...times) };
}

async function leaveOnce(
  { gateways, upstream }: Bench,
  pair: Pair,
  behaviour: Behaviour,
): Promise<number> {
  upstream.left.length = 0;
  const { promise: begun, resolve } = Promise.withResolvers<void>();
  const call = await openCall(gateways.plexus.target(pair, behaviour), (text) => {
    if (marksIn(text).length > 0) resolve();
  });
  await (behaviour === 'mute'
    ? Bun.sleep(UNDER_WAY_MS)
    : Promise.race([begun, Bun.sleep(FIRST_EVENT_MS)]));
  // Not in step with the events.
  await Bun.sleep(5 + Math.random() * 20);
  const leftAt = clockMs();
  call.close();
  for (;;) {
    const [seenAt] = upstream.left;
    if (seenAt !== undefined) return Math.max(0, seenAt - leftAt);
    if (clockMs() > leftAt + NEVER_MS) return Number.POSITIVE_INFINITY;
    await Bun.sleep(1);
  }
}
