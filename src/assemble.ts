/** Between the two spellings of an answer: the chunks of a stream and the whole reply. */
import type {
  Citation,
  Opaque,
  UnifiedBlock,
  UnifiedChunk,
  UnifiedReply,
  UnifiedToolCall,
} from './unified.ts';

type TextBlock = Extract<UnifiedBlock, { type: 'text' }>;
type ReasoningBlock = Extract<UnifiedBlock, { type: 'reasoning' }>;

/** Collects chunks into the reply that a non-streaming answer would have been. */
export class ReplyAssembler {
  readonly reply: UnifiedReply = { id: '', model: '', blocks: [], finish: 'stop' };
  /** Set by an `error` chunk; the reply is then not to be used. */
  failed: Extract<UnifiedChunk, { type: 'error' }>['error'] | undefined;
  /** The block that deltas go to; cleared by `blockEnd` and by any chunk of another kind. */
  #open: UnifiedBlock | undefined;
  /** Calls by their index, so that mixed argument deltas find theirs. */
  readonly #calls = new Map<number, UnifiedToolCall>();
  /** The summary part that the open reasoning block is at. */
  #part: number | undefined;
  /** Citations that came while no text was open: of the next text, or behind all of the last one. */
  #sources: Citation[] = [];

  push(chunk: UnifiedChunk): void {
    const { reply } = this;
    switch (chunk.type) {
      case 'start':
        reply.id = chunk.id;
        reply.model = chunk.model;
        if (chunk.created !== undefined) reply.created = chunk.created;
        if (chunk.usage) reply.usage = chunk.usage;
        return;
      case 'text': {
        const block = this.#text();
        block.text += chunk.text;
        if (chunk.logprobs) block.logprobs = [...(block.logprobs ?? []), ...chunk.logprobs];
        return;
      }
      case 'refusal':
        if (this.#open?.type !== 'refusal') this.#add({ type: 'refusal', text: '' });
        if (this.#open?.type === 'refusal') this.#open.text += chunk.text;
        return;
      case 'reasoning':
        this.#reasoning(chunk);
        return;
      case 'redacted':
        this.#add({ type: 'reasoning', text: '', redacted: true, opaque: chunk.opaque });
        this.#open = undefined;
        return;
      case 'opaque':
        this.#opaque(chunk.opaque, chunk.id);
        return;
      case 'citation':
        this.#cite(chunk.citation);
        return;
      case 'blockEnd':
        // A block of text that has nothing but sources.
        if (this.#open === undefined && this.#sources.length > 0) this.#text();
        this.#open = undefined;
        return;
      case 'call':
        this.#call(chunk);
        return;
      case 'arguments':
        this.#arguments(chunk.index, chunk.text);
        return;
      case 'media':
      case 'hosted':
        this.#add(chunk);
        this.#open = undefined;
        return;
      case 'usage':
        reply.usage = chunk.usage;
        if (chunk.serviceTier !== undefined) reply.serviceTier = chunk.serviceTier;
        return;
      case 'finish':
        reply.finish = chunk.finish;
        if (chunk.stopSequence !== undefined) reply.stopSequence = chunk.stopSequence;
        return;
      case 'error':
        this.failed = chunk.error;
        return;
      case 'done':
        this.#settleSources();
        return;
      case 'callEnd':
      case 'idle':
        return;
    }
  }

  #call(chunk: Extract<UnifiedChunk, { type: 'call' }>): void {
    const call = callOf(chunk);
    this.#calls.set(chunk.index, call);
    this.#add({ type: 'call', call });
    this.#open = undefined;
  }

  #arguments(index: number, text: string): void {
    const call = this.#calls.get(index);
    if (call?.type === 'function') call.function.arguments += text;
    else if (call) call.custom.input += text;
  }

  #add(block: UnifiedBlock): void {
    this.reply.blocks.push(block);
    this.#open = block;
    this.#part = undefined;
  }

  #text(): TextBlock {
    if (this.#open?.type === 'text') return this.#open;
    const block: TextBlock = { type: 'text', text: '' };
    if (this.#sources.length > 0) block.citations = this.#sources;
    this.#sources = [];
    this.#add(block);
    return block;
  }

  #reasoning(chunk: Extract<UnifiedChunk, { type: 'reasoning' }>): void {
    let block = this.#open?.type === 'reasoning' ? this.#open : undefined;
    if (!block) {
      block = { type: 'reasoning', text: '' };
      this.#add(block);
    }
    if (chunk.summarized) block.summarized = true;
    if (chunk.id !== undefined) block.id = chunk.id;
    if (chunk.part !== undefined) this.#summaryPart(block, chunk.part, chunk.text);
    else block.text += chunk.text;
  }

  #summaryPart(block: ReasoningBlock, part: number, text: string): void {
    const parts = block.parts ?? [];
    if (part === this.#part) parts[parts.length - 1] += text;
    else parts.push(text);
    this.#part = part;
    block.parts = parts;
    block.text = parts.join('\n\n');
  }

