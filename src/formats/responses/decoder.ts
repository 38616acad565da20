/** A Responses provider's stream → chunks. */
import { array, isObject, type JsonObject, number, parseJson, text } from '../../json.ts';
import type { SseEvent } from '../../stream/sse.ts';
import { NOTHING } from '../../stream/stage.ts';
import type { UnifiedChunk } from '../../unified.ts';
import type { EventDecoder, ProviderContext } from '../format.ts';
import { decodeAnnotation } from './citations.ts';
import {
  callHead,
  callInput,
  citationsOf,
  decodeImage,
  isProviderRun,
  reasoningTexts,
  reasoningToken,
} from './decode-item.ts';
import { finishOf, type Kinds } from './decode-reply.ts';
import { decodeStreamError } from './errors.ts';
import { decodeUsage } from './usage.ts';

const IDLE: readonly UnifiedChunk[] = [{ type: 'idle' }];

/** The kinds of blocks whose pieces stay together. */
type BlockKind = 'text' | 'refusal' | 'reasoning';

/** What has been seen of one output item. */
interface ItemState {
  readonly id: string | undefined;
  /** Index of the call among the calls of the answer; set once the call was announced. */
  call: number | undefined;
  /** Units of text given so far, by part; of a call's input, at 0. */
  readonly given: number[];
  /** Citations given so far, by part. */
  readonly cited: number[];
  /** Which of the two kinds of reasoning text this item shows; the first that comes. */
  shows: 'summary' | 'content' | undefined;
  /** The token of shown reasoning was given before the item was done. */
  isTokenGiven: boolean;
  /** Some of its deltas passed by unread. */
  isSkipped: boolean;
  isDone: boolean;
}

/**
 * The decoder. Text is given as it comes; whatever an item holds beyond its deltas (some dialects
 * send none, or fill only `response.completed`) is given when the item is done.
 */
export class ResponsesDecoder implements EventDecoder {
  readonly #context: ProviderContext;
  readonly #items = new Map<number | string, ItemState>();
  readonly #kinds: Kinds = { calls: false, refusal: false, text: false };
  #calls = 0;
  #isStarted = false;
  /** A terminal event was seen; nothing after it counts. */
  #isEnded = false;
  /** The open block: kind, item and part; kind is undefined when none is open. */
  #openKind: BlockKind | undefined;
  #openItem: ItemState | undefined;
  #openPart = 0;

  constructor(context: ProviderContext) {
    this.#context = context;
  }

  push(event: SseEvent): readonly UnifiedChunk[] {
    if (this.#isEnded || event.data === '[DONE]') return NOTHING;
    const value = parseJson(event.data);
    if (!isObject(value)) {
      return this.#fail({ message: 'the provider sent an event that is not a JSON object' });
    }
    const type = text(value['type']) ?? event.event;
    switch (type) {
      case 'response.output_text.delta':
        return this.#delta('text', value);
      case 'response.function_call_arguments.delta':
      case 'response.custom_tool_call_input.delta':
        return this.#argumentsDelta(value);
      case 'response.reasoning_summary_text.delta':
        return this.#reasoningDelta('summary', value);
      case 'response.reasoning_text.delta':
        return this.#reasoningDelta('content', value);
      case 'response.refusal.delta':
        return this.#delta('refusal', value);
      case 'response.output_text.annotation.added':
        return this.#annotation(value);
      case 'response.output_item.added':
        return this.#added(value);
      case 'response.output_item.done':
        return this.#done(value);
      case 'response.created':
      case 'response.queued':
      case 'response.in_progress':
        return this.#isStarted ? IDLE : this.#start(value['response']);
      case 'response.completed':
      case 'response.done':
        return this.#end(value['response'], 'completed');
      case 'response.incomplete':
        return this.#end(value['response'], 'incomplete');
      case 'response.failed':
      case 'response.cancelled':
        return this.#failed(value['response']);
      case 'error':
        return this.#fail(decodeStreamError(value));
      default:
        // Progress of hosted tools, `*.done` of what the deltas have said, keep-alives, the unknown.
        return value['error'] !== undefined && value['error'] !== null
          ? this.#fail(decodeStreamError(value))
          : IDLE;
    }
  }

  end(): readonly UnifiedChunk[] {
    if (this.#isEnded) return NOTHING;
    return this.#fail({ message: 'the stream ended before the response was complete' });
  }

  skipped(): void {
    // Several may have been announced before the first piece; which one it was of nobody read.
    for (const item of this.#items.values()) if (!item.isDone) item.isSkipped = true;
  }

  #fail(error: Extract<UnifiedChunk, { type: 'error' }>['error']): readonly UnifiedChunk[] {
    this.#isEnded = true;
    return [{ type: 'error', error }];
  }

  #failed(value: unknown): readonly UnifiedChunk[] {
    const response = isObject(value) ? value : {};
    return this.#fail(decodeStreamError(response['error'] ?? {}));
  }

  #start(value: unknown): readonly UnifiedChunk[] {
    this.#isStarted = true;
    const response = isObject(value) ? value : {};
    const created = number(response['created_at']);
    return [
      {
        type: 'start',
        id: text(response['id']) ?? '',
        model: text(response['model']) ?? '',
        ...(created !== undefined && { created: Math.floor(created) }),
      },
    ];
  }

