/** A provider's event stream → chunks. */
import { array, isObject, type JsonObject, number, object, parseJson, text } from '../../json.ts';
import type { SseEvent } from '../../stream/sse.ts';
import { NOTHING, type Stage } from '../../stream/stage.ts';
import type { ProviderFault, UnifiedChunk, Usage } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { decodeCitation } from './citations.ts';
import { opaqueOf, reportCaller, reportReply } from './decode-reply.ts';
import { decodeFault } from './errors.ts';
import { decodeFinish } from './finish.ts';
import { decodeUsage } from './usage.ts';

/** A block between its start and its stop. */
interface OpenBlock {
  kind: 'text' | 'thinking' | 'redacted' | 'call' | 'hosted';
  /** The block as it started; deltas of a hosted block are worked into it. */
  value: JsonObject;
  /** Kind call: which call of the answer it is. */
  call: number;
  /** JSON text of the input so far. Calls: only whether there was any. */
  json: string;
  /** Thinking: its token, the last one counts. */
  signature: string;
  /** Thinking: whether there was any text. */
  hasText: boolean;
}

export class MessagesDecoder implements Stage<SseEvent, UnifiedChunk> {
  readonly #context: ProviderContext;
  /** Open blocks by their index; there is one at a time, but the wire does not promise it. */
  readonly #open = new Map<number, OpenBlock>();
  /** Calls seen so far; gives the next call its number. */
  #calls = 0;
  /** The counts so far: `message_delta` overwrites them. */
  #usage: Usage | undefined;
  #hasStarted = false;
  /** Set by a `stop_reason`: the answer is complete though `message_stop` may be missing. */
  #isComplete = false;
  /** Set by `message_stop` or an error: nothing follows. */
  #isClosed = false;

  constructor(context: ProviderContext) {
    this.#context = context;
  }

  push({ event, data }: SseEvent): readonly UnifiedChunk[] {
    if (this.#isClosed) return NOTHING;
    const json = parseJson(data);
    if (!isObject(json)) {
      if (data === '' || data === '[DONE]') return NOTHING;
      return this.#fail({ message: 'The provider sent an event that is not JSON.' });
    }
    switch (json['type'] ?? event) {
      case 'content_block_delta':
        return this.#delta(json);
      case 'content_block_start':
        return this.#startBlock(json);
      case 'content_block_stop':
        return this.#stopBlock(json);
      case 'message_start':
        return this.#start(json);
      case 'message_delta':
        return this.#finish(json);
      case 'message_stop':
        this.#isClosed = true;
        return [{ type: 'done' }];
      case 'ping':
        return [{ type: 'idle' }];
      case 'error':
        return this.#fail(decodeFault(json));
      default:
        // An error body without the envelope, as some makers send it; other events are new ones.
        return json['error'] ? this.#fail(decodeFault(json)) : NOTHING;
    }
  }

  end(): readonly UnifiedChunk[] {
    if (this.#isClosed) return NOTHING;
    if (!this.#isComplete) {
      return this.#fail({
        message: 'The provider closed the stream before the answer was complete.',
      });
    }
    this.#isClosed = true;
    return [{ type: 'done' }];
  }

