/**
 * One attempt at one target while it runs. It is one object that everybody who has to do with it sees
 * a part of: the formats its context, the record its facts, the watch whom to tell. A request makes
 * hundreds of small objects otherwise, and their making is most of what a small request costs.
 */
import type { Timeouts } from '../config/config.ts';
import { GatewayError } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import type { Format, ProviderContext } from '../formats/format.ts';
import { gather } from '../gather.ts';
import type { RunningAttempt } from '../health/in-flight.ts';
import type { HttpReply } from '../http/reply.ts';
import type { Pieced } from '../json-span.ts';
import { Ledger, NothingLost } from '../ledger.ts';
import { replyHeaders } from '../reply-headers.ts';
import type { Target } from '../resolve.ts';
import { Stop } from '../stop.ts';
import { inOnePiece } from '../stream/one-piece.ts';
import type { ChainRequest } from '../transform/chain.ts';
import { faultError } from '../transform/fault-error.ts';
import { hiderOf, withoutSecrets } from '../transform/hide-secrets.ts';
import type { Finish, FormatName, UnifiedChunk, UnifiedReply } from '../unified.ts';
import { forwardedHeaders, mergedHeaders, refusal, sendError } from '../upstream.ts';
import type { Meter } from '../usage/meter.ts';
import type { AttemptFacts, OpenAttempt } from '../usage/record.ts';
import { type AnswerEnd, Watch, type WatchOptions } from '../watch.ts';

/** What an attempt needs beside the exchange. */
export interface AttemptOptions {
  readonly target: Target;
  /** True when no other target is left: then an empty answer is passed on as it is. */
  readonly isLast: boolean;
  /** When it began, Unix ms. */
  readonly startedAt: number;
  /** Called when an answer that was begun has ended. */
  readonly onEnd: (() => void) | undefined;
}

export class Attempt implements ProviderContext, AttemptFacts, RunningAttempt, WatchOptions {
  readonly exchange: Exchange;
  readonly target: Target;
  readonly format: Format;
  /** The bytes go through as they are. */
  readonly passthrough: boolean;
  readonly isLast: boolean;
  /** The provider's name in the configuration. */
  readonly provider: string;
  /** The provider's own name of the model. */
  readonly model: string;
  readonly id: string;
  readonly alias: string;
  readonly streaming: boolean;
  readonly timeouts: Timeouts;
  /** What the provider's side could not carry. */
  readonly ledger = new Ledger();
  /** Ends the upstream leg. */
  readonly stop = new Stop();
  readonly open: OpenAttempt;
  readonly watch: Watch;
  readonly #options: AttemptOptions;
  /** Where the request went; '' before. */
  #url = '';

  constructor(exchange: Exchange, options: AttemptOptions, format: Format, passthrough: boolean) {
    const { target } = options;
    this.exchange = exchange;
    this.target = target;
    this.format = format;
    this.passthrough = passthrough;
    this.isLast = options.isLast;
    this.provider = target.provider.name;
    this.model = target.model;
    this.id = exchange.call.id;
    this.alias = exchange.model;
    this.streaming = exchange.stream;
    this.timeouts = target.provider.timeouts;
    this.#options = options;
    this.open = exchange.record.attempt(this);
    exchange.inFlight = exchange.deps.inFlight?.begin(this, exchange.inFlight);
    this.watch = new Watch(this);
    exchange.interruption.listen(this.watch);
  }

  get providerFormat(): FormatName {
    return this.format.name;
  }

  get meter(): Meter {
    return this.open.meter;
  }

  newId(prefix: string): string {
    return this.exchange.deps.newId(prefix);
  }

  now(): number {
    return this.exchange.deps.clock.now();
  }

  monotonic(): number {
    return this.exchange.deps.clock.monotonic();
  }