  /** A list to fill; begins with `start` when the provider left out its first events. */
  #begin(): UnifiedChunk[] {
    return this.#isStarted ? [] : [...this.#start(undefined)];
  }

  // ---------------------------------------------------------------- pieces

  #delta(kind: 'text' | 'refusal', event: JsonObject): readonly UnifiedChunk[] {
    const piece = event['delta'];
    if (typeof piece !== 'string' || piece === '') return NOTHING;
    const item = this.#itemOf(event);
    const part = number(event['content_index']) ?? 0;
    item.given[part] = (item.given[part] ?? 0) + piece.length;
    this.#kinds[kind] = true;
    const logprobs = event['logprobs'];
    const chunk: UnifiedChunk =
      kind === 'text' && Array.isArray(logprobs) && logprobs.length > 0
        ? { type: 'text', text: piece, logprobs }
        : { type: kind, text: piece };
    if (this.#openKind === kind && this.#openItem === item && this.#openPart === part) {
      return [chunk];
    }
    const out = this.#begin();
    this.#open(kind, item, part, out);
    out.push(chunk);
    return out;
  }

  #reasoningDelta(shows: 'summary' | 'content', event: JsonObject): readonly UnifiedChunk[] {
    const piece = event['delta'];
    if (typeof piece !== 'string' || piece === '') return NOTHING;
    const item = this.#itemOf(event);
    const index = number(event[shows === 'summary' ? 'summary_index' : 'content_index']) ?? 0;
    item.shows ??= shows;
    if (item.shows !== shows) {
      // Both the reasoning and its summary: unified has room for one of them.
      this.#context.ledger.drop(`reply.output.${this.#keyOf(event)}.${shows}`);
      return NOTHING;
    }
    item.given[index] = (item.given[index] ?? 0) + piece.length;
    const out = this.#begin();
    this.#reasoning(item, index, piece, out);
    return out;
  }

  #reasoning(item: ItemState, part: number, piece: string, out: UnifiedChunk[]): void {
    const isSummary = item.shows !== 'content';
    // Parts of a summary belong to one block; several texts of shown reasoning do as well.
    this.#open('reasoning', item, 0, out);
    out.push({
      type: 'reasoning',
      text: piece,
      ...(isSummary && { summarized: true }),
      part,
      ...(item.id !== undefined && { id: item.id }),
    });
  }

  #argumentsDelta(event: JsonObject): readonly UnifiedChunk[] {
    const piece = event['delta'];
    const item = this.#itemOf(event);
    // A call that has not been announced is given whole when it is done.
    if (item.call === undefined || typeof piece !== 'string' || piece === '') return NOTHING;
    item.given[0] = (item.given[0] ?? 0) + piece.length;
    return [{ type: 'arguments', index: item.call, text: piece }];
  }

  #annotation(event: JsonObject): readonly UnifiedChunk[] {
    const citation = decodeAnnotation(event['annotation']);
    if (citation === undefined) return NOTHING;
    const item = this.#itemOf(event);
    const part = number(event['content_index']) ?? 0;
    item.cited[part] = (item.cited[part] ?? 0) + 1;
    return [...this.#begin(), { type: 'citation', citation }];
  }

  // ---------------------------------------------------------------- items

  #added(event: JsonObject): readonly UnifiedChunk[] {
    const item = event['item'];
    if (!isObject(item)) return NOTHING;
    const state = this.#newItem(event, item);
    const out = this.#begin();
    const isCall = item['type'] === 'function_call' || item['type'] === 'custom_tool_call';
    if (isCall && text(item['name']) && !isProviderRun(item)) this.#announce(item, state, out);
    return out.length === 0 ? IDLE : out;
  }

  #announce(item: JsonObject, state: ItemState, out: UnifiedChunk[]): number {
    this.#close(out);
    const index = this.#calls++;
    state.call = index;
    this.#kinds.calls = true;
    const isCustom = item['type'] === 'custom_tool_call';
    const head = callHead(item, this.#context);
    out.push({ type: 'call', index, ...head, ...(isCustom && { custom: true }) });
    return index;
  }

  #done(event: JsonObject): readonly UnifiedChunk[] {
    const item = event['item'];
    if (!isObject(item)) return NOTHING;
    const known = this.#items.get(this.#keyOf(event));
    const state = known === undefined || known.isDone ? this.#newItem(event, item) : known;
    const out = this.#begin();
    this.#finish(item, state, out);
    return out;
  }

  /** Gives what an item holds and its deltas have not said, and closes it. */
  #finish(item: JsonObject, state: ItemState, out: UnifiedChunk[]): void {
    state.isDone = true;
    switch (item['type']) {
      case 'message':
        this.#finishMessage(item, state, out);
        break;
      case 'reasoning':
        this.#finishReasoning(item, state, out);
        break;
      case 'function_call':
        this.#finishCall(item, state, out);
        break;
      case 'custom_tool_call':
        if (isProviderRun(item)) this.#hosted(item, out);
        else this.#finishCall(item, state, out);
        break;
      case 'image_generation_call': {
        const image = decodeImage(item);
        this.#close(out);
        out.push(image ?? { type: 'hosted', format: 'responses', value: item });
        break;
      }
      default:
        this.#hosted(item, out);
    }
  }

  #hosted(value: JsonObject, out: UnifiedChunk[]): void {
    if (text(value['type']) === undefined) return;
    this.#close(out);
    out.push({ type: 'hosted', format: 'responses', value });
  }

  #finishMessage(item: JsonObject, state: ItemState, out: UnifiedChunk[]): void {
    array(item['content']).forEach((part, index) => {
      if (!isObject(part)) return;
      const kind = part['type'] === 'refusal' ? 'refusal' : 'text';
      const whole = text(part[kind]) ?? '';
      const rest = restOf(whole, state, index);
      if (whole !== '') this.#kinds[kind] = true;
      if (rest !== '') {
        this.#open(kind, state, index, out);
        out.push({ type: kind, text: rest });
      }
      for (const citation of citationsOf(part).slice(state.cited[index] ?? 0)) {
        out.push({ type: 'citation', citation });
      }
    });
    if (this.#openItem === state) this.#close(out);
  }

  #finishReasoning(item: JsonObject, state: ItemState, out: UnifiedChunk[]): void {
    if (state.shows === undefined) {
      const { texts, summarized } = reasoningTexts(item);
      state.shows = summarized ? 'summary' : 'content';
      texts.forEach((whole, index) => {
        const rest = restOf(whole, state, index);
        if (rest === '') return;
        state.given[index] = whole.length;
        this.#reasoning(state, index, rest, out);
      });
    }
    const isShown = state.shows === 'content' && state.given.length > 0;
    const opaque = reasoningToken(item, isShown && !state.isTokenGiven, this.#context);
    if (opaque !== undefined) {
      // Of a block that was closed before, or that has no text at all.
      if (this.#openItem !== state) this.#close(out);
      // The token is bound to the id that comes with it (GitHub Copilot gives every event another).
      const id = text(item['id']) ?? state.id;
      out.push({ type: 'opaque', opaque, ...(id !== undefined && { id }) });
      out.push({ type: 'blockEnd' });
      this.#openKind = undefined;
      this.#openItem = undefined;
    } else if (this.#openItem === state) {
      this.#close(out);
    }
  }

  #finishCall(item: JsonObject, state: ItemState, out: UnifiedChunk[]): void {
    const index = state.call ?? this.#announce(item, state, out);
    const rest = restOf(callInput(item), state, 0);
    if (rest !== '') out.push({ type: 'arguments', index, text: rest });
    out.push({ type: 'callEnd', index });
  }

  // ---------------------------------------------------------------- the end

  /** `status` is what the event says, where the response in it does not. */
  #end(value: unknown, status: string): readonly UnifiedChunk[] {
    const response: JsonObject = isObject(value) ? { status, ...value } : { status };
    if (response['status'] === 'failed') return this.#failed(response);
    const out = this.#begin();
    array(response['output']).forEach((item, index) => {
      if (!isObject(item)) return;
      const known = this.#items.get(index) ?? this.#items.get(text(item['id']) ?? '');
      if (known?.isDone !== true) this.#finish(item, known ?? newState(item), out);
    });
    this.#close(out);
    this.#isEnded = true;
    const usage = decodeUsage(response['usage']);
    const serviceTier = text(response['service_tier']);
    if (usage !== undefined) {
      out.push({ type: 'usage', usage, ...(serviceTier !== undefined && { serviceTier }) });
    }
    out.push({ type: 'finish', finish: finishOf(response, this.#kinds) }, { type: 'done' });
    return out;
  }

  // ---------------------------------------------------------------- state

  /** Opens a block unless it is open; closes another one. */
  #open(kind: BlockKind, item: ItemState, part: number, out: UnifiedChunk[]): void {
    if (this.#openKind === kind && this.#openItem === item && this.#openPart === part) return;
    this.#close(out);
    this.#openKind = kind;
    this.#openItem = item;
    this.#openPart = part;
  }

  /** Closes the open block. Shown reasoning gets its empty token now: its item may be done late. */
  #close(out: UnifiedChunk[]): void {
    const item = this.#openItem;
    if (this.#openKind === undefined || item === undefined) return;
    if (this.#openKind === 'reasoning' && item.shows === 'content' && !item.isDone) {
      item.isTokenGiven = true;
      const { provider, model } = this.#context;
      const id = item.id === undefined ? {} : { id: item.id };
      out.push({
        type: 'opaque',
        opaque: { value: '', format: 'responses', provider, model },
        ...id,
      });
    }
    out.push({ type: 'blockEnd' });
    this.#openKind = undefined;
    this.#openItem = undefined;
  }

  #keyOf(event: JsonObject): number | string {
    return number(event['output_index']) ?? text(event['item_id']) ?? idOf(event['item']) ?? 0;
  }

  #itemOf(event: JsonObject): ItemState {
    const key = this.#keyOf(event);
    let item = this.#items.get(key);
    if (item === undefined) {
      item = newState({ id: event['item_id'] });
      this.#items.set(key, item);
    }
    return item;
  }

  #newItem(event: JsonObject, item: JsonObject): ItemState {
    const state = newState(item);
    this.#items.set(this.#keyOf(event), state);
    return state;
  }
}

/** What an item says beyond its deltas. */
function restOf(whole: string, state: ItemState, part: number): string {
  return state.isSkipped ? '' : whole.slice(state.given[part] ?? 0);
}

function newState(item: JsonObject): ItemState {
  return {
    id: text(item['id']),
    call: undefined,
    given: [],
    cited: [],
    shows: undefined,
    isTokenGiven: false,
    isSkipped: false,
    isDone: false,
  };
}

function idOf(item: unknown): string | undefined {
  return isObject(item) ? text(item['id']) : undefined;
}
