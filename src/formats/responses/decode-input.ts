/**
 * The `input` of a Responses request → messages. Items stand side by side there; what the assistant
 * said in a row becomes one turn (see `UnifiedMessage` for its order).
 */
import { invalid } from '../../errors.ts';
import {
  array,
  asObject,
  at,
  isObject,
  type JsonObject,
  optionalArray,
  optionalString,
  readArray,
  readString,
  text,
} from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type {
  Opaque,
  UnifiedContent,
  UnifiedMessage,
  UnifiedReasoning,
  UnifiedTool,
  UnifiedToolCall,
} from '../../unified.ts';
import { dropUnknown } from '../../unknown-fields.ts';
import type { Envelope } from '../format.ts';
import { decodeParts, restOf } from './decode-content.ts';
import { decodeTools } from './decode-tools.ts';
import { REDACTED } from './redacted.ts';

interface DecodedInput {
  messages: UnifiedMessage[];
  /** Tools that came as `additional_tools` items. */
  tools: UnifiedTool[];
}

/** Reads the items; a string stands for one user message. */
export function decodeInput(input: unknown, envelope: Envelope, ledger: Ledger): DecodedInput {
  if (typeof input === 'string') {
    const content: UnifiedContent[] = [{ type: 'text', text: input, path: 'input' }];
    return { messages: [{ role: 'user', content, path: 'input' }], tools: [] };
  }
  if (!Array.isArray(input)) throw invalid('input', 'must be a string or an array');
  const reader = new InputReader(envelope, ledger);
  input.forEach((item, index) => {
    reader.read(asObject(item, `input.${index}`), `input.${index}`);
  });
  reader.settleToken();
  return { messages: reader.messages, tools: reader.tools };
}

/*
 * `id` and `status` are the provider's bookkeeping: they say nothing to the model, so that leaving
 * them out is no loss.
 */
const MESSAGE_FIELDS = new Set(['type', 'role', 'content', 'id', 'status']);
const REASONING_FIELDS = new Set([
  'type',
  'id',
  'status',
  'summary',
  'content',
  'encrypted_content',
]);
const FUNCTION_CALL_FIELDS = new Set([
  'type',
  'id',
  'status',
  'call_id',
  'name',
  'namespace',
  'arguments',
]);
const CUSTOM_CALL_FIELDS = new Set([
  'type',
  'id',
  'status',
  'call_id',
  'name',
  'namespace',
  'input',
]);
const OUTPUT_FIELDS = new Set(['type', 'id', 'status', 'call_id', 'output', 'name', 'namespace']);
const TOOLS_FIELDS = new Set(['type', 'id', 'role', 'tools']);

/** Where an assistant message stands; what comes next must not stand before it. */
const STAGES = { reasoning: 0, content: 1, calls: 2 } as const;
type Stage = keyof typeof STAGES;

class InputReader {
  readonly messages: UnifiedMessage[] = [];
  readonly tools: UnifiedTool[] = [];
  readonly #envelope: Envelope;
  readonly #ledger: Ledger;
  /** The assistant message that still grows; cleared by any item of the other side. */
  #turn: UnifiedMessage | undefined;
  #stage: Stage = 'reasoning';
  /** A token that waits for the call it belongs to, and the block it came in. */
  #token: { opaque: Opaque; reasoning: UnifiedReasoning } | undefined;

  constructor(envelope: Envelope, ledger: Ledger) {
    this.#envelope = envelope;
    this.#ledger = ledger;
  }

