/**
 * The way of a request, in order. READ FIRST.
 *
 *   client ─► server.ts ─► answer() ─┬─ who calls                 auth.ts
 *                                    ├─ what is asked             request-body.ts
 *                                    ├─ where it may go           resolve.ts
 *                                    └─ attempt, next, attempt …  attempt.ts
 *                                         same format: bytes      passthrough.ts
 *                                         else: llms hooks        transform/chain.ts ─ formats/*
 *                                         send                    upstream.ts
 *                                         the head is held back   hold.ts
 *                                         watched to its end      watch.ts ─► usage record
 *
 * Whatever goes wrong before the answer has begun is thrown as a `GatewayError` and caught here,
 * once; what goes wrong later ends the client's stream with its format's error.
 */
import { clientLeft, runAttempt } from './attempt.ts';
import { GatewayError } from './errors.ts';
import { type Call, Exchange, type GatewayDeps, type Settings } from './exchange.ts';
import type { Format } from './formats/format.ts';
import { bodyModel, bodyStream, readRequestBody } from './request-body.ts';
import { type Route, resolve, type Target, type World } from './resolve.ts';
import type { Usage } from './unified.ts';
import { priceOf } from './usage/price.ts';
import { openRecord, type RecordBuilder } from './usage/record.ts';

export interface Gateway {
  /** Answers a call of one of the four formats; never throws. */
  answer(call: Call): Promise<Response>;
}

export function createGateway(deps: GatewayDeps): Gateway {
  const turns = new Map<string, number>();
  const world: World = {
    random: () => deps.random(),
    turn(alias) {
      const turn = turns.get(alias) ?? 0;
      turns.set(alias, turn + 1);
      return turn;
    },
    anyCooling: () => deps.cooldowns.isAny,
    coolingUntil: (provider, model) => deps.cooldowns.until(provider, model),
    now: () => deps.clock.now(),
  };

  return {
    async answer(call) {
      const settings = deps.settings();
      const record = openRecord({
        id: call.id,
        clock: deps.clock,
        clientIp: call.clientIp,
        clientFormat: call.format.name,
        price: (usage, provider, model) => price(settings, usage, provider, model),
        onClose: (closed) => deps.onRecord(closed),
      });
      try {
        const exchange = await openExchange(call, deps, settings, record);
        const route = resolve(settings.config, exchange.model, call.format.name, world);
        return await attemptAll(exchange, route);
      } catch (cause) {
        const error = call.request.signal.aborted ? clientLeft() : asGatewayError(cause, deps);
        record.close({
          outcome:
            error.kind === 'client_left'
              ? 'cancelled'
              : error.kind === 'upstream_timeout'
                ? 'timeout'
                : 'error',
          status: error.status,
          error: error.message,
        });
        return errorReply(error, call.format, call.id);
      }
    },
  };
}

/** Who calls, and what is asked. */
async function openExchange(
  call: Call,
  deps: GatewayDeps,
  settings: Settings,
  record: RecordBuilder,
): Promise<Exchange> {
  const identity = settings.auth.identify(call.request.headers, call.queryKey);
  if (identity.name !== undefined) record.note({ apiKey: identity.name });
  const limit = settings.config.server.maxBodyBytes;
  const maxBytes = call.format.name === 'messages' ? Math.min(limit, MESSAGES_MAX_BYTES) : limit;
  const body = await readRequestBody(call.request, maxBytes);
  const model = call.fromPath?.model ?? bodyModel(body);
  const stream = call.fromPath?.stream ?? bodyStream(body);
  const exchange = new Exchange({ call, deps, settings, record, body, model, stream });
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
  return exchange;
}

/** Anthropic's own bound of a Messages request (docs: API errors, request_too_large). */
const MESSAGES_MAX_BYTES = 32 * 1024 * 1024;

/** Target after target until an answer has begun; then at most a short wait and the last one again. */
async function attemptAll(exchange: Exchange, route: Route): Promise<Response> {
  const { resilience } = exchange.settings.config;
  const { failover, retries } = resilience;
  const targets = failover.enabled ? route.targets : route.targets.slice(0, 1);
  let retry = 0;
  for (let next = 0; ; ) {
    const target = targets[next];
    if (target === undefined) throw new GatewayError('internal', 'No target is left.');
    const isLast = next + 1 >= targets.length;
    exchange.attempts += 1;
    try {
      return await runAttempt(exchange, { target, isLast });
    } catch (cause) {
      const error = asGatewayError(cause, exchange.deps);
      const waitMs = backOffMs(error, retry, exchange);
      const again =
        error.retryable &&
        !exchange.call.request.signal.aborted &&
        exchange.attempts < failover.maxAttempts &&
        (!isLast || (retry < retries.max && waitMs <= retries.maxWaitMs));
      if (!isLast || !again) coolDown(exchange, target, error);
      if (!again) throw error;
      if (isLast) {
        retry += 1;
        exchange.record.waited(waitMs);
        await Bun.sleep(waitMs);
      } else {
        next += 1;
      }
    }
  }
}

function coolDown(exchange: Exchange, target: Target, error: GatewayError): void {
  const { deps, settings } = exchange;
  const rest = target.provider.cooldown ?? settings.config.resilience.cooldown;
  deps.cooldowns.fail(target.provider.name, target.model, error, rest);
}

/** What the provider asks for, else a doubling back-off with jitter. A lost connection is retried at once. */
function backOffMs(error: GatewayError, retry: number, exchange: Exchange): number {
  if (error.retryAfter !== undefined) return error.retryAfter * 1000;
  // A kept-alive connection that the provider had closed: nothing was wrong with the provider.
  if (error.code === 'ECONNRESET' && retry === 0) return 0;
  return 200 * 2 ** retry * (0.5 + exchange.deps.random());
}

function price(settings: Settings, usage: Usage, provider: string, model: string) {
  return priceOf(usage, { provider, model, config: settings.config });
}

/** Everything that is thrown becomes a `GatewayError`; what is not one is a fault of ours. */
function asGatewayError(cause: unknown, deps: GatewayDeps): GatewayError {
  if (cause instanceof GatewayError) return cause;
  deps.log.error('a fault in the gateway', () => ({
    error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
  }));
  return new GatewayError('internal', 'The gateway failed to serve this request.', { cause });
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
  if (error.retryAfter !== undefined) {
    headers['retry-after'] = String(Math.max(0, Math.ceil(error.retryAfter)));
  }
  const body = error.body ?? JSON.stringify(format.encodeError(error, requestId));
  return new Response(body, { status: error.status, headers });
}
