/**
 * Counts that no machine changes: what a request and an event cost in parses, copies, timers and
 * microtasks. A process of its own, as it stands before the runtime's functions; prints JSON.
 *
 *     bun counts.ts
 */
import { heapStats } from 'bun:jsc';
import type { FormatName } from '../../src/unified.ts';
import type { Pair } from './gateways.ts';
import { type Counts, Spies } from './spies.ts';
import { callPath, replyBody, requestBody, STREAMS } from './wire.ts';

const spies = new Spies();
// Loaded after the spies, so that nothing has put the true functions aside.
const { createGateway } = await import('../../src/index.ts');

/** What one request took, or one event more of a stream. */
export type Taken = Counts & { ticks: number };
export interface Report {
  /** A body of 100 KB and a plain reply, by pair. */
  readonly request: Readonly<Record<string, Taken>>;
  /** One text delta of a stream, in a piece of its own, by pair. */
  readonly event: Readonly<Record<string, Taken>>;
  /** Objects of all kinds that a request of 1 KB and its plain reply make, by pair. */
  readonly objects: Readonly<Record<string, number>>;
  /** Pieces that reach the client when 200 events come in one. */
  readonly piecesOfBurst: Readonly<Record<string, number>>;
  /** Timers and listeners after all requests, those of clients that left included. */
  readonly timersLeft: number;
  readonly listenersLeft: number;
}

const FORMATS = ['chat', 'messages', 'responses', 'gemini'] as const;
const PAIRS: readonly Pair[] = FORMATS.flatMap((client) =>
  FORMATS.map((provider): Pair => [client, provider]),
);
const BODY_BYTES = 100_000;
/** Events of the shorter stream; the longer one has twice as many. */
const EVENTS = 50;
const BURST = 200;
/** The coarse tick of the gateway ends by itself, soon after its last request. */
const REST_MS = 2000;

/** What the provider answers next; set before each request. */
let answer = (): Response => new Response(null, { status: 500 });

const gateway = await createGateway({
  config: {
    providers: Object.fromEntries(
      FORMATS.map((type) => [type, { type, baseUrl: 'http://provider.test/v1', apiKey: 'k' }]),
    ),
    models: Object.fromEntries(FORMATS.map((format) => [format, `${format}/m`])),
    logging: { level: 'error' },
  },
  fetch: async () => answer(),
});

function plainAnswer(format: FormatName): Response {
  const headers = { 'content-type': 'application/json' };
  return new Response(replyBody(format), { headers });
}

/** A stream whose pieces come one at a time, as they are asked for. */
function streamAnswer(pieces: readonly Uint8Array[]): Response {
  let next = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[next];
        next += 1;
        if (piece === undefined) controller.close();
        else controller.enqueue(piece);
      },
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

function piecesOf(format: FormatName, events: number): Uint8Array[] {
  const { open, delta, close } = STREAMS[format];
  const all = [...open, ...Array.from({ length: events }, () => delta), ...close(events)];
  return all.map((event) => Buffer.from(event));
}

async function ask([client, provider]: Pair, stream: boolean, bytes: number): Promise<Response> {
  const body = requestBody(client, provider, stream, bytes);
  const url = `http://plexus.test${callPath(client, provider, stream)}`;
  const request = new Request(url, {
    method: 'POST',
    headers: {
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
    },
    body,
  });
  const response = await gateway.fetch(request, { ip: null });
  if (response.status !== 200) throw new Error(await response.text());
  return response;
}

/** Reads an answer; gives the number of its pieces. */
async function readPieces({ body }: Response): Promise<number> {
  const reader = body?.getReader();
  for (let pieces = 0; ; pieces += 1) {
    const piece = await reader?.read();
    if (piece === undefined || piece.done) return pieces;
  }
}

/** Rounds of the microtask queue until `work` is done: the promises that follow one another in it. */
async function ticksOf(work: () => Promise<unknown>): Promise<number> {
  let ticks = 0;
  let isDone = false;
  const tick = (): void => {
    ticks += 1;
    if (!isDone && ticks < MAX_TICKS) queueMicrotask(tick);
  };
  queueMicrotask(tick);
  await work();
  isDone = true;
  return ticks;
}
/** What waits for something else than microtasks is let through. */
const MAX_TICKS = 100_000;

