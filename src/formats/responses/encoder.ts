/**
 * Chunks → a Responses client's stream. The grammar is OpenAI's: every event is numbered, every item
 * and part is announced before its deltas and closed after them, and the last event repeats all
 * items that were done.
 */
import type { GatewayError } from '../../errors.ts';
import { SSE_COMMENT } from '../../stream/sse.ts';
import type { Finish, Opaque, UnifiedChunk, Usage } from '../../unified.ts';
import type { ClientContext, ReplyEncoder } from '../format.ts';
import { CallWriter } from './call-writer.ts';
import { reportFinish, reportHosted } from './encode-reply.ts';
import { encodeFailure } from './errors.ts';
import { Frames } from './frames.ts';
import { hostedItem, type ItemStatus, mediaItem, redactedText, tokenText } from './items.ts';
import { MessageWriter } from './message-writer.ts';
import { ReasoningWriter } from './reasoning-writer.ts';
import {
  type Answer,
  incompleteReason,
  responseId,
  responseObject,
  type Status,
} from './response-object.ts';
import { encodeUsage } from './usage.ts';

type Chunk<Type extends UnifiedChunk['type']> = Extract<UnifiedChunk, { type: Type }>;
/** Chunks that are no deltas and write something. */
type Step =
  | 'opaque'
  | 'redacted'
  | 'citation'
  | 'blockEnd'
  | 'call'
  | 'callEnd'
  | 'media'
  | 'hosted';

export class ResponsesEncoder implements ReplyEncoder {
  readonly #context: ClientContext;
  readonly #frames = new Frames();
  readonly #message: MessageWriter;
  readonly #reasoning: ReasoningWriter;
  readonly #calls: CallWriter;
  /** Set by the first chunk, whatever it is. */
  #id = '';
  #createdAt = 0;
  #usage: Usage | undefined;
  #serviceTier: string | undefined;
  #finish: Finish = 'stop';
  #stopSequence: string | undefined;

  constructor(context: ClientContext) {
    this.#context = context;
    this.#message = new MessageWriter(this.#frames, context);
    this.#reasoning = new ReasoningWriter(this.#frames, context);
    this.#calls = new CallWriter(this.#frames, context);
  }

  pushPieces(pieces: readonly string[], text: string): string | undefined {
    return this.#message.textDeltas(pieces, text);
  }

  push(chunk: UnifiedChunk): string {
    switch (chunk.type) {
      case 'text':
        return this.#text(chunk);
      case 'arguments':
        return this.#calls.delta(chunk);
      case 'reasoning': {
        if (chunk.text === '') return '';
        const out = this.#begin() + this.#message.close('completed');
        return out + this.#reasoning.text(chunk);
      }
      case 'refusal': {
        if (chunk.text === '') return '';
        const out = this.#begin() + this.#reasoning.close();
        return out + this.#message.refusal(chunk.text);
      }
      case 'start':
        return this.#begin(chunk);
      case 'usage':
        this.#usage = chunk.usage;
        this.#serviceTier = chunk.serviceTier ?? this.#serviceTier;
        return '';
      case 'finish':
        this.#finish = chunk.finish;
        this.#stopSequence = chunk.stopSequence;
        return '';
      case 'idle':
      case 'error':
      case 'done':
        return '';
      default:
        return this.#begin() + this.#step(chunk);
    }
  }

