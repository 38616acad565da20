/**
 * Minutes of chaos over real sockets: `bun run soak [minutes] [clients] [seed]`. A gateway in a process
 * of its own, providers that misbehave at random, clients that leave and clients that send nonsense.
 * Prints a table; ends with 1 when something was wrong.
 */
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isObject, parseJson } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { start } from '../cli/support/process.ts';
import { pick, randomOf } from '../support/chaos.ts';
import { judgeReply, judgeStream } from '../support/grammar.ts';
import { pathOf, requestOf } from '../support/matrix.ts';
import { rssOf } from './pressure.ts';

const [minutes = 3, clients = 60, seed = 1] = process.argv.slice(2).map(Number);
const CASES = ['text', 'calls', 'reasoning', 'results'];
/** Far above what all attempts of a request may take together. */
const IN_TIME_MS = 20_000;

const random = randomOf(seed);

// ------------------------------------------------------------------------------ providers

/** In a process of their own: a stream that breaks is told on standard error by Bun. */
const providers = Bun.spawn([process.execPath, join(import.meta.dir, 'providers.ts'), `${seed}`], {
  stdout: 'pipe',
  stderr: 'ignore',
});
const providersUrl = await firstLine(providers.stdout);

async function firstLine(stream: ReadableStream<Uint8Array>): Promise<string> {
  let text = '';
  for await (const bytes of stream) {
    text += new TextDecoder().decode(bytes);
    if (text.includes('\n')) break;
  }
  return text.trim();
}

// ------------------------------------------------------------------------------ gateway

const folder = mkdtempSync(join(tmpdir(), 'plexus-soak-'));
const provider = (type: FormatName): object => ({
  type,
  baseUrl: `${providersUrl}/${type}/x`,
  apiKey: `key-of-${type}`,
  proxy: false,
  timeoutMs: { firstOutput: 150, stall: 150 },
  maxConcurrency: Math.ceil(clients * 0.6),
});
const config = {
  dataDir: join(folder, 'data'),
  server: { maxConcurrency: Math.ceil(clients * 0.9), maxBodyBytes: 1024 * 1024 },
  providers: Object.fromEntries(FORMAT_NAMES.map((type) => [type, provider(type)])),
  models: {
    m: { selector: 'random', targets: FORMAT_NAMES.map((name) => `${name}/up`) },
    ...Object.fromEntries(FORMAT_NAMES.map((name) => [`only-${name}`, `${name}/up`])),
  },
  resilience: {
    cooldown: false,
    retries: { max: 1, maxWaitMs: 20 },
    keepAliveMs: 60,
    hold: { maxBytes: 8192, maxMs: 100 },
    queue: { maxLength: clients, maxWaitMs: 500 },
  },
  // Answers that are kept for later are memory that is used, not lost.
  responses: { store: 'off' },
  logging: { level: 'warn' },
};
writeFileSync(join(folder, 'plexus.json'), JSON.stringify(config));
const plexus = await start(['--config', join(folder, 'plexus.json')], { cwd: folder });

function openFiles(): number {
  try {
    return readdirSync(`/proc/${plexus.pid}/fd`).length;
  } catch {
    // Not on this system.
    return 0;
  }
}

// ------------------------------------------------------------------------------ clients

const tally = { requests: 0, complete: 0, errors: 0, left: 0, nonsense: 0, late: 0 };
const faults: string[] = [];
const ids = new Set<string>();

async function one(): Promise<void> {
  tally.requests += 1;
  const client = pick(random, FORMAT_NAMES);
  const stream = random() < 0.7;
  const model = random() < 0.5 ? 'm' : `only-${pick(random, FORMAT_NAMES)}`;
  const asked = requestOf(client, pick(random, CASES), stream);
  const good = JSON.stringify(client === 'gemini' ? asked : { ...asked, model });
  const isNonsense = random() < 0.1;
  const leavesAfter = random() < 0.1 ? random() * 200 : undefined;
  const giveUp = new AbortController();
  const timer = setTimeout(() => giveUp.abort(), leavesAfter ?? IN_TIME_MS);
  const where = `${client} ${model} ${stream ? 'stream' : 'plain'}`;
  try {
    const path = pathOf(client, stream).replace('models/m:', `models/${model}:`);
    const response = await fetch(plexus.url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'idempotency-key': 'same' },
      body: isNonsense ? spoiled(good) : good,
      signal: giveUp.signal,
    });
    const id = response.headers.get('x-request-id');
    if (id !== null) ids.add(id);
    const text = await response.text();
    const isStream = response.headers.get('content-type')?.startsWith('text/event-stream') ?? false;
    const verdict = isStream
      ? judgeStream(client, text)
      : judgeReply(client, response.status, text);
    if (verdict.end === 'none') faults.push(`${where}: no end`);
    for (const complaint of verdict.complaints) faults.push(`${where}: ${complaint}`);
    if (text.includes('The gateway failed')) faults.push(`${where}: a fault of our own`);
    if (isNonsense) tally.nonsense += 1;
    else if (verdict.end === 'complete') tally.complete += 1;
    else tally.errors += 1;
  } catch (cause) {
    if (leavesAfter !== undefined && giveUp.signal.aborted) tally.left += 1;
    else if (giveUp.signal.aborted) {
      tally.late += 1;
      faults.push(`${where}: did not end in time`);
    } else faults.push(`${where}: ${String(cause).slice(0, 200)}`);
  } finally {
    clearTimeout(timer);
  }
}

