/**
 * Plexus as a library: a gateway as a function from Request to Response.
 *
 *     import { createGateway } from 'plexus';
 *     const gateway = await createGateway({ config: './plexus.json' });
 *     export default { port: 3000, fetch: gateway.fetch };
 *
 * `plexus` itself (`cli/serve.ts`) is this on a port.
 */
import { join } from 'node:path';
import { createApp } from './app.ts';
import { configChanges } from './config/changes.ts';
import type { Config, LogLevel } from './config/config.ts';
import type { Environment } from './config/environment.ts';
import { findConfig, type Overrides } from './config/load.ts';
import { loadAll } from './config/load-all.ts';
import { formatProblems, type Problem } from './config/problem.ts';
import { createConnectProbe } from './connect-probe.ts';
import type { GatewayDeps, Peer, Settings } from './exchange.ts';
import { createGateway as createCore } from './gateway.ts';
import { keepCooldowns } from './health/cooldown-file.ts';
import { Cooldowns } from './health/cooldowns.ts';
import type { JsonObject } from './json.ts';
import { isPieced } from './json-span.ts';
import { Concurrency } from './limits/concurrency.ts';
import { KeyLimits } from './limits/key-limits.ts';
import { keepKeyLimits } from './limits/key-limits-file.ts';
import { createLog, type Log } from './log.ts';
import { type Bookkeeping, createBookkeeping } from './manage/bookkeeping.ts';
import { PLAIN_HEADER } from './manage/mask-config.ts';
import type { FetchMedia } from './media/fetch-media.ts';
import type { QuirkEffects } from './quirks/quirk.ts';
import { FILE_BOUNDS, MEMORY_BOUNDS, ResponsesStore } from './responses-store/responses-store.ts';
import { fileShelf } from './responses-store/shelf.ts';
import { createSettings } from './settings.ts';
import { createEnvelope } from './transform/envelope.ts';
import { loadSecret } from './transform/envelope-secret.ts';
import { createSend, getAt, requestWithFetch, type Send } from './upstream.ts';
import type { UsageRecord } from './usage/record.ts';
import { VERSION } from './version.ts';
import type { OtherWorkers } from './workers/other-workers.ts';

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
  /** @internal The other processes behind the same port, for `plexus --workers`. */
  readonly others?: OtherWorkers;
}

/** A running gateway. Its functions need no `this`. */
export interface PlexusGateway {
  /**
   * Answers a request; never throws. As the `fetch` of Bun's server it learns the client's address
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
  /** Ends the streams of `/v0/events`, which would hold up the stop of a server. */
  stopEvents(): void;
  /** Ends the requests that still run, streams with their format's error; later ones are refused. */
  interrupt(): void;
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
  /** The settings of the configuration, with what was switched while running. */
  let inForce: Settings = current.settings;

