/** A whole answer → a Responses client's reply. */
import type { JsonObject } from '../../json.ts';
import {
  callName,
  hostedName,
  reportCitation,
  type UnifiedBlock,
  type UnifiedReply,
  type UnifiedToolCall,
} from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { encodeAnnotation } from './citations.ts';
import {
  type CallHead,
  callItem,
  callItemId,
  hostedItem,
  type ItemStatus,
  type MessagePart,
  mediaItem,
  messageItem,
  type OutputItem,
  reasoningId,
  reasoningItem,
  redactedText,
  refusalPart,
  type TextPart,
  textPart,
  tokenText,
} from './items.ts';
import { incompleteReason, responseId, responseObject } from './response-object.ts';
import { encodeUsage } from './usage.ts';

/** Writes the reply; what the format cannot show is reported. */
export function encodeReply(reply: UnifiedReply, context: ClientContext): object {
  const hasRefusal = reply.blocks.some((block) => block.type === 'refusal');
  const incomplete = incompleteReason(reply.finish, hasRefusal);
  const writer = new OutputWriter(context);
  for (const block of reply.blocks) writer.write(block);
  reportFinish(reply, context);
  return responseObject(
    {
      id: responseId(reply.id, context),
      createdAt: reply.created ?? Math.floor(context.now() / 1000),
      status: incomplete === undefined ? 'completed' : 'incomplete',
      output: writer.end(incomplete === undefined ? 'completed' : 'incomplete'),
      ...(reply.usage !== undefined && { usage: encodeUsage(reply.usage) }),
      ...(reply.serviceTier !== undefined && { serviceTier: reply.serviceTier }),
      ...(incomplete !== undefined && { incomplete }),
    },
    context,
  );
}

/** Ends that a Responses client cannot be told of. */
export function reportFinish(
  end: Pick<UnifiedReply, 'finish' | 'stopSequence'>,
  { ledger }: ClientContext,
): void {
  if (end.stopSequence !== undefined) ledger.drop('reply.stop_sequence');
  if (end.finish === 'pause_turn') ledger.approximate('reply.stop_reason', 'completed');
}

/** Work of another format's own tools, by its name there. */
export function reportHosted(value: JsonObject, { ledger }: ClientContext): void {
  ledger.drop(`reply.${hostedName(value)}`);
}

class OutputWriter {
  readonly #context: ClientContext;
  readonly #output: OutputItem[] = [];
  /** Parts of the message that still grows; neighbouring text blocks share one. */
  #parts: MessagePart[] = [];

  constructor(context: ClientContext) {
    this.#context = context;
  }

  write(block: UnifiedBlock): void {
    const context = this.#context;
    if (block.type === 'text') {
      this.#text(block);
      return;
    }
    if (block.type === 'refusal') {
      if (block.text !== '') this.#parts.push(refusalPart(block.text));
      return;
    }
    this.#closeMessage('completed');
    if (block.type === 'reasoning') this.#reasoning(block);
    else if (block.type === 'call') this.#call(block.call);
    else if (block.type === 'hosted') {
      if (block.format === 'responses') this.#output.push(hostedItem(block.value, context));
      else reportHosted(block.value, context);
    } else {
      const item = mediaItem(block.mediaType, block.data, context);
      if (item === undefined) context.ledger.drop(`reply.${block.mediaType}`);
      else this.#output.push(item);
    }
  }

  /** The last message of an answer that was cut is itself incomplete. */
  end(status: ItemStatus): OutputItem[] {
    this.#closeMessage(status);
    return this.#output;
  }

  #text(block: Extract<UnifiedBlock, { type: 'text' }>): void {
    const { ledger } = this.#context;
    if (block.opaque !== undefined) ledger.drop('reply.thoughtSignature');
    if (block.text === '') return;
    const part: TextPart = textPart(block.text);
    for (const citation of block.citations ?? []) {
      const annotation = encodeAnnotation(citation, block.text.length);
      reportCitation(citation, 'responses', ledger);
      if (annotation === undefined) ledger.drop('reply.citations');
      else part.annotations.push(annotation);
    }
    if (block.logprobs !== undefined) part.logprobs = block.logprobs;
    this.#parts.push(part);
  }

  #closeMessage(status: ItemStatus): void {
    if (this.#parts.length === 0) return;
    this.#output.push(messageItem(this.#context.newId('msg_'), this.#parts, status));
    this.#parts = [];
  }

  #reasoning(block: Extract<UnifiedBlock, { type: 'reasoning' }>): void {
    const context = this.#context;
    const { opaque, text: whole } = block;
    if (whole === '' && opaque === undefined) return;
    const texts = whole === '' ? [] : (block.parts ?? [whole]);
    const token =
      opaque === undefined
        ? undefined
        : block.redacted === true
          ? redactedText(opaque, context)
          : tokenText(opaque, whole, context);
    this.#output.push(reasoningItem(reasoningId(block.id, context), texts, token));
  }

  #call(call: UnifiedToolCall): void {
    const context = this.#context;
    if (call.opaque !== undefined) {
      // See `decode-input.ts`: such a block belongs to the call behind it.
      const token = tokenText(call.opaque, '', context);
      this.#output.push(reasoningItem(context.newId('rs_'), [], token));
    }
    const head: CallHead = {
      id: call.id,
      name: callName(call),
      custom: call.type === 'custom',
      ...(call.namespace !== undefined && { namespace: call.namespace }),
    };
    const input = call.type === 'custom' ? call.custom.input : call.function.arguments || '{}';
    this.#output.push(callItem(callItemId(head, context), head, input, 'completed'));
  }
}
