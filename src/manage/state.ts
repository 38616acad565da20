/** `/v0/state`: what the gateway is and does now, and what can be switched. */

import type { ApiKeyConfig, Config, LogLevel } from '../config/config.ts';
import { isUsable, usableTargets } from '../config/describe.ts';
import { near } from '../config/near.ts';
import { GatewayError, invalid } from '../errors.ts';
import type { Cooldowns } from '../health/cooldowns.ts';
import type { InFlight } from '../health/in-flight.ts';
import { type Statistics, WINDOW_MS } from '../health/statistics.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { Concurrency } from '../limits/concurrency.ts';
import type { KeyLimits } from '../limits/key-limits.ts';
import type { Controls, TraceMode } from './controls.ts';

export interface StateParts {
  /** The configuration in force, providers switched as the controls say. */
  config(): Config;
  readonly version: string;
  /** Unix ms. */
  readonly startedAt: number;
  now(): number;
  readonly cooldowns: Pick<Cooldowns, 'list' | 'clear'>;
  readonly statistics: Pick<Statistics, 'list' | 'figures'>;
  readonly inFlight: Pick<InFlight, 'at' | 'size' | 'openStreams' | 'counts' | 'list' | 'progress'>;
  readonly keyLimits: Pick<KeyLimits, 'uses'>;
  readonly concurrency: Pick<Concurrency, 'ofKey'>;
  readonly controls: Controls;
  /** The processes that serve together, this one among them; absent for one that serves alone. */
  workers?(): readonly WorkerState[];
  /** Called after something was switched, with what. */
  onSwitch(change: JsonObject): void;
}

/** One of several processes behind the port. */
export interface WorkerState {
  /** From 1 on. */
  readonly worker: number;
  readonly pid: number;
  readonly inFlight: number;
  readonly openStreams: number;
  readonly residentBytes: number;
}

/** Running requests that are shown one by one. */
const MAX_RUNNING = 500;

/** `GET /v0/state` */
export function describeState(parts: StateParts): object {
  const config = parts.config();
  const uptimeMs = parts.now() - parts.startedAt;
  return {
    status: 'ok',
    version: parts.version,
    startedAt: new Date(parts.startedAt).toISOString(),
    uptime: Math.round(uptimeMs / 1000),
    pid: process.pid,
    ...(parts.workers && { workers: parts.workers() }),
    config: { path: config.path ?? null },
    debug: {
      enabled: parts.controls.traceMode(config) === 'on',
      traces: parts.controls.traceMode(config),
    },
    logLevel: parts.controls.logLevel ?? config.logging.level,
    requests: { inFlight: parts.inFlight.size, openStreams: parts.inFlight.openStreams },
    running: parts.inFlight.list(MAX_RUNNING),
    windowSeconds: WINDOW_MS / 1000,
    providers: describeProviders(parts, config),
    aliases: describeAliases(config),
    apiKeys: describeKeys(parts, config),
    cooldowns: describeCooldowns(parts),
  };
}

function describeCooldowns({ cooldowns, now }: StateParts): object[] {
  return cooldowns.list().map(({ provider, model, cooldown }) => ({
    provider,
    model: model ?? null,
    reason: cooldown.reason,
    failures: cooldown.failures,
    until: new Date(cooldown.until).toISOString(),
    remainingSeconds: Math.ceil((cooldown.until - now()) / 1000),
  }));
}

function describeProviders(parts: StateParts, config: Config): object {
  const cooling = parts.cooldowns.list();
  const measured = parts.statistics.list();
  const counts = parts.inFlight.counts();
  return Object.fromEntries(
    [...config.providers.values()].map((provider) => {
      const { name } = provider;
      const rests = cooling.filter((entry) => entry.provider === name);
      const models = measured.filter((entry) => entry.provider === name);
      const health = !provider.enabled
        ? 'disabled'
        : provider.missing.length > 0
          ? 'unconfigured'
          : rests.length > 0
            ? 'cooling'
            : 'ok';
      const running = counts.filter((entry) => entry.provider === name);
      return [
        name,
        {
          health,
          kind: provider.kind,
          formats: [...provider.formats.keys()],
          enabled: provider.enabled,
          usable: isUsable(provider),
          ...(parts.controls.providers.has(name) && { switched: true }),
          ...(provider.missing.length > 0 && { waitsFor: provider.missing }),
          inFlight: running.reduce((sum, { count }) => sum + count, 0),
          cooldowns: rests.map(({ model, cooldown }) => ({
            model: model ?? null,
            reason: cooldown.reason,
            until: new Date(cooldown.until).toISOString(),
          })),
          models: Object.fromEntries(
            models.map(({ model, figures }) => [
              model,
              { ...figures, inFlight: parts.inFlight.at(name, model) },
            ]),
          ),
        },
      ];
    }),
  );
}

function describeAliases(config: Config): object {
  return Object.fromEntries(
    [...config.aliases.values()].map((alias) => {
      const usable = usableTargets(alias, config);
      return [
        alias.name,
        {
          aliases: alias.aliases,
          selector: alias.selector,
          sticky: alias.sticky,
          targets: alias.targets.map((target) => ({
            provider: target.provider,
            model: target.model,
            weight: target.weight,
            enabled: target.enabled,
            usable: usable.includes(target),
          })),
        },
      ];
    }),
  );
}

