/**
 * The border to llms hooks that are not ours. They read and write chat completions as llms spells
 * them (`thinking: {content, signature}` beside OpenAI's fields), as JSON or as server-sent events;
 * here values of the middle language become that text, and that text values again. Tokens cross the
 * border sealed, so that a hook can neither read nor lose what they belong to.
 */

import { chat } from '../formats/chat/chat.ts';
import type { Format, ReplyEncoder } from '../formats/format.ts';
import { array, isObject, type JsonObject, object, parseJson, text } from '../json.ts';
import { through } from '../stream/source.ts';
import { SseParser, sseFrame } from '../stream/sse.ts';
import { runStage } from '../stream/stage.ts';
import type {
  Opaque,
  UnifiedBlock,
  UnifiedChatRequest,
  UnifiedChunk,
  UnifiedMessage,
} from '../unified.ts';
import { clientStream } from './client-stream.ts';
import { ClientSide, type HookContext } from './hook-context.ts';
import { faultError, readChunks, readReply } from './provider-reply.ts';
import { isEventStream, rememberUnread, type Unread } from './unread.ts';

const format: Format = chat;

/** A response that remembers `value`, and tells it as llms text to a foreign hook that reads the body. */
export function serializeUnread(
  value: Unread,
  hooks: HookContext,
  headers: Record<string, string>,
): Response {
  if (!hooks.hasForeignHook) return rememberUnread(value, { headers });
  const client = borderClient(hooks);
  if (value.kind === 'chunks') {
    const toError = (fault: Parameters<typeof faultError>[0]) =>
      faultError(fault, hooks.provider.provider);
    const encoder = thinkingEncoder(format.encoder(client));
    const body = clientStream(value.chunks, encoder, { keepAliveMs: 0, toError });
    return rememberUnread(value, { headers }, body);
  }
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const reply = JSON.stringify(withThinking(format.encodeReply(value.reply, client)));
        controller.enqueue(new TextEncoder().encode(reply));
        controller.close();
      },
    },
    { highWaterMark: 0 },
  );
  return rememberUnread(value, { headers }, body);
}

/** What a foreign hook made of a reply, as values. */
export async function readBorder(response: Response, hooks: HookContext): Promise<Unread> {
  const restore = reopen(hooks);
  if (!isEventStream(response)) {
    const value = object(parseJson(await response.text())) ?? {};
    const plain = new Response(JSON.stringify(withoutThinking(value)), {
      headers: { 'content-type': 'application/json' },
    });
    const reply = await readReply(plain, format, hooks.provider);
    return { kind: 'reply', reply: { ...reply, blocks: reply.blocks.map(restore.block) } };
  }
  const plain = new Response(response.body?.pipeThrough(plainEvents()) ?? null, {
    headers: { 'content-type': 'text/event-stream' },
  });
  const chunks = await readChunks(plain, format, hooks.provider);
  return { kind: 'chunks', chunks: through(chunks, { push: (chunk) => [restore.chunk(chunk)] }) };
}

/** Request values as llms hooks know them: the first reasoning of a message is its `thinking`. */
export function toLlmsRequest(request: UnifiedChatRequest): UnifiedChatRequest {
  const copy = structuredClone(request);
  for (const message of copy.messages) {
    const [first] = message.reasoning ?? [];
    if (first) message.thinking = { content: first.text, signature: first.opaque?.value ?? '' };
  }
  return copy;
}

/** And back: reasoning that a hook took away, changed or added follows its `thinking`. */
export function fromLlmsRequest(request: UnifiedChatRequest): UnifiedChatRequest {
  return { ...request, messages: request.messages.map(withoutThinkingField) };
}

function withoutThinkingField(message: UnifiedMessage): UnifiedMessage {
  const { thinking, ...rest } = message;
  const [first] = rest.reasoning ?? [];
  if (thinking?.content === first?.text) return rest;
  if (thinking === undefined) {
    delete rest.reasoning;
    return rest;
  }
  return {
    ...rest,
    reasoning: [{ text: thinking.content, opaque: { value: '', format: 'chat' } }],
  };
}

// ------------------------------------------------------------------------------ the llms spelling

function borderClient(hooks: HookContext): ClientSide {
  const { client, provider } = hooks;
  const side = new ClientSide({
    model: provider.model,
    body: {},
    bytes: client.estimateInput() * 4,
    ledger: client.ledger,
    // A foreign hook may change the text; the token must survive that, its use is judged later.
    envelope: { ...client.envelope, seal: (opaque) => client.envelope.seal(opaque) },
    newId: client.newId,
    now: client.now,
  });
  side.request = {
    model: provider.model,
    messages: [],
    stream_options: { include_usage: true },
    reasoning: {},
  };
  return side;
}

