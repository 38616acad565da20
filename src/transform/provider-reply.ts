/** A provider's reply, JSON or stream, as values of the middle language. */
import { assembleReply, replyChunks } from '../assemble.ts';
import { GatewayError } from '../errors.ts';
import type { Format, ProviderContext } from '../formats/format.ts';
import type { HttpReply } from '../http/reply.ts';
import { isObject, parseJson, textOf } from '../json.ts';
import { ReplyTooLong, readWhole } from '../stream/read-whole.ts';
import { eventSource, eventsInto, listSource, type Source } from '../stream/source.ts';
import type { ProviderFault, UnifiedChunk, UnifiedReply } from '../unified.ts';
import { faultError } from './fault-error.ts';
import { SkimmingReader } from './skim.ts';
import { isEventStream } from './unread.ts';

/** The chunk after which nothing is read, though the connection may stay open (seen: 76 s lost). */
function isLast(chunk: UnifiedChunk): boolean {
  return chunk.type === 'done' || chunk.type === 'error';
}

/** The chunks of a streamed reply. A provider that answers with JSON all the same is read, too. */
export function readChunks(
  response: HttpReply,
  format: Format,
  context: ProviderContext,
): Source<UnifiedChunk> | Promise<Source<UnifiedChunk>> {
  if (!isEventStream(response)) return readWholeChunks(response, format, context);
  const { body } = response;
  if (body === null) throw garbled(context, 'an empty body');
  const decoder = format.decoder(context);
  const stage = format.skimmable ? new SkimmingReader(decoder) : eventsInto(decoder);
  return eventSource(body, stage, isLast, (broken, ending) =>
    // An answer that was complete before the connection broke is complete.
    ending.some((chunk) => chunk.type === 'done')
      ? ending
      : [
          ...ending.filter((chunk) => chunk.type !== 'error'),
          { type: 'error', error: brokenFault(broken.cause) },
        ],
  );
}

async function readWholeChunks(
  response: HttpReply,
  format: Format,
  context: ProviderContext,
): Promise<Source<UnifiedChunk>> {
  return listSource(replyChunks(await readReply(response, format, context)));
}

/** What to say of a stream that broke off: the reason of whoever broke it, else that it broke. */
export function brokenFault(cause: unknown): ProviderFault {
  if (cause instanceof GatewayError) {
    const { message, status, retryAfter } = cause;
    return retryAfter === undefined ? { message, status } : { message, status, retryAfter };
  }
  return {
    message: 'The connection to the provider broke before the answer was complete.',
    status: 502,
    type: 'upstream_unreachable',
  };
}

/**
 * A whole reply; a promise only where it is not all here. A provider that streams all the same is
 * read to its end.
 */
export function readReply(
  response: HttpReply,
  format: Format,
  context: ProviderContext,
): UnifiedReply | Promise<UnifiedReply> {
  if (isEventStream(response)) return readStreamedReply(response, format, context);
  const { whole } = response;
  return whole === undefined
    ? readJsonReply(response, format, context)
    : jsonReply(whole, format, context);
}

async function readStreamedReply(
  response: HttpReply,
  format: Format,
  context: ProviderContext,
): Promise<UnifiedReply> {
  const source = await readChunks(response, format, context);
  const chunks: UnifiedChunk[] = [];
  for (;;) {
    const batch = await source.read();
    if (batch === undefined) return assembleReply(chunks);
    for (const chunk of batch) {
      if (chunk.type === 'error') throw faultError(chunk.error, context.provider);
      chunks.push(chunk);
    }
  }
}

async function readJsonReply(
  response: HttpReply,
  format: Format,
  context: ProviderContext,
): Promise<UnifiedReply> {
  let bytes: Buffer;
  try {
    bytes = await readWhole(response);
  } catch (cause) {
    throw unreadable(cause, context);
  }
  return jsonReply(bytes, format, context);
}

function jsonReply(bytes: Buffer, format: Format, context: ProviderContext): UnifiedReply {
  const body = parseJson(textOf(bytes));
  // Gemini may wrap what it says in a list.
  const value = Array.isArray(body) && body.length === 1 ? body[0] : body;
  if (!isObject(value)) throw garbled(context, 'something that is not a JSON object');
  if (isObject(value['error'])) throw faultError(format.decodeError(200, value), context.provider);
  return format.decodeReply(value, context);
}

/** The connection broke, or whoever broke it said why. */
function unreadable(cause: unknown, context: ProviderContext): GatewayError {
  if (cause instanceof GatewayError) return cause;
  if (cause instanceof ReplyTooLong) return garbled(context, cause.message);
  const { message } = brokenFault(cause);
  return new GatewayError('upstream_unreachable', message, { provider: context.provider, cause });
}

function garbled(context: ProviderContext, what: string): GatewayError {
  return new GatewayError('upstream_garbled', `The provider answered with ${what}.`, {
    provider: context.provider,
  });
}
