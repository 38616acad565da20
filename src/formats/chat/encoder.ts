/**
 * Chunks → a chat client's stream. Every event repeats the same head, so it is made once and the
 * commonest deltas are put together from it without building an object.
 */
import type { GatewayError } from '../../errors.ts';
import { alikeFrames, SSE_COMMENT, sseFrame } from '../../stream/sse.ts';
import {
  type Finish,
  hostedName,
  type Opaque,
  reportCitation,
  type UnifiedChunk,
  type Usage,
} from '../../unified.ts';
import type { ClientContext, ReplyEncoder } from '../format.ts';
import { encodeAnnotation } from './citation.ts';
import { encodeDetails, type FinishedReasoning } from './client-reasoning.ts';
import { callHead, encodeImage, REASONING_BREAK } from './encode-reply.ts';
import { encodeError } from './errors.ts';
import { encodeFinish } from './finish.ts';
import { encodeTier, usesLegacyCalls } from './reply-options.ts';
import { encodeUsage } from './usage.ts';

type CallChunk = Extract<UnifiedChunk, { type: 'call' }>;
type ReasoningChunk = Extract<UnifiedChunk, { type: 'reasoning' }>;

/** A call that was announced to the client. */
interface OpenCall {
  /** The start of an event with a piece of its arguments. */
  head: string;
  /** What closes that event. */
  tail: string;
  isCustom: boolean;
  /** False until the first piece: a function call without any must become `{}`. */
  hasArguments: boolean;
}

export class ChatEncoder implements ReplyEncoder {
  readonly #context: ClientContext;
  readonly #asksUsage: boolean;
  readonly #isLegacy: boolean;
  /** The start of every event up to the delta; '' until the stream was begun. */
  #head = '';
  /** The end of every event without logprobs and finish. */
  #tail = '';
  #textHead = '';
  #reasoningHead = '';
  /** By the index of the chunks; undefined for a call that this client cannot be shown. */
  readonly #calls = new Map<number, OpenCall | undefined>();
  /** The reasoning block that deltas go to; cleared when another block begins. */
  #reasoning: FinishedReasoning | undefined;
  /** The part of the summary that the open block is at. */
  #part: number | undefined;
  /** True once any reasoning was shown: the next block is set off by a blank line. */
  #hasReasoned = false;
  #details = 0;
  #hasRefused = false;
  /** The kind of block that is open, which says whose token an `opaque` is. */
  #open: 'text' | 'reasoning' | undefined;
  #finish: Finish = 'stop';
  #usage: Usage | undefined;
  #serviceTier: string | undefined;

  constructor(context: ClientContext) {
    this.#context = context;
    this.#asksUsage = context.request?.stream_options?.include_usage === true;
    this.#isLegacy = usesLegacyCalls(context.body);
  }

  pushPieces(pieces: readonly string[]): string | undefined {
    return this.#open === 'text' ? alikeFrames(this.#textHead, pieces, this.#tail) : undefined;
  }