async function take(work: () => Promise<unknown>): Promise<Taken> {
  spies.take();
  const ticks = await ticksOf(work);
  return { ...spies.take(), ticks };
}

async function requestOf(pair: Pair): Promise<Taken> {
  answer = () => plainAnswer(pair[1]);
  const run = async (): Promise<unknown> => (await ask(pair, false, BODY_BYTES)).text();
  // The first of its kind loads and prepares.
  await run();
  const body = requestBody(pair[0], pair[1], false, BODY_BYTES);
  spies.wholeFrom = body.length * 0.8;
  const made = await take(async () => requestBody(pair[0], pair[1], false, BODY_BYTES));
  const taken = await take(run);
  spies.wholeFrom = Number.POSITIVE_INFINITY;
  return subtract(taken, made);
}

/** What lies on the heap after some requests and did not before, as nothing is collected between. */
async function objectsOf(pair: Pair): Promise<number> {
  answer = () => plainAnswer(pair[1]);
  const run = async (requests: number): Promise<void> => {
    for (let n = 0; n < requests; n += 1) await (await ask(pair, false, 1000)).text();
  };
  await run(SOME);
  Bun.gc(true);
  const before = objectsOnHeap();
  await run(SOME);
  return Math.round((objectsOnHeap() - before) / SOME);
}
const SOME = 40;

function objectsOnHeap(): number {
  const counts = Object.values(heapStats().objectTypeCounts);
  return counts.reduce((sum, count) => sum + count, 0);
}

async function eventOf(pair: Pair): Promise<Taken> {
  const run = (events: number) => {
    const pieces = piecesOf(pair[1], events);
    answer = () => streamAnswer(pieces);
    return take(async () => readPieces(await ask(pair, true, 500)));
  };
  await run(EVENTS);
  const short = await run(EVENTS);
  const long = await run(2 * EVENTS);
  return divide(subtract(long, short), EVENTS);
}

async function burstOf(pair: Pair): Promise<number> {
  const piece = Buffer.concat(piecesOf(pair[1], BURST));
  answer = () => streamAnswer([piece]);
  return readPieces(await ask(pair, true, 500));
}

async function leave(pair: Pair): Promise<void> {
  const pieces = piecesOf(pair[1], EVENTS);
  answer = () => streamAnswer(pieces);
  const reader = (await ask(pair, true, 500)).body?.getReader();
  await reader?.read();
  await reader?.cancel();
}

function combine(a: Taken, b: Taken, how: (a: number, b: number) => number): Taken {
  return {
    parses: how(a.parses, b.parses),
    serializations: how(a.serializations, b.serializations),
    wholeParses: how(a.wholeParses, b.wholeParses),
    wholeSerializations: how(a.wholeSerializations, b.wholeSerializations),
    wholeCopies: how(a.wholeCopies, b.wholeCopies),
    timersStarted: how(a.timersStarted, b.timersStarted),
    deletions: how(a.deletions, b.deletions),
    ticks: how(a.ticks, b.ticks),
  };
}
const subtract = (a: Taken, b: Taken): Taken => combine(a, b, (x, y) => x - y);
const divide = (a: Taken, by: number): Taken => combine(a, a, (x) => x / by);

async function byPair<T>(of: (pair: Pair) => Promise<T>): Promise<Record<string, T>> {
  const all: Record<string, T> = {};
  for (const pair of PAIRS) all[pair.join(' → ')] = await of(pair);
  return all;
}

async function report(): Promise<Report> {
  const request = await byPair(requestOf);
  const event = await byPair(eventOf);
  const objects = await byPair(objectsOf);
  const piecesOfBurst = await byPair(burstOf);
  for (const pair of PAIRS) await leave(pair);
  for (const until = performance.now() + REST_MS; performance.now() < until; await Bun.sleep(20)) {
    if (spies.timersLeft === 0) break;
  }
  const { timersLeft, listenersLeft } = spies;
  return { request, event, objects, piecesOfBurst, timersLeft, listenersLeft };
}

console.log(JSON.stringify(await report()));
process.exit(0);
