/**
 * The way of a request to its provider and of the reply back, through llms hooks: the client's
 * format, the transformers that the provider and the model use, the provider's format. One chain per
 * provider, model and pair of formats; it holds nothing of a single request.
 */

import { assembleReply, replyChunks } from '../assemble.ts';
import type { ProviderConfig } from '../config/config.ts';
import { GatewayError } from '../errors.ts';
import type { Format } from '../formats/format.ts';
import type { HttpReply } from '../http/reply.ts';
import { isObject, type JsonObject } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import type { QuirkContext } from '../quirks/quirk.ts';
import { through } from '../stream/source.ts';
import { runStage } from '../stream/stage.ts';
import type { UnifiedChatRequest } from '../unified.ts';
import { fromLlmsRequest, readBorder, serializeUnread, toLlmsRequest } from './border.ts';
import type { HookContext } from './hook-context.ts';
import { decodeClient, decodeProvider, encodeForClient, encodeForProvider } from './hooks.ts';
import type { LLMProvider } from './llms.ts';
import type { Hook, Registry } from './registry.ts';
import { takeUnread, type Unread } from './unread.ts';

/** What goes to the provider. */
export interface ChainRequest {
  body: JsonObject;
  url: string;
  headers: Record<string, string | undefined>;
}

export interface Chain {
  /** True when nothing but the formats takes part. */
  readonly isPlain: boolean;
  /** True when a foreign llms hook reads replies. */
  readonly hasForeignHook: boolean;
  /** True when the provider takes no URLs of images and files, although its format does. */
  readonly inlineOnly: boolean;
  /** Client's body → unified; once per request, whatever the number of attempts. */
  decodeRequest(body: JsonObject, context: HookContext): UnifiedChatRequest;
  /** Unified → provider's request. Leaves `request` as it is. */
  encodeRequest(
    request: UnifiedChatRequest,
    url: string,
    context: HookContext,
  ): ChainRequest | Promise<ChainRequest>;
  /** Provider's reply → unified; a promise only where something has to be waited for. */
  decodeReply(
    response: HttpReply,
    request: UnifiedChatRequest,
    context: HookContext,
  ): Unread | Promise<Unread>;
  /** Unified → what the client reads: JSON, or a stream of events. */
  encodeReply(reply: Unread, context: HookContext): string | ReadableStream<Uint8Array>;
}

/** The hooks that a provider's configuration names for a model, ready to run. */
export async function hooksFor(
  provider: ProviderConfig,
  model: string,
  registry: Registry,
): Promise<Hook[]> {
  const uses = [...provider.use, ...(provider.models.get(model)?.use ?? [])];
  const hooks: Hook[] = [];
  for (const use of uses) {
    const hook = await registry.hook(use.name, use.options);
    if (hook) hooks.push(hook);
  }
  return hooks;
}

export function createChain(
  client: Format,
  target: Format,
  provider: ProviderConfig,
  hooks: readonly Hook[],
): Chain {
  const llmsProvider: LLMProvider = {
    name: provider.name,
    baseUrl: provider.formats.get(target.name) ?? '',
    apiKey: provider.apiKey ?? '',
    models: [...provider.models.keys()],
  };
  const hasForeignHook = hooks.some(
    (hook) => hook.kind === 'llms' && hook.transformer.transformResponseOut !== undefined,
  );
  const quirkContext = (context: HookContext): QuirkContext => ({
    provider: provider.name,
    baseUrl: llmsProvider.baseUrl,
    model: context.provider.model,
    format: target.name,
    ledger: context.provider.ledger,
  });

  return {
    isPlain: hooks.length === 0,
    hasForeignHook,
    inlineOnly: hooks.some(
      (hook) => hook.kind === 'quirk' && hook.hooks.inlineOnly === target.name,
    ),

    decodeRequest(body, context) {
      const request = decodeClient(client, body, context);
      context.client.request = request;
      return request;
    },

    encodeRequest(request, url, context) {
      if (hooks.length > 0) return encodeThrough(request, url, context);
      return { body: encodeForProvider(target, request, context), url, headers: NO_CHANGES };
    },

    decodeReply(response, request, context) {
      const decoded = decodeProvider(target, response, context);
      return hooks.length === 0 ? decoded : decodeThrough(decoded, request, context);
    },

    encodeReply: (reply, context) => encodeForClient(client, reply, context),
  };

  async function decodeThrough(
    decoded: Unread | Promise<Unread>,
    request: UnifiedChatRequest,
    context: HookContext,
  ): Promise<Unread> {
    let current = await decoded;
    for (const hook of hooks.toReversed()) {
      current =
        hook.kind === 'quirk'
          ? runReplyQuirk(hook, current, request, quirkContext(context))
          : await runReplyHook(hook, current, context);
    }
    return current;
  }

  async function encodeThrough(
    request: UnifiedChatRequest,
    url: string,
    context: HookContext,
  ): Promise<ChainRequest> {
    const out: ChainRequest = { body: {}, url, headers: {} };
    let current = request;
    for (const hook of hooks) {
      current =
        hook.kind === 'quirk'
          ? (hook.hooks.request?.(current, quirkContext(context)) ?? current)
          : await runRequestHook(hook, current, llmsProvider, context, out);
    }
    out.body = encodeForProvider(target, current, context);
    if (current !== request) addHookFields(out.body, request, current, context.provider.ledger);
    for (const hook of hooks) {
      if (hook.kind !== 'quirk') continue;
      out.body = hook.hooks.body?.(out.body, current, quirkContext(context)) ?? out.body;
      const change = await hook.hooks.target?.(out.url, current, quirkContext(context));
      if (change?.url !== undefined) out.url = change.url;
      Object.assign(out.headers, change?.headers);
    }
    return out;
  }
}

