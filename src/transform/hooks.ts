/**
 * A wire format as the four hooks of llms, made once for every format. In a chain of ours they are
 * given and give values; as a genuine llms transformer, responses that carry llms text (`border.ts`).
 */
import { GatewayError } from '../errors.ts';
import type { Format } from '../formats/format.ts';
import type { HttpReply } from '../http/reply.ts';
import { isObject, type JsonObject } from '../json.ts';
import { type Source, through } from '../stream/source.ts';
import type {
  FormatName,
  ProviderFault,
  UnifiedChatRequest,
  UnifiedChunk,
  UnifiedReply,
} from '../unified.ts';
import { headersOf, readBorder, serializeUnread } from './border.ts';
import { clientStream } from './client-stream.ts';
import { faultError } from './fault-error.ts';
import { reportForeignExtra } from './foreign-extra.ts';
import { settleHistory } from './history.ts';
import { contextOf, type HookContext } from './hook-context.ts';
import type { TransformedRequest, Transformer } from './llms.ts';
import { readChunks, readReply } from './provider-reply.ts';
import { mapTools } from './tools.ts';
import { isEventStream, takeUnread, type Unread } from './unread.ts';

/** The client's body → unified. */
export function decodeClient(format: Format, body: unknown, hooks: HookContext) {
  if (!isObject(body)) {
    throw new GatewayError('invalid_request', 'The body must be a JSON object.');
  }
  return format.decodeRequest(body, hooks.client);
}

/** Unified → the provider's body. */
export function encodeForProvider(
  format: Format,
  request: UnifiedChatRequest,
  hooks: HookContext,
): JsonObject {
  const { ledger } = hooks.provider;
  reportForeignExtra(request, format.name, ledger);
  // Where a provider keeps a part of the conversation, only it knows what answers what.
  const messages = refersElsewhere(request, format.name)
    ? request.messages
    : settleHistory(request.messages, ledger);
  const mapped = mapTools({ ...request, messages }, format, ledger);
  hooks.restorer = mapped.restore;
  const body: unknown = format.encodeRequest(mapped.request, hooks.provider);
  if (!isObject(body)) throw new TypeError('a format gave no body');
  return body;
}

/** The provider's reply → unified; a promise only where it is not all here. */
export function decodeProvider(
  format: Format,
  response: HttpReply,
  hooks: HookContext,
): Unread | Promise<Unread> {
  if (hooks.client.request?.stream ?? isEventStream(response)) {
    const decoded = readChunks(response, format, hooks.provider);
    return decoded instanceof Promise
      ? decoded.then((chunks) => restoredChunks(chunks, hooks))
      : restoredChunks(decoded, hooks);
  }
  const decoded = readReply(response, format, hooks.provider);
  return decoded instanceof Promise
    ? decoded.then((reply) => restoredReply(reply, hooks))
    : restoredReply(decoded, hooks);
}

function restoredChunks(decoded: Source<UnifiedChunk>, { restorer }: HookContext): Unread {
  const stage = restorer?.stage();
  return { kind: 'chunks', chunks: stage === undefined ? decoded : through(decoded, stage) };
}

function restoredReply(decoded: UnifiedReply, { restorer }: HookContext): Unread {
  const reply = restorer === undefined ? decoded : restorer.restoreReply(decoded);
  return { kind: 'reply', reply };
}

/** Unified → what the client reads: JSON, or a stream of events. */
export function encodeForClient(format: Format, unread: Unread, hooks: HookContext) {
  if (unread.kind === 'chunks') {
    const { keepAliveMs } = hooks;
    const toError = (fault: ProviderFault) => faultError(fault, hooks.provider.provider);
    return clientStream(unread.chunks, format.encoder(hooks.client), {
      keepAliveMs,
      toError,
      onEnd: hooks.onAnswer,
    });
  }
  const reply = JSON.stringify(format.encodeReply(unread.reply, hooks.client));
  hooks.onAnswer?.(reply);
  return reply;
}

/** The same as the transformer of a format, for who runs our hooks beside others. */
export function asTransformer(format: Format): Required<FormatTransformer> {
  return {
    name: format.name,
    endPoint: `/v1${format.path(':model', false)}`,

    transformRequestOut: (body, context) => decodeClient(format, body, contextOf(context)),

    transformRequestIn(request, _provider, context): TransformedRequest {
      return { body: encodeForProvider(format, request, contextOf(context)), config: {} };
    },

    async transformResponseOut(response, context) {
      const hooks = contextOf(context);
      return serializeUnread(await decodeProvider(format, response, hooks), hooks);
    },

    async transformResponseIn(response, context) {
      const hooks = contextOf(context);
      const unread = takeUnread(response) ?? (await readBorder(response, hooks));
      const body = encodeForClient(format, unread, hooks);
      return new Response(body, { headers: headersOf(unread) });
    },
  };
}
type FormatTransformer = Omit<Transformer, 'logger'>;

/** True when the provider itself keeps what the request goes on from. */
function refersElsewhere({ extra, messages }: UnifiedChatRequest, format: FormatName): boolean {
  if (extra?.format !== format) return false;
  const { previous_response_id: previous, conversation } = extra.fields;
  if (previous || conversation) return true;
  return messages.some(
    ({ content }) =>
      Array.isArray(content) &&
      content.some((part) => part.type === 'hosted' && part.value['type'] === 'item_reference'),
  );
}