function describeKeys(parts: StateParts, config: Config): object {
  return Object.fromEntries(
    [...config.apiKeys.values()].map((key) => [
      key.name,
      {
        enabled: key.enabled,
        models: key.models,
        limits: key.limits,
        usage: describeUse(parts, key),
        expires: key.expires ?? null,
        ...(key.missing.length > 0 && { waitsFor: key.missing }),
      },
    ]),
  );
}

/** What a key has used of each of its limits, by the limit's name. */
function describeUse({ keyLimits, concurrency }: StateParts, key: ApiKeyConfig): object {
  const counted = Object.entries(keyLimits.uses(key)).map(([limit, use]) => [
    limit,
    { ...use, resetsAt: new Date(use.resetsAt).toISOString() },
  ]);
  const { maxConcurrency } = key.limits;
  if (maxConcurrency === undefined) return Object.fromEntries(counted);
  const { inside, queued } = concurrency.ofKey(key.name);
  return {
    ...Object.fromEntries(counted),
    maxConcurrency: {
      limit: maxConcurrency,
      used: inside,
      remaining: Math.max(0, maxConcurrency - inside),
      waiting: queued,
    },
  };
}

// ------------------------------------------------------------------------------ actions

const ACTIONS = [
  'set-debug',
  'clear-cooldowns',
  'enable-provider',
  'disable-provider',
  'set-log-level',
];
const LEVELS: readonly LogLevel[] = ['silent', 'error', 'warn', 'info', 'debug'];
const MODES: readonly TraceMode[] = ['off', 'on', 'errors'];

/**
 * `POST /v0/state`: `{action, …}`; what an action needs may also stand in `payload`.
 *
 * @throws GatewayError 400 that names the field
 */
export function act(parts: StateParts, body: JsonObject): object {
  const payload = isObject(body['payload']) ? body['payload'] : {};
  const facts: JsonObject = { ...payload, ...body };
  switch (body['action']) {
    case 'set-debug':
      return setDebug(parts, facts);
    case 'clear-cooldowns':
      return clearCooldowns(parts, facts);
    case 'enable-provider':
      return switchProvider(parts, facts, true);
    case 'disable-provider':
      return switchProvider(parts, facts, false);
    case 'set-log-level': {
      const level = LEVELS.find((known) => known === facts['level']);
      if (level === undefined) throw invalid('level', `must be one of ${LEVELS.join(', ')}`);
      parts.controls.setLogLevel(level);
      return done(parts, { action: 'set-log-level', level });
    }
    default:
      throw invalid('action', `must be one of ${ACTIONS.join(', ')}`);
  }
}

function done(parts: StateParts, change: JsonObject): object {
  parts.onSwitch(change);
  return { ok: true, ...change };
}

/** `enabled` true or false, or `mode`; `enabled: null` goes back to the configuration. */
function setDebug(parts: StateParts, { enabled, mode }: JsonObject): object {
  const named = MODES.find((known) => known === mode);
  if (mode !== undefined && named === undefined) {
    throw invalid('mode', `must be one of ${MODES.join(', ')}`);
  }
  if (named === undefined && typeof enabled !== 'boolean' && enabled !== null) {
    throw invalid('enabled', 'must be true or false');
  }
  parts.controls.setTraceMode(named ?? (enabled === null ? undefined : enabled ? 'on' : 'off'));
  const traces = parts.controls.traceMode(parts.config());
  return done(parts, { action: 'set-debug', enabled: traces === 'on', traces });
}

function clearCooldowns(parts: StateParts, facts: JsonObject): object {
  const provider = facts['provider'] === undefined ? undefined : knownProvider(parts, facts);
  const model = typeof facts['model'] === 'string' ? facts['model'] : undefined;
  const cleared = parts.cooldowns
    .list()
    .filter((entry) => provider === undefined || entry.provider === provider)
    .filter((entry) => model === undefined || entry.model === undefined || entry.model === model);
  parts.cooldowns.clear(provider, model);
  const change = { action: 'clear-cooldowns', cleared: cleared.length };
  return done(parts, provider === undefined ? change : { ...change, provider });
}

function switchProvider(parts: StateParts, facts: JsonObject, enabled: boolean): object {
  const provider = knownProvider(parts, facts);
  parts.controls.setProvider(provider, enabled);
  const action = enabled ? 'enable-provider' : 'disable-provider';
  return done(parts, { action, provider, enabled });
}

function knownProvider(parts: StateParts, facts: JsonObject): string {
  const name = facts['provider'];
  if (typeof name !== 'string') throw invalid('provider', 'must be the name of a provider');
  const { providers } = parts.config();
  if (providers.has(name)) return name;
  const [likely] = near(name, providers.keys());
  const hint = likely === undefined ? '' : ` Did you mean "${likely}"?`;
  throw new GatewayError('not_found', `provider: there is no provider "${name}".${hint}`, {
    field: 'provider',
    code: 'unknown_provider',
  });
}