  push(chunk: UnifiedChunk): string {
    if (chunk.type === 'text') {
      if (this.#open === 'text' && !chunk.logprobs) {
        return this.#textHead + JSON.stringify(chunk.text) + this.#tail;
      }
      return this.#text(chunk.text, chunk.logprobs);
    }
    switch (chunk.type) {
      case 'start':
        if (chunk.usage) this.#usage = chunk.usage;
        return this.#begin(chunk.id, chunk.created);
      case 'arguments':
        return this.#arguments(chunk.index, chunk.text);
      case 'reasoning':
        return this.#reason(chunk);
      case 'call':
        return this.#call(chunk);
      case 'refusal':
        this.#closeBlock();
        this.#hasRefused = true;
        return this.#event(`{"refusal":${JSON.stringify(chunk.text)}}`);
      case 'opaque':
        return this.#token(chunk.opaque, chunk.id);
      case 'redacted':
        this.#closeBlock();
        return this.#detail({ text: '', redacted: true, opaque: chunk.opaque });
      case 'citation': {
        const annotation = encodeAnnotation(chunk.citation);
        reportCitation(chunk.citation, 'chat', this.#context.ledger);
        if (annotation) return this.#event(JSON.stringify({ annotations: [annotation] }));
        this.#context.ledger.drop('reply.citations');
        return '';
      }
      case 'media':
        return this.#media(chunk.mediaType, chunk.data, chunk.opaque);
      case 'hosted':
        this.#closeBlock();
        this.#context.ledger.drop(`reply.${hostedName(chunk.value)}`);
        return '';
      case 'blockEnd':
        this.#closeBlock();
        return '';
      case 'usage':
        this.#usage = chunk.usage;
        this.#serviceTier = chunk.serviceTier ?? this.#serviceTier;
        return '';
      case 'finish':
        this.#finish = chunk.finish;
        if (chunk.stopSequence !== undefined) this.#context.ledger.drop('reply.stop_sequence');
        if (chunk.finish === 'pause_turn') {
          this.#context.ledger.approximate('reply.stop_reason', 'stop');
        }
        return '';
      case 'callEnd':
      case 'idle':
      case 'done':
      case 'error':
        return '';
    }
  }

  end(): string {
    let out = this.#emptyArguments();
    const reason = encodeFinish(this.#finish, {
      calls: this.#calls.size > 0,
      refusal: this.#hasRefused,
    });
    const word = this.#isLegacy && reason === 'tool_calls' ? 'function_call' : reason;
    const tier = encodeTier(this.#serviceTier);
    const rest = tier ? `,"service_tier":"${tier}"` : '';
    out += this.#event('{}', 'null', `"${word}"`, rest);
    if (this.#asksUsage && this.#usage) {
      const usage = JSON.stringify(encodeUsage(this.#usage));
      out += `${this.#envelope}"choices":[],"usage":${usage}}\n\n`;
    }
    return `${out}data: [DONE]\n\n`;
  }

  /** The SDKs throw at an event with `error`; no finish and no [DONE] make it look complete. */
  fail(error: GatewayError): string {
    return sseFrame(JSON.stringify(encodeError(error)));
  }

  keepAlive(): string {
    return SSE_COMMENT;
  }

  // ---------------------------------------------------------------------------- events

  /** The start of every event up to `choices`; set when the stream begins. */
  #envelope = '';

  /** The first event, which names the role. */
  #begin(id: string, created: number | undefined): string {
    if (this.#head !== '') return '';
    const context = this.#context;
    const envelope = JSON.stringify({
      id: id || context.newId('chatcmpl-'),
      object: 'chat.completion.chunk',
      created: created ?? Math.floor(context.now() / 1000),
      model: context.model,
    });
    // Without the closing brace.
    this.#envelope = `data: ${envelope.slice(0, -1)},`;
    this.#head = `${this.#envelope}"choices":[{"index":0,"delta":`;
    const usage = this.#asksUsage ? ',"usage":null' : '';
    this.#tail = `},"logprobs":null,"finish_reason":null}]${usage}}\n\n`;
    this.#textHead = `${this.#head}{"content":`;
    this.#reasoningHead = `${this.#head}{"reasoning_content":`;
    return this.#event('{"role":"assistant","content":""}');
  }

  #event(delta: string, logprobs = 'null', finish = 'null', rest = ''): string {
    const begin = this.#head === '' ? this.#begin('', undefined) : '';
    const usage = this.#asksUsage ? ',"usage":null' : '';
    return `${begin}${this.#head}${delta},"logprobs":${logprobs},"finish_reason":${finish}}]${rest}${usage}}\n\n`;
  }

  // ---------------------------------------------------------------------------- blocks

  #closeBlock(): void {
    this.#open = undefined;
    this.#reasoning = undefined;
    this.#part = undefined;
  }

  #text(text: string, logprobs: unknown[] | undefined): string {
    this.#closeBlock();
    this.#open = 'text';
    if (text === '' && !logprobs) return '';
    return this.#event(
      `{"content":${JSON.stringify(text)}}`,
      logprobs ? JSON.stringify({ content: logprobs, refusal: null }) : 'null',
    );
  }

  #reason(chunk: ReasoningChunk): string {
    const { text, part } = chunk;
    let out = '';
    if (this.#open !== 'reasoning' || !this.#reasoning) {
      this.#closeBlock();
      this.#open = 'reasoning';
      this.#reasoning = { text: '' };
      if (text !== '') out = this.#separate();
    } else if (part !== undefined && this.#part !== undefined && part !== this.#part) {
      this.#reasoning.text += REASONING_BREAK;
      out = this.#separate();
    }
    this.#part = part;
    const block = this.#reasoning;
    block.text += text;
    if (chunk.summarized) block.summarized = true;
    if (chunk.id !== undefined) block.id = chunk.id;
    if (text === '') return out;
    this.#hasReasoned = true;
    if (this.#head === '') out += this.#begin('', undefined);
    return out + this.#reasoningHead + JSON.stringify(text) + this.#tail;
  }

  /** An event of its own, so that a reader can tell it from the reasoning. */
  #separate(): string {
    if (!this.#hasReasoned) return '';
    return this.#event(`{"reasoning_content":${JSON.stringify(REASONING_BREAK)}}`);
  }

  #token(opaque: Opaque, id: string | undefined): string {
    if (this.#open === 'text') {
      this.#context.ledger.drop('reply.thoughtSignature');
      return '';
    }
    const block: FinishedReasoning = { ...(this.#reasoning ?? { text: '' }), opaque };
    if (id !== undefined) block.id = id;
    return this.#detail(block);
  }

  #detail(block: FinishedReasoning): string {
    const details = encodeDetails(block, this.#details, this.#context.envelope);
    this.#details += 1;
    return details.length === 0 ? '' : this.#event(JSON.stringify({ reasoning_details: details }));
  }

  #media(mediaType: string, data: string, opaque: Opaque | undefined): string {
    this.#closeBlock();
    if (opaque) this.#context.ledger.drop('reply.thoughtSignature');
    if (mediaType.startsWith('image/')) {
      return this.#event(JSON.stringify({ images: [encodeImage(mediaType, data)] }));
    }
    this.#context.ledger.drop(`reply.${mediaType}`);
    return '';
  }

  // ---------------------------------------------------------------------------- calls

  #call(chunk: CallChunk): string {
    this.#closeBlock();
    if (this.#isLegacy) return this.#legacyCall(chunk);
    const index = this.#calls.size;
    const { id, extra } = callHead(chunk, this.#context);
    const kind = chunk.custom ? 'custom' : 'function';
    const key = chunk.custom ? 'input' : 'arguments';
    const delta = JSON.stringify({
      tool_calls: [
        {
          index,
          id,
          type: kind,
          [kind]: { name: chunk.name, [key]: '' },
          ...(extra ? { extra_content: extra } : {}),
        },
      ],
    });
    const event = this.#event(delta);
    this.#calls.set(chunk.index, {
      head: `${this.#head}{"tool_calls":[{"index":${index},"${kind}":{"${key}":`,
      tail: `}}]${this.#tail}`,
      isCustom: chunk.custom === true,
      hasArguments: false,
    });
    return event;
  }

  #legacyCall(chunk: CallChunk): string {
    if (this.#calls.size > 0) {
      this.#context.ledger.drop(`reply.tool_calls.${chunk.index}`);
      this.#calls.set(chunk.index, undefined);
      return '';
    }
    const event = this.#event(
      JSON.stringify({ function_call: { name: chunk.name, arguments: '' } }),
    );
    this.#calls.set(chunk.index, {
      head: `${this.#head}{"function_call":{"arguments":`,
      tail: `}${this.#tail}`,
      isCustom: false,
      hasArguments: false,
    });
    return event;
  }

  #arguments(index: number, text: string): string {
    const call = this.#calls.get(index);
    if (!call || text === '') return '';
    call.hasArguments = true;
    return call.head + JSON.stringify(text) + call.tail;
  }

  #emptyArguments(): string {
    let out = '';
    for (const call of this.#calls.values()) {
      if (call && !call.isCustom && !call.hasArguments) out += `${call.head}"{}"${call.tail}`;
    }
    return out;
  }
}
