/**
 * Chunks → a Gemini client's events. Each event is a whole response with the next part; only the
 * last one has `finishReason` and the counts. No event is without a part: the SDK's chat throws the
 * whole answer out of its history otherwise.
 */
import type { GatewayError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import {
  type Finish,
  hostedName,
  reportCitation,
  type UnifiedChunk,
  type Usage,
} from '../../unified.ts';
import type { ClientContext, ReplyEncoder } from '../format.ts';
import { encodeCitations, type PlacedCitation } from './citations.ts';
import { encodeRedacted, encodeToken } from './client-token.ts';
import { encodeFault } from './fault.ts';
import { encodeFinish } from './finish.ts';
import { encodeLogprobs } from './logprobs.ts';
import { callArguments, callPart, showsThoughts, tokenPart } from './reply-parts.ts';
import { encodeUsage } from './usage.ts';
import type { Part, WireCandidate } from './wire.ts';

const HEAD = 'data: {"candidates":[{"content":{"parts":[';
const EMPTY_PART = '{"text":""}';

/** A call whose arguments are still coming. */
interface PendingCall {
  id: string;
  name: string;
  custom: boolean;
  text: string;
  token: string | undefined;
  /** The provider said that the arguments are whole. */
  isComplete: boolean;
}

/** `Format.encoder`. A call is held back until its arguments are whole. */
export class GeminiEncoder implements ReplyEncoder {
  readonly #context: ClientContext;
  readonly #shows: boolean;
  #id = '';
  /** `modelVersion` and `responseId`, the end of every event; made with the first one. */
  #identity = '';
  /** What closes an event that says nothing but parts. */
  #tail = '';
  /** The block that deltas go on. */
  #open: 'text' | 'reasoning' | undefined;
  /** The reasoning of the open block: its envelope needs all of it. */
  #reasoning = '';
  #reasoningPart: number | undefined;
  /** The token of the last reasoning, until it is known what follows to carry it. */
  #pending: string | undefined;
  /** Calls that have not been shown, by their index. */
  readonly #calls = new Map<number, PendingCall>();
  #malformed: string | undefined;
  /** The answer's text and where its open block begins, for the offsets of citations. */
  #text = '';
  #blockStart = 0;
  readonly #citations: PlacedCitation[] = [];
  #finish: Finish = 'stop';
  #usage: Usage | undefined;

  constructor(context: ClientContext) {
    this.#context = context;
    this.#shows = showsThoughts(context.request);
  }

  push(chunk: UnifiedChunk): string {
    switch (chunk.type) {
      case 'text':
        return this.#onText(chunk.text, chunk.logprobs);
      case 'reasoning':
        return this.#onReasoning(chunk);
      case 'arguments': {
        const call = this.#calls.get(chunk.index);
        if (call) call.text += chunk.text;
        return '';
      }
      case 'call':
        return this.#onCall(chunk);
      case 'callEnd':
        return this.#onCallEnd(chunk.index);
      case 'start':
        this.#id = chunk.id;
        if (chunk.usage) this.#usage = chunk.usage;
        return '';
      case 'usage':
        this.#usage = chunk.usage;
        return '';
      case 'finish':
        this.#finish = chunk.finish;
        if (chunk.stopSequence !== undefined) this.#context.ledger.drop('reply.stop_sequence');
        return '';
      default:
        return this.#pushRare(chunk);
    }
  }

  #pushRare(chunk: UnifiedChunk): string {
    switch (chunk.type) {
      case 'refusal':
        return this.#onText(chunk.text, undefined);
      case 'opaque':
        return this.#onOpaque(chunk);
      case 'redacted': {
        const before = this.#close();
        this.#pending = encodeRedacted(this.#context.envelope, chunk.opaque);
        return before;
      }
      case 'citation':
        reportCitation(chunk.citation, 'gemini', this.#context.ledger);
        this.#citations.push({ citation: chunk.citation, blockStart: this.#blockStart });
        return '';
      case 'media': {
        const { mediaType: mimeType, data, opaque } = chunk;
        const part: Part = { inlineData: { mimeType, data } };
        if (opaque?.format === 'gemini') part.thoughtSignature = opaque.value;
        return this.#close() + this.#frame(part);
      }
      case 'hosted':
        if (chunk.format === 'gemini') return this.#close() + this.#frame(chunk.value);
        this.#context.ledger.drop(`reply.${hostedName(chunk.value)}`);
        return '';
      case 'blockEnd':
        this.#open = undefined;
        this.#reasoning = '';
        return '';
      default:
        return '';
    }
  }

  end(): string {
    const before = this.#close() + this.#showCalls(true);
    const candidate: WireCandidate & JsonObject = {
      content: { parts: [{ text: '' }], role: 'model' },
      finishReason: encodeFinish(this.#finish),
      index: 0,
      ...encodeCitations(this.#citations, this.#text),
    };
    if (this.#malformed !== undefined && this.#finish !== 'length') {
      candidate.finishReason = 'MALFORMED_FUNCTION_CALL';
      candidate.finishMessage = `Malformed function call: ${this.#malformed}`;
    }
    const usage = this.#usage ? `,"usageMetadata":${JSON.stringify(encodeUsage(this.#usage))}` : '';
    this.#identify();
    return `${before}data: {"candidates":[${JSON.stringify(candidate)}]${usage}${this.#identity}`;
  }

  fail(error: GatewayError): string {
    return `data: ${JSON.stringify(encodeFault(error))}\n\n`;
  }

  /** An event with an empty part, as Google itself sends: not all SDKs skip SSE comments. */
  keepAlive(): string {
    this.#identify();
    return HEAD + EMPTY_PART + this.#tail;
  }

  #onText(text: string, logprobs: unknown[] | undefined): string {
    if (text === '' && !logprobs) return '';
    let before = '';
    if (this.#open !== 'text') {
      // A token behind thoughts rides on the text: the AI SDK loses a streamed part of nothing else.
      const token = logprobs ? undefined : this.#pending;
      if (token !== undefined) this.#pending = undefined;
      before = this.#close();
      this.#open = 'text';
      this.#blockStart = this.#text.length;
      if (token !== undefined) {
        this.#text += text;
        return before + this.#frame({ text, thoughtSignature: token });
      }
    }
    this.#text += text;
    this.#identify();
    if (logprobs) return before + this.#frameWithLogprobs(text, logprobs);
    return `${before}${HEAD}{"text":${JSON.stringify(text)}}${this.#tail}`;
  }

  #onReasoning(chunk: Extract<UnifiedChunk, { type: 'reasoning' }>): string {
    let before = '';
    let { text } = chunk;
    if (this.#open !== 'reasoning') {
      before = this.#close();
      this.#open = 'reasoning';
      this.#reasoning = '';
    } else if (chunk.part !== this.#reasoningPart && this.#reasoning !== '') text = `\n\n${text}`;
    this.#reasoningPart = chunk.part;
    this.#reasoning += text;
    if (!this.#shows || text === '') return before;
    this.#identify();
    return `${before}${HEAD}{"text":${JSON.stringify(text)},"thought":true}${this.#tail}`;
  }

  #onOpaque(chunk: Extract<UnifiedChunk, { type: 'opaque' }>): string {
    if (chunk.opaque.format === 'gemini') {
      const isThought = this.#shows && this.#open === 'reasoning';
      const before = this.#open === undefined ? this.#close() : '';
      return before + this.#frame(tokenPart(chunk.opaque.value, isThought));
    }
    const text = this.#open === 'reasoning' ? this.#reasoning : '';
    const before = this.#close();
    this.#pending = encodeToken(this.#context.envelope, chunk.opaque, text);
    return before;
  }

  #onCall(chunk: Extract<UnifiedChunk, { type: 'call' }>): string {
    const own = chunk.opaque?.format === 'gemini' ? chunk.opaque.value : undefined;
    const before = own === undefined ? '' : this.#flush();
    this.#open = undefined;
    this.#reasoning = '';
    this.#calls.set(chunk.index, {
      id: chunk.id,
      name: chunk.name,
      custom: chunk.custom === true,
      text: '',
      token: own ?? this.#pending,
      isComplete: false,
    });
    this.#pending = undefined;
    return before;
  }

  #onCallEnd(index: number): string {
    const call = this.#calls.get(index);
    if (call) call.isComplete = true;
    return this.#showCalls(false);
  }

  /** Shows the calls that are whole, in their order; at the end all of them. */
  #showCalls(isEnd: boolean): string {
    let out = '';
    for (const [index, call] of this.#calls) {
      if (!isEnd && !call.isComplete) break;
      this.#calls.delete(index);
      out += this.#callFrame(call, index);
    }
    return out;
  }

  #callFrame(call: PendingCall, index: number): string {
    const { id, name, text, token } = call;
    const args = callArguments(
      call.custom
        ? { type: 'custom', id, custom: { name, input: text } }
        : { type: 'function', id, function: { name, arguments: text } },
    );
    if (args) return this.#frame(callPart(id, name, args, token));
    this.#malformed = name;
    this.#context.ledger.drop(`reply.tool_calls.${index}`);
    return '';
  }

  /** Ends the open block: what was held back for it leaves before the next thing. */
  #close(): string {
    this.#open = undefined;
    this.#reasoning = '';
    if (this.#calls.size > 0) for (const call of this.#calls.values()) this.#completeIfWhole(call);
    return (this.#calls.size > 0 ? this.#showCalls(false) : '') + this.#flush();
  }

  /** Not every provider says when a call is complete; something else after it says it too. */
  #completeIfWhole(call: PendingCall): void {
    if (call.isComplete || call.custom) return;
    const { id, name, text } = call;
    call.isComplete =
      callArguments({ type: 'function', id, function: { name, arguments: text } }) !== undefined;
  }

  #flush(): string {
    if (this.#pending === undefined) return '';
    const token = this.#pending;
    this.#pending = undefined;
    return this.#frame(tokenPart(token, true));
  }

  #frame(part: object): string {
    this.#identify();
    return HEAD + JSON.stringify(part) + this.#tail;
  }

  #frameWithLogprobs(text: string, logprobs: readonly unknown[]): string {
    const result = JSON.stringify(encodeLogprobs(logprobs));
    const parts = `{"text":${JSON.stringify(text)}}`;
    return `${HEAD}${parts}],"role":"model"},"index":0,"logprobsResult":${result}}]${this.#identity}`;
  }

  #identify(): void {
    if (this.#identity !== '') return;
    const modelVersion = JSON.stringify(this.#context.model);
    const responseId = JSON.stringify(this.#id === '' ? this.#context.newId('') : this.#id);
    this.#identity = `,"modelVersion":${modelVersion},"responseId":${responseId}}\n\n`;
    this.#tail = `],"role":"model"},"index":0}]${this.#identity}`;
  }
}
