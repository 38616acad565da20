/**
 * One request while it runs: what the client sent, what was decided for it, and the parts of the
 * gateway that serve it. A request keeps the configuration it began with.
 */
import type { Authenticator } from './auth.ts';
import type { Config, ProviderConfig } from './config/config.ts';
import type { Envelope, Format } from './formats/format.ts';
import type { Cooldowns } from './health/cooldowns.ts';
import type { JsonObject } from './json.ts';
import type { Log } from './log.ts';
import type { Chain } from './transform/chain.ts';
import type { ClientSide } from './transform/hook-context.ts';
import type { UnifiedChatRequest } from './unified.ts';
import type { Send } from './upstream.ts';
import type { Clock, RecordBuilder, UsageRecord } from './usage/record.ts';

/** What the gateway is built from; every effect it has goes through one of these. */
export interface GatewayDeps {
  /** The parts that follow from the configuration in force. */
  settings(): Settings;
  readonly send: Send;
  readonly clock: Clock;
  /** A number in [0, 1). */
  random(): number;
  /** A new id: the prefix and at least 24 characters of [A-Za-z0-9]. */
  newId(prefix: string): string;
  readonly envelope: Envelope;
  readonly cooldowns: Cooldowns;
  readonly log: Log;
  /** Gets the record of each request, once, when it has ended. */
  onRecord(record: UsageRecord): void;
}

/** A configuration and what is made from it once. */
export interface Settings {
  readonly config: Config;
  readonly auth: Authenticator;
  /** The chain of hooks for a client's format and a target. */
  chain(client: Format, target: Format, provider: ProviderConfig, model: string): Promise<Chain>;
  /** Headers for a format at a provider, without those of a single request. */
  headers(provider: ProviderConfig, format: Format): Readonly<Record<string, string>>;
}

/** A call of one of the four formats, as the route table hands it over. */
export interface Call {
  readonly id: string;
  readonly request: Request;
  /** The client's format. */
  readonly format: Format;
  /** Gemini names the model and the way of answering in the path, not in the body. */
  readonly fromPath?: { readonly model: string; readonly stream: boolean };
  readonly clientIp: string | null;
  readonly queryKey: string | null;
}

export interface Exchange {
  readonly call: Call;
  readonly deps: GatewayDeps;
  readonly settings: Settings;
  readonly record: RecordBuilder;
  readonly text: string;
  readonly json: JsonObject;
  /** The model as the client asked for it. */
  readonly model: string;
  readonly stream: boolean;
  readonly client: ClientSide;
  /** The body in the middle language, once a target needed it; attempts share it and never edit it. */
  unified: UnifiedChatRequest | undefined;
  /** Attempts made so far, for the reply's header. */
  attempts: number;
}
