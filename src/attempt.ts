/**
 * One attempt at one target: bytes when both sides speak the same format and nothing stands between,
 * otherwise through the chain of hooks; or the demo provider in this process. Gives the client's
 * response once the answer has begun, or throws what went wrong before.
 */
import { ReplyAssembler } from './assemble.ts';
import { estimateTokens } from './count-tokens/estimate-request.ts';
import { demoDelayMs, demoFault, streamDemo } from './demo/demo.ts';
import { demoSource } from './demo/source.ts';
import {
  answerKeeper,
  keepsReferences,
  spellOwn,
  spellProviders,
  wholeBody,
} from './earlier-answers.ts';
import { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import type { Format, ProviderContext } from './formats/format.ts';
import { FORMATS } from './formats/index.ts';
import { holdHead } from './hold.ts';
import { isObject, type JsonObject, parseJson } from './json.ts';
import { Ledger } from './ledger.ts';
import { asksUsage, passthroughBody, passthroughReply } from './passthrough.ts';
import { tappedSource, tappedStream } from './passthrough-stream.ts';
import { replyHeaders } from './reply-headers.ts';
import { withMedia } from './request-media.ts';
import type { Target } from './resolve.ts';
import { ReplyTooLong, readWhole } from './stream/read-whole.ts';
import { prepend, type Source } from './stream/source.ts';
import { readBorder } from './transform/border.ts';
import type { Chain, ChainRequest } from './transform/chain.ts';
import { SEALED_FAMILY } from './transform/envelope.ts';
import { faultError } from './transform/fault-error.ts';
import { chunksWithoutSecrets, hiderOf, withoutSecrets } from './transform/hide-secrets.ts';
import { HookContext } from './transform/hook-context.ts';
import { isEventStream, rememberUnread, takeUnread } from './transform/unread.ts';
import type { Finish, UnifiedChunk, UnifiedReply } from './unified.ts';
import {
  forwardedHeaders,
  isErrorOf,
  mergedHeaders,
  refusal,
  sendError,
  upstreamUrl,
} from './upstream.ts';
import type { OpenAttempt } from './usage/record.ts';
import { type AnswerEnd, Watch } from './watch.ts';

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

/** An attempt while it runs. */
interface Running {
  readonly exchange: Exchange;
  readonly target: Target;
  readonly format: Format;
  readonly isLast: boolean;
  readonly controller: AbortController;
  readonly open: OpenAttempt;
  readonly watch: Watch;
  readonly context: ProviderContext;
}

/** @throws GatewayError what went wrong before anything was committed */
export async function runAttempt(exchange: Exchange, options: AttemptOptions): Promise<Response> {
  const { target } = options;
  if (target.format === 'demo') return runDemo(exchange, options);
  const { settings, call } = exchange;
  const format = FORMATS[target.format];
  const chain = await settings.chain(call.format, format, target.provider, target.model);
  // A body that holds a sealed token of ours is not for bytes: the token must be opened.
  const passthrough =
    call.format === format &&
    chain.isPlain &&
    target.provider.extraBody === undefined &&
    !exchange.body.bytes.includes(SEALED_FAMILY) &&
    keepsReferences(exchange, target.provider.name);
  const running = begin(exchange, options, format, passthrough);
  const { watch, open, controller } = running;
  exchange.interruption.listen((reason) => watch.interrupt(reason));
  try {
    return passthrough ? await runPassthrough(running, chain) : await runTranslated(running, chain);
  } catch (cause) {
    const { reason } = controller.signal;
    // What is no `GatewayError` is a fault of ours and is not to be blamed on the provider.
    const error =
      cause instanceof GatewayError ? withoutSecrets(cause, hiderOf(target.provider)) : reason;
    const [status, why] =
      error instanceof GatewayError
        ? [error.kind === 'upstream_refused' ? error.status : null, error.kind]
        : [null, 'internal'];
    watch.abandon();
    open.end(status, why);
    throw error ?? cause;
  }
}

function begin(
  exchange: Exchange,
  options: AttemptOptions,
  format: Format,
  passthrough: boolean,
): Running {
  const { deps, record } = exchange;
  const { target, isLast } = options;
  const ledger = new Ledger();
  const context: ProviderContext = {
    provider: target.provider.name,
    model: target.model,
    ledger,
    newId: deps.newId,
    now: () => deps.clock.now(),
  };
  const open = record.attempt({
    provider: target.provider.name,
    model: target.model,
    providerFormat: format.name,
    passthrough,
    ledger,
  });
  deps.inFlight?.begin({
    id: exchange.call.id,
    alias: exchange.model,
    provider: target.provider.name,
    model: target.model,
    streaming: exchange.stream,
    meter: open.meter,
  });
  const controller = new AbortController();
  const watch = new Watch({
    provider: target.provider.name,
    timeouts: target.provider.timeouts,
    meter: open.meter,
    controller,
    monotonic: deps.clock.monotonic,
    onEnd: (end) => finishAnswer(exchange, options, end),
  });
  return { exchange, target, format, isLast, controller, open, watch, context };
}

/** What the hooks of an attempt share. */
function hookContext(running: Running, hasForeignHook: boolean): HookContext {
  const { exchange, context } = running;
  const hooks = new HookContext(exchange.call.id, exchange.client, context, hasForeignHook);
  hooks.keepAliveMs = exchange.settings.config.resilience.keepAliveMs;
  const keep = answerKeeper(exchange, running.target, false);
  hooks.onAnswer = (ended) => {
    keep?.(ended);
    // Not before: what the last words could not carry belongs to the record.
    if (exchange.stream) running.watch.end({ kind: 'complete' });
  };
  exchange.client.estimate = () =>
    exchange.unified && estimateTokens(exchange.unified, running.format.name);
  return hooks;
}

/** The one place where an answer that was begun ends: record and health. */
function finishAnswer(
  exchange: Exchange,
  { target, startedAt, onEnd }: AttemptOptions,
  end: AnswerEnd,
): void {
  const { record, deps, settings } = exchange;
  const { name } = target.provider;
  onEnd?.();
  if (end.kind === 'complete') {
    deps.cooldowns.succeed(name, target.model, startedAt);
    record.close({ outcome: 'success', status: 200 });
  } else if (end.kind === 'cancelled') {
    record.close({ outcome: 'cancelled', status: 499 });
  } else {
    const { error } = end;
    const rest = target.provider.cooldown ?? settings.config.resilience.cooldown;
    deps.cooldowns.fail(name, target.model, error, rest, startedAt);
    const outcome = error.kind === 'upstream_timeout' ? 'stall' : 'error';
    record.close({ outcome, status: 200, error: error.message });
  }
}

async function post(
  running: Running,
  url: string,
  body: string | Uint8Array,
  changes?: ChainRequest['headers'],
): Promise<Response> {
  const { exchange, target, format, controller, watch } = running;
  const { deps, call } = exchange;
  const { proxy } = target.provider;
  const { probe } = deps;
  if (probe) watch.connecting((timeoutMs) => probe(url, proxy, timeoutMs));
  const trace = deps.traces?.of(call.id);
  const headers = upstreamHeaders(running, changes);
  trace?.providerRequest(url, headers, body);
  const sending = deps.send({
    url,
    headers,
    body,
    signal: controller.signal,
    ...(proxy === undefined ? undefined : { proxy }),
  });
  const sent = await sending.catch((cause: unknown) => {
    throw sendError(cause, target.provider.name, controller.signal);
  });
  watch.connected();
  const response = trace?.providerReply(sent) ?? sent;
  if (response.status >= 300) {
    const sameFormat = call.format === format;
    throw await refusal(response, target.provider, format, sameFormat, deps.clock.now());
  }
  return response;
}

/** The provider's own headers, those of the client that pass, what hooks change. */
function upstreamHeaders(
  { exchange, target, format }: Running,
  changes: ChainRequest['headers'] | undefined,
): Readonly<Record<string, string>> {
  const { settings, call, stream } = exchange;
  const base = settings.headers(target.provider, format, stream);
  const forwarded =
    call.format === format ? forwardedHeaders(format.name, call.request.headers) : undefined;
  if (forwarded === undefined && changes === undefined) return base;
  const headers = mergedHeaders(base, forwarded);
  for (const name in changes) {
    const value = changes[name];
    if (value === undefined) delete headers[name];
    else headers[name] = value;
  }
  return headers;
}

// ------------------------------------------------------------------------------ bytes

async function runPassthrough(running: Running, chain: Chain): Promise<Response> {
  const { exchange, target, format, watch, open } = running;
  const { stream, model } = exchange;
  const body = passthroughBody(exchange.body, format, target.model, stream);
  const url = upstreamUrl(target.provider, format, target.model, stream);
  const response = await post(running, url, body);
  if (isEventStream(response) !== stream) {
    // JSON where a stream was asked for, or the other way round: the client gets what it asked for.
    const hooks = hookContext(running, chain.hasForeignHook);
    return answerThrough(running, chain, response, hooks);
  }
  if (stream) return passStream(running, response);
  const bytes = await readWhole(response).catch((cause: unknown) => {
    if (cause instanceof ReplyTooLong) throw garbled(target, cause.message);
    throw sendError(cause, target.provider.name, running.controller.signal);
  });
  const value = parseJson(bytes.toString('utf8'));
  if (!isObject(value) && !Array.isArray(value)) {
    throw garbled(target, 'something that is not JSON');
  }
  const reply: JsonObject = isObject(value) ? value : {};
  if (isFault(reply)) {
    const error = faultError(format.decodeError(200, reply), target.provider.name);
    const isAsItIs = error.kind === 'upstream_refused' && isErrorOf(format.name, reply);
    throw isAsItIs ? withBody(error, bytes.toString('utf8')) : error;
  }
  const said = readPassed(running, reply);
  if (said) refuseEmpty(running, said.finish, hasContent(said));
  if (said) open.meter.seeReply(said);
  const passed = passthroughReply(bytes, reply, format, model);
  answerKeeper(exchange, target, true)?.(passed.toString('utf8'));
  watch.end({ kind: 'complete' });
  return respond(running, response, passed, 'application/json');
}

function garbled({ provider: { name } }: Target, what: string): GatewayError {
  const message = `The provider "${name}" answered with ${what}.`;
  return new GatewayError('upstream_garbled', message, { provider: name });
}

/** What a forwarded reply says. An odd one is forwarded all the same when no other target is left. */
function readPassed(running: Running, value: JsonObject): UnifiedReply | undefined {
  try {
    return running.format.decodeReply(value, running.context);
  } catch (cause) {
    if (!running.isLast) throw cause;
    return undefined;
  }
}

function isFault(reply: JsonObject): boolean {
  return isObject(reply['error']) || typeof reply['error'] === 'string';
}

function withBody(error: GatewayError, body: string): GatewayError {
  const { kind, message, status, provider, type, code, retryAfter } = error;
  return new GatewayError(kind, message, {
    status,
    body,
    ...(provider === undefined ? {} : { provider }),
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  });
}

async function passStream(running: Running, response: Response): Promise<Response> {
  const { exchange, format, context, watch } = running;
  const { resilience } = exchange.settings.config;
  const hideUsage = format.name === 'chat' && !asksUsage(exchange.body);
  const source = tappedSource(response, format, context, exchange.model, hideUsage);
  const held = await holdHead(
    source,
    resilience.hold.maxBytes,
    (item) => item.chunks,
    (item) => item.length,
  );
  const all = held.items.flatMap((item) => item.chunks);
  judgeHead(running, held.verdict, all);
  for (const { quiet } of held.items) if (quiet > 0) watch.sawQuiet(quiet);
  watch.saw(all);
  watch.started();
  const stream = tappedStream(held.items, held.rest, {
    watch,
    encoder: () => format.encoder(exchange.client),
    keepAliveMs: resilience.keepAliveMs,
    provider: running.target.provider,
    onLast: answerKeeper(exchange, running.target, true),
  });
  return respond(running, response, stream, response.headers.get('content-type') ?? '');
}

/** @throws GatewayError when the head of a stream is no answer */
function judgeHead(running: Running, verdict: string, chunks: readonly UnifiedChunk[]): void {
  const { target, controller } = running;
  const fault = chunks.find((chunk) => chunk.type === 'error');
  if (verdict === 'error' && fault) {
    const { reason } = controller.signal;
    throw reason instanceof GatewayError ? reason : faultError(fault.error, target.provider.name);
  }
  if (verdict === 'complete') {
    const finish = chunks.findLast((chunk) => chunk.type === 'finish');
    refuseEmpty(running, finish?.finish ?? 'stop', false);
  }
}

/** @throws GatewayError when a provider gave nothing and does not say why, and another may give more */
function refuseEmpty({ target, isLast }: Running, finish: Finish, hasOutput: boolean): void {
  if (hasOutput || isLast || (finish !== 'stop' && finish !== 'tool_calls')) return;
  throw new GatewayError(
    'upstream_garbled',
    `The provider "${target.provider.name}" gave an empty answer.`,
    { provider: target.provider.name },
  );
}

function hasContent({ blocks }: UnifiedReply): boolean {
  return blocks.some((block) => {
    if (block.type === 'reasoning') return block.text !== '' || block.redacted === true;
    return !('text' in block) || block.text !== '';
  });
}

// ------------------------------------------------------------------------------ hooks

async function runTranslated(running: Running, chain: Chain): Promise<Response> {
  const { exchange, target, format } = running;
  const hooks = hookContext(running, chain.hasForeignHook);
  const unified = await withMedia(await unifiedOf(exchange, chain, hooks), chain, running);
  const url = upstreamUrl(target.provider, format, target.model, exchange.stream);
  const request = await chain.encodeRequest({ ...unified, model: target.model }, url, hooks);
  spellProviders(exchange, running.context.ledger);
  refuseLoss(running);
  const { extraBody } = target.provider;
  const body = extraBody === undefined ? request.body : mergeDeep(request.body, extraBody);
  const response = await post(running, request.url, JSON.stringify(body), request.headers);
  return answerThrough(running, chain, response, hooks);
}

/** The provider's reply through the hooks to the client. */
async function answerThrough(
  running: Running,
  chain: Chain,
  response: Response,
  hooks: HookContext,
): Promise<Response> {
  const { exchange, watch, open } = running;
  const unified = await unifiedOf(exchange, chain, hooks);
  const decoded = await chain.decodeReply(response, unified, hooks);
  const unread = takeUnread(decoded) ?? (await readBorder(decoded, hooks));
  if (unread.kind === 'reply') {
    refuseEmpty(running, unread.reply.finish, hasContent(unread.reply));
    open.meter.seeReply(unread.reply);
    const out = await chain.encodeReply(rememberUnread(unread, {}), hooks);
    const text = await out.text();
    // Only now: an answer that cannot be told to the client lets another target be tried.
    watch.end({ kind: 'complete' });
    return respond(running, response, text, 'application/json');
  }
  const chunks = await beginChunks(running, unread.chunks, hooks);
  const out = await chain.encodeReply(rememberUnread({ kind: 'chunks', chunks }, {}), hooks);
  return respond(running, response, out.body, 'text/event-stream; charset=utf-8');
}

/** The client's body in the middle language, decoded once for all attempts. */
async function unifiedOf(exchange: Exchange, chain: Chain, hooks: HookContext) {
  if (exchange.unified) return exchange.unified;
  const decoded = await chain.decodeRequest(wholeBody(exchange), hooks);
  spellOwn(exchange);
  exchange.unified = { ...decoded, model: exchange.model, stream: exchange.stream };
  exchange.client.request = exchange.unified;
  return exchange.unified;
}

async function beginChunks(
  running: Running,
  source: Source<UnifiedChunk>,
  hooks: HookContext,
): Promise<Source<UnifiedChunk>> {
  const { exchange, watch } = running;
  const held = await holdHead(
    source,
    exchange.settings.config.resilience.hold.maxBytes,
    (chunk) => [chunk],
    (chunk) => ('text' in chunk ? chunk.text.length : 64),
  );
  judgeHead(running, held.verdict, held.items);
  watch.started();
  return watchedSource(prepend(held.items, held.rest), running, hooks);
}

/** Lets the watch see what the client is given. */
function watchedSource(
  source: Source<UnifiedChunk>,
  { exchange, watch, target }: Running,
  { hasForeignHook }: HookContext,
): Source<UnifiedChunk> {
  // What a hook of somebody else's makes of the end is not known: it ends here, as a whole reply does.
  const doneEnds = hasForeignHook || !exchange.stream;
  function shown(batch: readonly UnifiedChunk[]): readonly UnifiedChunk[] {
    watch.saw(batch, doneEnds);
    if (batch.at(-1)?.type !== 'error') return batch;
    return chunksWithoutSecrets(batch, hiderOf(target.provider));
  }
  return {
    ahead() {
      const batch = source.ahead?.();
      return batch && shown(batch);
    },
    async read() {
      watch.waiting();
      const batch = await source.read();
      return batch && shown(batch);
    },
    cancel() {
      watch.end({ kind: 'cancelled' });
      source.cancel();
    },
  };
}

/** `onLoss: "refuse"`: better no answer than one to a request that lost something. */
function refuseLoss(running: Running): void {
  const { exchange, context } = running;
  const { config } = exchange.settings;
  const onLoss = config.aliasNames.get(exchange.model)?.onLoss ?? config.server.onLoss;
  if (onLoss !== 'refuse') return;
  const lost = [...new Set([...exchange.ledger.dropped, ...context.ledger.dropped])];
  if (lost.length === 0) return;
  throw new GatewayError(
    'unsupported',
    `The provider cannot be told ${lost.join(', ')}, and this model is configured to refuse that.`,
    { field: lost[0] ?? 'model', code: 'unsupported_fields' },
  );
}

/** Objects are merged, anything else is replaced. */
function mergeDeep(base: JsonObject, more: JsonObject): JsonObject {
  const out: JsonObject = { ...base };
  for (const [key, value] of Object.entries(more)) {
    const old = out[key];
    out[key] = isObject(old) && isObject(value) ? mergeDeep(old, value) : value;
  }
  return out;
}

// ------------------------------------------------------------------------------ demo

async function runDemo(exchange: Exchange, options: AttemptOptions): Promise<Response> {
  const { target } = options;
  const { call, settings, deps } = exchange;
  const running = begin(exchange, options, FORMATS.chat, false);
  const { watch, controller } = running;
  exchange.interruption.listen((reason) => watch.interrupt(reason));
  const hooks = hookContext(running, false);
  try {
    const chain = await settings.chain(call.format, FORMATS.chat, target.provider, target.model);
    const unified = await unifiedOf(exchange, chain, hooks);
    const fault = demoFault(target.model, exchange.stream);
    if (fault) throw faultError(fault, target.provider.name);
    const context = { model: target.model, newId: deps.newId, now: () => deps.clock.now() };
    const source = watchedSource(
      demoSource(
        [...streamDemo(unified, context)],
        demoDelayMs(target.model),
        controller.signal,
        () => sendError(undefined, '', controller.signal),
      ),
      running,
      hooks,
    );
    watch.started();
    const unread = exchange.stream
      ? ({ kind: 'chunks', chunks: source } as const)
      : ({ kind: 'reply', reply: await collectReply(source, target) } as const);
    const out = await chain.encodeReply(rememberUnread(unread, {}), hooks);
    const body = exchange.stream ? out.body : await out.text();
    const type = exchange.stream ? 'text/event-stream; charset=utf-8' : 'application/json';
    return respond(running, undefined, body, type);
  } catch (cause) {
    const error = sendError(cause, target.provider.name, controller.signal);
    watch.abandon();
    running.open.end(error.status, error.kind);
    throw error;
  }
}

async function collectReply(source: Source<UnifiedChunk>, { provider }: Target) {
  const assembler = new ReplyAssembler();
  for (;;) {
    const batch = await source.read();
    if (batch === undefined) return assembler.reply;
    for (const chunk of batch) {
      if (chunk.type === 'error') throw faultError(chunk.error, provider.name);
      assembler.push(chunk);
    }
  }
}

// ------------------------------------------------------------------------------ reply

function respond(
  running: Running,
  upstream: Response | undefined,
  body: string | Buffer | ReadableStream<Uint8Array> | null,
  contentType: string,
): Response {
  const { exchange, target, context } = running;
  const headers = replyHeaders(exchange, target, context.ledger, upstream, contentType);
  return new Response(body, { status: 200, headers });
}
