/** A chat client's messages → unified. */
import { invalid } from '../../errors.ts';
import {
  array,
  asObject,
  at,
  isObject,
  type JsonObject,
  object,
  optionalString,
  readObject,
  readString,
} from '../../json.ts';
import type {
  UnifiedContent,
  UnifiedFunctionCall,
  UnifiedMessage,
  UnifiedToolCall,
} from '../../unified.ts';
import { dropUnknown } from '../../unknown-fields.ts';
import type { ClientContext } from '../format.ts';
import { decodeReasoningBack } from './client-reasoning.ts';
import { decodePart } from './decode-part.ts';
import { argumentText, googleToken, thinkingText } from './dialect.ts';

const MESSAGE_FIELDS = new Set(['role', 'content', 'name', 'cache_control']);
const TOOL_FIELDS = new Set([...MESSAGE_FIELDS, 'tool_call_id']);
const ASSISTANT_FIELDS = new Set([
  ...MESSAGE_FIELDS,
  'refusal',
  'tool_calls',
  'function_call',
  'reasoning_content',
  'reasoning',
  'reasoning_details',
]);

/** @throws GatewayError that names the field, for what is not a message */
export function decodeMessages(list: readonly unknown[], context: ClientContext): UnifiedMessage[] {
  const legacy = new LegacyCalls();
  return list.map((entry, index) => {
    const path = `messages.${index}`;
    const message = asObject(entry, path);
    const role = readString(message, 'role', path);
    switch (role) {
      case 'system':
      case 'developer':
      case 'user':
        return decodePlain(message, role, path, context);
      case 'assistant':
        return decodeAssistant(message, path, context, legacy);
      case 'tool':
        return decodeResult(message, path, context);
      case 'function':
        return decodeLegacyResult(message, path, context, legacy);
      default:
        throw invalid(
          `${path}.role`,
          `must be system, developer, user, assistant, tool or function, not "${role}"`,
        );
    }
  });
}

/** Calls of the time before `tool_calls` have no id: the n-th gets the same one on every turn. */
class LegacyCalls {
  #count = 0;
  /** The last unanswered id of each function. */
  readonly #open = new Map<string, string>();

  call(name: string): string {
    const id = this.#next();
    this.#open.set(name, id);
    return id;
  }

  answer(name: string): string {
    const id = this.#open.get(name) ?? this.#next();
    this.#open.delete(name);
    return id;
  }

  #next(): string {
    this.#count += 1;
    return `call_legacy_${this.#count}`;
  }
}

function decodePlain(
  message: JsonObject,
  role: 'system' | 'developer' | 'user',
  path: string,
  context: ClientContext,
): UnifiedMessage {
  const content = decodeContent(message, path, context);
  if (content === null) {
    throw invalid(`${path}.content`, 'is required (a string or an array of parts)');
  }
  const result: UnifiedMessage = { role: role === 'user' ? 'user' : 'system', content, path };
  if (role === 'developer') result.developer = true;
  const name = optionalString(message, 'name', path);
  if (name !== undefined) result.name = name;
  dropUnknown(message, MESSAGE_FIELDS, path, context.ledger);
  return result;
}

/** Content as it was sent: a string stays one. A cache mark of the message belongs to its last part. */
function decodeContent(
  message: JsonObject,
  path: string,
  context: ClientContext,
): string | UnifiedContent[] | null {
  const content = message['content'];
  const mark = object(message['cache_control']);
  if (content === undefined || content === null) return null;
  if (typeof content === 'string') {
    if (!mark || content === '') return content;
    // The mark is told by the message's own path, where the client wrote it.
    return [{ type: 'text', text: content, cache_control: mark, path }];
  }
  if (!Array.isArray(content)) {
    throw invalid(`${path}.content`, 'must be a string or an array of parts');
  }
  const parts: UnifiedContent[] = [];
  content.forEach((entry: unknown, index) => {
    const partPath = `${path}.content.${index}`;
    if (typeof entry === 'string') parts.push({ type: 'text', text: entry, path: partPath });
    else {
      const part = asObject(entry, partPath);
      if (part['type'] !== 'thinking') parts.push(decodePart(part, partPath, context.ledger));
    }
  });
  const last = parts.at(-1);
  if (mark && last) last.cache_control = mark;
  return parts;
}

