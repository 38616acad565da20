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
import { createConfigFile } from './config-file.ts';
import { Controls } from './controls.ts';
import { CooldownEvents } from './cooldown-events.ts';
import { EventHub } from './events.ts';
import { heardLog, type LogEvent } from './heard-log.ts';
import { createManagement, type ManagementRoute, type Reloaded } from './manage.ts';
import { Metrics } from './metrics.ts';
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
}

export interface Bookkeeping {
  readonly log: Log;
  readonly routes: readonly ManagementRoute[];
  readonly controls: Controls;
  readonly events: EventHub;
  readonly traces: Traces;
  readonly inFlight: InFlight;
  readonly steering: Steering;
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
/** Running requests whose progress is told. */
const MAX_PROGRESS = 200;

export function createBookkeeping(options: BookkeepingOptions): Bookkeeping {
  const { config, cooldowns, now, monotonic, random, secrets } = options;
  const startedAt = now();
  const folders = logFolders(config().dataDir);
  const controls = new Controls();
  const statistics = new Statistics(now);
  const inFlight = new InFlight(monotonic);
  const events = new EventHub({
    settings: () => config().events,
    epoch: startedAt.toString(36),
    progress: () => inFlight.list(MAX_PROGRESS),
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
  const metrics = new Metrics({
    version: options.version,
    startedAt,
    cooldowns: () =>
      cooldowns.list().map(({ provider, model, cooldown }) => ({
        provider,
        model,
        remainingMs: cooldown.until - now(),
      })),
    inFlight: () => inFlight.counts(),
    openStreams: () => inFlight.openStreams,
    listeners: () => events.listeners,
    droppedLines: () => ({
      usage: files?.usage.dropped ?? 0,
      errors: files?.errors.dropped ?? 0,
      traces: files?.traces.dropped ?? 0,
    }),
    providerName: (name) => {
      const provider = config().providers.get(name);
      return provider === undefined ? name : otelProviderName(provider);
    },
  });

  const prune = (): void => void pruneLogs(folders, config().logging, now(), onProblem);
  const pruning = files && setInterval(prune, PRUNE_MS);
  pruning?.unref();
  if (files) prune();

  function onRecord(given: UsageRecord): UsageRecord {
    // Some providers say the key back to whom they refuse.
    const { error } = given;
    const record = error === null ? given : { ...given, error: mask(error, secrets()) };
    inFlight.end(record.id);
    statistics.add(record);
    metrics.add(record);
    if (config().logging.usage.enabled) files?.usage.push(record);
    const failure = errorLine(record);
    if (failure) files?.errors.push(failure);
    traces.close(record);
    events.publish('usage', record);
    cooldownEvents.look(record);
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
      inFlight,
      keyLimits: options.keyLimits,
      concurrency: options.concurrency,
      controls,
      onSwitch(change) {
        options.onSwitch();
        events.publish('state_change', change);
      },
    },
    logs: { folders, flush, now },
    events,
    metrics,
  });

  return {
    log,
    routes,
    controls,
    events,
    traces,
    inFlight,
    steering: new Steering(new Ranking({ statistics, inFlight, random, now }), new Sticky(now)),
    onRecord,
    async *spentSince(apiKey, from) {
      await flush();
      yield* spentSince(folders.usage, apiKey, from);
    },
    configChanged(changes) {
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
