/** Chunks → a client's event stream. */
import type { GatewayError } from '../../errors.ts';
import { isObject, type JsonObject, parseJson } from '../../json.ts';
import { alikeFrames, sseFrame } from '../../stream/sse.ts';
import {
  type Finish,
  hostedName,
  type Opaque,
  type UnifiedChunk,
  type Usage,
} from '../../unified.ts';
import type { ClientContext, ReplyEncoder } from '../format.ts';
import {
  asksForThinking,
  CallIds,
  callToken,
  encodeCitations,
  signatureOf,
} from './encode-reply.ts';
import { errorBody } from './errors.ts';
import { encodeFinish } from './finish.ts';
import { encodeUsage } from './usage.ts';

const PING = sseFrame('{"type":"ping"}', 'ping');
const STOP = sseFrame('{"type":"message_stop"}', 'message_stop');

type CallChunk = Extract<UnifiedChunk, { type: 'call' }>;

/** A call of the answer, shown or still held back. */
interface Call {
  readonly chunk: CallChunk;
  /** Its arguments so far, also those that were shown. */
  text: string;
  /** The provider said that it is complete. */
  hasEnded: boolean;
  state: 'held' | 'open' | 'closed';
}

/**
 * Blocks of this format stand one after another, while the calls of an answer may come mixed. What
 * comes behind a call that is not complete is held until it is, so that each fragment lands on its
 * own block and nothing overtakes anything.
 */
export class MessagesEncoder implements ReplyEncoder {
  readonly #context: ClientContext;
  readonly #ids = new CallIds();
  #hasStarted = false;
  /** Index of the next block to open. */
  #next = 0;
  #open: 'none' | 'text' | 'thinking' | 'call' = 'none';
  /** All of a delta event of the open block up to the text; set when a block opens. */
  #prefix = '';
  /** The text of the open thinking block, to which its token is bound. */
  #thinking = '';
  /** The token of the open thinking block; written when it closes. */
  #token: Opaque | undefined;
  /** The part of a summary that the open thinking block is in. */
  #part: number | undefined;
  readonly #calls = new Map<number, Call>();
  /** The call whose block is open. */
  #call: Call | undefined;
  /** What waits behind the open call, in order; a held call stands for its arguments too. */
  #held: UnifiedChunk[] = [];
  #finish: Finish = 'stop';
  #stopSequence: string | undefined;
  #usage: Usage | undefined;
  /** Characters of the answer, for an estimate where the provider counts nothing. */
  #characters = 0;

  constructor(context: ClientContext) {
    this.#context = context;
  }

