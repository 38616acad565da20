/**
 * One request while it runs: what the client sent, what was decided for it, and the parts of the
 * gateway that serve it. A request keeps the configuration it began with.
 */
import type { Authenticator } from './auth.ts';
import type { Config, ProviderConfig } from './config/config.ts';
import type { ConnectProbe } from './connect-probe.ts';
import type { Envelope, Format } from './formats/format.ts';
import type { Cooldowns } from './health/cooldowns.ts';
import type { InFlight, RunningRequest } from './health/in-flight.ts';
import type { Steering } from './health/steering.ts';
import type { JsonObject } from './json.ts';
import { Ledger } from './ledger.ts';
import type { Concurrency } from './limits/concurrency.ts';
import type { Interruption, OpenRequests } from './limits/interruption.ts';
import type { KeyLimits } from './limits/key-limits.ts';
import type { Log } from './log.ts';
import type { FetchMedia } from './media/fetch-media.ts';
import type { Media } from './media/media.ts';
import type { RequestBody } from './request-body.ts';
import type { Target } from './resolve.ts';
import type { References } from './responses-store/references.ts';
import type { ResponsesStore } from './responses-store/responses-store.ts';
import type { Chain } from './transform/chain.ts';
import { ClientSide } from './transform/hook-context.ts';
import type { UnifiedChatRequest } from './unified.ts';
import type { Send } from './upstream.ts';
import type { Clock, RecordBuilder, UsageRecord } from './usage/record.ts';
import type { Traces } from './usage/traces.ts';
import type { Verbatim } from './verbatim.ts';

/** What the gateway is built from; every effect it has goes through one of these. */
export interface GatewayDeps {
  /** The parts that follow from the configuration in force. */
  settings(): Settings;
  readonly send: Send;
  /** Tells a provider that takes no connections from one that is slow; unset: nobody asks. */
  readonly probe?: ConnectProbe;
  readonly clock: Clock;
  /** A number in [0, 1). */
  random(): number;
  /** A new id: the prefix and at least 24 characters of [A-Za-z0-9]. */
  newId(prefix: string): string;
  readonly envelope: Envelope;
  readonly cooldowns: Cooldowns;
  /** Answers of the Responses API that requests may refer to. */
  readonly responses: ResponsesStore;
  readonly log: Log;
  /** Get the bodies of requests, where traces are kept. */
  readonly traces?: Pick<Traces, 'of'>;
  /** Knows what runs now. */
  readonly inFlight?: Pick<InFlight, 'begin' | 'end'>;
  /** Places that requests take; unset: the gateway's own. */
  readonly concurrency?: Concurrency;
  /** What clients' keys may use up; unset: counted from the start of the gateway on. */
  readonly keyLimits?: KeyLimits;
  /** Orders targets by what was learnt; unset: by the configuration alone. */
  readonly steering?: Steering;
  /** Fetches files by URL where the configuration allows it; unset: never. */
  readonly fetchMedia?: FetchMedia;
  /** Gets the record of each request, once, when it has ended. */
  onRecord(record: UsageRecord): void;
}

/** A configuration and what is made from it once. */
export interface Settings {
  readonly config: Config;
  readonly auth: Authenticator;
  /** The chain of hooks for a client's format and a target; a promise only until it is made. */
  chain(client: Format, target: Target): Chain | Promise<Chain>;
  /** Where requests for a target go. */
  url(target: Target, format: Format, stream: boolean): string;
  /** Headers for a format at a provider, without those of a single request; made once, frozen. */
  headers(
    provider: ProviderConfig,
    format: Format,
    stream: boolean,
  ): Readonly<Record<string, string>>;
}

/** What the server knows of the connection. */
export interface Peer {
  readonly ip: string | null;
  /** True when nobody can say who it is; without an IP address it is a program on this machine. */
  readonly isUnknown?: boolean;
  /** True when the request has just come, so that its client has not left. */
  readonly isHere?: boolean;
  /** Hears of a reply that says that something went wrong. */
  refused?(status: number): void;
}

/** A call of one of the four formats, as the route table hands it over. */
export interface Call {
  readonly id: string;
  readonly request: Request;
  /** The client's format. */
  readonly format: Format;
  /** Gemini names the model and the way of answering in the path, not in the body. */
  readonly fromPath?: { readonly model: string; readonly stream: boolean };
  readonly peer: Peer;
  readonly queryKey: string | null;
}

/** What is known of a request before its body. */
export type Begun = Pick<
  Exchange,
  'call' | 'deps' | 'settings' | 'record' | 'interruption' | 'concurrency' | 'running'
>;

/** A request on its way. What only some requests need is made when it is asked for. */
export class Exchange {
  readonly call: Call;
  readonly deps: GatewayDeps;
  readonly settings: Settings;
  readonly record: RecordBuilder;
  readonly body: RequestBody;
  /** The model as the client asked for it. */
  readonly model: string;
  readonly stream: boolean;
  /** Tells whoever is at work when the request must end before its time. */
  readonly interruption: Interruption;
  /** Places at providers. */
  readonly concurrency: Concurrency;
  /** This one and all others. */
  readonly running: OpenRequests;
  /** What the client's side could not carry. */
  readonly ledger = new Ledger();
  /** The body in the middle language, once a target needed it; attempts share it and never edit it. */
  unified: UnifiedChatRequest | undefined = undefined;
  /** What of the body was left unread when `unified` was made; unset while nothing was. */
  verbatim: Verbatim | undefined = undefined;
  /** Files that an attempt fetched by URL; unset while none did. */
  fetched: Map<string, Media> | undefined = undefined;
  /** The attempt that runs; unset where nobody need be told of its failure. */
  attempt: { failed(cause: unknown): unknown } | undefined = undefined;
  /** The request among those that run; from its first attempt on. */
  inFlight: RunningRequest | undefined = undefined;
  /** Attempts made so far, for the reply's header. */
  attempts = 0;
  /** Name of the client's API key; '' in an open gateway. */
  owner = '';
  /** What the request refers to instead of saying it; unset when it refers to nothing. */
  references: References | undefined = undefined;
  #client: ClientSide | undefined;

  constructor(begun: Begun, body: RequestBody, model: string, stream: boolean) {
    this.call = begun.call;
    this.deps = begun.deps;
    this.settings = begun.settings;
    this.record = begun.record;
    this.interruption = begun.interruption;
    this.concurrency = begun.concurrency;
    this.running = begun.running;
    this.body = body;
    this.model = model;
    this.stream = stream;
  }

  /** The body as replies repeat it: what is not kept must not be said to be. */
  #told(): JsonObject {
    const json = this.verbatim?.json ?? this.body.readable;
    const isKept =
      this.call.format.name !== 'responses' || this.settings.config.responses.store !== 'off';
    return isKept ? json : { ...json, store: false };
  }

  /**
   * Everything is read from now on.
   * @throws GatewayError `invalid_request` when what was left unread is not JSON
   */
  readAll(): void {
    if (this.verbatim === undefined) return;
    void this.body.json;
    this.verbatim = undefined;
    this.unified = undefined;
    this.#client = undefined;
  }

  /** The client's side as the formats see it. */
  get client(): ClientSide {
    const { deps, body, model, ledger } = this;
    this.#client ??= new ClientSide({
      model,
      body: this.#told(),
      bytes: body.bytes.length,
      ledger,
      envelope: deps.envelope,
      newId: deps.newId,
      now: () => deps.clock.now(),
    });
    return this.#client;
  }
}
