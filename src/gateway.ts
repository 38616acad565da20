/**
 * The way of a request, in order. READ FIRST.
 *
 *   client ─► server.ts ─► answer() ─┬─ who calls                 auth.ts
 *                                    ├─ what is asked             request-body.ts
 *                                    ├─ where it may go           resolve.ts
 *                                    └─ attempt, next, attempt …  failover.ts ─ attempt.ts
 *                                         same format: bytes      passthrough.ts
 *                                         else: llms hooks        transform/chain.ts ─ formats/*
 *                                         send                    upstream.ts
 *                                         the head is held back   hold.ts
 *                                         watched to its end      watch.ts ─► usage record
 *
 * Whatever goes wrong before the answer has begun is thrown as a `GatewayError` and caught here,
 * once; what goes wrong later ends the client's stream with its format's error.
 */
import type { Identity } from './auth.ts';
import type { ApiKeyConfig } from './config/config.ts';
import { findReferences, knowingTargets } from './earlier-answers.ts';
import { GatewayError } from './errors.ts';
import { type Call, Exchange, type GatewayDeps, type Settings } from './exchange.ts';
import { attemptAll, toGatewayError } from './failover.ts';
import type { Format } from './formats/format.ts';
import type { SteeredRoute } from './health/steering.ts';
import { inTime } from './late-answer.ts';
import { Concurrency } from './limits/concurrency.ts';
import type { Leave } from './limits/gate.ts';
import { OpenRequests, shuttingDown } from './limits/interruption.ts';
import { KeyLimits } from './limits/key-limits.ts';
import { bodyModel, bodyStream, readRequestBody } from './request-body.ts';
import { resolve, type World } from './resolve.ts';
import type { Usage } from './unified.ts';
import { priceOf } from './usage/price.ts';
import { openRecord } from './usage/record.ts';

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

  return {
    async answer(call) {
      const settings = deps.settings();
      const interruption = open.open(call.request.signal);
      /** Gives back the request's place, where places are limited. */
      let leave: Leave | undefined;
      const record = openRecord({
        id: call.id,
        clock: deps.clock,
        clientIp: call.clientIp,
        clientFormat: call.format.name,
        price: (usage, provider, model) => price(settings, usage, provider, model),
        onClose: (closed) => {
          interruption.end();
          leave?.();
          keyLimits.count(closed);
          deps.onRecord(closed);
        },
      });
      const failed = (cause: unknown, status?: number): GatewayError => {
        const error = interruption.reason ?? toGatewayError(cause, deps.log);
        const { kind, message } = error;
        const outcome =
          kind === 'client_left' ? 'cancelled' : kind === 'upstream_timeout' ? 'timeout' : 'error';
        record.close({ outcome, status: status ?? error.status, error: message });
        return error;
      };
      /** Set once it is known who calls. */
      let key: ApiKeyConfig | undefined;
      const told = (reply: Response) => keyLimits.tell(reply, key, call.format.name);
      try {
        const identity = settings.auth.identify(call.request.headers, call.queryKey);
        key = identity.key;
        if (identity.name !== undefined) record.note({ apiKey: identity.name });
        const place = concurrency.admit(settings.config, key, interruption);
        if (place !== undefined) leave = await place;
        const own = { call, deps, settings, record, interruption, concurrency };
        const exchange = await openExchange(own, identity);
        const admitted = keyLimits.admit(key);
        if (admitted !== undefined) await admitted;
        const found = routeOf(exchange, identity);
        const route = { ...found, targets: knowingTargets(exchange, found) };
        const answer = attemptAll(exchange, route);
        if (!exchange.stream) return told(await answer);
        return told(await inTime(exchange, answer, (cause) => failed(cause, 200)));
      } catch (cause) {
        return told(errorReply(failed(cause), call.format, call.id));
      }
    },
    interrupt: () => open.close(shuttingDown()),
  };

  function routeOf(exchange: Exchange, identity: Identity): SteeredRoute {
    const { settings, model, call, body } = exchange;
    const { config } = settings;
    if (!deps.steering) return resolve(config, model, call.format.name, world);
    return deps.steering.route(config, world, {
      model,
      format: call.format.name,
      apiKey: identity.name,
      headers: call.request.headers,
      body: () => body.json,
      inputTokens: () => exchange.client.estimateInput(),
    });
  }
}

/** What is asked. */
async function openExchange(own: Own, identity: Identity): Promise<Exchange> {
  const { call, settings, record } = own;
  const limit = settings.config.server.maxBodyBytes;
  const maxBytes = call.format.name === 'messages' ? Math.min(limit, MESSAGES_MAX_BYTES) : limit;
  const body = await readRequestBody(call.request, maxBytes);
  own.deps.traces?.of(call.id)?.clientRequest(call.request, body.bytes);
  const model = call.fromPath?.model ?? bodyModel(body);
  const stream = call.fromPath?.stream ?? bodyStream(body);
  const exchange = new Exchange({ ...own, body, model, stream });
  record.note({
    alias: model,
    streaming: stream,
    ledger: exchange.ledger,
    estimateInput: () => exchange.client.estimateInput(),
  });
  if (!identity.mayUse(model)) {
    throw new GatewayError('forbidden', `This API key may not use the model "${model}".`, {
      field: 'model',
    });
  }
  exchange.owner = identity.name ?? '';
  await findReferences(exchange);
  return exchange;
}

/** What is known of a request before its body. */
type Own = Pick<Exchange, 'call' | 'deps' | 'settings' | 'record' | 'interruption' | 'concurrency'>;

/** Anthropic's own bound of a Messages request (docs: API errors, request_too_large). */
const MESSAGES_MAX_BYTES = 32 * 1024 * 1024;

function price(settings: Settings, usage: Usage, provider: string, model: string) {
  return priceOf(usage, { provider, model, config: settings.config });
}

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