/** Moves OpenAI-style reasoning fields of a message or delta into llms's `thinking`. */
function moveToThinking(holder: JsonObject): void {
  const content = text(holder['reasoning_content']);
  const signature = array(holder['reasoning_details'])
    .map((detail) => text(object(detail)?.['signature']))
    .find((value) => value !== undefined);
  if (content === undefined && signature === undefined) return;
  holder['thinking'] = {
    ...(content === undefined ? {} : { content }),
    ...(signature === undefined ? {} : { signature }),
  };
}

/** And back, where a hook wrote `thinking` without the fields it came from. */
function moveFromThinking(holder: JsonObject): void {
  const thinking = object(holder['thinking']);
  delete holder['thinking'];
  if (thinking === undefined) return;
  const content = text(thinking['content']);
  if (content === undefined) delete holder['reasoning_content'];
  else holder['reasoning_content'] = content;
}

function eachHolder(value: JsonObject, visit: (holder: JsonObject) => void): void {
  for (const choice of array(value['choices'])) {
    if (!isObject(choice)) continue;
    for (const key of ['message', 'delta']) {
      const holder = choice[key];
      if (isObject(holder)) visit(holder);
    }
  }
}

function withThinking(value: object): JsonObject {
  const reply: JsonObject = { ...value };
  eachHolder(reply, moveToThinking);
  return reply;
}

function withoutThinking(value: JsonObject): JsonObject {
  // llms puts the thinking of a whole reply beside the choices.
  const aside = value['thinking'];
  delete value['thinking'];
  eachHolder(value, (holder) => {
    if (aside !== undefined && holder['thinking'] === undefined) holder['thinking'] = aside;
    moveFromThinking(holder);
  });
  return value;
}

/** Rewrites the events of a piece of text; those that are not JSON stay. */
function rewriteEvents(piece: string, rewrite: (value: JsonObject) => JsonObject): string {
  return runStage(new SseParser(), [piece])
    .map(({ data }) => {
      const value = parseJson(data);
      return sseFrame(isObject(value) ? JSON.stringify(rewrite(value)) : data);
    })
    .join('');
}

function thinkingEncoder(encoder: ReplyEncoder): ReplyEncoder {
  const show = (piece: string): string => (piece === '' ? '' : rewriteEvents(piece, withThinking));
  return {
    push: (chunk) => show(encoder.push(chunk)),
    end: () => show(encoder.end()),
    fail: (error) => show(encoder.fail(error)),
    keepAlive: () => encoder.keepAlive(),
  };
}

function plainEvents(): TransformStream<Uint8Array, Uint8Array> {
  const decoder = new TextDecoder();
  const parser = new SseParser();
  const encoder = new TextEncoder();
  const forward = (
    events: readonly { data: string }[],
    controller: TransformStreamDefaultController<Uint8Array>,
  ): void => {
    for (const { data } of events) {
      const value = parseJson(data);
      const plain = isObject(value) ? JSON.stringify(withoutThinking(value)) : data;
      controller.enqueue(encoder.encode(sseFrame(plain)));
    }
  };
  return new TransformStream({
    transform: (piece, controller) =>
      forward(parser.push(decoder.decode(piece, { stream: true })), controller),
    flush: (controller) => forward(parser.end(), controller),
  });
}

// ------------------------------------------------------------------------------ tokens

/** Opens the tokens that crossed the border. */
function reopen(hooks: HookContext): {
  block: (block: UnifiedBlock) => UnifiedBlock;
  chunk: (chunk: UnifiedChunk) => UnifiedChunk;
} {
  const { envelope } = hooks.client;
  const token = (opaque: Opaque): Opaque =>
    envelope.isSealed(opaque.value) ? (envelope.open(opaque.value)?.opaque ?? opaque) : opaque;
  return {
    block(block) {
      if (block.type === 'reasoning' && block.opaque) {
        return { ...block, opaque: token(block.opaque) };
      }
      if (block.type !== 'call') return block;
      const { id, opaque } = envelope.detach(block.call.id);
      return opaque ? { ...block, call: { ...block.call, id, opaque } } : block;
    },
    chunk(chunk) {
      if (chunk.type === 'opaque') return { ...chunk, opaque: token(chunk.opaque) };
      if (chunk.type !== 'call') return chunk;
      const { id, opaque } = envelope.detach(chunk.id);
      return opaque ? { ...chunk, id, opaque } : chunk;
    },
  };
}
