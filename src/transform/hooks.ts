/**
 * A wire format as a genuine llms transformer: the four hooks, made once for every format. In a chain
 * of ours the replies between hooks carry values (`unread.ts`); beside a foreign hook they carry
 * llms text (`border.ts`).
 */
import { GatewayError } from '../errors.ts';
import type { Format } from '../formats/format.ts';
import { isObject } from '../json.ts';
import { through } from '../stream/source.ts';
import type { FormatName, ProviderFault, UnifiedChatRequest } from '../unified.ts';
import { readBorder, serializeUnread } from './border.ts';
import { clientStream } from './client-stream.ts';
import { faultError } from './fault-error.ts';
import { reportForeignExtra } from './foreign-extra.ts';
import { settleHistory } from './history.ts';
import { contextOf } from './hook-context.ts';
import type { TransformedRequest, Transformer } from './llms.ts';
import { readChunks, readReply } from './provider-reply.ts';
import { mapTools } from './tools.ts';
import { isEventStream, takeUnread } from './unread.ts';

const JSON_HEADERS = { 'content-type': 'application/json' };
export const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
};

/** The transformer of a format. */
export function asTransformer(format: Format): Required<FormatTransformer> {
  return {
    name: format.name,
    endPoint: `/v1${format.path(':model', false)}`,

    transformRequestOut(body, context) {
      if (!isObject(body)) {
        throw new GatewayError('invalid_request', 'The body must be a JSON object.');
      }
      return format.decodeRequest(body, contextOf(context).client);
    },

    transformRequestIn(request, _provider, context): TransformedRequest {
      const hooks = contextOf(context);
      const { ledger } = hooks.provider;
      reportForeignExtra(request, format.name, ledger);
      // Where a provider keeps a part of the conversation, only it knows what answers what.
      const messages = refersElsewhere(request, format.name)
        ? request.messages
        : settleHistory(request.messages, ledger);
      const settled = { ...request, messages };
      const mapped = mapTools(settled, format, ledger);
      hooks.restorer = mapped.restore;
      return { body: format.encodeRequest(mapped.request, hooks.provider), config: {} };
    },

    async transformResponseOut(response, context) {
      const hooks = contextOf(context);
      const { restorer } = hooks;
      if (hooks.client.request?.stream ?? isEventStream(response)) {
        const decoded = await readChunks(response, format, hooks.provider);
        const stage = restorer?.stage();
        const chunks = stage === undefined ? decoded : through(decoded, stage);
        return serializeUnread({ kind: 'chunks', chunks }, hooks, STREAM_HEADERS);
      }
      const decoded = await readReply(response, format, hooks.provider);
      const reply = restorer === undefined ? decoded : restorer.restoreReply(decoded);
      return serializeUnread({ kind: 'reply', reply }, hooks, JSON_HEADERS);
    },

    async transformResponseIn(response, context) {
      const hooks = contextOf(context);
      const unread = takeUnread(response) ?? (await readBorder(response, hooks));
      if (unread.kind === 'chunks') {
        const { keepAliveMs } = hooks;
        const toError = (fault: ProviderFault) => faultError(fault, hooks.provider.provider);
        const stream = clientStream(unread.chunks, format.encoder(hooks.client), {
          keepAliveMs,
          toError,
          onEnd: hooks.onAnswer,
        });
        return new Response(stream, { headers: STREAM_HEADERS });
      }
      const reply = JSON.stringify(format.encodeReply(unread.reply, hooks.client));
      hooks.onAnswer?.(reply);
      return new Response(reply, { headers: JSON_HEADERS });
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
