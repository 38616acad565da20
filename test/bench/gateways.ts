/** The two that are compared, and the upstream behind both: how each is started and addressed. */
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { postRequest, type Target } from './load.ts';
import {
  childrenOf,
  cpuUs,
  freePort,
  type Memory,
  memoryOf,
  type Started,
  type StartOptions,
  start,
} from './machine.ts';
import { BEHAVIOURS, type Behaviour, type MockMessage } from './mock.ts';
import { callPath, requestBody } from './wire.ts';

/** A way through a gateway: the client's format, then the provider's. */
export type Pair = readonly [client: FormatName, provider: FormatName];

const CLIENT_KEY = 'sk-bench';
const READY_MS = 20_000;
/** How often a start is looked at. */
const LOOK_MS = 1;

/** The upstream. */
export interface Upstream {
  readonly port: number;
  readonly pid: number;
  /** When peers left answers that were under way; those of before are forgotten by `splice`. */
  readonly left: number[];
}

export async function startUpstream(folder: string, gapMs: number): Promise<Upstream> {
  const left: number[] = [];
  const { promise, resolve } = Promise.withResolvers<number>();
  const mock = start([process.execPath, join(import.meta.dir, 'mock.ts'), String(gapMs)], {
    core: 'load',
    log: join(folder, 'mock'),
    onMessage(message) {
      if (!isMockMessage(message)) return;
      if ('port' in message) resolve(message.port);
      else left.push(message.leftAt);
    },
  });
  const ended = mock.exited.then(() => {
    throw new Error(`the upstream ended: ${readFileSync(join(folder, 'mock.err'), 'utf8')}`);
  });
  return { port: await Promise.race([promise, ended]), pid: mock.pid, left };
}

function isMockMessage(message: unknown): message is MockMessage {
  return (
    typeof message === 'object' && message !== null && ('port' in message || 'leftAt' in message)
  );
}

/** How a gateway is made. */
interface GatewayKind {
  readonly name: 'floor' | 'plexus';
  readonly core: StartOptions['core'];
  /** Writes what it needs into its folder, and says how it is started. */
  command(port: number, upstream: number, folder: string): readonly string[];
  path(pair: Pair, behaviour: Behaviour): string;
}

/** Forwards, so its clients speak the provider's format. */
const FLOOR: GatewayKind = {
  name: 'floor',
  core: 'gateway',
  command: (port, upstream) => [
    process.execPath,
    join(import.meta.dir, 'floor.ts'),
    String(port),
    String(upstream),
  ],
  path: ([, provider], behaviour) =>
    `/${behaviour}${callPath(provider, 'm', behaviour !== 'plain')}`,
};

const main = resolve(import.meta.dir, '../../src/main.ts');
const aliasOf = (provider: FormatName, behaviour: Behaviour): string => `${provider}-${behaviour}`;

/** @param program how Plexus is called, without arguments */
const plexus = (program: readonly string[]): GatewayKind => ({
  name: 'plexus',
  core: 'gateway',
  command(port, upstream, folder) {
    const config = join(folder, 'plexus.json');
    writeFileSync(config, JSON.stringify(configFor(upstream, join(folder, 'data'))));
    return [...program, '--config', config, '--port', String(port)];
  },
  path: ([client, provider], behaviour) =>
    callPath(client, aliasOf(provider, behaviour), behaviour !== 'plain'),
});

/** Each format in each behaviour is a provider and an alias of its own. */
function configFor(upstream: number, dataDir: string): object {
  const targets = FORMAT_NAMES.flatMap((format) =>
    BEHAVIOURS.map((behaviour) => ({ format, behaviour, name: aliasOf(format, behaviour) })),
  );
  const version = (format: FormatName): string => (format === 'gemini' ? 'v1beta' : 'v1');
  return {
    dataDir,
    apiKeys: { bench: { secret: CLIENT_KEY } },
    providers: Object.fromEntries(
      targets.map(({ format, behaviour, name }) => [
        name,
        {
          type: format,
          baseUrl: `http://127.0.0.1:${upstream}/${behaviour}/${version(format)}`,
          apiKey: 'sk-upstream',
        },
      ]),
    ),
    models: Object.fromEntries(targets.map(({ name }) => [name, `${name}/m`])),
  };
}

/** A gateway, running or not. */
export class Gateway {
  readonly #kind: GatewayKind;
  readonly #upstream: Upstream;
  readonly #folder: string;
  #port = 0;
  #process: Started | undefined;

