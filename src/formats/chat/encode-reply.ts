/** Unified → a whole reply for a chat client. */
import type { JsonObject } from '../../json.ts';
import {
  dataUrl,
  hostedName,
  reportCitation,
  type UnifiedBlock,
  type UnifiedReply,
  type UnifiedToolCall,
} from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { encodeAnnotation } from './citation.ts';
import { encodeDetails } from './client-reasoning.ts';
import { encodeFinish } from './finish.ts';
import { encodeTier, usesLegacyCalls } from './reply-options.ts';
import { encodeUsage } from './usage.ts';
import type { ChatMessage, ChatReply, ChatToolCall } from './wire.ts';

/** Between two blocks of reasoning, which chat has one field for. */
export const REASONING_BREAK = '\n\n';

export function encodeReply(reply: UnifiedReply, context: ClientContext): ChatReply {
  const writer = new MessageWriter(context);
  for (const block of reply.blocks) writer.add(block);
  if (reply.stopSequence !== undefined) context.ledger.drop('reply.stop_sequence');
  if (reply.finish === 'pause_turn') context.ledger.approximate('reply.stop_reason', 'stop');
  const { message, logprobs } = writer;
  const calls = message.tool_calls ?? [];
  const isLegacy = calls.length > 0 && usesLegacyCalls(context.body);
  const reason = encodeFinish(reply.finish, {
    calls: calls.length > 0,
    refusal: message.refusal !== null,
  });
  if (isLegacy) toLegacyCall(message, context);
  const result: ChatReply = {
    id: reply.id || context.newId('chatcmpl-'),
    object: 'chat.completion',
    created: reply.created ?? Math.floor(context.now() / 1000),
    model: context.model,
    choices: [
      {
        index: 0,
        message,
        logprobs: logprobs.length > 0 ? { content: logprobs, refusal: null } : null,
        finish_reason: isLegacy && reason === 'tool_calls' ? 'function_call' : reason,
      },
    ],
  };
  if (reply.usage) result.usage = encodeUsage(reply.usage);
  const tier = encodeTier(reply.serviceTier);
  if (tier) result.service_tier = tier;
  return result;
}

/** Collects blocks into the one message that chat has. */
class MessageWriter {
  readonly message: ChatMessage = { role: 'assistant', content: null, refusal: null };
  readonly logprobs: unknown[] = [];
  readonly #context: ClientContext;
  #reasoningBlocks = 0;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  add(block: UnifiedBlock): void {
    const { message } = this;
    const { ledger } = this.#context;
    switch (block.type) {
      case 'text':
        this.#addText(block);
        return;
      case 'refusal':
        message.refusal = (message.refusal ?? '') + block.text;
        return;
      case 'reasoning':
        this.#addReasoning(block);
        return;
      case 'call':
        message.tool_calls = [...(message.tool_calls ?? []), encodeCall(block.call, this.#context)];
        return;
      case 'media':
        if (block.mediaType.startsWith('image/')) {
          message.images = [...(message.images ?? []), encodeImage(block.mediaType, block.data)];
        } else ledger.drop(`reply.${block.mediaType}`);
        if (block.opaque) ledger.drop('reply.thoughtSignature');
        return;
      case 'hosted':
        ledger.drop(`reply.${hostedName(block.value)}`);
        return;
    }
  }

  #addText(block: Extract<UnifiedBlock, { type: 'text' }>): void {
    const { message } = this;
    const { ledger } = this.#context;
    if (block.text !== '') message.content = (message.content ?? '') + block.text;
    if (block.logprobs) this.logprobs.push(...block.logprobs);
    for (const citation of block.citations ?? []) {
      const annotation = encodeAnnotation(citation);
      if (annotation) message.annotations = [...(message.annotations ?? []), annotation];
      else ledger.drop('reply.citations');
      reportCitation(citation, 'chat', ledger);
    }
    if (block.opaque) ledger.drop('reply.thoughtSignature');
  }

  #addReasoning(block: Extract<UnifiedBlock, { type: 'reasoning' }>): void {
    const { message } = this;
    if (block.text !== '') {
      const before = message.reasoning_content;
      message.reasoning_content =
        before === undefined ? block.text : before + REASONING_BREAK + block.text;
    }
    const details = encodeDetails(block, this.#reasoningBlocks, this.#context.envelope);
    if (details.length > 0) {
      message.reasoning_details = [...(message.reasoning_details ?? []), ...details];
    }
    this.#reasoningBlocks += 1;
  }
}

/** The id of a call, with the token of another format behind it: a call has no other place for one. */
export function callHead(
  call: Pick<UnifiedToolCall, 'id' | 'opaque'>,
  context: ClientContext,
): { id: string; extra?: JsonObject } {
  const { id, opaque } = call;
  if (!opaque) return { id };
  if (opaque.format === 'chat') {
    return { id, extra: { google: { thought_signature: opaque.value } } };
  }
  return { id: context.envelope.attach(id, opaque) };
}

function encodeCall(call: UnifiedToolCall, context: ClientContext): ChatToolCall {
  const { id, extra } = callHead(call, context);
  const encoded: ChatToolCall =
    call.type === 'custom'
      ? { id, type: 'custom', custom: { name: call.custom.name, input: call.custom.input } }
      : {
          id,
          type: 'function',
          function: { name: call.function.name, arguments: call.function.arguments || '{}' },
        };
  if (extra) encoded.extra_content = extra;
  return encoded;
}

export function encodeImage(mediaType: string, data: string): object {
  return { type: 'image_url', image_url: { url: dataUrl(mediaType, data) } };
}

/** A client that offered `functions` looks for `function_call`, of which there is one. */
function toLegacyCall(message: ChatMessage, context: ClientContext): void {
  const [first, ...others] = message.tool_calls ?? [];
  delete message.tool_calls;
  if (first?.type === 'function') message.function_call = { ...first.function };
  others.forEach((_, index) => {
    context.ledger.drop(`reply.tool_calls.${index + 1}`);
  });
}
