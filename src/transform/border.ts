/**
 * The border to llms hooks that are not ours. They read and write chat completions as llms spells
 * them (`thinking: {content, signature}` beside OpenAI's fields), as JSON or as server-sent events;
 * here values of the middle language become that text, and that text values again. Tokens cross the
 * border sealed, so that a hook can neither read nor lose what they belong to.
 */

import { GatewayError } from '../errors.ts';
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
import { faultError } from './fault-error.ts';
import { ClientSide, type HookContext } from './hook-context.ts';
import { readChunks, readReply } from './provider-reply.ts';
import { isEventStream, rememberUnread, type Unread } from './unread.ts';

const format: Format = chat;

/** A response that remembers `value`, and tells it as llms text to a foreign hook that reads the body. */
export function serializeUnread(value: Unread, hooks: HookContext): Response {
  const client = borderClient(hooks);
  return rememberUnread(value, { headers: headersOf(value) }, () =>
    value.kind === 'chunks'
      ? clientStream(value.chunks, thinkingEncoder(format.encoder(client)), {
          keepAliveMs: 0,
          toError: (fault) => faultError(fault, hooks.provider.provider),
        })
      : new Blob([JSON.stringify(withThinking(format.encodeReply(value.reply, client)))]).stream(),
  );
}

const JSON_HEADERS = { 'content-type': 'application/json' };
const STREAM_HEADERS = {
  'content-type': 'text/event-stream; charset=utf-8',
  'cache-control': 'no-cache',
};

export function headersOf({ kind }: Unread): Record<string, string> {
  return kind === 'chunks' ? STREAM_HEADERS : JSON_HEADERS;
}

/** What a foreign hook made of a reply, as values. */
export async function readBorder(response: Response, hooks: HookContext): Promise<Unread> {
  const restore = reopen(hooks);
  if (!isEventStream(response)) {
    const value = parseJson(await readText(response, hooks));
    if (!isObject(value)) throw badHook(hooks, 'gave a reply that is not a JSON object');
    const plain = new Response(JSON.stringify(withoutThinking(value)), {
      headers: { 'content-type': 'application/json' },
    });
    const reply = await readReply(plain, format, hooks.provider);
    return { kind: 'reply', reply: { ...reply, blocks: reply.blocks.map(restore.block) } };
  }
  if (response.bodyUsed || response.body === null) {
    throw badHook(hooks, 'gave a stream that it had already read');
  }
  const plain = new Response(plainEvents(response.body, hooks), {
    headers: { 'content-type': 'text/event-stream' },
  });
  const chunks = await readChunks(plain, format, hooks.provider);
  return { kind: 'chunks', chunks: through(chunks, { push: (chunk) => [restore.chunk(chunk)] }) };
}

/** A transformer of the user's that does not keep llms's contract: its fault, not the provider's. */
function badHook({ provider }: HookContext, what: string, cause?: unknown): GatewayError {
  const why = cause instanceof Error ? `: ${cause.message}` : '';
  const message = `A transformer of the provider "${provider.provider}" ${what}${why}.`;
  return new GatewayError('internal', message, { cause });
}

async function readText(response: Response, hooks: HookContext): Promise<string> {
  try {
    return await response.text();
  } catch (cause) {
    throw badHook(hooks, 'gave a reply that cannot be read', cause);
  }
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
    // A hook may change the text. A token that holds with its own text only is sealed with it.
    envelope: {
      ...client.envelope,
      seal: (opaque, reasoning) =>
        client.envelope.seal(opaque, opaque.format === 'messages' ? reasoning : undefined),
    },
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
  const signature = text(thinking['signature']);
  if (content === undefined) delete holder['reasoning_content'];
  else holder['reasoning_content'] = content;
  if (signature === undefined || array(holder['reasoning_details']).length > 0) return;
  holder['reasoning_details'] = [
    { type: 'reasoning.text', text: content ?? '', signature, format: 'plexus', index: 0 },
  ];
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

/** A hook's stream with reasoning spelled as chat spells it; pull-driven like the rest. */
function plainEvents(
  body: ReadableStream<Uint8Array>,
  hooks: HookContext,
): ReadableStream<Uint8Array> {
  const reader = body.getReader();
  const decoder = new TextDecoder();
  const parser = new SseParser();
  const utf8 = new TextEncoder();
  const plain = (events: readonly { data: string }[]): string => {
    let out = '';
    for (const { data } of events) {
      const value = parseJson(data);
      out += sseFrame(isObject(value) ? JSON.stringify(withoutThinking(value)) : data);
    }
    return out;
  };
  async function read(): ReturnType<typeof reader.read> {
    try {
      return await reader.read();
    } catch (cause) {
      // What the provider did wrong is an event in this stream; the stream itself is the hook's.
      throw badHook(hooks, 'failed in the middle of a stream', cause);
    }
  }
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        for (;;) {
          const { done, value } = await read();
          const out = done
            ? plain([...parser.push(decoder.decode()), ...parser.end()])
            : plain(parser.push(decoder.decode(value, { stream: true })));
          if (out !== '') controller.enqueue(utf8.encode(out));
          if (done) controller.close();
          if (done || out !== '') return;
        }
      },
      async cancel(reason) {
        await reader.cancel(reason);
      },
    },
    { highWaterMark: 0 },
  );
}

// ------------------------------------------------------------------------------ tokens

/** Opens the tokens that crossed the border, in order of the chunks. */
function reopen(hooks: HookContext): {
  block: (block: UnifiedBlock) => UnifiedBlock;
  chunk: (chunk: UnifiedChunk) => UnifiedChunk;
} {
  const { envelope, ledger } = hooks.client;
  /** The open block's reasoning; a token that follows belongs to it. */
  let reasoning = '';

  function token(opaque: Opaque, text: string): Opaque {
    if (!envelope.isSealed(opaque.value)) return opaque;
    const opened = envelope.open(opaque.value, text);
    if (opened !== undefined) return opened.opaque;
    // Anthropic refuses a thinking whose text is not the one that was signed (test/README.md, 16).
    ledger.drop('reply.signature');
    return { ...opaque, value: '', format: 'chat' };
  }
  function call<T extends { id: string; opaque?: Opaque }>(value: T): T {
    const { id, opaque } = envelope.detach(value.id);
    return opaque ? { ...value, id, opaque } : value;
  }

  return {
    block(block) {
      if (block.type === 'call') return { ...block, call: call(block.call) };
      if (block.type !== 'reasoning' || !block.opaque) return block;
      return { ...block, opaque: token(block.opaque, block.text) };
    },
    chunk(chunk) {
      if (chunk.type === 'reasoning') {
        reasoning += chunk.text;
        return chunk;
      }
      const text = reasoning;
      reasoning = '';
      if (chunk.type === 'opaque') return { ...chunk, opaque: token(chunk.opaque, text) };
      return chunk.type === 'call' ? call(chunk) : chunk;
    },
  };
}