/** A body with some bytes changed, which may still be a body. */
function spoiled(good: string): Uint8Array {
  const bytes = new TextEncoder().encode(good);
  for (let flips = 1 + Math.floor(random() * 5); flips > 0; flips -= 1) {
    bytes[Math.floor(random() * bytes.length)] = Math.floor(random() * 256);
  }
  return bytes;
}

// ------------------------------------------------------------------------------ the run

const mb = (bytes: number): string => `${(bytes / 1024 / 1024).toFixed(1)} MB`;
const until = Date.now() + minutes * 60_000;
// What only the first requests cost is not a leak.
await Promise.all(Array.from({ length: clients }, one));
const before = { rss: rssOf(plexus.pid), files: openFiles() };
let peak = before.rss;
const sampler = setInterval(() => {
  peak = Math.max(peak, rssOf(plexus.pid));
}, 250);
await Promise.all(
  Array.from({ length: clients }, async () => {
    while (Date.now() < until) await one();
  }),
);
clearInterval(sampler);
// A crowd's memory is collected 1.5 s after it has gone.
await Bun.sleep(3000);
const after = { rss: rssOf(plexus.pid), files: openFiles() };
const ended = await plexus.stop();
const asked = await (await fetch(`${providersUrl}/asked`)).text();
providers.kill();

const lines = readdirSync(join(folder, 'data', 'logs', 'usage')).flatMap((file) =>
  readFileSync(join(folder, 'data', 'logs', 'usage', file), 'utf8')
    .split('\n')
    .filter(Boolean),
);
const records = lines.map(parseJson).filter(isObject);
const logged = new Set(records.map((record) => String(record['id'])));
const lost = [...ids].filter((id) => !logged.has(id)).length;
const torn = lines.length - records.length;
const twice = records.length - logged.size;
const output = ended.out + ended.err;
const secrets = FORMAT_NAMES.filter((name) => output.includes(`key-of-${name}`)).length;

const rows: [string, string | number][] = [
  ['minutes', minutes],
  ['requests', tally.requests],
  ['answered in full', tally.complete],
  ['ended in their format’s error', tally.errors],
  ['malformed requests, answered', tally.nonsense],
  ['clients that left', tally.left],
  ['asked of providers', asked],
  ['faults', faults.length],
  ['late', tally.late],
  ['usage lines', records.length],
  ['lost lines', lost],
  ['torn or doubled lines', torn + twice],
  ['secrets in the output', secrets],
  ['exit code', ended.code],
  ['open files, start and end', `${before.files}, ${after.files}`],
  ['RSS start', mb(before.rss)],
  ['RSS peak', mb(peak)],
  ['RSS end', mb(after.rss)],
];
const width = Math.max(...rows.map(([name]) => name.length));
const table = rows.map(([name, value]) => `| ${name.padEnd(width)} | ${value} |`);
process.stdout.write(`${[`| ${'soak'.padEnd(width)} | |`, '|---|---|', ...table].join('\n')}\n`);
for (const fault of faults.slice(0, 20)) process.stdout.write(`fault: ${fault}\n`);
if (/exception|rejection/.test(output)) process.stdout.write(`${output.slice(0, 4000)}\n`);
rmSync(folder, { recursive: true, force: true });
const isWell =
  faults.length + lost + torn + twice + secrets === 0 &&
  ended.code === 0 &&
  !/exception|rejection|a fault in the gateway/.test(output);
process.exit(isWell ? 0 : 1);