  pushPieces(pieces: readonly string[], text: string): string | undefined {
    if (this.#open !== 'text') return undefined;
    this.#characters += text.length;
    return alikeFrames(this.#prefix, pieces, '}}\n\n');
  }

  push(chunk: UnifiedChunk): string {
    switch (chunk.type) {
      case 'text':
        if (this.#open === 'text') {
          this.#characters += chunk.text.length;
          return `${this.#prefix}${JSON.stringify(chunk.text)}}}\n\n`;
        }
        return this.#inOrder(chunk);
      case 'arguments':
        return this.#arguments(chunk.index, chunk.text);
      case 'start':
        return this.#start(chunk);
      case 'usage':
        this.#usage = chunk.usage;
        return '';
      case 'finish':
        this.#finish = chunk.finish;
        this.#stopSequence = chunk.stopSequence;
        return '';
      case 'callEnd':
        return this.#callEnd(chunk.index);
      case 'idle':
        return PING;
      case 'done':
      case 'error':
        return '';
      default:
        return this.#inOrder(chunk);
    }
  }

  end(): string {
    let out = this.#ensureStarted() + this.#closeBlock();
    while (this.#held.length) out += this.#release(true);
    out += this.#closeBlock();
    const usage = this.#usage ?? {
      input: this.#context.estimateInput(),
      cached: 0,
      cacheWrite: 0,
      // Four characters a token, as the estimate of the input counts.
      output: Math.ceil(this.#characters / 4),
    };
    const delta = {
      type: 'message_delta',
      delta: {
        stop_reason: encodeFinish(this.#finish, this.#calls.size > 0),
        stop_sequence: this.#stopSequence ?? null,
      },
      usage: encodeUsage(usage),
    };
    return out + sseFrame(JSON.stringify(delta), 'message_delta') + STOP;
  }

  /** Claude Code takes a stream that just ends for a complete answer; only this event says it broke. */
  fail(error: GatewayError): string {
    return sseFrame(JSON.stringify(errorBody(error)), 'error');
  }

  keepAlive(): string {
    return PING;
  }

  #start(chunk: Extract<UnifiedChunk, { type: 'start' }>): string {
    if (chunk.usage) this.#usage = chunk.usage;
    if (this.#hasStarted) return '';
    this.#hasStarted = true;
    // An estimate rather than 0, which would tell the client that its context is empty.
    const usage = chunk.usage ?? {
      input: this.#context.estimateInput(),
      cached: 0,
      cacheWrite: 0,
      output: 0,
    };
    const message = {
      id: chunk.id || this.#context.newId('msg_'),
      type: 'message',
      role: 'assistant',
      model: this.#context.model,
      content: [],
      stop_reason: null,
      stop_sequence: null,
      usage: encodeUsage(usage),
    };
    return sseFrame(JSON.stringify({ type: 'message_start', message }), 'message_start');
  }

  #ensureStarted(): string {
    return this.#hasStarted ? '' : this.#start({ type: 'start', id: '', model: '' });
  }

  /** Shows a chunk, or holds it behind a call that is not complete. */
  #inOrder(chunk: UnifiedChunk): string {
    if (chunk.type === 'call') {
      this.#calls.set(chunk.index, { chunk, text: '', hasEnded: false, state: 'held' });
    }
    let out = this.#ensureStarted();
    if (this.#held.length && this.#isFree()) out += this.#closeBlock() + this.#release(false);
    if (this.#held.length || !this.#isFree()) this.#held.push(chunk);
    else out += this.#show(chunk);
    return out;
  }

  /** True when no call is open that may still get arguments. */
  #isFree(): boolean {
    return this.#call === undefined || isComplete(this.#call);
  }

  #show(chunk: UnifiedChunk): string {
    switch (chunk.type) {
      case 'text':
      case 'refusal':
        return this.#text(chunk.text);
      case 'reasoning':
        return this.#reason(chunk);
      case 'opaque':
        return this.#opaque(chunk.opaque);
      case 'redacted':
        return this.#whole({
          type: 'redacted_thinking',
          data: signatureOf(chunk.opaque, '', this.#context),
        });
      case 'citation':
        return this.#citation(chunk);
      case 'blockEnd':
        return this.#open === 'call' ? '' : this.#closeBlock();
      case 'call':
        return this.#startCall(chunk);
      case 'hosted':
        if (chunk.format === 'messages') return this.#hosted(chunk.value);
        this.#context.ledger.drop(`reply.${hostedName(chunk.value)}`);
        return '';
      case 'media':
        this.#context.ledger.drop(`reply.${chunk.mediaType}`);
        return '';
      default:
        return '';
    }
  }

  // ---------------------------------------------------------------- blocks

  #openBlock(kind: 'text' | 'thinking' | 'call', block: object, delta: string): string {
    const index = this.#next;
    this.#open = kind;
    this.#prefix = `event: content_block_delta\ndata: {"type":"content_block_delta","index":${index},"delta":${delta}`;
    return sseFrame(
      JSON.stringify({ type: 'content_block_start', index, content_block: block }),
      'content_block_start',
    );
  }

  #closeBlock(): string {
    if (this.#open === 'none') return '';
    let out = '';
    if (this.#open === 'thinking' && this.#token) {
      const signature = signatureOf(this.#token, this.#thinking, this.#context);
      out += this.#delta({ type: 'signature_delta', signature });
    }
    if (this.#open === 'call') out += this.#closeCall();
    this.#open = 'none';
    this.#token = undefined;
    this.#thinking = '';
    this.#part = undefined;
    return out + this.#blockStop();
  }

  #blockStop(): string {
    const index = this.#next;
    this.#next += 1;
    return `event: content_block_stop\ndata: {"type":"content_block_stop","index":${index}}\n\n`;
  }

  #delta(delta: object): string {
    const event = { type: 'content_block_delta', index: this.#next, delta };
    return sseFrame(JSON.stringify(event), 'content_block_delta');
  }

  /** A block that is complete when it starts. */
  #whole(block: object): string {
    const closed = this.#closeBlock();
    const event = { type: 'content_block_start', index: this.#next, content_block: block };
    return closed + sseFrame(JSON.stringify(event), 'content_block_start') + this.#blockStop();
  }

  #openText(): string {
    if (this.#open === 'text') return '';
    return (
      this.#closeBlock() +
      this.#openBlock('text', { type: 'text', text: '' }, '{"type":"text_delta","text":')
    );
  }

  #text(text: string): string {
    if (text === '') return '';
    this.#characters += text.length;
    const opened = this.#openText();
    return `${opened}${this.#prefix}${JSON.stringify(text)}}}\n\n`;
  }

  #citation({ citation }: Extract<UnifiedChunk, { type: 'citation' }>): string {
    const [wire] = encodeCitations([citation], '', this.#context);
    if (!wire) return '';
    return this.#openText() + this.#delta({ type: 'citations_delta', citation: wire });
  }