  #fail(error: ProviderFault): readonly UnifiedChunk[] {
    this.#isClosed = true;
    return [{ type: 'error', error }];
  }

  #start(json: JsonObject): readonly UnifiedChunk[] {
    const message = object(json['message']) ?? {};
    if (this.#hasStarted) return NOTHING;
    this.#hasStarted = true;
    const usage = object(message['usage']);
    if (usage) this.#usage = decodeUsage(usage);
    const out: UnifiedChunk[] = [
      {
        type: 'start',
        id: text(message['id']) ?? '',
        model: text(message['model']) ?? this.#context.model,
        ...(this.#usage && { usage: this.#usage }),
      },
    ];
    reportReply(message, this.#context.ledger);
    // A resumed turn begins with the blocks that it already had.
    array(message['content']).forEach((block, i) => {
      if (!isObject(block)) return;
      const index = -1 - i;
      out.push(...this.#startBlock({ index, content_block: block }));
      out.push(...this.#stopBlock({ index }));
    });
    return out;
  }

  #startBlock(json: JsonObject): readonly UnifiedChunk[] {
    const value = object(json['content_block']) ?? {};
    const block: OpenBlock = {
      kind: 'hosted',
      value,
      call: -1,
      json: '',
      signature: '',
      hasText: false,
    };
    this.#open.set(number(json['index']) ?? 0, block);
    switch (value['type']) {
      case 'text':
        block.kind = 'text';
        return this.#startText(value);
      case 'thinking': {
        block.kind = 'thinking';
        block.signature = text(value['signature']) ?? '';
        return this.#think(block, text(value['thinking']) ?? '');
      }
      case 'redacted_thinking':
        block.kind = 'redacted';
        return [{ type: 'redacted', opaque: opaqueOf(text(value['data']) ?? '', this.#context) }];
      case 'tool_use':
        block.kind = 'call';
        block.call = this.#calls;
        this.#calls += 1;
        reportCaller(value, `reply.content.${json['index']}`, this.#context.ledger);
        return [
          {
            type: 'call',
            index: block.call,
            id: text(value['id']) ?? '',
            name: text(value['name']) ?? '',
          },
        ];
      default:
        return NOTHING;
    }
  }

  #startText(value: JsonObject): readonly UnifiedChunk[] {
    const start = text(value['text']) ?? '';
    const citations = array(value['citations']).filter(isObject);
    if (start === '' && citations.length === 0) return NOTHING;
    const out: UnifiedChunk[] = start === '' ? [] : [{ type: 'text', text: start }];
    for (const each of citations) out.push({ type: 'citation', citation: decodeCitation(each) });
    return out;
  }

  #think(block: OpenBlock, piece: string): readonly UnifiedChunk[] {
    if (piece === '') return NOTHING;
    block.hasText = true;
    return [{ type: 'reasoning', text: piece }];
  }

  #delta(json: JsonObject): readonly UnifiedChunk[] {
    const delta = json['delta'];
    if (!isObject(delta)) return NOTHING;
    // Text needs nothing of its block; it is the commonest event of all.
    if (delta['type'] === 'text_delta') {
      const piece = delta['text'];
      return typeof piece === 'string' && piece !== '' ? [{ type: 'text', text: piece }] : NOTHING;
    }
    const block = this.#open.get(number(json['index']) ?? 0);
    if (!block) return NOTHING;
    switch (delta['type']) {
      case 'thinking_delta':
        return this.#think(block, text(delta['thinking']) ?? '');
      case 'input_json_delta':
        return this.#input(block, text(delta['partial_json']) ?? '');
      case 'signature_delta':
        block.signature = text(delta['signature']) ?? block.signature;
        return NOTHING;
      case 'citations_delta': {
        const citation = object(delta['citation']);
        return citation ? [{ type: 'citation', citation: decodeCitation(citation) }] : NOTHING;
      }
      default: {
        // `compaction_delta` and what may come: its fields are the block's.
        const { type: _, ...fields } = delta;
        if (block.kind === 'hosted') block.value = { ...block.value, ...fields };
        return NOTHING;
      }
    }
  }

  #input(block: OpenBlock, piece: string): readonly UnifiedChunk[] {
    if (piece === '') return NOTHING;
    if (block.kind !== 'call') {
      block.json += piece;
      return NOTHING;
    }
    block.json = 'seen';
    return [{ type: 'arguments', index: block.call, text: piece }];
  }

  #stopBlock(json: JsonObject): readonly UnifiedChunk[] {
    const index = number(json['index']) ?? 0;
    const block = this.#open.get(index);
    if (!block) return NOTHING;
    this.#open.delete(index);
    switch (block.kind) {
      case 'text':
        return [{ type: 'blockEnd' }];
      case 'thinking': {
        if (block.signature === '' && !block.hasText) return NOTHING;
        const opaque = opaqueOf(block.signature, this.#context);
        return [{ type: 'opaque', opaque }, { type: 'blockEnd' }];
      }
      case 'redacted':
        return NOTHING;
      case 'call':
        return this.#stopCall(block);
      case 'hosted':
        return [{ type: 'hosted', format: 'messages', value: hostedValue(block) }];
    }
  }

  /** Some makers send the whole input with the start of the block. */
  #stopCall(block: OpenBlock): readonly UnifiedChunk[] {
    const end: UnifiedChunk = { type: 'callEnd', index: block.call };
    const input = object(block.value['input']);
    if (block.json !== '' || !input || Object.keys(input).length === 0) return [end];
    return [{ type: 'arguments', index: block.call, text: JSON.stringify(input) }, end];
  }

  #finish(json: JsonObject): readonly UnifiedChunk[] {
    const out: UnifiedChunk[] = [];
    const usage = object(json['usage']);
    if (usage) {
      this.#usage = decodeUsage(usage, this.#usage);
      const tier = text(usage['service_tier']);
      out.push({
        type: 'usage',
        usage: this.#usage,
        ...(tier !== undefined && { serviceTier: tier }),
      });
    }
    const delta = object(json['delta']);
    const reason = text(delta?.['stop_reason']);
    if (delta && reason !== undefined) {
      this.#isComplete = true;
      const stopSequence = text(delta['stop_sequence']);
      out.push({
        type: 'finish',
        finish: decodeFinish(reason, this.#calls > 0),
        ...(stopSequence !== undefined && { stopSequence }),
      });
      reportReply({ ...json, ...delta }, this.#context.ledger);
    }
    return out;
  }
}

/** A hosted block with the input that came in pieces. */
function hostedValue({ value, json }: OpenBlock): JsonObject {
  if (json === '') return value;
  const input = parseJson(json);
  return { ...value, input: input === undefined ? json : input };
}