  #opaque(opaque: Opaque, id: string | undefined): void {
    const block = this.#open;
    if (block?.type === 'text' || block?.type === 'reasoning') {
      block.opaque = opaque;
      if (block.type === 'reasoning' && id !== undefined) block.id = id;
      return;
    }
    this.#add(
      id === undefined
        ? { type: 'reasoning', text: '', opaque }
        : { type: 'reasoning', text: '', opaque, id },
    );
  }

  #cite(citation: Citation): void {
    if (this.#open?.type !== 'text') this.#sources.push(citation);
    else this.#open.citations = [...(this.#open.citations ?? []), citation];
  }

  #settleSources(): void {
    if (this.#sources.length === 0) return;
    const last = this.reply.blocks.findLast((block) => block.type === 'text');
    if (last?.type !== 'text') {
      this.#text();
      return;
    }
    last.citations = [...(last.citations ?? []), ...this.#sources];
    this.#sources = [];
  }
}

function callOf(chunk: Extract<UnifiedChunk, { type: 'call' }>): UnifiedToolCall {
  const call: UnifiedToolCall = chunk.custom
    ? { id: chunk.id, type: 'custom', custom: { name: chunk.name, input: '' } }
    : { id: chunk.id, type: 'function', function: { name: chunk.name, arguments: '' } };
  if (chunk.namespace !== undefined) call.namespace = chunk.namespace;
  if (chunk.opaque !== undefined) call.opaque = chunk.opaque;
  return call;
}

/** A reply as the chunks that a stream of it would have been. */
export function replyChunks(reply: UnifiedReply): UnifiedChunk[] {
  const start: UnifiedChunk = { type: 'start', id: reply.id, model: reply.model };
  if (reply.created !== undefined) start.created = reply.created;
  const chunks: UnifiedChunk[] = [start];
  let calls = 0;
  for (const block of reply.blocks) {
    switch (block.type) {
      case 'text': {
        const text: UnifiedChunk = { type: 'text', text: block.text };
        if (block.logprobs) text.logprobs = block.logprobs;
        chunks.push(text);
        for (const citation of block.citations ?? []) chunks.push({ type: 'citation', citation });
        if (block.opaque) chunks.push({ type: 'opaque', opaque: block.opaque });
        chunks.push({ type: 'blockEnd' });
        break;
      }
      case 'refusal':
        chunks.push({ type: 'refusal', text: block.text }, { type: 'blockEnd' });
        break;
      case 'reasoning':
        chunks.push(...reasoningChunks(block));
        break;
      case 'call':
        chunks.push(...callChunks(block.call, calls));
        calls += 1;
        break;
      case 'media':
      case 'hosted':
        chunks.push(block);
        break;
    }
  }
  const finish: UnifiedChunk = { type: 'finish', finish: reply.finish };
  if (reply.stopSequence !== undefined) finish.stopSequence = reply.stopSequence;
  chunks.push(finish);
  if (reply.usage) {
    const usage: UnifiedChunk = { type: 'usage', usage: reply.usage };
    if (reply.serviceTier !== undefined) usage.serviceTier = reply.serviceTier;
    chunks.push(usage);
  }
  chunks.push({ type: 'done' });
  return chunks;
}

function reasoningChunks(block: ReasoningBlock): UnifiedChunk[] {
  if (block.redacted && block.opaque) return [{ type: 'redacted', opaque: block.opaque }];
  const common: { summarized?: boolean; id?: string } = {};
  if (block.summarized) common.summarized = true;
  if (block.id !== undefined) common.id = block.id;
  const chunks: UnifiedChunk[] = block.parts
    ? block.parts.map((text, part) => ({ type: 'reasoning', text, part, ...common }))
    : [{ type: 'reasoning', text: block.text, ...common }];
  if (block.opaque) {
    chunks.push(
      block.id === undefined
        ? { type: 'opaque', opaque: block.opaque }
        : { type: 'opaque', opaque: block.opaque, id: block.id },
    );
  }
  chunks.push({ type: 'blockEnd' });
  return chunks;
}

function callChunks(call: UnifiedToolCall, index: number): UnifiedChunk[] {
  const custom = call.type === 'custom';
  const head: UnifiedChunk = {
    type: 'call',
    index,
    id: call.id,
    name: custom ? call.custom.name : call.function.name,
  };
  if (custom) head.custom = true;
  if (call.namespace !== undefined) head.namespace = call.namespace;
  if (call.opaque !== undefined) head.opaque = call.opaque;
  const text = custom ? call.custom.input : call.function.arguments;
  return [head, { type: 'arguments', index, text }, { type: 'callEnd', index }];
}

/** The reply of a stream that has already ended. */
export function assembleReply(chunks: Iterable<UnifiedChunk>): UnifiedReply {
  const assembler = new ReplyAssembler();
  for (const chunk of chunks) assembler.push(chunk);
  return assembler.reply;
}
