/** Reads the tool calls of a provider's answer, however the provider counts and repeats them. */
import { isObject, type JsonObject, number, object, parseJson, text } from '../../json.ts';
import type { UnifiedChunk } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { argumentText, googleToken } from './dialect.ts';

/** One call while it comes in. */
interface Slot {
  /** The provider's index; several calls may share one (Cerebras), or have none (Ollama, Google). */
  wire: number | undefined;
  /** The provider's id, '' until it names one. */
  wireId: string;
  name: string;
  /** Our index; undefined until the name is known and the call was given out. */
  index: number | undefined;
  /** What has come of the arguments. */
  text: string;
  isCustom: boolean;
  token: string | undefined;
}

/** Stands for calls of the time before `tool_calls`, of which there is one. */
const LEGACY = -1;

export class CallReader {
  readonly #context: ProviderContext;
  readonly #slots: Slot[] = [];
  readonly #ids = new Set<string>();
  /** How many calls were given out. */
  #count = 0;

  constructor(context: ProviderContext) {
    this.#context = context;
  }

  get hasCalls(): boolean {
    return this.#count > 0;
  }

  /** Takes `tool_calls` of a delta or message. */
  read(list: readonly unknown[], out: UnifiedChunk[]): void {
    for (const entry of list)
      if (isObject(entry)) this.#readOne(entry, number(entry['index']), out);
  }

  /** Takes `function_call`; servers that fill every field send an empty one. */
  readLegacy(call: JsonObject, out: UnifiedChunk[]): void {
    if (call['name'] || call['arguments']) this.#readOne({ function: call }, LEGACY, out);
  }

  #readOne(entry: JsonObject, wire: number | undefined, out: UnifiedChunk[]): void {
    const isCustom =
      entry['type'] === 'custom' || (entry['type'] === undefined && isObject(entry['custom']));
    const called = object(entry[isCustom ? 'custom' : 'function']);
    const wireId = text(entry['id']) ?? '';
    const name = text(called?.['name']) ?? '';
    let slot = this.#find(wire, wireId, name);
    if (!slot) {
      slot = { wire, wireId, name, index: undefined, text: '', isCustom, token: undefined };
      this.#slots.push(slot);
    }
    slot.wireId ||= wireId;
    slot.name ||= name;
    slot.token ??= googleToken(entry);
    if (slot.index === undefined && slot.name !== '') this.#give(slot, out);
    const piece = argumentText(called?.[isCustom ? 'input' : 'arguments']);
    if (piece === '') return;
    slot.text += piece;
    if (slot.index !== undefined) out.push({ type: 'arguments', index: slot.index, text: piece });
  }

  /** The call that a piece continues; undefined when it begins one. */
  #find(wire: number | undefined, wireId: string, name: string): Slot | undefined {
    if (wire !== undefined) {
      const slot = this.#slots.findLast((known) => known.wire === wire);
      const isOther = slot?.wireId && wireId && wireId !== slot.wireId && name !== '';
      return isOther ? undefined : slot;
    }
    if (wireId !== '') return this.#slots.findLast((known) => known.wireId === wireId);
    const last = this.#slots.at(-1);
    if (!last || name === '') return last;
    // A name without id and index: told again, or a second call of the same function.
    return last.name === name && parseJson(last.text) === undefined ? last : undefined;
  }

  #give(slot: Slot, out: UnifiedChunk[]): void {
    slot.index = this.#count;
    this.#count += 1;
    const isUsable = slot.wireId !== '' && !this.#ids.has(slot.wireId);
    const id = isUsable ? slot.wireId : this.#context.newId('call_');
    this.#ids.add(id);
    const chunk: Extract<UnifiedChunk, { type: 'call' }> = {
      type: 'call',
      index: slot.index,
      id,
      name: slot.name,
    };
    if (slot.isCustom) chunk.custom = true;
    if (slot.token !== undefined) {
      const { provider, model } = this.#context;
      chunk.opaque = { value: slot.token, format: 'chat', provider, model };
    }
    out.push(chunk);
    // What came before the name.
    if (slot.text !== '') out.push({ type: 'arguments', index: slot.index, text: slot.text });
  }

  /** Calls that never got a name cannot be made; they are reported. */
  end(): void {
    this.#slots.forEach((slot, index) => {
      if (slot.index !== undefined) return;
      this.#context.ledger.drop(`reply.choices.0.message.tool_calls.${index}`);
    });
  }
}