  read(item: JsonObject, path: string): void {
    const type = text(item['type']) ?? (text(item['role']) === undefined ? '' : 'message');
    switch (type) {
      case 'message':
        this.#message(item, path);
        break;
      case 'reasoning':
        this.#reasoning(item, path);
        break;
      case 'function_call':
        this.#functionCall(item, path);
        break;
      case 'custom_tool_call':
        this.#customCall(item, path);
        break;
      case 'function_call_output':
      case 'custom_tool_call_output':
        this.#output(item, path);
        break;
      case 'additional_tools':
        dropUnknown(item, TOOLS_FIELDS, path, this.#ledger);
        this.tools.push(
          ...decodeTools(readArray(item, 'tools', path), at(path, 'tools'), this.#ledger),
        );
        break;
      case '':
        throw invalid(at(path, 'type'), 'is required (a string)');
      default:
        this.#hosted(item, type, path);
    }
  }

  #message(item: JsonObject, path: string): void {
    const rest = restOf(item, MESSAGE_FIELDS, path);
    const role = readString(item, 'role', path);
    const content = this.#content(item, 'content', path);
    if (role === 'assistant') {
      // A part's path says where it stood, also when the turn began with another item.
      const part: UnifiedContent[] | string =
        typeof content === 'string'
          ? [{ type: 'text', text: content, path: at(path, 'content') }]
          : content;
      Object.assign(this.#assistant('content', path), { content: part, ...rest });
      return;
    }
    this.#endTurn();
    if (role === 'system' || role === 'developer') {
      const developer = role === 'developer';
      this.messages.push({
        role: 'system',
        content,
        ...(developer && { developer }),
        path,
        ...rest,
      });
    } else if (role === 'user') {
      this.messages.push({ role: 'user', content, path, ...rest });
    } else {
      throw invalid(at(path, 'role'), 'must be user, assistant, system or developer');
    }
  }

  /** Text or a list of parts. */
  #content(item: JsonObject, key: string, path: string): string | UnifiedContent[] {
    const content = item[key];
    if (typeof content === 'string') return content;
    return decodeParts(readArray(item, key, path), at(path, key), this.#ledger);
  }

  #functionCall(item: JsonObject, path: string): void {
    this.#call({
      type: 'function',
      id: readString(item, 'call_id', path),
      function: {
        name: readString(item, 'name', path),
        arguments: readString(item, 'arguments', path),
      },
      ...namespaceOf(item, path),
      path,
      ...restOf(item, FUNCTION_CALL_FIELDS, path),
    });
  }

  #customCall(item: JsonObject, path: string): void {
    this.#call({
      type: 'custom',
      id: readString(item, 'call_id', path),
      custom: { name: readString(item, 'name', path), input: readString(item, 'input', path) },
      ...namespaceOf(item, path),
      path,
      ...restOf(item, CUSTOM_CALL_FIELDS, path),
    });
  }

  #call(call: UnifiedToolCall): void {
    const message = this.#assistant('calls', call.path ?? '');
    if (this.#token !== undefined) {
      call.opaque = this.#token.opaque;
      this.#token = undefined;
    }
    message.tool_calls ??= [];
    message.tool_calls.push(call);
  }

  #output(item: JsonObject, path: string): void {
    this.#endTurn();
    this.messages.push({
      role: 'tool',
      tool_call_id: readString(item, 'call_id', path),
      content: this.#content(item, 'output', path),
      path,
      ...restOf(item, OUTPUT_FIELDS, path),
    });
  }

  /** Items of tools that the provider runs; their results and our answers to them are the user's. */
  #hosted(item: JsonObject, type: string, path: string): void {
    const part: UnifiedContent = { type: 'hosted', format: 'responses', value: item, path };
    if (/_(output|response)$/.test(type) && item['execution'] !== 'server') {
      this.#endTurn();
      this.messages.push({ role: 'user', content: [part], path });
    } else {
      this.#assistant('content', path).content = [part];
    }
  }

  #reasoning(item: JsonObject, path: string): void {
    dropUnknown(item, REASONING_FIELDS, path, this.#ledger);
    const reasoning = this.#readReasoning(item, path);
    if (reasoning === undefined) {
      this.#ledger.drop(path);
      return;
    }
    // Gemini ties its tokens to calls; see `#call` and, when none follows, `settleToken`.
    if (reasoning.opaque?.format === 'gemini') {
      this.settleToken();
      this.#token = { opaque: reasoning.opaque, reasoning };
      delete reasoning.opaque;
      if (reasoning.text === '') return;
    }
    const message = this.#assistant('reasoning', path);
    message.reasoning ??= [];
    message.reasoning.push(reasoning);
  }

  /** Undefined when the block carries an envelope that is not ours or was altered. */
  #readReasoning(item: JsonObject, path: string): UnifiedReasoning | undefined {
    const summary = textsOf(optionalArray(item, 'summary', path));
    const content = textsOf(optionalArray(item, 'content', path));
    const block: UnifiedReasoning = { text: summary || content, path };
    if (summary !== '') block.summarized = true;
    if (summary !== '' && content !== '' && summary !== content)
      this.#ledger.drop(at(path, 'content'));
    const id = optionalString(item, 'id', path);
    if (id !== undefined) block.id = id;
    const token = optionalString(item, 'encrypted_content', path) ?? '';
    if (token === '') {
      // The reasoning itself, not a summary: providers that show it take it back as text.
      if (content !== '')
        return {
          ...block,
          text: content,
          summarized: false,
          opaque: { value: '', format: 'responses' },
        };
      return block;
    }
    if (!this.#envelope.isSealed(token))
      return { ...block, opaque: { value: token, format: 'responses' } };
    const opened = this.#envelope.open(token, block.text);
    if (opened === undefined) return undefined;
    if (opened.text === REDACTED) return { text: '', redacted: true, opaque: opened.opaque, path };
    return { text: opened.text ?? block.text, opaque: opened.opaque, path };
  }

  /** The message that takes something of a stage; a new one of the same turn when it comes too late. */
  #assistant(stage: Stage, path: string): UnifiedMessage {
    const turn = this.#turn;
    // A second message item in a row is a message of its own; reasoning and calls are lists.
    const isLater = STAGES[stage] > STAGES[this.#stage];
    const fits = isLater || (stage === this.#stage && stage !== 'content');
    this.#stage = stage;
    if (turn !== undefined && fits) return turn;
    const next: UnifiedMessage = { role: 'assistant', content: null, path };
    if (turn !== undefined) next.continues = true;
    this.messages.push(next);
    this.#turn = next;
    return next;
  }

  #endTurn(): void {
    this.settleToken();
    this.#turn = undefined;
  }

  /** No call came for the token: it stays with the block that brought it. */
  settleToken(): void {
    const token = this.#token;
    if (token === undefined) return;
    this.#token = undefined;
    token.reasoning.opaque = token.opaque;
    if (token.reasoning.text === '') this.#ledger.drop(token.reasoning.path ?? 'input');
  }
}

function namespaceOf(item: JsonObject, path: string): { namespace?: string } {
  const namespace = optionalString(item, 'namespace', path);
  return namespace === undefined ? {} : { namespace };
}

/** The texts of summary or content parts, a blank line between them. */
function textsOf(list: unknown[] | undefined): string {
  return array(list)
    .map((part) => (isObject(part) ? text(part['text']) : undefined) ?? '')
    .filter((part) => part !== '')
    .join('\n\n');
}
