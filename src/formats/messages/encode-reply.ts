/** Unified → a client's whole reply. */
import type {
  RedactedThinkingBlock,
  TextBlock,
  ThinkingBlock,
  ToolUseBlock,
} from '@anthropic-ai/sdk/resources/messages';
import { isObject, type JsonObject, parseJson } from '../../json.ts';
import {
  type Citation,
  hostedName,
  type Opaque,
  reportCitation,
  type UnifiedBlock,
  type UnifiedReply,
  type UnifiedToolCall,
} from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { wireCallId } from './call-id.ts';
import { encodeCitation } from './citations.ts';
import { encodeFinish } from './finish.ts';
import { encodeUsage } from './usage.ts';

type ContentBlock =
  | (Pick<TextBlock, 'type' | 'text'> & { citations?: JsonObject[] })
  | ThinkingBlock
  | RedactedThinkingBlock
  | Pick<ToolUseBlock, 'type' | 'id' | 'name' | 'input'>
  | JsonObject;

/** See `Format.encodeReply`. */
export function encodeReply(reply: UnifiedReply, context: ClientContext): object {
  const content = new ReplyContent(context);
  for (const block of reply.blocks) content.add(block);
  const usage = reply.usage ?? {
    input: context.estimateInput(),
    cached: 0,
    cacheWrite: 0,
    output: 0,
  };
  const tier = encodeTier(reply.serviceTier);
  return {
    id: reply.id || context.newId('msg_'),
    type: 'message',
    role: 'assistant',
    model: context.model,
    content: content.blocks,
    stop_reason: encodeFinish(reply.finish, content.calls > 0),
    stop_sequence: reply.stopSequence ?? null,
    usage: { ...encodeUsage(usage), ...(tier && { service_tier: tier }) },
  };
}

/** OpenAI's and Anthropic's words for the tier that was used. */
function encodeTier(tier: string | undefined): 'standard' | 'priority' | 'batch' | undefined {
  if (tier === 'default' || tier === 'standard') return 'standard';
  return tier === 'priority' || tier === 'batch' ? tier : undefined;
}

/** The ids of an answer's calls: the provider's where this format can spell them, each once; else our own. */
export class CallIds {
  readonly #seen = new Set<string>();

  next(id: string, context: ClientContext): string {
    const wire = wireCallId(id);
    const own = wire !== undefined && !this.#seen.has(wire) ? wire : context.newId('toolu_');
    this.#seen.add(own);
    return own;
  }
}

/** A token in the field for signatures: native ones as they are, all others in our envelope. */
export function signatureOf(opaque: Opaque, text: string, context: ClientContext): string {
  if (opaque.format === 'messages' && opaque.value !== '') return opaque.value;
  return context.envelope.seal(opaque, text);
}

/** The token of a Gemini call, spelled so that decoding gives it back to the call behind it. */
export function callToken(opaque: Opaque): Opaque {
  return { ...opaque, format: 'gemini' };
}

/** True when the client asked for thinking, and so takes thinking blocks that say nothing. */
export function asksForThinking(context: ClientContext): boolean {
  return context.request?.reasoning?.enabled === true;
}

class ReplyContent {
  readonly blocks: ContentBlock[] = [];
  calls = 0;
  readonly #context: ClientContext;
  readonly #ids = new CallIds();
  /** The thinking block written last, while nothing follows it and it has no token. */
  #bare: ThinkingBlock | undefined;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  add(block: UnifiedBlock): void {
    if (block.type === 'call') this.#call(block.call);
    else if (block.type === 'reasoning') this.#reasoning(block);
    else this.#other(block);
  }

  #push(block: ContentBlock): void {
    this.blocks.push(block);
    this.#bare = undefined;
  }

  #other(block: Exclude<UnifiedBlock, { type: 'call' | 'reasoning' }>): void {
    const { ledger } = this.#context;
    switch (block.type) {
      case 'text':
        if (block.opaque) ledger.drop('reply.thoughtSignature');
        if (block.text !== '' || block.citations?.length) this.#push(this.#text(block));
        break;
      case 'refusal':
        if (block.text !== '') this.#push({ type: 'text', text: block.text });
        break;
      case 'hosted':
        if (block.format === 'messages') this.#push(block.value);
        else ledger.drop(`reply.${hostedName(block.value)}`);
        break;
      case 'media':
        ledger.drop(`reply.${block.mediaType}`);
        break;
    }
  }

  #text(block: Extract<UnifiedBlock, { type: 'text' }>): ContentBlock {
    const citations = encodeCitations(block.citations, block.text, this.#context);
    return { type: 'text', text: block.text, ...(citations.length && { citations }) };
  }

  #reasoning(block: Extract<UnifiedBlock, { type: 'reasoning' }>): void {
    const { opaque, text } = block;
    if (block.redacted) {
      if (opaque)
        this.#push({ type: 'redacted_thinking', data: signatureOf(opaque, '', this.#context) });
      return;
    }
    if (text === '' && !opaque) return;
    const signature = opaque ? signatureOf(opaque, text, this.#context) : '';
    const thinking: ThinkingBlock = { type: 'thinking', thinking: text, signature };
    this.#push(thinking);
    if (!opaque) this.#bare = thinking;
  }

  #call(call: UnifiedToolCall): void {
    if (call.opaque) this.#carryToken(call.opaque);
    const isCustom = call.type === 'custom';
    this.#push({
      type: 'tool_use',
      id: this.#ids.next(call.id, this.#context),
      name: isCustom ? call.custom.name : call.function.name,
      input: isCustom ? { input: call.custom.input } : parseInput(call.function.arguments),
    });
    this.calls += 1;
  }

  /** A call's token goes into the thinking directly before it; an empty one is made where it must. */
  #carryToken(opaque: Opaque): void {
    const token = callToken(opaque);
    if (this.#bare) {
      this.#bare.signature = signatureOf(token, this.#bare.thinking, this.#context);
    } else if (asksForThinking(this.#context)) {
      this.#push({
        type: 'thinking',
        thinking: '',
        signature: signatureOf(token, '', this.#context),
      });
    } else {
      this.#context.ledger.drop('reply.thoughtSignature');
    }
  }
}

/** Arguments as an object; text that is none (an answer cut by its limit) is kept inside one. */
function parseInput(text: string): JsonObject {
  if (text.trim() === '') return {};
  const input = parseJson(text);
  if (isObject(input)) return input;
  return { input: input === undefined ? text : input };
}

/** The citations of a text; those that point nowhere are reported. */
export function encodeCitations(
  citations: readonly Citation[] | undefined,
  text: string,
  context: ClientContext,
): JsonObject[] {
  const encoded: JsonObject[] = [];
  for (const each of citations ?? []) {
    const cited = each.citedText ?? text.slice(each.start ?? 0, each.end ?? 0);
    const wire = encodeCitation(cited === '' ? each : { ...each, citedText: cited });
    if (wire) encoded.push(wire);
    else context.ledger.drop('reply.citations');
    reportCitation(each, 'messages', context.ledger);
  }
  return encoded;
}
