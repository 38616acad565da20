/**
 * The configuration as the program uses it: checked, defaults filled in, environment substituted,
 * frozen. What a person writes is looser (`type: "chat"`, `"alias": "provider/model"`);
 * `check.ts` turns that into this. Times are milliseconds unless the name says otherwise.
 */
import type { AuthStyle } from '../formats/format.ts';
import type { JsonObject } from '../json.ts';
import type { FormatName } from '../unified.ts';

export interface Config {
  readonly server: ServerConfig;
  /**
   * By name. Empty: the gateway is open. A key whose variable is not set is here all the same, with
   * `enabled: false`, so that a forgotten variable closes the gateway and never opens it.
   */
  readonly apiKeys: ReadonlyMap<string, ApiKeyConfig>;
  /** Key of the management API; unset: it answers loopback only. */
  readonly adminKey: string | undefined;
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  /** By alias, in the order of the file. */
  readonly aliases: ReadonlyMap<string, AliasConfig>;
  /** Every name of every alias, further names included → its alias. */
  readonly aliasNames: ReadonlyMap<string, AliasConfig>;
  readonly pricing: PricingConfig;
  readonly logging: LoggingConfig;
  readonly resilience: ResilienceConfig;
  readonly events: { readonly heartbeatMs: number; readonly maxClients: number };
  readonly responses: { readonly store: 'memory' | 'file' | 'off' };
  /** The user's own llms transformers, to be loaded from files (absolute paths). */
  readonly transformers: readonly { readonly path: string; readonly options?: JsonObject }[];
  readonly dataDir: string;
  /** The file it came from; undefined for the built-in first-run configuration. */
  readonly path: string | undefined;
}

export interface ServerConfig {
  readonly host: string;
  readonly port: number;
  /** A unix socket instead of host and port. */
  readonly unix: string | undefined;
  /** Loopback is assumed to be safe without keys; anything else must be allowed in words. */
  readonly allowAnonymous: boolean;
  /** Bytes of a request body as it arrives, and after decompression. */
  readonly maxBodyBytes: number;
  readonly onLoss: OnLoss;
  /** Whether Plexus may fetch URLs of images and files in requests for providers that cannot. */
  readonly fetchMedia: boolean;
  /** Time for running requests to end at shutdown. */
  readonly graceMs: number;
  /** Open requests at once, all clients together; 0 = no limit. */
  readonly maxConcurrency: number;
}
export type OnLoss = 'report' | 'refuse';

export interface ApiKeyConfig {
  readonly name: string;
  /** '' when `missing` is not empty; the key is then not enabled and must match nothing. */
  readonly secret: string;
  /** Environment variables that are not set. */
  readonly missing: readonly string[];
  /** Globs over model names. */
  readonly models: readonly string[];
  readonly enabled: boolean;
  readonly limits: KeyLimits;
  /** ISO date after which the key is refused. */
  readonly expires: string | undefined;
}
export interface KeyLimits {
  readonly requestsPerMinute?: number;
  readonly tokensPerMinute?: number;
  readonly maxConcurrency?: number;
  readonly usdPerDay?: number;
  readonly usdPerMonth?: number;
}

/** One entry of a `use` list: a transformer's name, with options when it takes any. */
export interface TransformerUse {
  readonly name: string;
  readonly options?: JsonObject;
}