  const { others } = options;
  const persist = options.persist ?? typeof source !== 'object';
  const cooldowns = new Cooldowns(now);
  const concurrency = new Concurrency(others && ((max) => others.partOf(max)));
  const keyLimits = new KeyLimits({
    now,
    ...(persist ? { spentBefore: (key, from) => books.spentSince(key, from) } : {}),
    onProblem: (message) => log.warn(message),
  });
  const logged = logFor(
    options,
    () => current.config,
    () => books.controls.logLevel,
  );
  const cwd = options.cwd ?? process.cwd();
  const isValue = (): boolean => typeof source === 'object';
  const books: Bookkeeping = createBookkeeping({
    config: () => inForce.config,
    auth: () => inForce.auth,
    secrets: () => secretsOf(current.config),
    cooldowns,
    keyLimits,
    concurrency,
    log: logged.log,
    version: VERSION,
    now,
    monotonic: () => performance.now(),
    random: Math.random,
    persist,
    configPath: () => current.config.path ?? (isValue() ? undefined : findConfig(cwd)),
    firstConfigPath: () => (isValue() ? undefined : join(cwd, 'config', 'plexus.json')),
    configValue: () => (isValue() ? source : undefined),
    checkConfig: (path) => loadAll({ ...loadOptions(options), config: path }),
    reload: async () => {
      const result = await reloadNext();
      if (result.ok) others?.tellReload();
      return result.ok ? result : { ok: false, message: formatProblems(result.problems) };
    },
    onSwitch: () => takeIntoForce(),
    others,
  });
  const { log } = books;
  const { dataDir } = current.config;
  const onProblem = (message: string): void => log.warn(message);
  // Of several workers none writes these: the supervisor does.
  const keepsState = persist && others === undefined;
  const kept = keepsState
    ? [
        keepCooldowns(cooldowns, join(dataDir, 'cooldowns.json'), onProblem),
        keepKeyLimits(keyLimits, join(dataDir, 'key-limits.json'), onProblem),
      ]
    : [];
  for (const { flush } of kept) process.on('exit', flush);
  const deps: GatewayDeps = {
    settings: () => inForce,
    send: sendFor(options.fetch),
    ...(options.fetch === undefined
      ? { probe: createConnectProbe(options.env ?? process.env) }
      : {}),
    fetchMedia: fetchPublicMedia(),
    clock: { now, monotonic: () => performance.now() },
    random: Math.random,
    newId,
    envelope: createEnvelope(
      persist
        ? keptSecret(current.config, log, others && Buffer.from(others.seat.secret, 'hex'))
        : memorySecret(),
    ),
    cooldowns,
    concurrency,
    keyLimits,
    responses: responsesStore(current.config, persist, log, now, others?.seat.scratchDir),
    log,
    traces: books.traces,
    inFlight: books.inFlight,
    steering: books.steering,
    onRecord: (closed) => {
      const record = books.onRecord(closed);
      options.onRecord?.(record);
      log.debug('request', () => ({ ...record }));
    },
  };
  const core = createCore(deps);
  const app = createApp(core, deps, VERSION, books);

  function takeIntoForce(): void {
    const config = books.controls.apply(current.config);
    inForce = config === current.config ? current.settings : { ...current.settings, config };
    logged.renew();
  }

  async function reload(next: string | JsonObject | undefined): Promise<Reload> {
    state = await load(options, next ?? source, now);
    if ('problems' in state) return { ok: false, problems: state.problems };
    const changes = configChanges(current.config, state.config);
    current = state;
    source = next ?? source;
    takeIntoForce();
    if (changes.length > 0) books.configChanged(changes);
    return { ok: true, changes };
  }
  /** The last reload that was asked for; the next one waits for it. */
  let reloading: Promise<unknown> = Promise.resolve();
  function reloadNext(next?: string | JsonObject): Promise<Reload> {
    const result = reloading.then(() => reload(next));
    reloading = result;
    return result;
  }

  const { responses } = deps;
  await others?.join({ cooldowns, keyLimits, responses, books: books.shared }, dataDir);

