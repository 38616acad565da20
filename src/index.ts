/**
 * Plexus as a library: a gateway as a function from Request to Response.
 *
 *     import { createGateway } from 'plexus';
 *     const gateway = await createGateway({ config: './plexus.json' });
 *     Bun.serve({ port: 3000, fetch: gateway.fetch });
 *
 * `plexus` itself (`cli/serve.ts`) is this on a port.
 */
import { join } from 'node:path';
import { createApp, type Peer } from './app.ts';
import { configChanges } from './config/changes.ts';
import type { Config } from './config/config.ts';
import type { Environment } from './config/environment.ts';
import type { Overrides } from './config/load.ts';
import { loadAll } from './config/load-all.ts';
import { formatProblems, type Problem } from './config/problem.ts';
import type { GatewayDeps, Settings } from './exchange.ts';
import { createGateway as createCore } from './gateway.ts';
import { Cooldowns } from './health/cooldowns.ts';
import type { JsonObject } from './json.ts';
import { createLog, type Log } from './log.ts';
import { createSettings } from './settings.ts';
import { createEnvelope } from './transform/envelope.ts';
import { loadSecret } from './transform/envelope-secret.ts';
import { type Send, sendWithFetch } from './upstream.ts';
import type { UsageRecord } from './usage/record.ts';
import { createDayWriter, type DayWriter } from './usage/writer.ts';
import { VERSION } from './version.ts';

export type { Config, Log, Peer, Problem, UsageRecord };

export interface GatewayOptions {
  /**
   * What a configuration file holds, or the path of one. Without it the file is looked for as the
   * program does; when there is none, the demo configuration counts.
   */
  readonly config?: string | JsonObject;
  /** Where `${NAME}` comes from; `process.env` by default. */
  readonly env?: Environment;
  /** Relative paths are seen from here; `process.cwd()` by default. */
  readonly cwd?: string;
  /** Settings that win over those of a file. */
  readonly overrides?: Overrides;
  /** Sends requests to providers, instead of Bun's `fetch`. */
  readonly fetch?: (url: string, init: RequestInit) => Promise<Response>;
  /** Gets the usage record of each request, once, when it has ended. */
  readonly onRecord?: (record: UsageRecord) => void;
  /** Takes what is to be logged; by default standard error, as `logging` says. */
  readonly log?: Log;
  /** `logging.format`, whatever the file says. */
  readonly logFormat?: 'text' | 'json';
  /** Colours in the log. */
  readonly color?: boolean;
  /**
   * Whether the usage log and the secret of sealed reasoning are kept in `dataDir`. By default yes
   * for a configuration from a file, no for one that is given as a value.
   */
  readonly persist?: boolean;
}

/** A running gateway. Its functions need no `this`. */
export interface PlexusGateway {
  /**
   * Answers a request; never throws. As the `fetch` of `Bun.serve` it learns the client's address
   * from the server; anywhere else a `Peer` may be given.
   */
  fetch(request: Request, from?: Peer | RequestServer): Promise<Response>;
  /** The configuration in force. */
  readonly config: Config;
  readonly log: Log;
  /** What is unusual about the configuration in force without being wrong. */
  readonly warnings: readonly Problem[];
  /**
   * Reads the configuration again, or takes another. Running requests keep theirs; when there are
   * problems, so does everything else.
   */
  reload(config?: string | JsonObject): Promise<Reload>;
  /** Writes what is still to be written. */
  close(): Promise<void>;
}

/** What a reload came to; `changes` is empty when nothing differs. */
export type Reload =
  | { readonly ok: true; readonly changes: readonly string[] }
  | { readonly ok: false; readonly problems: readonly Problem[] };

/** The part of Bun's server that a request is asked about. */
export interface RequestServer {
  requestIP(request: Request): { readonly address: string } | null;
  timeout(request: Request, seconds: number): void;
}

