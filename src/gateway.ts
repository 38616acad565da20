/**
 * The way of a request, in order. READ FIRST.
 *
 *   client ─► server.ts ─► answer() ─┬─ who calls                 auth.ts
 *                                    ├─ what is asked             request-body.ts
 *                                    ├─ where it may go           resolve.ts
 *                                    └─ attempt, next, attempt …  failover.ts ─ attempt/run.ts
 *                                         same format: bytes      attempt/by-bytes.ts ─ glance.ts
 *                                         else: llms hooks        attempt/by-hooks.ts ─ transform/chain.ts ─ formats/*
 *                                         send                    upstream.ts ─ http/*, or fetch
 *                                         the head is held back   hold.ts
 *                                         watched to its end      watch.ts ─► usage record
 *
 * Whatever goes wrong before the answer has begun is thrown as a `GatewayError` and caught here,
 * once; what goes wrong later ends the client's stream with its format's error.
 */
import type { Identity } from './auth.ts';
import type { ApiKeyConfig } from './config/config.ts';
import { findReferences, knowingRoute } from './earlier-answers.ts';
import { GatewayError } from './errors.ts';
import { type Begun, type Call, Exchange, type GatewayDeps, type Settings } from './exchange.ts';
import { attemptAll, toGatewayError } from './failover.ts';
import type { Format } from './formats/format.ts';
import { gather } from './gather.ts';
import type { SteeredRequest, SteeredRoute } from './health/steering.ts';
import { inTime } from './late-answer.ts';
import { Concurrency } from './limits/concurrency.ts';
import type { Leave } from './limits/gate.ts';
import { type Interruption, OpenRequests, shuttingDown } from './limits/interruption.ts';
import { KeyLimits } from './limits/key-limits.ts';
import { bodyModel, bodyStream, type RequestBody, readRequestBody } from './request-body.ts';
import { resolve, type World } from './resolve.ts';
import type { FormatName, Usage } from './unified.ts';
import { type Cost, priceOf } from './usage/price.ts';
import {
  type Clock,
  type OpenRecord,
  openRecord,
  type RecordBuilder,
  type UsageRecord,
} from './usage/record.ts';

export interface Gateway {
  /** Answers a call of one of the four formats; never throws. */
  answer(call: Call): Promise<Response>;
  /** Ends what still runs, each stream with its format's error; nothing new is begun. */
  interrupt(): void;
}

export function createGateway(deps: GatewayDeps): Gateway {
  const turns = new Map<string, number>();
  const open = new OpenRequests();
  const concurrency = deps.concurrency ?? new Concurrency();
  const keyLimits = deps.keyLimits ?? new KeyLimits({ now: () => deps.clock.now() });
  const world: World = {
    random: () => deps.random(),
    turn(alias) {
      const turn = turns.get(alias) ?? 0;
      turns.set(alias, turn + 1);
      return turn;
    },
    anyCooling: () => deps.cooldowns.isAny,
    coolingUntil: (provider, model) => deps.cooldowns.until(provider, model),
    namedUntil: (provider, model) => deps.cooldowns.namedUntil(provider, model),
    now: () => deps.clock.now(),
  };
  const house: House = { deps, open, concurrency, keyLimits, world };
  return {
    answer: (call) => new Turn(house, call).answer(),
    interrupt: () => open.close(shuttingDown()),
  };
}

/** What all requests share. */
interface House {
  readonly deps: GatewayDeps;
  readonly open: OpenRequests;
  readonly concurrency: Concurrency;
  readonly keyLimits: KeyLimits;
  readonly world: World;
}

/** One call from its arrival to its reply. */
class Turn implements Begun, OpenRecord {
  readonly call: Call;
  readonly deps: GatewayDeps;
  readonly settings: Settings;
  readonly interruption: Interruption;
  readonly concurrency: Concurrency;
  readonly running: OpenRequests;
  readonly record: RecordBuilder;
  readonly #house: House;
  /** Gives back the request's place, where places are limited. */
  #leave: Leave | undefined;
  /** Set once it is known who calls. */
  #key: ApiKeyConfig | undefined;
  /** Set once it is known what is asked. */
  #exchange: Exchange | undefined;

  constructor(house: House, call: Call) {
    this.#house = house;
    this.call = call;
    this.deps = house.deps;
    this.concurrency = house.concurrency;
    this.running = house.open;
    this.settings = house.deps.settings();
    this.interruption = house.open.open(call.request, call.peer.isHere);
    this.record = openRecord(this);
  }

