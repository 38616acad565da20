/** What a scenario is given, and how the two systems take turns. */
import type { Judgement, Rounds, Row, Sample } from './figures.ts';
import { rowOf } from './figures.ts';
import type { Gateway, Gateways, Pair, Upstream } from './gateways.ts';

/** How much is done. */
export interface Scale {
  /** Turns of each system in a case. */
  readonly rounds: number;
  /** Load before the first turn of a case, for the compiler's sake, and at the begin of each. */
  readonly warmSeconds: readonly [first: number, each: number];
  /** A turn under load ends after so many seconds, or so many requests. */
  readonly seconds: number;
  readonly requests: number;
  /** Milliseconds between two events of a paced stream. */
  readonly gapMs: number;
  readonly pacedRounds: number;
  readonly pacedStreams: number;
  readonly pacedSeconds: number;
  /** Requests before memory is looked at: once, and again for what grows. */
  readonly memoryRequests: readonly [number, number];
  readonly openStreams: number;
  /** Time for memory to settle. */
  readonly settleMs: number;
  readonly slowReaderMs: number;
  readonly leavings: number;
  /** Starts of the executable; with none it is not built. */
  readonly coldStarts: number;
}

/** Five minutes, a minute, and just enough to see that everything works. */
export const SCALES = {
  full: {
    rounds: 5,
    warmSeconds: [0.8, 0.1],
    seconds: 0.5,
    requests: Number.POSITIVE_INFINITY,
    gapMs: 20,
    pacedRounds: 2,
    pacedStreams: 100,
    pacedSeconds: 2,
    memoryRequests: [20_000, 100_000],
    openStreams: 1000,
    settleMs: 2500,
    slowReaderMs: 4000,
    leavings: 30,
    coldStarts: 9,
  },
  quick: {
    rounds: 2,
    warmSeconds: [0.25, 0.05],
    seconds: 0.15,
    requests: Number.POSITIVE_INFINITY,
    gapMs: 20,
    pacedRounds: 1,
    pacedStreams: 100,
    pacedSeconds: 0.5,
    memoryRequests: [5000, 10_000],
    openStreams: 1000,
    settleMs: 500,
    slowReaderMs: 1500,
    leavings: 5,
    coldStarts: 3,
  },
  smallest: {
    rounds: 1,
    warmSeconds: [5, 5],
    seconds: 5,
    requests: 4,
    gapMs: 1,
    pacedRounds: 1,
    pacedStreams: 2,
    pacedSeconds: 0,
    memoryRequests: [8, 16],
    openStreams: 4,
    settleMs: 0,
    slowReaderMs: 50,
    leavings: 1,
    coldStarts: 0,
  },
} as const satisfies Record<string, Scale>;

export interface Bench {
  readonly scale: Scale;
  readonly gateways: Gateways;
  readonly upstream: Upstream;
  /** A folder that is deleted in the end. */
  readonly folder: string;
  /** An executable that is there already. */
  readonly executable: string | undefined;
  /** Says what is being done. */
  progress(text: string): void;
}

export interface Scenario {
  readonly name: string;
  readonly title: string;
  run(bench: Bench): Promise<Row[]>;
}

/** One case, measured in turns: what disturbs a round disturbs both. */
export async function compare(
  bench: Bench,
  name: string,
  rounds: number,
  judgement: Judgement,
  measure: (gateway: Gateway) => Promise<Sample>,
): Promise<Row> {
  const { floor, plexus } = bench.gateways;
  const samples: { floor: Sample[]; plexus: Sample[] } = { floor: [], plexus: [] };
  for (let round = 0; round < rounds; round += 1) {
    bench.progress(`${name}, round ${round + 1} of ${rounds}`);
    const turns = round % 2 === 0 ? [floor, plexus] : [plexus, floor];
    for (const gateway of turns) {
      samples[gateway.name].push(await turnOf(gateway, () => measure(gateway)));
    }
  }
  return rowOf(name, samples, judgement);
}

/** The other one is paused while it is not its turn. */
export async function turnOf<T>(gateway: Gateway, action: () => Promise<T>): Promise<T> {
  gateway.resume();
  try {
    return await action();
  } finally {
    gateway.pause();
  }
}

/** A case of Plexus alone. */
export function alone(name: string, samples: readonly Sample[], judgement: Judgement): Row {
  return rowOf(name, { floor: [], plexus: samples } satisfies Rounds, judgement);
}

/** `chat → messages`, or `chat` where nothing is translated. */
export function pairName([client, provider]: Pair): string {
  return client === provider ? client : `${client} → ${provider}`;
}
