/** The call items of a client's stream. Several may be open at once: their deltas name the item. */
import type { UnifiedChunk } from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { type DeltaFrame, deltaFrame, type Frames } from './frames.ts';
import { type CallHead, callItem, callItemId, type ItemStatus } from './items.ts';

interface OpenCall {
  readonly id: string;
  readonly index: number;
  readonly head: CallHead;
  readonly frame: DeltaFrame;
  /** The arguments, or the free text, so far. */
  input: string;
  isDone: boolean;
}

export class CallWriter {
  readonly #frames: Frames;
  readonly #context: ClientContext;
  /** By the index that the chunks give a call. */
  readonly #calls = new Map<number, OpenCall>();

  constructor(frames: Frames, context: ClientContext) {
    this.#frames = frames;
    this.#context = context;
  }

  open(chunk: Extract<UnifiedChunk, { type: 'call' }>): string {
    const { id, name, custom, namespace } = chunk;
    const head: CallHead = {
      id,
      name,
      ...(custom === true && { custom }),
      ...(namespace !== undefined && { namespace }),
    };
    const itemId = callItemId(head, this.#context);
    const index = this.#frames.nextIndex();
    const event =
      custom === true
        ? 'response.custom_tool_call_input.delta'
        : 'response.function_call_arguments.delta';
    const frame = deltaFrame(event, `,"item_id":"${itemId}","output_index":${index}`);
    this.#calls.set(chunk.index, { id: itemId, index, head, frame, input: '', isDone: false });
    return this.#frames.added(index, callItem(itemId, head, '', 'in_progress'));
  }

  delta(chunk: Extract<UnifiedChunk, { type: 'arguments' }>): string {
    const call = this.#calls.get(chunk.index);
    if (call === undefined || call.isDone || chunk.text === '') return '';
    call.input += chunk.text;
    return this.#frames.delta(call.frame, chunk.text);
  }

  close(index: number): string {
    const call = this.#calls.get(index);
    return call === undefined ? '' : this.#close(call, 'completed');
  }

  closeAll(status: ItemStatus): string {
    let out = '';
    for (const call of this.#calls.values()) out += this.#close(call, status);
    return out;
  }

  #close(call: OpenCall, status: ItemStatus): string {
    if (call.isDone) return '';
    call.isDone = true;
    const { id, index, head, frame } = call;
    const at = { item_id: id, output_index: index };
    let out = '';
    if (head.custom === true) {
      out = this.#frames.json('response.custom_tool_call_input.done', { ...at, input: call.input });
    } else {
      if (call.input === '') {
        // A function without arguments is called with none, not with nothing.
        call.input = '{}';
        out = this.#frames.delta(frame, '{}');
      }
      const { name } = head;
      const done = { ...at, name, arguments: call.input };
      out += this.#frames.json('response.function_call_arguments.done', done);
    }
    return out + this.#frames.done(index, callItem(id, head, call.input, status));
  }
}