  end(): string {
    const incomplete = incompleteReason(this.#finish, this.#message.hasRefusal);
    const status = incomplete === undefined ? 'completed' : 'incomplete';
    const out = this.#begin() + this.#closeBlocks(status) + this.#calls.closeAll(status);
    this.#message.end();
    const stop = this.#stopSequence === undefined ? {} : { stopSequence: this.#stopSequence };
    reportFinish({ finish: this.#finish, ...stop }, this.#context);
    return out + this.#terminal(status, incomplete === undefined ? {} : { incomplete });
  }

  fail(error: GatewayError): string {
    return this.#begin() + this.#terminal('failed', { error: encodeFailure(error) });
  }

  keepAlive(): string {
    return SSE_COMMENT;
  }

  #text(chunk: Chunk<'text'>): string {
    if (chunk.text === '') return '';
    if (this.#message.isTextOpen) return this.#message.textDelta(chunk);
    const out = this.#begin() + this.#reasoning.close() + this.#message.openText();
    return out + this.#message.textDelta(chunk);
  }

  #step(chunk: Chunk<Step>): string {
    switch (chunk.type) {
      case 'call':
        return this.#call(chunk);
      case 'callEnd':
        return this.#calls.close(chunk.index);
      case 'blockEnd':
        return this.#message.closePart() + this.#reasoning.close();
      case 'opaque':
        return this.#token(chunk);
      case 'redacted': {
        const out = this.#closeBlocks();
        return out + this.#reasoning.bare(redactedText(chunk.opaque, this.#context));
      }
      case 'citation':
        this.#message.citation(chunk.citation);
        return '';
      case 'media':
        return this.#media(chunk);
      case 'hosted':
        return this.#hosted(chunk);
    }
  }

  #call(chunk: Chunk<'call'>): string {
    let out = '';
    // The token of a call rides on the reasoning directly before it (see `decode-input.ts`).
    if (chunk.opaque !== undefined) {
      if (this.#reasoning.lacksToken) this.#reasoning.token(chunk.opaque);
      else out = this.#closeBlocks() + this.#bareToken(chunk.opaque);
    }
    // Other calls may stay open beside this one.
    out += this.#closeBlocks();
    return out + this.#calls.open(chunk);
  }

  #token(chunk: Chunk<'opaque'>): string {
    if (this.#reasoning.isOpen) {
      this.#reasoning.token(chunk.opaque);
      return '';
    }
    if (this.#message.isPartOpen) {
      // Gemini's token of a text; nothing in a message could carry it.
      this.#context.ledger.drop('reply.thoughtSignature');
      return '';
    }
    return this.#closeBlocks() + this.#bareToken(chunk.opaque, chunk.id);
  }

  #bareToken(opaque: Opaque, id?: string): string {
    return this.#reasoning.bare(tokenText(opaque, '', this.#context), id);
  }

  #media(chunk: Chunk<'media'>): string {
    const item = mediaItem(chunk.mediaType, chunk.data, this.#context);
    if (item === undefined) {
      this.#context.ledger.drop(`reply.${chunk.mediaType}`);
      return '';
    }
    // The picture itself comes with the item that is done.
    const added = { ...item, status: 'in_progress', result: null };
    return this.#closeBlocks() + this.#frames.whole(item, added);
  }

  #hosted(chunk: Chunk<'hosted'>): string {
    if (chunk.format !== 'responses') {
      reportHosted(chunk.value, this.#context);
      return '';
    }
    return this.#closeBlocks() + this.#frames.whole(hostedItem(chunk.value, this.#context));
  }

  /** Closes what takes text. */
  #closeBlocks(status: ItemStatus = 'completed'): string {
    return this.#reasoning.close() + this.#message.close(status);
  }

  /** The two opening events, once. */
  #begin(start?: Chunk<'start'>): string {
    if (this.#id !== '') return '';
    this.#id = responseId(start?.id ?? '', this.#context);
    this.#createdAt = start?.created ?? Math.floor(this.#context.now() / 1000);
    if (start?.usage !== undefined) this.#usage = start.usage;
    const response = JSON.stringify(responseObject(this.#answer('in_progress'), this.#context));
    return (
      this.#frames.event('response.created', `,"response":${response}`) +
      this.#frames.event('response.in_progress', `,"response":${response}`)
    );
  }

  #answer(status: Status): Answer {
    return {
      id: this.#id,
      createdAt: this.#createdAt,
      status,
      output: this.#frames.output(),
    };
  }

  #terminal(status: Exclude<Status, 'in_progress'>, more: Partial<Answer>): string {
    const answer: Answer = {
      ...this.#answer(status),
      ...(this.#usage !== undefined && { usage: encodeUsage(this.#usage) }),
      ...(this.#serviceTier !== undefined && { serviceTier: this.#serviceTier }),
      ...more,
    };
    const response = responseObject(answer, this.#context);
    return this.#frames.json(`response.${status}`, { response });
  }
}