  #openThinking(): string {
    if (this.#open === 'thinking') return '';
    return (
      this.#closeBlock() +
      this.#openBlock(
        'thinking',
        { type: 'thinking', thinking: '', signature: '' },
        '{"type":"thinking_delta","thinking":',
      )
    );
  }

  #reason({ text, part }: Extract<UnifiedChunk, { type: 'reasoning' }>): string {
    if (text === '') return '';
    // Text behind a token belongs to another block.
    const closed = this.#open === 'thinking' && this.#token ? this.#closeBlock() : '';
    const opened = closed + this.#openThinking();
    const isNewPart = part !== undefined && this.#part !== undefined && part !== this.#part;
    if (part !== undefined) this.#part = part;
    const piece = isNewPart ? `\n\n${text}` : text;
    this.#thinking += piece;
    this.#characters += piece.length;
    return `${opened}${this.#prefix}${JSON.stringify(piece)}}}\n\n`;
  }

  #opaque(opaque: Opaque): string {
    if (this.#open === 'text') {
      this.#context.ledger.drop('reply.thoughtSignature');
      return '';
    }
    const opened = this.#openThinking();
    this.#token = opaque;
    return opened;
  }

  /** Work of a provider's own tool, as the provider streamed it. */
  #hosted(value: JsonObject): string {
    const { input, ...rest } = value;
    const closed = this.#closeBlock();
    if (value['type'] === 'compaction') {
      const { type, ...fields } = value;
      return (
        closed +
        this.#openBlock('text', { type, content: null }, '') +
        this.#delta({ type: 'compaction_delta', ...fields }) +
        this.#closeBlock()
      );
    }
    if (input === undefined) return closed + this.#whole(value);
    return (
      closed +
      this.#openBlock('text', { ...rest, input: {} }, '') +
      this.#delta({ type: 'input_json_delta', partial_json: JSON.stringify(input) }) +
      this.#closeBlock()
    );
  }

  // ---------------------------------------------------------------- calls

  #startCall(chunk: CallChunk): string {
    const call = this.#calls.get(chunk.index);
    if (!call) return '';
    let out = chunk.opaque ? this.#callToken(chunk.opaque) : '';
    out += this.#closeBlock();
    const id = this.#ids.next(chunk.id, this.#context);
    const block = { type: 'tool_use', id, name: chunk.name, input: {} };
    out += this.#openBlock('call', block, '{"type":"input_json_delta","partial_json":');
    call.state = 'open';
    this.#call = call;
    // What came while it was held.
    if (call.text !== '' && !chunk.custom)
      out += `${this.#prefix}${JSON.stringify(call.text)}}}\n\n`;
    return out;
  }

  /** A call's token goes into the thinking directly before it; an empty one is made where it must. */
  #callToken(opaque: Opaque): string {
    const token = callToken(opaque);
    if (this.#open === 'thinking' && !this.#token) {
      this.#token = token;
      return '';
    }
    if (!asksForThinking(this.#context)) {
      this.#context.ledger.drop('reply.thoughtSignature');
      return '';
    }
    const out = this.#closeBlock() + this.#openThinking();
    this.#token = token;
    return out;
  }

  #arguments(index: number, text: string): string {
    const call = this.#calls.get(index);
    if (text === '') return '';
    if (!call || call.state === 'closed') {
      this.#context.ledger.drop(`reply.tool_calls.${index}.arguments`);
      return '';
    }
    call.text += text;
    this.#characters += text.length;
    if (call !== this.#call || call.chunk.custom) return '';
    return `${this.#prefix}${JSON.stringify(text)}}}\n\n`;
  }

  #callEnd(index: number): string {
    const call = this.#calls.get(index);
    if (!call) return '';
    call.hasEnded = true;
    if (call !== this.#call) return '';
    return this.#closeBlock() + this.#release(false);
  }

  /** Ends the open call's input; one without arguments is the empty object. */
  #closeCall(): string {
    const call = this.#call;
    this.#call = undefined;
    if (!call) return '';
    call.state = 'closed';
    if (call.chunk.custom) {
      const input = JSON.stringify({ input: call.text });
      return `${this.#prefix}${JSON.stringify(input)}}}\n\n`;
    }
    return call.text === '' ? `${this.#prefix}"{}"}}\n\n` : '';
  }

  /** Shows what was held, up to the next call that is not complete; all of it when nothing follows. */
  #release(isLast: boolean): string {
    let out = '';
    while (this.#held.length) {
      if (!isLast && !this.#isFree()) break;
      const chunk = this.#held.shift();
      if (chunk) out += this.#show(chunk);
      if (this.#call?.hasEnded) out += this.#closeBlock();
    }
    return out;
  }
}

/** True when no more arguments can come: said so, or the JSON is whole. */
function isComplete(call: Call): boolean {
  return call.hasEnded || (!call.chunk.custom && isObject(parseJson(call.text)));
}