  /** Whether the provider takes connections. */
  probe(timeoutMs: number): Promise<boolean> {
    const { probe } = this.exchange.deps;
    const { proxy } = this.target.provider;
    return probe?.(this.#url, proxy, timeoutMs) ?? Promise.resolve(true);
  }

  /** The one place where an answer that was begun ends: record and health. */
  onEnd(end: AnswerEnd): void {
    const { exchange, target, provider, model } = this;
    const { startedAt, onEnd } = this.#options;
    const { record, deps, settings } = exchange;
    onEnd?.();
    if (end.kind === 'complete') {
      deps.cooldowns.succeed(provider, model, startedAt);
      record.close({ outcome: 'success', status: 200 });
    } else if (end.kind === 'cancelled') {
      record.close({ outcome: 'cancelled', status: 499 });
    } else {
      const { error } = end;
      const rest = target.provider.cooldown ?? settings.config.resilience.cooldown;
      deps.cooldowns.fail(provider, model, error, rest, startedAt);
      const outcome = error.kind === 'upstream_timeout' ? 'stall' : 'error';
      record.close({ outcome, status: 200, error: error.message });
    }
  }

  /**
   * Asks the provider.
   * @param changes headers that hooks set; undefined takes one away
   * @throws GatewayError when it refuses or cannot be reached
   */
  async post(
    url: string,
    body: string | Pieced,
    changes?: ChainRequest['headers'],
  ): Promise<HttpReply> {
    const { exchange, target, format, stop, watch } = this;
    const { deps, call } = exchange;
    this.#url = url;
    if (deps.probe) watch.connecting();
    const trace = deps.traces?.of(call.id);
    const headers = this.#headers(changes);
    const together = gather(exchange.running.size);
    if (together !== undefined) await together;
    trace?.providerRequest(url, headers, typeof body === 'string' ? body : body.copy());
    const { proxy } = target.provider;
    let sent: HttpReply;
    try {
      sent = await deps.send({ url, headers, body, stop, proxy, watch });
    } catch (cause) {
      throw sendError(cause, target.provider.name, stop);
    }
    watch.connected();
    const again = gather(exchange.running.size);
    if (again !== undefined) await again;
    const response = trace?.providerReply(sent) ?? sent;
    if (response.status >= 300) {
      const sameFormat = call.format === format;
      throw await refusal(response, target.provider, format, sameFormat, deps.clock.now());
    }
    return response;
  }

  /** The provider's own headers, those of the client that pass, what hooks change. */
  #headers(changes: ChainRequest['headers'] | undefined): Readonly<Record<string, string>> {
    const { exchange, target, format } = this;
    const { settings, call, stream } = exchange;
    const base = settings.headers(target.provider, format, stream);
    const forwarded =
      call.format === format ? forwardedHeaders(format.name, call.request.headers) : undefined;
    if (forwarded === undefined && isEmpty(changes)) return base;
    const headers = mergedHeaders(base, forwarded);
    for (const name in changes) {
      const value = changes[name];
      if (value === undefined) delete headers[name];
      else headers[name] = value;
    }
    return headers;
  }

  /**
   * It failed before an answer was begun.
   * @returns what is to be told of it: no secret, and the reason of whoever stopped it
   */
  failed(cause: unknown): unknown {
    const { reason } = this.stop;
    // What is no `GatewayError` is a fault of ours and is not to be blamed on the provider.
    const error =
      cause instanceof GatewayError ? withoutSecrets(cause, hiderOf(this.target.provider)) : reason;
    this.watch.abandon();
    if (error instanceof GatewayError) {
      this.open.end(error.kind === 'upstream_refused' ? error.status : null, error.kind);
    } else this.open.end(null, 'internal');
    return error ?? cause;
  }

  /** @throws GatewayError when the head of a stream is no answer */
  judgeHead(verdict: string, chunks: readonly UnifiedChunk[]): void {
    const fault = chunks.find((chunk) => chunk.type === 'error');
    if (verdict === 'error' && fault) {
      const { reason } = this.stop;
      throw reason instanceof GatewayError ? reason : faultError(fault.error, this.provider);
    }
    if (verdict === 'complete') {
      const finish = chunks.findLast((chunk) => chunk.type === 'finish');
      this.refuseEmpty(finish?.finish ?? 'stop', false);
    }
  }

  /** @throws GatewayError when a provider gave nothing and does not say why, and another may give more */
  refuseEmpty(finish: Finish, hasOutput: boolean): void {
    if (hasOutput || this.isLast || (finish !== 'stop' && finish !== 'tool_calls')) return;
    throw new GatewayError(
      'upstream_garbled',
      `The provider "${this.provider}" gave an empty answer.`,
      { provider: this.provider },
    );
  }

  /** The client's response. */
  respond(
    upstream: HttpReply | undefined,
    body: string | Buffer | ReadableStream<Uint8Array> | null,
    contentType: string,
  ): Response {
    const { exchange, target, ledger } = this;
    const headers = replyHeaders(exchange, target, ledger, upstream, contentType);
    const isWhole = typeof body === 'string' || body instanceof Buffer;
    return new Response(isWhole ? inOnePiece(body) : body, { status: 200, headers });
  }
}

function isEmpty(changes: ChainRequest['headers'] | undefined): boolean {
  for (const _ in changes) return false;
  return true;
}

/** What the reader of a forwarded answer sees of its attempt. */
export class Reading implements ProviderContext {
  readonly ledger = NOTHING_LOST;
  readonly provider: string;
  readonly model: string;
  readonly #attempt: Attempt;

  constructor(attempt: Attempt) {
    this.#attempt = attempt;
    this.provider = attempt.provider;
    this.model = attempt.model;
  }

  newId(prefix: string): string {
    return this.#attempt.newId(prefix);
  }

  now(): number {
    return this.#attempt.now();
  }
}
const NOTHING_LOST = new NothingLost();

/** True when a reply says or does anything. */
export function hasContent({ blocks }: UnifiedReply): boolean {
  return blocks.some((block) => {
    if (block.type === 'reasoning') return block.text !== '' || block.redacted === true;
    return !('text' in block) || block.text !== '';
  });
}