function decodeAssistant(
  message: JsonObject,
  path: string,
  context: ClientContext,
  legacy: LegacyCalls,
): UnifiedMessage {
  const result: UnifiedMessage = {
    role: 'assistant',
    content: decodeContent(message, path, context),
    path,
  };
  const name = optionalString(message, 'name', path);
  if (name !== undefined) result.name = name;
  const refusal = optionalString(message, 'refusal', path);
  if (refusal) {
    const { content } = result;
    const before: UnifiedContent[] =
      typeof content === 'string'
        ? content === ''
          ? []
          : [{ type: 'text', text: content, path: `${path}.content` }]
        : (content ?? []);
    result.content = [...before, { type: 'refusal', refusal, path: `${path}.refusal` }];
  }
  const reasoning = [
    ...decodeThinkingParts(message, path),
    ...decodeReasoningBack(message, path, context),
  ];
  if (reasoning.length > 0) result.reasoning = reasoning;
  const calls = array(message['tool_calls']).map((entry, index) => {
    const callPath = `${path}.tool_calls.${index}`;
    return decodeCall(asObject(entry, callPath), callPath, context);
  });
  const old = object(message['function_call']);
  if (old) calls.push(decodeLegacyCall(old, `${path}.function_call`, legacy));
  if (calls.length > 0) result.tool_calls = calls;
  dropUnknown(message, ASSISTANT_FIELDS, path, context.ledger);
  return result;
}

/** Mistral's reasoning parts of the content. */
function decodeThinkingParts(
  message: JsonObject,
  path: string,
): NonNullable<UnifiedMessage['reasoning']> {
  const result: NonNullable<UnifiedMessage['reasoning']> = [];
  array(message['content']).forEach((part, index) => {
    if (!isObject(part) || part['type'] !== 'thinking') return;
    const said = thinkingText(part['thinking']);
    if (said === '') return;
    result.push({
      text: said,
      opaque: { value: 'thinking', format: 'chat' },
      path: `${path}.content.${index}`,
    });
  });
  return result;
}

const CALL_FIELDS = new Set(['id', 'type', 'function', 'custom', 'extra_content', 'index']);
const FUNCTION_FIELDS = new Set(['name', 'arguments']);
const CUSTOM_FIELDS = new Set(['name', 'input']);

function decodeCall(entry: JsonObject, path: string, context: ClientContext): UnifiedToolCall {
  const { id, opaque } = context.envelope.detach(readString(entry, 'id', path));
  const isCustom = entry['type'] === 'custom';
  const call: UnifiedToolCall = isCustom
    ? decodeCustomCall(entry, id, path, context)
    : decodeFunctionCall(entry, id, path, context);
  const native = googleToken(entry);
  if (opaque) call.opaque = opaque;
  else if (native !== undefined) call.opaque = { value: native, format: 'chat' };
  else if (isObject(entry['extra_content'])) context.ledger.drop(`${path}.extra_content`);
  dropUnknown(entry, CALL_FIELDS, path, context.ledger);
  return call;
}

function decodeCustomCall(
  entry: JsonObject,
  id: string,
  path: string,
  context: ClientContext,
): UnifiedToolCall {
  const custom = readObject(entry, 'custom', path);
  const where = at(path, 'custom');
  dropUnknown(custom, CUSTOM_FIELDS, where, context.ledger);
  return {
    id,
    type: 'custom',
    custom: {
      name: readString(custom, 'name', where),
      input: optionalString(custom, 'input', where) ?? '',
    },
    path,
  };
}

function decodeFunctionCall(
  entry: JsonObject,
  id: string,
  path: string,
  context: ClientContext,
): UnifiedToolCall {
  const called = readObject(entry, 'function', path);
  const where = at(path, 'function');
  dropUnknown(called, FUNCTION_FIELDS, where, context.ledger);
  return {
    id,
    type: 'function',
    function: {
      name: readString(called, 'name', where),
      arguments: argumentText(called['arguments']),
    },
    path,
  };
}

function decodeLegacyCall(old: JsonObject, path: string, legacy: LegacyCalls): UnifiedFunctionCall {
  const name = readString(old, 'name', path);
  return {
    id: legacy.call(name),
    type: 'function',
    function: { name, arguments: argumentText(old['arguments']) },
    path,
  };
}

function decodeResult(message: JsonObject, path: string, context: ClientContext): UnifiedMessage {
  const { id } = context.envelope.detach(readString(message, 'tool_call_id', path));
  const result: UnifiedMessage = {
    role: 'tool',
    content: decodeContent({ ...message, cache_control: undefined }, path, context) ?? '',
    tool_call_id: id,
    path,
  };
  const mark = object(message['cache_control']);
  if (mark) result.cache_control = mark;
  // `name` is the function's, which the call already names.
  dropUnknown(message, TOOL_FIELDS, path, context.ledger);
  return result;
}

function decodeLegacyResult(
  message: JsonObject,
  path: string,
  context: ClientContext,
  legacy: LegacyCalls,
): UnifiedMessage {
  const name = readString(message, 'name', path);
  dropUnknown(message, MESSAGE_FIELDS, path, context.ledger);
  return {
    role: 'tool',
    content: decodeContent(message, path, context) ?? '',
    tool_call_id: legacy.answer(name),
    path,
  };
}