  constructor(kind: GatewayKind, upstream: Upstream, folder: string) {
    this.#kind = kind;
    this.#upstream = upstream;
    this.#folder = join(folder, kind.name);
    mkdirSync(this.#folder, { recursive: true });
  }

  get name(): 'floor' | 'plexus' {
    return this.#kind.name;
  }

  /** Starts it; resolves with the milliseconds until `/health` answered. */
  async start(): Promise<number> {
    this.#port = freePort();
    const command = this.#kind.command(this.#port, this.#upstream.port, this.#folder);
    const began = performance.now();
    const log = join(this.#folder, 'log');
    const env = { BUN_CONFIG_MAX_HTTP_REQUESTS: '65535' };
    let hasEnded = false;
    const started = start(command, {
      core: this.#kind.core,
      log,
      cwd: this.#folder,
      // Plexus raises Bun's limit of 256 fetches for itself; the floor has to be told.
      ...(this.name === 'floor' ? { env } : {}),
    });
    this.#process = started;
    started.exited.then(() => {
      hasEnded = true;
    });
    while (!hasEnded && performance.now() < began + READY_MS) {
      const health = `http://127.0.0.1:${this.#port}/health`;
      const answer = await fetch(health, { proxy: false }).catch(() => undefined);
      await answer?.arrayBuffer();
      if (answer?.ok) return performance.now() - began;
      await Bun.sleep(LOOK_MS);
    }
    throw new Error(`${this.name} did not start: ${readFileSync(`${log}.err`, 'utf8')}`);
  }

  async stop(): Promise<void> {
    await this.#process?.stop();
    this.#process = undefined;
  }

  async restart(): Promise<void> {
    await this.stop();
    await this.start();
  }

  /** Takes no CPU time until `resume`: what is not measured must not disturb what is. */
  pause(): void {
    if (this.#process) process.kill(this.#process.pid, 'SIGSTOP');
  }
  resume(): void {
    if (this.#process) process.kill(this.#process.pid, 'SIGCONT');
  }

  /** CPU time so far, its own and that of the processes it has started. */
  get cpuUs(): number | undefined {
    if (this.#process === undefined) return undefined;
    const { pid } = this.#process;
    const times = [pid, ...childrenOf(pid)].map((one) => cpuUs(one));
    return times.reduce((sum, time) => sum && time && sum + time);
  }
  get memory(): Memory | undefined {
    return this.#process && memoryOf(this.#process.pid);
  }

  /** What a client sends. The floor gets what a provider would: it cannot translate. */
  target(pair: Pair, behaviour: Behaviour, bytes = 1000): Target {
    const format = this.name === 'floor' ? pair[1] : pair[0];
    const model = this.name === 'floor' ? 'm' : aliasOf(pair[1], behaviour);
    const body = requestBody(format, model, behaviour !== 'plain', bytes);
    const path = this.#kind.path(pair, behaviour);
    const port = this.#port;
    return { port, request: postRequest(port, path, HEADERS[format], body) };
  }
}

/** The headers of an SDK, of which there are about a dozen. */
const SDK_HEADERS = {
  accept: 'application/json',
  'accept-encoding': 'identity',
  'content-type': 'application/json',
  'user-agent': 'bench/1.0',
  'x-stainless-arch': 'x64',
  'x-stainless-lang': 'js',
  'x-stainless-os': 'Linux',
  'x-stainless-package-version': '1.0.0',
  'x-stainless-retry-count': '0',
  'x-stainless-runtime': 'node',
} as const;
const BEARER = { ...SDK_HEADERS, authorization: `Bearer ${CLIENT_KEY}` };
const HEADERS: Readonly<Record<FormatName, Readonly<Record<string, string>>>> = {
  chat: BEARER,
  responses: BEARER,
  messages: { ...SDK_HEADERS, 'x-api-key': CLIENT_KEY, 'anthropic-version': '2023-06-01' },
  gemini: { ...SDK_HEADERS, 'x-goog-api-key': CLIENT_KEY },
};

/** The two that are compared. */
export interface Gateways {
  readonly floor: Gateway;
  readonly plexus: Gateway;
}

export function createGateways(upstream: Upstream, folder: string): Gateways {
  return {
    floor: new Gateway(FLOOR, upstream, folder),
    plexus: new Gateway(plexus([process.execPath, main]), upstream, folder),
  };
}

/** Plexus with so many workers, on all cores of the machine. */
export function workersGateway(count: number, upstream: Upstream, folder: string): Gateway {
  const kind = plexus([process.execPath, main, '--workers', String(count)]);
  return new Gateway({ ...kind, core: 'all' }, upstream, join(folder, `workers-${count}`));
}

/** Plexus as an executable. */
export function executableGateway(file: string, upstream: Upstream, folder: string): Gateway {
  return new Gateway(plexus([file]), upstream, join(folder, 'executable'));
}
