/** An attempt whose request and answer go through the chain of hooks. */
import { estimateTokens } from '../count-tokens/estimate-request.ts';
import { answerKeeper, isKept, spellOwn, spellProviders, wholeBody } from '../earlier-answers.ts';
import { GatewayError } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import { holdHead } from '../hold.ts';
import type { HttpReply } from '../http/reply.ts';
import { isObject, type JsonObject } from '../json.ts';
import { fetchesMedia, withMedia } from '../request-media.ts';
import { prepend, type Source } from '../stream/source.ts';
import type { Chain } from '../transform/chain.ts';
import { chunksWithoutSecrets, hiderOf } from '../transform/hide-secrets.ts';
import { HookContext } from '../transform/hook-context.ts';
import type { UnifiedChunk } from '../unified.ts';
import { MIN_BODY, Verbatim } from '../verbatim.ts';
import { type Attempt, hasContent } from './attempt.ts';

/** @throws GatewayError what went wrong before anything was committed */
export async function runTranslated(attempt: Attempt, chain: Chain): Promise<Response> {
  const { exchange, target, format } = attempt;
  leaveUnread(attempt, chain);
  const hooks = hookContext(attempt, chain.hasForeignHook);
  const decoded = unifiedOf(exchange, chain, hooks);
  const unified = fetchesMedia(exchange) ? await withMedia(decoded, chain, attempt) : decoded;
  const url = exchange.settings.url(target, format, exchange.stream);
  const encoded = chain.encodeRequest({ ...unified, model: target.model }, url, hooks);
  const request = encoded instanceof Promise ? await encoded : encoded;
  spellProviders(exchange, attempt.ledger);
  refuseLoss(attempt);
  const { extraBody } = target.provider;
  const body = extraBody === undefined ? request.body : mergeDeep(request.body, extraBody);
  const text = JSON.stringify(body);
  const { verbatim } = exchange;
  const told = verbatim === undefined ? text : verbatim.spell(text);
  if (told === undefined) {
    exchange.readAll();
    return runTranslated(attempt, chain);
  }
  const sent = attempt.post(request.url, told, request.headers);
  const response = await (verbatim === undefined ? sent : sent.catch(orClientsFault(exchange)));
  return answerThrough(attempt, chain, response, hooks);
}

/** Decides whether long results of tools are read; where they are not, `unified` has marks for them. */
function leaveUnread({ exchange, format }: Attempt, chain: Chain): void {
  const { call, body, references } = exchange;
  const places = call.format.results;
  if (!chain.isPlain || format.results === undefined) {
    exchange.readAll();
    return;
  }
  if (places === undefined || body.bytes.length < MIN_BODY || body.isParsed) return;
  if (references !== undefined || exchange.unified !== undefined || isKept(exchange)) return;
  exchange.verbatim = Verbatim.of(body.bytes, places);
}

/** What a provider refused may be at fault in what was left unread; then the client hears that instead. */
function orClientsFault({ body }: Exchange): (cause: unknown) => never {
  return (cause) => {
    if (cause instanceof GatewayError && cause.kind === 'upstream_refused') void body.json;
    throw cause;
  };
}

/** What the hooks of an attempt share. */
export function hookContext(attempt: Attempt, hasForeignHook: boolean): HookContext {
  const { exchange, format, target, watch } = attempt;
  const hooks = new HookContext(attempt.id, exchange.client, attempt, hasForeignHook);
  hooks.keepAliveMs = exchange.settings.config.resilience.keepAliveMs;
  const keep = answerKeeper(exchange, target, false);
  hooks.onAnswer = (ended) => {
    keep?.(ended);
    // Not before: what the last words could not carry belongs to the record.
    if (exchange.stream) watch.end({ kind: 'complete' });
  };
  exchange.client.estimate = () => {
    const { unified, verbatim } = exchange;
    return unified && estimateTokens(verbatim?.whole(unified) ?? unified, format.name);
  };
  return hooks;
}

/** The provider's reply through the hooks to the client. */
export async function answerThrough(
  attempt: Attempt,
  chain: Chain,
  response: HttpReply,
  hooks: HookContext,
): Promise<Response> {
  const { exchange, watch, meter } = attempt;
  const unified = unifiedOf(exchange, chain, hooks);
  const decoded = chain.decodeReply(response, unified, hooks);
  const unread = decoded instanceof Promise ? await decoded : decoded;
  if (unread.kind === 'reply') {
    attempt.refuseEmpty(unread.reply.finish, hasContent(unread.reply));
    meter.seeReply(unread.reply);
    const text = chain.encodeReply(unread, hooks);
    // Only now: an answer that cannot be told to the client lets another target be tried.
    watch.end({ kind: 'complete' });
    return attempt.respond(response, text, 'application/json');
  }
  const chunks = await beginChunks(attempt, unread.chunks, hooks);
  const stream = chain.encodeReply({ kind: 'chunks', chunks }, hooks);
  return attempt.respond(response, stream, 'text/event-stream; charset=utf-8');
}

/** The client's body in the middle language, decoded once for all attempts. */
export function unifiedOf(exchange: Exchange, chain: Chain, hooks: HookContext) {
  if (exchange.unified) return exchange.unified;
  const decoded = chain.decodeRequest(wholeBody(exchange), hooks);
  spellOwn(exchange);
  exchange.unified = { ...decoded, model: exchange.model, stream: exchange.stream };
  exchange.client.request = exchange.unified;
  return exchange.unified;
}

async function beginChunks(
  attempt: Attempt,
  source: Source<UnifiedChunk>,
  hooks: HookContext,
): Promise<Source<UnifiedChunk>> {
  const held = await holdHead(
    source,
    attempt.exchange.settings.config.resilience.hold.maxBytes,
    (chunk) => [chunk],
    (chunk) => ('text' in chunk ? chunk.text.length : 64),
  );
  attempt.judgeHead(held.verdict, held.items);
  attempt.watch.started();
  return watchedSource(prepend(held.items, held.rest), attempt, hooks);
}

/** Lets the watch see what the client is given. */
export function watchedSource(
  source: Source<UnifiedChunk>,
  { exchange, watch, target }: Attempt,
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
function refuseLoss({ exchange, ledger }: Attempt): void {
  const { config } = exchange.settings;
  const onLoss = config.aliasNames.get(exchange.model)?.onLoss ?? config.server.onLoss;
  if (onLoss !== 'refuse') return;
  const lost = [...new Set([...exchange.ledger.dropped, ...ledger.dropped])];
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