const NO_CHANGES: ChainRequest['headers'] = {};

type LlmsHook = Extract<Hook, { kind: 'llms' }>;

async function runRequestHook(
  { name, transformer }: LlmsHook,
  request: UnifiedChatRequest,
  provider: LLMProvider,
  context: HookContext,
  out: ChainRequest,
): Promise<UnifiedChatRequest> {
  if (!transformer.transformRequestIn) return request;
  try {
    // llms hooks edit what they are given, so each attempt gives them a copy.
    const result = await transformer.transformRequestIn(toLlmsRequest(request), provider, context);
    if (!isObject(result) || !isObject(result['body'])) return fromLlmsRequest(asRequest(result));
    const config = result['config'];
    if (isObject(config)) {
      if (config['url'] !== undefined) out.url = String(config['url']);
      if (isObject(config['headers'])) Object.assign(out.headers, headerStrings(config['headers']));
    }
    return fromLlmsRequest(asRequest(result['body']));
  } catch (cause) {
    throw hookError(name, 'transformRequestIn', cause);
  }
}

async function runReplyHook(
  { name, transformer }: LlmsHook,
  reply: Unread,
  context: HookContext,
): Promise<Unread> {
  if (transformer.transformResponseOut === undefined) return reply;
  const response = serializeUnread(reply, context);
  let made: Response;
  try {
    made = (await transformer.transformResponseOut(response, context)) ?? response;
  } catch (cause) {
    throw hookError(name, 'transformResponseOut', cause);
  }
  return takeUnread(made) ?? readBorder(made, context);
}

/** A transformer that throws is at fault itself: no provider is blamed, no other target asked. */
function hookError(name: string, hook: string, cause: unknown): GatewayError {
  if (cause instanceof GatewayError) return cause;
  const message = cause instanceof Error ? cause.message : String(cause);
  return new GatewayError('internal', `The transformer "${name}" failed in ${hook}: ${message}`, {
    cause,
  });
}

/**
 * What a hook set by name was meant for the provider's body, also where the format as such has no
 * place for it: `customparams` with `top_k` for a server that is only like OpenAI's.
 */
function addHookFields(
  body: JsonObject,
  before: UnifiedChatRequest,
  after: UnifiedChatRequest,
  ledger: Ledger,
): void {
  for (const field of [...ledger.dropped]) {
    const value = after[field];
    if (value === undefined || Bun.deepEquals(value, before[field])) continue;
    body[field] = value;
    ledger.keep(field);
  }
}

function runReplyQuirk(
  hook: Extract<Hook, { kind: 'quirk' }>,
  unread: Unread,
  request: UnifiedChatRequest,
  quirk: QuirkContext,
): Unread {
  const { reply: changeReply, stage: makeStage } = hook.hooks;
  if (!changeReply && !makeStage) return unread;
  const stage = makeStage?.(request, quirk);
  if (unread.kind === 'chunks') {
    return stage ? { kind: 'chunks', chunks: through(unread.chunks, stage) } : unread;
  }
  if (changeReply) return { kind: 'reply', reply: changeReply(unread.reply, quirk) };
  if (stage === undefined) return unread;
  return { kind: 'reply', reply: assembleReply(runStage(stage, replyChunks(unread.reply))) };
}

function headerStrings(headers: JsonObject): Record<string, string | undefined> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      value === undefined || value === null ? undefined : String(value),
    ]),
  );
}

function asRequest(value: unknown): UnifiedChatRequest {
  if (!isUnifiedRequest(value)) throw new TypeError('it gave no llms request');
  return value;
}
function isUnifiedRequest(value: unknown): value is UnifiedChatRequest {
  return isObject(value) && typeof value['model'] === 'string' && Array.isArray(value['messages']);
}
