/** A provider's whole reply → unified: the same reading as of a stream with one event. */
import { GatewayError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import type { ProviderFault, UnifiedBlock, UnifiedChunk, UnifiedReply } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { GeminiDecoder } from './decoder.ts';

/** @throws GatewayError when the reply is an error or an unusable answer */
export function decodeReply(body: JsonObject, context: ProviderContext): UnifiedReply {
  const decoder = new GeminiDecoder(context, true);
  const collector = new ReplyCollector(context);
  for (const chunk of decoder.decode(body)) collector.add(chunk);
  for (const chunk of decoder.end()) collector.add(chunk);
  return collector.reply;
}

/** Chunks of this format's decoder, which come in order and with whole arguments, as blocks. */
class ReplyCollector {
  readonly reply: UnifiedReply = { id: '', model: '', blocks: [], finish: 'stop' };
  readonly #context: ProviderContext;
  /** The last block, while a delta or a token may still belong to it. */
  #open: UnifiedBlock | undefined;

  constructor(context: ProviderContext) {
    this.#context = context;
  }

  add(chunk: UnifiedChunk): void {
    const { reply } = this;
    switch (chunk.type) {
      case 'start':
        reply.id = chunk.id;
        reply.model = chunk.model;
        if (chunk.created !== undefined) reply.created = chunk.created;
        break;
      case 'text':
        if (this.#open?.type === 'text') this.#open.text += chunk.text;
        else this.#push({ type: 'text', text: chunk.text });
        if (chunk.logprobs && this.#open?.type === 'text') this.#open.logprobs = chunk.logprobs;
        break;
      case 'reasoning':
        if (this.#open?.type === 'reasoning') this.#open.text += chunk.text;
        else this.#push({ type: 'reasoning', text: chunk.text, summarized: true });
        break;
      case 'opaque':
        if (this.#open?.type !== 'text' && this.#open?.type !== 'reasoning') {
          this.#push({ type: 'reasoning', text: '' });
        }
        if (this.#open?.type === 'text' || this.#open?.type === 'reasoning') {
          this.#open.opaque = chunk.opaque;
        }
        break;
      case 'citation':
        this.#cite(chunk.citation);
        break;
      case 'blockEnd':
        this.#open = undefined;
        break;
      case 'call':
        this.#push({
          type: 'call',
          call: {
            type: 'function',
            id: chunk.id,
            function: { name: chunk.name, arguments: '{}' },
            ...(chunk.opaque && { opaque: chunk.opaque }),
          },
        });
        break;
      case 'arguments':
        if (this.#open?.type === 'call' && this.#open.call.type === 'function') {
          this.#open.call.function.arguments = chunk.text;
        }
        break;
      case 'media':
      case 'hosted':
        this.#push(chunk);
        break;
      case 'usage':
        reply.usage = chunk.usage;
        if (chunk.serviceTier !== undefined) reply.serviceTier = chunk.serviceTier;
        break;
      case 'finish':
        reply.finish = chunk.finish;
        break;
      case 'error':
        throw asError(chunk.error, this.#context.provider);
    }
  }

  #push(block: UnifiedBlock): void {
    this.reply.blocks.push(block);
    this.#open = block;
  }

  #cite(citation: Extract<UnifiedChunk, { type: 'citation' }>['citation']): void {
    const block = this.reply.blocks.findLast((one) => one.type === 'text');
    if (block?.type !== 'text') return;
    block.citations ??= [];
    block.citations.push(citation);
  }
}

function asError(fault: ProviderFault, provider: string): GatewayError {
  const { message, status, type, code, retryAfter } = fault;
  const said = status !== undefined && status !== 502;
  return new GatewayError(said ? 'upstream_refused' : 'upstream_garbled', message, {
    provider,
    ...(said && { status }),
    ...(type !== undefined && { type }),
    ...(code !== undefined && { code }),
    ...(retryAfter !== undefined && { retryAfter }),
  });
}
