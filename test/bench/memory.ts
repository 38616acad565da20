/** Memory over the life of a gateway, and what a client that hardly reads costs. */
import type { Judgement, Row, Sample } from './figures.ts';
import { rowOf } from './figures.ts';
import type { Gateway, Pair } from './gateways.ts';
import { closedLoop, type OpenCall, openCall } from './load.ts';
import type { Memory } from './machine.ts';
import { type Bench, pairName, type Scenario, turnOf } from './scenario.ts';
import { marksIn } from './wire.ts';

const PAIRS: readonly Pair[] = [
  ['chat', 'chat'],
  ['messages', 'chat'],
];
const CONNECTIONS = 32;

export const memory: Scenario = {
  name: 'memory',
  title: 'Memory, resident',
  async run(bench) {
    const rows: Row[] = [];
    for (const pair of PAIRS) {
      const samples: Record<Gateway['name'], Sample[]> = { floor: [], plexus: [] };
      for (const gateway of askedFor(bench, pair)) {
        bench.progress(`memory of ${gateway.name}, ${pairName(pair)}`);
        await gateway.restart();
        samples[gateway.name].push(await turnOf(gateway, () => lifeOf(bench, gateway, pair)));
      }
      rows.push(rowOf(pairName(pair), samples, judgementOf(bench)));
    }
    return rows;
  },
};

/** The floor is asked once: it cannot translate. */
function askedFor({ gateways }: Bench, [client, provider]: Pair): Gateway[] {
  return client === provider ? [gateways.floor, gateways.plexus] : [gateways.plexus];
}

function namesOf({ scale }: Bench) {
  const [some, many] = scale.memoryRequests.map((count) => count.toLocaleString('en'));
  return {
    idle: 'idle, MB',
    worked: `after ${some} requests, MB`,
    grown: `from there to ${many}, MB`,
    open: `with ${scale.openStreams} open streams, MB`,
    perStream: 'each of them, KB',
    closed: 'after they closed, MB',
    kept: 'more than before them, MB',
    forgotten: 'streams left open upstream',
  };
}

function judgementOf(bench: Bench): Judgement {
  const names = namesOf(bench);
  return {
    [names.idle]: ['alone', { most: 45 }],
    [names.worked]: ['alone'],
    [names.grown]: ['alone', { most: 4 }],
    [names.open]: ['alone'],
    [names.perStream]: ['alone', { most: 60 }],
    [names.closed]: ['alone'],
    [names.kept]: ['alone', { most: 15 }],
    [names.forgotten]: ['alone', { most: 0 }],
  };
}

async function lifeOf(bench: Bench, gateway: Gateway, pair: Pair): Promise<Sample> {
  const { scale, upstream } = bench;
  const names = namesOf(bench);
  const [some, many] = scale.memoryRequests;
  const settled = async (): Promise<Memory | undefined> => {
    await Bun.sleep(scale.settleMs);
    return gateway.memory;
  };
  const idle = await settled();
  const plain = gateway.target(pair, 'plain');
  await closedLoop(plain, CONNECTIONS, { requests: some });
  const worked = await settled();
  await closedLoop(plain, CONNECTIONS, { requests: many - some });
  const grown = await settled();

  upstream.left.length = 0;
  const calls = await openStreams(bench, gateway, pair);
  const open = await settled();
  for (const call of calls) call.close();
  const leftBy = performance.now() + LEAVE_MS;
  while (upstream.left.length < calls.length && performance.now() < leftBy) await Bun.sleep(5);
  const closed = await settled();
  return {
    [names.forgotten]: calls.length - upstream.left.length,
    ...(idle && worked && grown && open && closed
      ? {
          [names.idle]: idle.resident,
          [names.worked]: worked.resident,
          [names.grown]: grown.resident - worked.resident,
          [names.open]: open.resident,
          [names.perStream]: ((open.anonymous - grown.anonymous) * 1024) / calls.length,
          [names.closed]: closed.resident,
          [names.kept]: closed.resident - grown.resident,
        }
      : {}),
  };
}

const LEAVE_MS = 3000;
/** So many are opened at a time, as an upstream takes only so many at once. */
const OPENED_AT_ONCE = 10;
const FIRST_EVENT_MS = 10_000;

/** Streams that each have given their first event. */
async function openStreams({ scale }: Bench, gateway: Gateway, pair: Pair): Promise<OpenCall[]> {
  const target = gateway.target(pair, 'slow');
  const calls: OpenCall[] = [];
  while (calls.length < scale.openStreams) {
    const count = Math.min(OPENED_AT_ONCE, scale.openStreams - calls.length);
    const opened = Array.from({ length: count }, async () => {
      const { promise: begun, resolve, reject } = Promise.withResolvers<void>();
      const timer = setTimeout(
        () => reject(new Error(`${gateway.name} did not begin stream ${calls.length}`)),
        FIRST_EVENT_MS,
      );
      const call = await openCall(target, (text) => {
        if (marksIn(text).length > 0) resolve();
      });
      await begun;
      clearTimeout(timer);
      return call;
    });
    calls.push(...(await Promise.all(opened)));
  }
  return calls;
}

// ------------------------------------------------------------------------------ the slow reader

/** A piece is read so often, and no more: about 64 KB at a time from a socket that has filled up. */
const READ_EVERY_MS = 500;
const GROWTH = 'growth, MB';

export const slowReader: Scenario = {
  name: 'slow-reader',
  title: 'A client that hardly reads from 200 MB',
  async run(bench) {
    const rows: Row[] = [];
    for (const pair of PAIRS) {
      const samples: Record<Gateway['name'], Sample[]> = { floor: [], plexus: [] };
      for (const gateway of askedFor(bench, pair)) {
        bench.progress(`a slow reader of ${gateway.name}, ${pairName(pair)}`);
        await gateway.restart();
        samples[gateway.name].push(await turnOf(gateway, () => readSlowly(bench, gateway, pair)));
      }
      rows.push(rowOf(pairName(pair), samples, { [GROWTH]: ['alone', { most: 8 }] }));
    }
    return rows;
  },
};

async function readSlowly({ scale }: Bench, gateway: Gateway, pair: Pair): Promise<Sample> {
  // What the first streams of a process take is no stream's own.
  await closedLoop(gateway.target(pair, 'burst'), CONNECTIONS, { requests: scale.openStreams });
  await Bun.sleep(scale.settleMs / 4);
  const before = gateway.memory;
  let peak = before;
  const { promise: begun, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(
    () => reject(new Error(`${gateway.name} gave nothing to a slow reader`)),
    FIRST_EVENT_MS,
  );
  const call = await openCall(gateway.target(pair, 'flood'), (_, self) => {
    self.pause();
    resolve();
  });
  await begun;
  clearTimeout(timer);
  const until = performance.now() + scale.slowReaderMs;
  do {
    await Bun.sleep(Math.min(READ_EVERY_MS, scale.slowReaderMs));
    const now = gateway.memory;
    if (now && peak && now.resident > peak.resident) peak = now;
    call.resume();
  } while (performance.now() < until);
  call.close();
  return before && peak ? { [GROWTH]: peak.resident - before.resident } : {};
}