export interface ProviderConfig {
  readonly name: string;
  /** `demo` is the in-process provider. */
  readonly kind: 'http' | 'demo';
  /**
   * The formats it speaks, in the order of preference → base URL without a trailing slash; '' where
   * only `endpoints` names a URL, or when a variable in it is missing. Empty for `demo`.
   */
  readonly formats: ReadonlyMap<FormatName, string>;
  /** Full URLs that replace base URL + path, per format; may hold `{model}`. */
  readonly endpoints: ReadonlyMap<FormatName, string>;
  /** Unset when none is needed (local servers, demo). */
  readonly apiKey: string | undefined;
  /** Environment variables that are not set, so that the provider cannot be used; empty when it can. */
  readonly missing: readonly string[];
  /** Unset: the format's own. */
  readonly auth: AuthStyle | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Merged into every request body sent to it; bodies are then no longer forwarded byte for byte. */
  readonly extraBody: JsonObject | undefined;
  readonly timeouts: Timeouts;
  /** What is known of its models: all that it has when `modelsListed`, else only what was said. */
  readonly models: ReadonlyMap<string, ModelConfig>;
  /** True when `models` lists all there are, so that any other name is unknown. */
  readonly modelsListed: boolean;
  readonly enabled: boolean;
  /** Multiplies prices: 0.8 is twenty per cent off. */
  readonly discount: number;
  readonly cooldown: CooldownConfig | undefined;
  /** HTTP proxy URL; `false` ignores the environment's proxies. */
  readonly proxy: string | false | undefined;
  /** Requests at once; 0 = no limit. */
  readonly maxConcurrency: number;
  /** Transformers for every model of the provider, in order. */
  readonly use: readonly TransformerUse[];
}
export interface Timeouts {
  /** Until the connection stands and headers arrive are both covered by `firstOutputMs`. */
  readonly connectMs: number;
  /** Until the first text, reasoning or call. */
  readonly firstOutputMs: number;
  /** Between two signs of progress in a stream. */
  readonly stallMs: number;
}
export interface ModelConfig {
  readonly name: string;
  readonly pricing: ModelPrice | undefined;
  /** Limits that the model has, for the model list: tokens. */
  readonly maxInputTokens: number | undefined;
  readonly maxOutputTokens: number | undefined;
  /** Transformers after the provider's own. */
  readonly use: readonly TransformerUse[];
}
export interface CooldownConfig {
  readonly enabled: boolean;
  readonly minMs: number;
  readonly maxMs: number;
}

export type SelectorName =
  | 'random'
  | 'in_order'
  | 'round_robin'
  | 'cost'
  | 'latency'
  | 'performance'
  | 'least_busy';

export interface AliasConfig {
  readonly name: string;
  /** Further names. */
  readonly aliases: readonly string[];
  readonly selector: SelectorName;
  readonly targets: readonly TargetConfig[];
  /** Keep a conversation on its target. */
  readonly sticky: boolean;
  /** Prefer targets that speak the client's format. */
  readonly apiMatch: boolean;
  /** Unset: as in `server`. */
  readonly onLoss: OnLoss | undefined;
}
export interface TargetConfig {
  readonly provider: string;
  readonly model: string;
  readonly weight: number;
  readonly enabled: boolean;
}

/** USD per million tokens, or per request. */
export interface ModelPrice {
  readonly inputPer1M?: number;
  readonly outputPer1M?: number;
  readonly cachedPer1M?: number;
  readonly cacheWritePer1M?: number;
  readonly reasoningPer1M?: number;
  readonly perRequest?: number;
}
export interface PricingConfig {
  readonly models: ReadonlyMap<string, ModelPrice>;
  /** By model: steps by input size, ascending; the last has no `upTo`. */
  readonly tiered: ReadonlyMap<string, readonly PriceTier[]>;
  readonly perRequest: ReadonlyMap<string, number>;
}
export interface PriceTier extends ModelPrice {
  /** Input tokens up to which this step holds. */
  readonly upTo?: number;
}

export interface LoggingConfig {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  readonly usage: { readonly enabled: boolean; readonly retentionDays: number };
  readonly traces: {
    readonly mode: 'off' | 'on' | 'errors';
    readonly retentionDays: number;
    readonly maxBytes: number;
  };
  readonly errors: { readonly retentionDays: number };
}
export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';

export interface ResilienceConfig {
  readonly cooldown: CooldownConfig;
  /** Whether other targets are tried, and how many attempts a request may make in all. */
  readonly failover: { readonly enabled: boolean; readonly maxAttempts: number };
  /** Retries on the same target when no other is left. */
  readonly retries: { readonly max: number; readonly maxWaitMs: number };
  /** Defaults for providers that name none. */
  readonly timeouts: Timeouts;
  /** How much of a stream may be held back before its first output. */
  readonly hold: { readonly maxBytes: number; readonly maxMs: number };
  /** How often a silent client gets a sign of life. */
  readonly keepAliveMs: number;
  /** The line of requests that wait where `maxConcurrency` is reached. */
  readonly queue: QueueConfig;
}
export interface QueueConfig {
  readonly maxLength: number;
  readonly maxWaitMs: number;
}
