/**
 * Target after target until an answer has begun. Nothing was committed before that, so the client
 * sees one answer, of one target. When no other target is left, the last one is asked again, but only
 * after a failure that may pass at once and a wait that a client does not notice.
 */
import type { AttemptOptions } from './attempt/attempt.ts';
import { runAttempt } from './attempt/run.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { SteeredRoute } from './health/steering.ts';
import type { Leave } from './limits/gate.ts';
import type { Target } from './resolve.ts';

/** @throws GatewayError what the client is to be told when no target answered */
export async function attemptAll(exchange: Exchange, route: SteeredRoute): Promise<Response> {
  const { failover, retries } = exchange.settings.config.resilience;
  const left = failover.enabled ? [...route.targets] : route.targets.slice(0, 1);
  let retry = 0;
  /** What to tell when all fails. */
  let failure: GatewayError | undefined;
  for (;;) {
    const target = takeNext(left, exchange);
    if (target === undefined) throw failure ?? new GatewayError('internal', 'No target is left.');
    const startedAt = exchange.deps.clock.now();
    exchange.attempt = undefined;
    const mayGoOn = exchange.attempts + 1 < failover.maxAttempts;
    try {
      const isLast = left.length === 0 || !mayGoOn;
      const answer = await attemptOne(exchange, target, startedAt, isLast);
      exchange.deps.steering?.answered(route, target);
      return answer;
    } catch (cause) {
      const error = failureOf(exchange, cause);
      if (error.kind === 'limited' && left.length > 0) continue;
      failure = worthTelling(failure, error);
      const waitMs = backOffMs(error, retry, exchange);
      const isOver = !error.retryable || !mayGoOn || exchange.interruption.reason !== undefined;
      const again =
        left.length === 0 &&
        mayPassAtOnce(error) &&
        retry < retries.max &&
        waitMs <= retries.maxWaitMs;
      if (!again || isOver) coolDown(exchange, target, error, startedAt);
      if (isOver || (left.length === 0 && !again)) throw failure;
      if (!again) continue;
      retry += 1;
      left.push(target);
      exchange.record.waited(waitMs);
      await exchange.interruption.sleep(waitMs);
      exchange.interruption.ignore();
      if (exchange.interruption.reason) throw exchange.interruption.reason;
    }
  }
}

/** The attempt that runs is told, and says what is to be told of it. */
function failureOf({ attempt, deps }: Exchange, cause: unknown): GatewayError {
  return toGatewayError(attempt ? attempt.failed(cause) : cause, deps.log);
}

/** The next target in the order that has room; when none has, the first one's line is waited in. */
function takeNext(left: Target[], { concurrency }: Exchange): Target | undefined {
  return left.length < 2 ? left.pop() : takeFree(left, concurrency);
}

function takeFree(left: Target[], concurrency: Exchange['concurrency']): Target | undefined {
  const free = left.findIndex(({ provider }) => concurrency.hasRoom(provider));
  return left.splice(Math.max(0, free), 1)[0];
}

function attemptOne(
  exchange: Exchange,
  target: Target,
  startedAt: number,
  isLast: boolean,
): Promise<Response> {
  const { concurrency, interruption, settings } = exchange;
  const { queue } = settings.config.resilience;
  const place = concurrency.atProvider(target.provider, queue, interruption);
  if (place !== undefined) return attemptInPlace(exchange, { target, isLast, startedAt }, place);
  exchange.attempts += 1;
  return runAttempt(exchange, { target, isLast, startedAt, onEnd: undefined });
}

async function attemptInPlace(
  exchange: Exchange,
  options: Omit<AttemptOptions, 'onEnd'>,
  place: Promise<Leave>,
): Promise<Response> {
  const leave = await place;
  exchange.attempts += 1;
  try {
    return await runAttempt(exchange, { ...options, onEnd: leave });
  } catch (cause) {
    leave();
    throw cause;
  }
}

/** False where the next try would fail the same way, or after as long a wait. */
function mayPassAtOnce(error: GatewayError): boolean {
  return (
    error.kind !== 'upstream_timeout' &&
    error.kind !== 'upstream_credentials' &&
    error.headers?.['x-should-retry'] !== 'false'
  );
}

/** Of two failures the later; but keys of ours that are wrong say nothing of when it may work again. */
function worthTelling(before: GatewayError | undefined, now: GatewayError): GatewayError {
  return before !== undefined && now.kind === 'upstream_credentials' ? before : now;
}

function coolDown(
  { deps, settings }: Exchange,
  target: Target,
  error: GatewayError,
  startedAt: number,
): void {
  const rest = target.provider.cooldown ?? settings.config.resilience.cooldown;
  deps.cooldowns.fail(target.provider.name, target.model, error, rest, startedAt);
}

/** What the provider asks for, else a doubling back-off with jitter. A lost connection is retried at once. */
function backOffMs(error: GatewayError, retry: number, exchange: Exchange): number {
  if (error.retryAfter !== undefined) return error.retryAfter * 1000;
  // A kept-alive connection that the provider had closed: nothing was wrong with the provider.
  if (error.code === 'ECONNRESET' && retry === 0) return 0;
  return 200 * 2 ** retry * (0.5 + exchange.deps.random());
}

/** Everything that is thrown becomes a `GatewayError`; what is not one is a fault of ours. */
export function toGatewayError(cause: unknown, log: Exchange['deps']['log']): GatewayError {
  if (cause instanceof GatewayError) return cause;
  // Bun's JSON parser takes what no recursive function can walk.
  if (cause instanceof RangeError && cause.message.includes('call stack')) {
    return new GatewayError('invalid_request', 'The body is nested too deeply.', { cause });
  }
  log.error('a fault in the gateway', () => ({
    error: cause instanceof Error ? (cause.stack ?? cause.message) : String(cause),
  }));
  return new GatewayError('internal', 'The gateway failed to serve this request.', { cause });
}