  return {
    fetch: (request, from) => app(request, peerOf(request, from)),
    get config() {
      return current.config;
    },
    get warnings() {
      return current.warnings;
    },
    log,
    reload: reloadNext,
    stopEvents: () => books.stopEvents(),
    interrupt: () => core.interrupt(),
    async close() {
      for (const { flush } of kept) {
        flush();
        process.off('exit', flush);
      }
      await deps.responses.drain();
      await books.close();
      await others?.close();
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

function loadOptions({ env = process.env, cwd = process.cwd(), overrides }: GatewayOptions) {
  return { cwd, env, ...(overrides === undefined ? {} : { overrides }) };
}

/** What quirks may reach of the world, for access tokens and the like. */
function effectsFor(options: GatewayOptions, now: () => number): QuirkEffects {
  const { env = process.env, fetch: given } = options;
  return {
    request: given === undefined ? requestWithFetch : async (url, init) => given(url, init),
    async readFile(path) {
      const file = Bun.file(path);
      return (await file.exists()) ? file.text() : undefined;
    },
    environment: env,
    now,
  };
}

async function load(
  options: GatewayOptions,
  source: string | JsonObject | undefined,
  now: () => number,
): Promise<Loaded | Refused> {
  const loaded = await loadAll({ ...loadOptions(options), config: source });
  const { config, warnings } = loaded;
  if (config === undefined) return { problems: loaded.problems, warnings };
  try {
    return { config, warnings, settings: await createSettings(config, effectsFor(options, now)) };
  } catch (cause) {
    // A transformer file that could be loaded for its name, but not with its options.
    const message = cause instanceof Error ? cause.message : String(cause);
    return { problems: [{ path: 'transformers', message }], warnings };
  }
}

// ------------------------------------------------------------------------------ effects

/** A log that follows the configuration: `renew` makes it anew from the one in force. */
function logFor(
  options: GatewayOptions,
  config: () => Config,
  switchedLevel: () => LogLevel | undefined,
): { log: Log; renew: () => void } {
  const make = (level?: LogLevel): Log => {
    const { format } = config().logging;
    return createLog({
      level: level ?? config().logging.level,
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
      log = make(switchedLevel());
    },
  };
}

function secretsOf(config: Config): string[] {
  const keys = [...config.apiKeys.values()].map((key) => key.secret);
  const providers = [...config.providers.values()].map((provider) => provider.apiKey ?? '');
  // A header that a provider is configured with may be a key as well.
  const headers = [...config.providers.values()].flatMap((provider) =>
    Object.entries(provider.headers).flatMap(([name, value]) =>
      PLAIN_HEADER.test(name) ? [] : [value, value.replace(/^(bearer|basic|token)\s+/i, '')],
    ),
  );
  return [
    ...keys,
    ...providers,
    ...headers.filter(({ length }) => length >= 8),
    config.adminKey ?? '',
  ];
}

/** @param substitute what all workers use when none can be kept */
function keptSecret(config: Config, log: Log, substitute?: Uint8Array): Uint8Array {
  const { secret, reason } = loadSecret(config.dataDir);
  if (reason === undefined) return secret;
  log.warn('the envelope secret is kept in memory only', { reason });
  return substitute ?? secret;
}

function responsesStore(
  { responses, dataDir }: Config,
  persist: boolean,
  log: Log,
  now: () => number,
  scratchDir?: string,
): ResponsesStore {
  const isKept = persist && responses.store === 'file';
  if (!isKept && scratchDir === undefined) return new ResponsesStore(now);
  // Workers share no memory, but a folder that ends with them.
  const folder = isKept ? dataDir : (scratchDir ?? dataDir);
  const shelf = fileShelf(join(folder, 'responses'), (message) => {
    log.warn('an answer could not be kept', { reason: message });
  });
  return new ResponsesStore(now, shelf, isKept ? FILE_BOUNDS : MEMORY_BOUNDS);
}

function memorySecret(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(32));
}

function sendFor(given: GatewayOptions['fetch']): Send {
  if (given === undefined) return createSend(process.env);
  return ({ url, headers, body, stop }) =>
    given(url, {
      method: 'POST',
      headers,
      body: isPieced(body) ? body.copy() : body,
      signal: stop.signal,
      redirect: 'manual',
    });
}

/** Fetches files by URL from the open internet, whoever sends requests to providers. */
function fetchPublicMedia(): FetchMedia {
  /** Set by the first file. */
  let loading: Promise<FetchMedia> | undefined;
  return async (url, options) => {
    loading ??= import('./media/public-media.ts').then(({ publicMedia }) => publicMedia(getAt));
    return (await loading)(url, options);
  };
}

/** A prefix and 32 random hexadecimal digits. */
function newId(prefix: string): string {
  return prefix + crypto.getRandomValues(ID_BYTES).toHex();
}
const ID_BYTES = new Uint8Array(16);

function peerOf(request: Request, from: Peer | RequestServer | undefined): Peer {
  if (from === undefined) return { ip: null, isUnknown: true };
  if (!('requestIP' in from)) return from;
  // A stream may be silent for longer than Bun's idle timer allows.
  if (request.method === 'POST') from.timeout(request, 0);
  return { ip: from.requestIP(request)?.address ?? null };
}