/** The configuration cannot be used; `problems` says why, all of it. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];

  constructor(problems: readonly Problem[], warnings: readonly Problem[]) {
    super(formatProblems(problems));
    this.problems = problems;
    this.warnings = warnings;
  }
}

/** @throws ConfigError when the configuration cannot be used */
export async function createGateway(options: GatewayOptions = {}): Promise<PlexusGateway> {
  const now = (): number => Date.now();
  let source = options.config;
  let state = await load(options, source, now);
  if ('problems' in state) throw new ConfigError(state.problems, state.warnings);
  let current: Loaded = state;

  const logged = logFor(options, () => current.config);
  const { log } = logged;
  const persist = options.persist ?? typeof source !== 'object';
  const usage = persist ? usageWriter(current.config, log, now) : undefined;
  const deps: GatewayDeps = {
    settings: () => current.settings,
    send: sendFor(options.fetch),
    clock: { now, monotonic: () => performance.now() },
    random: Math.random,
    newId,
    envelope: createEnvelope(persist ? keptSecret(current.config, log) : memorySecret()),
    cooldowns: new Cooldowns(now),
    log,
    onRecord: (record) => {
      if (current.config.logging.usage.enabled) usage?.push(record);
      options.onRecord?.(record);
      log.debug('request', () => ({ ...record }));
    },
  };
  const app = createApp(createCore(deps), deps, VERSION);

  async function reload(next: string | JsonObject | undefined): Promise<Reload> {
    state = await load(options, next ?? source, now);
    if ('problems' in state) return { ok: false, problems: state.problems };
    const changes = configChanges(current.config, state.config);
    current = state;
    source = next ?? source;
    logged.renew();
    return { ok: true, changes };
  }
  /** The last reload that was asked for; the next one waits for it. */
  let reloading: Promise<unknown> = Promise.resolve();

  return {
    fetch: (request, from) => app(request, peerOf(request, from)),
    get config() {
      return current.config;
    },
    get warnings() {
      return current.warnings;
    },
    log,
    reload(next) {
      const result = reloading.then(() => reload(next));
      reloading = result;
      return result;
    },
    async close() {
      if (usage === undefined) return;
      await usage.drain();
      process.off('exit', usage.drainSync);
    },
  };
}

// ------------------------------------------------------------------------------ configuration

interface Loaded {
  readonly config: Config;
  readonly settings: Settings;
  readonly warnings: readonly Problem[];
}
interface Refused {
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

async function load(
  { env = process.env, cwd = process.cwd(), overrides }: GatewayOptions,
  source: string | JsonObject | undefined,
  now: () => number,
): Promise<Loaded | Refused> {
  const loaded = await loadAll({
    config: source,
    cwd,
    env,
    ...(overrides === undefined ? {} : { overrides }),
  });
  const { config, warnings } = loaded;
  if (config === undefined) return { problems: loaded.problems, warnings };
  try {
    return { config, warnings, settings: await createSettings(config, now) };
  } catch (cause) {
    // A transformer file that could be loaded for its name, but not with its options.
    const message = cause instanceof Error ? cause.message : String(cause);
    return { problems: [{ path: 'transformers', message }], warnings };
  }
}

// ------------------------------------------------------------------------------ effects

/** A log that follows the configuration: `renew` makes it anew from the one in force. */
function logFor(options: GatewayOptions, config: () => Config): { log: Log; renew: () => void } {
  const make = (): Log => {
    const { level, format } = config().logging;
    return createLog({
      level,
      format: options.logFormat ?? format,
      color: options.color ?? false,
      secrets: () => secretsOf(config()),
    });
  };
  if (options.log !== undefined) return { log: options.log, renew: () => undefined };
  let log = make();
  return {
    log: {
      error: (message, fields) => log.error(message, fields),
      warn: (message, fields) => log.warn(message, fields),
      info: (message, fields) => log.info(message, fields),
      debug: (message, fields) => log.debug(message, fields),
      isOn: (level) => log.isOn(level),
    },
    renew: () => {
      log = make();
    },
  };
}

function secretsOf(config: Config): string[] {
  const keys = [...config.apiKeys.values()].map((key) => key.secret);
  const providers = [...config.providers.values()].map((provider) => provider.apiKey ?? '');
  return [...keys, ...providers, config.adminKey ?? ''];
}

/** The folder may be read-only or full: that is said once and stops nothing. */
function usageWriter(config: Config, log: Log, now: () => number): DayWriter {
  const dir = join(config.dataDir, 'logs', 'usage');
  const writer = createDayWriter({ dir, now, onProblem: (message) => log.warn(message) });
  process.on('exit', writer.drainSync);
  return writer;
}

function keptSecret(config: Config, log: Log): Uint8Array {
  const { secret, reason } = loadSecret(config.dataDir);
  if (reason !== undefined) log.warn('the envelope secret is kept in memory only', { reason });
  return secret;
}

function memorySecret(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(32));
}

function sendFor(given: GatewayOptions['fetch']): Send {
  if (given === undefined) return sendWithFetch;
  return ({ url, headers, body, signal }) =>
    given(url, { method: 'POST', headers, body, signal, redirect: 'manual' });
}

/** A prefix and 32 random hexadecimal digits. */
function newId(prefix: string): string {
  return prefix + crypto.randomUUID().replaceAll('-', '');
}

function peerOf(request: Request, from: Peer | RequestServer | undefined): Peer {
  if (from === undefined) return { ip: null };
  if (!('requestIP' in from)) return from;
  // A stream may be silent for longer than Bun's idle timer allows.
  if (request.method === 'POST') from.timeout(request, 0);
  return { ip: from.requestIP(request)?.address ?? null };
}