  /** Never throws. */
  async answer(): Promise<Response> {
    const { call, settings, record, interruption, concurrency } = this;
    try {
      const identity = settings.auth.identify(call.request.headers, call.queryKey);
      const { key, name } = identity;
      this.#key = key;
      if (name !== undefined) record.note({ apiKey: name });
      const place = concurrency.admit(settings.config, key, interruption);
      if (place !== undefined) this.#leave = await place;
      const body = await readRequestBody(call.request, this.#maxBytes());
      const together = gather(this.running.size);
      if (together !== undefined) await together;
      const exchange = this.#asked(body, identity);
      const references = findReferences(exchange);
      if (references !== undefined) await references;
      const admitted = this.#house.keyLimits.admit(key);
      if (admitted !== undefined) await admitted;
      const answer = attemptAll(exchange, knowingRoute(exchange, this.#route(exchange, identity)));
      if (!exchange.stream) return this.#told(await answer);
      return this.#told(await this.#inTime(exchange, answer));
    } catch (cause) {
      const error = this.#failed(cause);
      call.peer.refused?.(error.status);
      return this.#told(errorReply(error, call.format, call.id));
    }
  }

  /** What is asked, and whether it may be. */
  #asked(body: RequestBody, identity: Identity): Exchange {
    const { call, deps, record } = this;
    deps.traces?.of(call.id)?.clientRequest(call.request, body.bytes);
    const model = call.fromPath?.model ?? bodyModel(body);
    const stream = call.fromPath?.stream ?? bodyStream(body);
    const exchange = new Exchange(this, body, model, stream);
    this.#exchange = exchange;
    record.note({ alias: model, streaming: stream, ledger: exchange.ledger });
    if (!identity.mayUse(model)) {
      throw new GatewayError('forbidden', `This API key may not use the model "${model}".`, {
        field: 'model',
      });
    }
    exchange.owner = identity.name ?? '';
    return exchange;
  }

  #maxBytes(): number {
    const { maxBodyBytes } = this.settings.config.server;
    const isMessages = this.call.format.name === 'messages';
    return isMessages ? Math.min(maxBodyBytes, MESSAGES_MAX_BYTES) : maxBodyBytes;
  }

  #route(exchange: Exchange, identity: Identity): SteeredRoute {
    const { settings, call } = this;
    const { config } = settings;
    const { world, deps } = this.#house;
    const { model } = exchange;
    const { steering } = deps;
    if (steering === undefined || !steering.concerns(config, model)) {
      return resolve(config, model, call.format.name, world);
    }
    return steering.route(config, world, steeredRequest(exchange, identity));
  }

  /** Apart from the way of whole replies, which makes no closure so. */
  #inTime(exchange: Exchange, answer: Promise<Response>): Promise<Response> {
    return inTime(exchange, answer, (cause) => this.#failed(cause, 200));
  }

  /** The reply with what it says of the key's limits. */
  #told(reply: Response): Response {
    return this.#house.keyLimits.tell(reply, this.#key, this.call.format.name);
  }

  /** Closes the record of a request that has failed. */
  #failed(cause: unknown, status?: number): GatewayError {
    const error = this.interruption.reason ?? toGatewayError(cause, this.deps.log);
    const { kind, message } = error;
    const outcome =
      kind === 'client_left' ? 'cancelled' : kind === 'upstream_timeout' ? 'timeout' : 'error';
    this.record.close({ outcome, status: status ?? error.status, error: message });
    return error;
  }

  // ---------------------------------------------------------------------------- for the record

  get id(): string {
    return this.call.id;
  }

  get clock(): Clock {
    return this.deps.clock;
  }

  get clientIp(): string | null {
    return this.call.peer.ip;
  }

  get clientFormat(): FormatName {
    return this.call.format.name;
  }

  price(usage: Usage, provider: string, model: string): Cost | null {
    return priceOf(usage, { provider, model, config: this.settings.config });
  }

  estimateInput(): number {
    return this.#exchange?.client.estimateInput() ?? 0;
  }

  onClose(closed: UsageRecord): void {
    this.interruption.end();
    this.#leave?.();
    const inFlight = this.#exchange?.inFlight;
    if (inFlight !== undefined) this.deps.inFlight?.end(inFlight);
    this.#house.keyLimits.count(closed);
    this.#releaseBody();
    this.deps.onRecord(closed);
  }

  /**
   * Traces hold the bytes. An answer of the Responses API is kept with what was asked, and its last event
   * repeats that, which may be read from the bytes only then. The first event of a stream may ask how
   * long results are that were left unread.
   */
  #releaseBody(): void {
    const { call, deps } = this;
    const { body, verbatim, stream } = this.#exchange ?? {};
    const isRead = body?.isParsed === true || verbatim !== undefined;
    const isAskedLater = verbatim !== undefined && stream === true;
    const isReadLater = isAskedLater || (call.format.name === 'responses' && !isRead);
    if (isReadLater || deps.traces?.of(call.id) !== undefined) return;
    body?.release();
  }
}

function steeredRequest(exchange: Exchange, { name }: Identity): SteeredRequest {
  const { model, call, body, client } = exchange;
  return {
    model,
    format: call.format.name,
    apiKey: name,
    headers: call.request.headers,
    body: () => body.json,
    inputTokens: () => client.estimateInput(),
  };
}

/** Anthropic's own bound of a Messages request (docs: API errors, request_too_large). */
const MESSAGES_MAX_BYTES = 32 * 1024 * 1024;

/** An error as a reply in the client's own envelope. */
export function errorReply(error: GatewayError, format: Format, requestId: string): Response {
  const headers: Record<string, string> = {
    ...error.headers,
    'content-type': 'application/json',
    'x-request-id': requestId,
    'x-plexus-error-source': error.fromUpstream ? 'upstream' : 'gateway',
  };
  if (error.provider !== undefined) headers['x-plexus-provider'] = error.provider;
  const retryAfter = error.retryAfter ?? (isUnnamed(error) ? UNNAMED_RETRY_S : undefined);
  if (isHopeless(error)) headers['x-should-retry'] ??= 'false';
  if (retryAfter !== undefined) {
    headers['retry-after'] = String(Math.max(0, Math.ceil(retryAfter)));
  }
  const body = error.body ?? JSON.stringify(format.encodeError(error, requestId));
  return new Response(body, { status: error.status, headers });
}

/** Codex gives up at a 429 that names no time, so one is named where the provider did not. */
const UNNAMED_RETRY_S = 5;

function isUnnamed(error: GatewayError): boolean {
  return error.status === 429 && !isHopeless(error);
}

/** Failures that stay until somebody changes the configuration or pays; SDKs would try them for minutes. */
function isHopeless({ kind, code }: GatewayError): boolean {
  return (
    kind === 'upstream_credentials' ||
    code === 'insufficient_quota' ||
    code === 'no_target_configured'
  );
}
