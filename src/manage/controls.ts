/**
 * What can be switched while the gateway runs: providers on and off, traces, the level of the log.
 * Kept in memory: a new start goes by the configuration again.
 */
import type {
  AliasConfig,
  Config,
  LoggingConfig,
  LogLevel,
  ProviderConfig,
} from '../config/config.ts';

export type TraceMode = LoggingConfig['traces']['mode'];

/** One thing that was switched; null stands for: as the configuration says. */
export type Switch =
  | { readonly provider: string; readonly enabled: boolean }
  | { readonly traceMode: TraceMode | null }
  | { readonly logLevel: LogLevel | null };

export class Controls {
  /** Hears what was switched here, not what was taken from others. */
  onSwitch: ((change: Switch) => void) | undefined;
  readonly #providers = new Map<string, boolean>();
  #traceMode: TraceMode | undefined;
  #logLevel: LogLevel | undefined;

  /** What is switched otherwise than the configuration says, by provider. */
  get providers(): ReadonlyMap<string, boolean> {
    return this.#providers;
  }

  /** The level that was set; undefined: the configuration's. */
  get logLevel(): LogLevel | undefined {
    return this.#logLevel;
  }

  /** Whether traces are kept: as set here, else as configured. */
  traceMode(config: Config): TraceMode {
    return this.#traceMode ?? config.logging.traces.mode;
  }

  setProvider(provider: string, enabled: boolean): void {
    this.#set({ provider, enabled });
  }

  setTraceMode(mode: TraceMode | undefined): void {
    this.#set({ traceMode: mode ?? null });
  }

  setLogLevel(level: LogLevel | undefined): void {
    this.#set({ logLevel: level ?? null });
  }

  #set(change: Switch): void {
    this.take(change);
    this.onSwitch?.(change);
  }

  /** Takes what another process has switched. */
  take(change: Switch): void {
    if ('provider' in change) this.#providers.set(change.provider, change.enabled);
    else if ('traceMode' in change) this.#traceMode = change.traceMode ?? undefined;
    else this.#logLevel = change.logLevel ?? undefined;
  }

  /** All that is switched, for another process. */
  save(): Switch[] {
    const providers = [...this.#providers].map(([provider, enabled]) => ({ provider, enabled }));
    const traces = this.#traceMode === undefined ? [] : [{ traceMode: this.#traceMode }];
    const level = this.#logLevel === undefined ? [] : [{ logLevel: this.#logLevel }];
    return [...providers, ...traces, ...level];
  }

  /**
   * The configuration with providers switched as set here; the same object when none is. Aliases are
   * new objects then, as what follows from one is remembered by it.
   */
  apply(config: Config): Config {
    const changed = [...config.providers].filter(
      ([name, { enabled }]) => (this.#providers.get(name) ?? enabled) !== enabled,
    );
    if (changed.length === 0) return config;
    const providers = new Map<string, ProviderConfig>(config.providers);
    for (const [name, provider] of changed) {
      providers.set(name, Object.freeze({ ...provider, enabled: !provider.enabled }));
    }
    const aliases = new Map<string, AliasConfig>();
    const aliasNames = new Map<string, AliasConfig>();
    for (const [name, alias] of config.aliases) {
      const copy = Object.freeze({ ...alias });
      aliases.set(name, copy);
      for (const one of [name, ...alias.aliases]) aliasNames.set(one, copy);
    }
    return Object.freeze({ ...config, providers, aliases, aliasNames });
  }
}
