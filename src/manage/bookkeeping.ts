/**
 * Everything that is remembered of requests, in one place: logs, traces, live figures, events and
 * metrics, and the management API that shows them. The gateway tells it what happens and never
 * waits for it.
 */
import type { Config } from '../config/config.ts';
import type { LoadResult } from '../config/load.ts';
import type { Cooldowns } from '../health/cooldowns.ts';
import { InFlight } from '../health/in-flight.ts';
import { Ranking } from '../health/ranking.ts';
import { Statistics } from '../health/statistics.ts';
import { Steering } from '../health/steering.ts';
import { Sticky } from '../health/sticky.ts';
import type { Concurrency } from '../limits/concurrency.ts';
import type { KeyLimits } from '../limits/key-limits.ts';
import { type Spent, spentSince } from '../limits/spent.ts';
import { type Log, mask } from '../log.ts';
import { errorLine } from '../usage/error-log.ts';
import { type LogFolders, logFolders, pruneLogs } from '../usage/log-folders.ts';
import type { UsageRecord } from '../usage/record.ts';
import { createTraces, type Traces } from '../usage/traces.ts';
import { createDayWriter, type DayWriter } from '../usage/writer.ts';
import type { Load } from '../workers/messages.ts';
import { MAX_PROGRESS, type OtherWorkers, type SharedBooks } from '../workers/other-workers.ts';
import { createConfigFile } from './config-file.ts';
import { Controls } from './controls.ts';
import { CooldownEvents } from './cooldown-events.ts';
import { EventHub } from './events.ts';
import { heardLog, type LogEvent } from './heard-log.ts';
import { createManagement, type ManagementRoute, type Reloaded } from './manage.ts';
import { Metrics, type MetricsParts } from './metrics.ts';
import { otelProviderName } from './provider-name.ts';

export interface BookkeepingOptions {
  /** The configuration in force. */
  readonly config: () => Config;
  readonly auth: () => { isAdmin(presented: string | undefined): boolean };
  /** Values that must never be written or shown. */
  readonly secrets: () => Iterable<string>;
  readonly cooldowns: Cooldowns;
  /** What clients' keys use of their limits. */
  readonly keyLimits: Pick<KeyLimits, 'uses'>;
  readonly concurrency: Pick<Concurrency, 'ofKey'>;
  /** Where messages go; `Bookkeeping.log` is this one, heard by listeners too. */
  readonly log: Log;
  readonly version: string;
  /** Unix ms. */
  readonly now: () => number;
  readonly monotonic: () => number;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Whether logs are kept in the data folder. */
  readonly persist: boolean;
  /** Where the configuration lies, as far as there is a file, and where a first one is written. */
  readonly configPath: () => string | undefined;
  readonly firstConfigPath: () => string | undefined;
  /** A configuration that a program gave; undefined when it is from a file or built in. */
  readonly configValue: () => unknown;
  readonly checkConfig: (path: string) => Promise<LoadResult>;
  readonly reload: () => Promise<Reloaded>;
  /** Called when providers or the level of the log were switched. */
  readonly onSwitch: () => void;
  /** The other processes that serve beside this one. */
  readonly others?: OtherWorkers | undefined;
}

export interface Bookkeeping {
  readonly log: Log;
  readonly routes: readonly ManagementRoute[];
  readonly controls: Controls;
  readonly events: EventHub;
  readonly traces: Traces;
  readonly inFlight: InFlight;
  readonly steering: Steering;
  /** What other workers know too. */
  readonly shared: SharedBooks;
  /** Takes the record of a request that has ended; gives it with its secrets masked. */
  onRecord(record: UsageRecord): UsageRecord;
  /** What a key's requests have cost since a time (Unix ms), as far as the usage log knows. */
  spentSince(apiKey: string, from: number): AsyncIterable<Spent>;
  /** The configuration was read again and differs. */
  configChanged(changes: readonly string[]): void;
  /** Ends streams of events, so that they do not hold up the end of the process. */
  stopEvents(): void;
  /** Writes what is still to be written. */
  close(): Promise<void>;
}

const PRUNE_MS = 60 * 60_000;
/** Running requests whose progress is told by a process that serves alone. */
const MAX_OWN_PROGRESS = 200;

