/** Messages → the `input` items of a Responses request. */
import type {
  EasyInputMessage,
  ResponseInputItem,
  ResponseReasoningItem,
} from 'openai/resources/responses/responses';
import { type JsonObject, parseJson } from '../../json.ts';
import {
  isTokenOf,
  parts,
  restFor,
  type UnifiedContent,
  type UnifiedMessage,
  type UnifiedReasoning,
  type UnifiedToolCall,
} from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import {
  encodeInputParts,
  encodeOutputParts,
  type InputPart,
  type OutputPart,
  type PartContext,
} from './encode-content.ts';
import { modelTraits } from './models.ts';

interface AssistantMessage {
  type: 'message';
  role: 'assistant';
  content: string | OutputPart[];
}
/** Reasoning whose item id is not known travels without one. */
type ReasoningItem = Omit<ResponseReasoningItem, 'id'> & { id?: string };
export type InputItem = ResponseInputItem | AssistantMessage | ReasoningItem | JsonObject;

/** All messages as items, in their order. */
export function encodeInput(
  messages: readonly UnifiedMessage[],
  context: ProviderContext,
): InputItem[] {
  const writer = new InputWriter(context);
  for (const message of messages) writer.write(message);
  return writer.items;
}

class InputWriter {
  readonly items: InputItem[] = [];
  readonly #context: ProviderContext;
  readonly #parts: PartContext;
  /** Kinds of the calls by id: an output item must be of its call's kind. */
  readonly #kinds = new Map<string, UnifiedToolCall['type']>();

  constructor(context: ProviderContext) {
    this.#context = context;
    const takesPoints = modelTraits(context.model)?.cachePoints === true;
    this.#parts = { ledger: context.ledger, cachePoints: takesPoints ? 4 : 0 };
  }

  write(message: UnifiedMessage): void {
    const { ledger } = this.#context;
    if (message.name !== undefined) ledger.drop(`${message.path ?? 'messages'}.name`);
    if (message.role === 'tool') {
      this.#output(message);
      return;
    }
    for (const block of message.reasoning ?? []) this.#reasoning(block);
    let run: UnifiedContent[] = [];
    for (const part of parts(message)) {
      if (part.type !== 'hosted') {
        run.push(part);
        continue;
      }
      this.#message(message, run);
      run = [];
      this.#hosted(part);
    }
    this.#message(message, run);
    for (const call of message.tool_calls ?? []) this.#call(call);
  }

  #message(message: UnifiedMessage, run: readonly UnifiedContent[]): void {
    if (run.length === 0) return;
    const rest = restFor('responses', message);
    if (message.role === 'assistant') {
      const content = encodeOutputParts(run, this.#context.ledger);
      if (content.length > 0) this.items.push({ ...assistantMessage(content), ...rest });
      return;
    }
    const content = encodeInputParts(run, this.#parts);
    if (content.length === 0) return;
    const role =
      message.role === 'user' ? 'user' : message.developer === true ? 'developer' : 'system';
    const item: EasyInputMessage = {
      type: 'message',
      role,
      content: plainOr(content),
      ...rest,
    };
    this.items.push(item);
  }

  #hosted(part: Extract<UnifiedContent, { type: 'hosted' }>): void {
    if (part.format === 'responses') this.items.push(part.value);
    else this.#context.ledger.drop(part.path ?? 'messages');
  }

  #call(call: UnifiedToolCall): void {
    const { ledger } = this.#context;
    const path = call.path ?? 'messages';
    if (call.opaque !== undefined) ledger.drop(`${path}.thoughtSignature`);
    if (call.cache_control !== undefined) ledger.drop(`${path}.cache_control`);
    this.#kinds.set(call.id, call.type);
    const namespace = call.namespace === undefined ? {} : { namespace: call.namespace };
    if (call.type === 'custom') {
      const { name, input } = call.custom;
      this.items.push({
        type: 'custom_tool_call',
        call_id: call.id,
        name,
        input,
        ...namespace,
        ...restFor('responses', call),
      });
      return;
    }
    const { name } = call.function;
    let args = call.function.arguments.trim() === '' ? '{}' : call.function.arguments;
    if (parseJson(args) === undefined) {
      // Cut or broken JSON of an earlier answer: the API would refuse it.
      ledger.approximate(`${path}.arguments`, 'wrapped: not JSON');
      args = JSON.stringify({ arguments: args });
    }
    this.items.push({
      type: 'function_call',
      call_id: call.id,
      name,
      arguments: args,
      ...namespace,
      ...restFor('responses', call),
    });
  }

  #output(message: UnifiedMessage): void {
    const { ledger } = this.#context;
    const path = message.path ?? 'messages';
    if (message.cache_control !== undefined) ledger.drop(`${path}.cache_control`);
    const call_id = message.tool_call_id ?? '';
    const content = encodeInputParts(parts(message), this.#parts);
    if (message.is_error === true) {
      // The item has no field for it; the model reads the words.
      ledger.approximate(`${path}.is_error`, 'in words');
      markFailed(content);
    }
    const isCustom = this.#kinds.get(call_id) === 'custom';
    const type = isCustom ? 'custom_tool_call_output' : 'function_call_output';
    const output = content.length === 0 ? '' : plainOr(content);
    this.items.push({ type, call_id, output, ...restFor('responses', message) });
  }

  /**
   * Reasoning goes back to where it came from only. "The encrypted content for item … could not be
   * verified" is what any other provider answers, and an item without it is unknown where nothing is
   * stored.
   */
  #reasoning(block: UnifiedReasoning): void {
    const { opaque } = block;
    const { provider, model, ledger } = this.#context;
    const isOwn = isTokenOf(opaque, 'responses', provider);
    // Shown reasoning comes back as text, but OpenAI's own models take none: "array too long.
    // Expected an array with maximum length 0" (musistudio/claude-code-router#1783).
    const isText = opaque?.value === '';
    if (!isOwn || (isText && (block.text === '' || modelTraits(model) !== undefined))) {
      ledger.drop(block.path ?? 'messages');
      return;
    }
    this.items.push(isText ? textReasoning(block) : encryptedReasoning(block, opaque.value));
  }
}

function idOf(block: UnifiedReasoning): { id?: string } {
  return block.id?.startsWith('rs') ? { id: block.id } : {};
}

function encryptedReasoning(block: UnifiedReasoning, encrypted_content: string): ReasoningItem {
  const summary = block.text === '' ? [] : [{ type: 'summary_text' as const, text: block.text }];
  return { type: 'reasoning', ...idOf(block), summary, encrypted_content };
}

function textReasoning(block: UnifiedReasoning): ReasoningItem {
  const content = [{ type: 'reasoning_text' as const, text: block.text }];
  return { type: 'reasoning', ...idOf(block), summary: [], content };
}

function assistantMessage(content: OutputPart[]): AssistantMessage {
  const [only] = content;
  const isPlain =
    content.length === 1 && only?.type === 'output_text' && Object.keys(only).length === 2;
  return { type: 'message', role: 'assistant', content: isPlain ? only.text : content };
}

/** One plain text as a string, which every dialect reads; else the list. */
function plainOr(content: InputPart[]): string | InputPart[] {
  const [only] = content;
  const isPlain =
    content.length === 1 &&
    only?.type === 'input_text' &&
    // Nothing but its type and text.
    Object.keys(only).length === 2;
  return isPlain ? only.text : content;
}

function markFailed(content: InputPart[]): void {
  const at = content.findIndex((part) => part.type === 'input_text');
  const first = content[at];
  if (first?.type !== 'input_text') {
    content.unshift({ type: 'input_text', text: 'Error: the tool failed.' });
  } else if (!/^error\b/i.test(first.text)) {
    content[at] = { ...first, text: `Error: ${first.text}` };
  }
}