export function createBookkeeping(options: BookkeepingOptions): Bookkeeping {
  const { config, cooldowns, now, monotonic, random, secrets, others } = options;
  const startedAt = others?.seat.startedAt ?? now();
  const folders = logFolders(config().dataDir);
  const controls = new Controls();
  const statistics = new Statistics(now);
  const inFlight = new InFlight(monotonic);
  const running = others?.running(inFlight) ?? inFlight;
  const sticky = new Sticky(now);
  const events = new EventHub({
    settings: () => config().events,
    epoch: startedAt.toString(36),
    ...(others === undefined
      ? { progress: () => inFlight.list(MAX_OWN_PROGRESS) }
      : {
          relay: (type, data) => others.relay(type, data),
          onListeners: (count) => others.onListeners(count),
        }),
  });
  const hear = (event: LogEvent): void => events.publish('log', event);
  const log = heardLog(options.log, { hear, secrets, now });
  const onProblem = (message: string): void => log.warn(message);
  const cooldownEvents = new CooldownEvents(cooldowns, events);
  const files = options.persist ? openFiles(folders, now, onProblem) : undefined;
  const traces = createTraces({
    dir: folders.traces,
    settings: () => ({
      mode: files === undefined ? 'off' : controls.traceMode(config()),
      maxBytes: config().logging.traces.maxBytes,
    }),
    secrets,
    index: (line) => files?.traces.push(line),
    onProblem,
  });
  const droppedLines = () => ({
    usage: files?.usage.dropped ?? 0,
    errors: files?.errors.dropped ?? 0,
    traces: files?.traces.dropped ?? 0,
  });
  const loads = (): readonly Load[] => others?.loads ?? [];
  const metricsParts: MetricsParts = {
    version: options.version,
    startedAt,
    cooldowns: () =>
      cooldowns.list().map(({ provider, model, cooldown }) => ({
        provider,
        model,
        remainingMs: cooldown.until - now(),
      })),
    inFlight: () => running.counts(),
    openStreams: () => running.openStreams,
    listeners: () => loads().reduce((sum, load) => sum + load.listeners, events.listeners),
    droppedLines: () =>
      Object.fromEntries(
        Object.entries(droppedLines()).map(([log, own]) => [
          log,
          loads().reduce((sum, { dropped }) => sum + (dropped[log] ?? 0), own),
        ]),
      ),
    ...(others && { workers: () => others.states(inFlight) }),
    providerName: (name) => {
      const provider = config().providers.get(name);
      return provider === undefined ? name : otelProviderName(provider);
    },
  };
  const metrics = new Metrics(metricsParts);

  const prune = (): void => void pruneLogs(folders, config().logging, now(), onProblem);
  const pruning = files && setInterval(prune, PRUNE_MS);
  pruning?.unref();
  if (files) prune();

  function onRecord(given: UsageRecord): UsageRecord {
    // Some providers say the key back to whom they refuse.
    const { error } = given;
    const record = error === null ? given : { ...given, error: mask(error, secrets()) };
    statistics.add(record);
    metrics.add(record);
    others?.onRecord(record);
    if (config().logging.usage.enabled) files?.usage.push(record);
    const failure = errorLine(record);
    if (failure) files?.errors.push(failure);
    traces.close(record);
    events.publish('usage', record);
    if (others?.isSpeaker !== false) cooldownEvents.look(record);
    return record;
  }

  const flush = async (): Promise<void> => {
    await Promise.all([files?.usage, files?.errors, files?.traces].map((file) => file?.flush()));
  };

  const routes = createManagement({
    settings: () => ({ config: config(), auth: options.auth() }),
    secrets,
    configFile: createConfigFile({
      path: options.configPath,
      value: options.configValue,
      firstPath: options.firstConfigPath,
      check: options.checkConfig,
      secrets,
      now,
    }),
    reload: options.reload,
    state: {
      config,
      version: options.version,
      startedAt,
      now,
      cooldowns,
      statistics,
      inFlight: running,
      keyLimits: options.keyLimits,
      concurrency: others?.keys(options.concurrency) ?? options.concurrency,
      controls,
      ...(others && { workers: () => others.states(inFlight) }),
      onSwitch(change) {
        options.onSwitch();
        events.publish('state_change', change);
      },
    },
    logs: { folders, flush, now },
    events,
    metrics: {
      text() {
        // What one worker has told a scraper, no other may count back from.
        others?.share();
        return metrics.text();
      },
    },
  });

  return {
    log,
    routes,
    controls,
    events,
    traces,
    inFlight,
    steering: new Steering(new Ranking({ statistics, inFlight: running, random, now }), sticky),
    shared: {
      controls,
      sticky,
      events,
      statistics,
      metrics,
      newMetrics: () => new Metrics(metricsParts),
      load: () => ({
        inFlight: inFlight.size,
        openStreams: inFlight.openStreams,
        targets: inFlight.counts(),
        running: inFlight.list(MAX_PROGRESS),
        listeners: events.listeners,
        dropped: droppedLines(),
        keys: keysInUse(config(), options.concurrency),
      }),
      onSwitch: options.onSwitch,
      tellCooldowns: () => cooldownEvents.look({ attempts: [], outcome: 'error' }),
    },
    onRecord,
    async *spentSince(apiKey, from) {
      await Promise.all([flush(), others?.logged()]);
      yield* spentSince(folders.usage, apiKey, from);
    },
    configChanged(changes) {
      // Each worker reads it; one says so.
      if (others?.isSpeaker === false) return;
      events.publish('config_change', { path: config().path ?? null, changes });
    },
    stopEvents: () => events.close(),
    async close() {
      events.close();
      clearInterval(pruning);
      await traces.drain();
      if (files === undefined) return;
      for (const file of Object.values(files)) {
        await file.drain();
        process.off('exit', file.drainSync);
      }
    },
  };
}

/** Requests of keys that have a limit on how many run at once. */
function keysInUse({ apiKeys }: Config, concurrency: Pick<Concurrency, 'ofKey'>): Load['keys'] {
  const limited = [...apiKeys.values()].filter(({ limits }) => limits.maxConcurrency !== undefined);
  return Object.fromEntries(limited.map(({ name }) => [name, concurrency.ofKey(name)]));
}

interface LogFiles {
  readonly usage: DayWriter;
  readonly errors: DayWriter;
  readonly traces: DayWriter;
}

/** The folders may be read-only or full: that is said once and stops nothing. */
function openFiles(
  folders: LogFolders,
  now: () => number,
  onProblem: (message: string) => void,
): LogFiles {
  const open = (dir: string): DayWriter => {
    const writer = createDayWriter({ dir, now, onProblem });
    process.on('exit', writer.drainSync);
    return writer;
  };
  return { usage: open(folders.usage), errors: open(folders.errors), traces: open(folders.traces) };
}
