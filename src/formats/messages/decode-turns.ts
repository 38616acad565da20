/** A client's `system` and `messages` → unified messages. */
import { invalid } from '../../errors.ts';
import {
  asObject,
  at,
  isObject,
  type JsonObject,
  optionalBoolean,
  optionalObject,
  optionalString,
  readObject,
  readString,
} from '../../json.ts';
import type {
  Opaque,
  UnifiedContent,
  UnifiedFunctionCall,
  UnifiedMessage,
  UnifiedReasoning,
} from '../../unified.ts';
import type { Envelope } from '../format.ts';
import { readCallId } from './call-id.ts';
import { decodeContent, decodeContents, type Reading } from './decode-content.ts';
import { keepLeftovers } from './leftovers.ts';

const MESSAGE_KEYS = new Set(['role', 'content']);
const CALL_KEYS = new Set(['type', 'id', 'name', 'input', 'cache_control', 'caller']);
const RESULT_KEYS = new Set(['type', 'tool_use_id', 'content', 'is_error', 'cache_control']);
const THINKING_KEYS = new Set(['type', 'thinking', 'signature']);

/** Claude Code's first system block: its version and session, meant for Anthropic alone. */
const ATTRIBUTION = 'x-anthropic-billing-header:';

interface TurnReading extends Reading {
  readonly envelope: Envelope;
}

/**
 * The system prompt as one message. The attribution line keeps its place as something that only
 * this format carries, so that other providers do not read it and Anthropic's cache still matches.
 */
export function decodeSystem(value: unknown, reading: Reading): UnifiedMessage[] {
  if (value === undefined || value === null || value === '') return [];
  const path = 'system';
  if (typeof value === 'string') return [{ role: 'system', content: value, path }];
  const content = decodeContents(value, path, reading).map((part): UnifiedContent => {
    if (part.type !== 'text' || !part.text.startsWith(ATTRIBUTION)) return part;
    const native: JsonObject = { type: 'text', text: part.text };
    if (part.cache_control) native['cache_control'] = part.cache_control;
    return { type: 'hosted', format: 'messages', value: native, path: part.path ?? path };
  });
  return content.length ? [{ role: 'system', content, path }] : [];
}

export function decodeTurns(values: readonly unknown[], reading: TurnReading): UnifiedMessage[] {
  return values.flatMap((value, i) => {
    const path = `messages.${i}`;
    const message = asObject(value, path);
    keepLeftovers(message, MESSAGE_KEYS, path, reading.extra);
    const role = readString(message, 'role', path);
    const content = message['content'];
    if (role === 'system') return decodeMidSystem(content, path, reading);
    if (role !== 'user' && role !== 'assistant') {
      throw invalid(at(path, 'role'), 'must be user, assistant or system');
    }
    if (typeof content === 'string') return [{ role, content, path }];
    if (!Array.isArray(content)) {
      throw invalid(at(path, 'content'), 'must be a string or a list of blocks');
    }
    return role === 'user'
      ? decodeUserTurn(content, path, reading)
      : new AssistantTurn(path, reading).read(content);
  });
}

/** A system message between the turns; without content it only carries settings. */
function decodeMidSystem(content: unknown, path: string, reading: Reading): UnifiedMessage[] {
  if (typeof content === 'string') return [{ role: 'system', content, path }];
  return [{ role: 'system', content: decodeContents(content, at(path, 'content'), reading), path }];
}

/** Each tool result is a message of its own; what stands between them stays between them. */
function decodeUserTurn(
  blocks: readonly unknown[],
  path: string,
  reading: Reading,
): UnifiedMessage[] {
  const messages: UnifiedMessage[] = [];
  let content: UnifiedContent[] | undefined;
  blocks.forEach((value, i) => {
    const here = `${path}.content.${i}`;
    const block = asObject(value, here);
    if (block['type'] === 'tool_result') {
      messages.push(decodeResult(block, here, reading));
      content = undefined;
      return;
    }
    if (!content) {
      content = [];
      messages.push({ role: 'user', content, path });
    }
    content.push(...decodeContent(block, here, reading));
  });
  return messages;
}

function decodeResult(block: JsonObject, path: string, reading: Reading): UnifiedMessage {
  keepLeftovers(block, RESULT_KEYS, path, reading.extra);
  const content = block['content'];
  const message: UnifiedMessage = {
    role: 'tool',
    tool_call_id: readCallId(readString(block, 'tool_use_id', path)),
    content:
      typeof content === 'string' ? content : decodeContents(content, at(path, 'content'), reading),
    path,
  };
  if (optionalBoolean(block, 'is_error', path)) message.is_error = true;
  const mark = optionalObject(block, 'cache_control', path);
  if (mark) message.cache_control = mark;
  return message;
}

function withoutEmpty(message: UnifiedMessage): UnifiedMessage {
  const { reasoning, tool_calls: calls, ...bare } = message;
  const rest: UnifiedMessage = bare;
  if (reasoning?.length) rest.reasoning = reasoning;
  if (calls?.length) rest.tool_calls = calls;
  if (rest.content?.length === 0) rest.content = null;
  return rest;
}

/** Cuts one assistant turn into messages whose parts stand in the order reasoning, content, calls. */
class AssistantTurn {
  readonly #path: string;
  readonly #reading: TurnReading;
  readonly #messages: UnifiedMessage[] = [];
  /** The message being filled; undefined before the first block. */
  #current:
    | { reasoning: UnifiedReasoning[]; content: UnifiedContent[]; calls: UnifiedFunctionCall[] }
    | undefined;
  /** A Gemini token out of a thinking block, and that block; taken by the next call. */
  #callToken: { opaque: Opaque; reasoning: UnifiedReasoning } | undefined;

  constructor(path: string, reading: TurnReading) {
    this.#path = path;
    this.#reading = reading;
  }

  read(blocks: readonly unknown[]): UnifiedMessage[] {
    blocks.forEach((value, i) => {
      const path = `${this.#path}.content.${i}`;
      this.#block(asObject(value, path), path);
    });
    // Without a call after it the token stays with its thinking.
    if (this.#callToken) this.#open(0).reasoning.push(this.#callToken.reasoning);
    return this.#messages.map(withoutEmpty);
  }

  #block(block: JsonObject, path: string): void {
    switch (block['type']) {
      case 'thinking':
      case 'redacted_thinking':
        this.#reason(block, path);
        break;
      case 'tool_use':
        this.#open(2).calls.push(this.#call(block, path));
        break;
      default: {
        const content = decodeContent(block, path, this.#reading);
        if (content.length) this.#open(1).content.push(...content);
      }
    }
  }

  /** The message that takes something of this rank: 0 reasoning, 1 content, 2 a call. */
  #open(rank: 0 | 1 | 2) {
    const current = this.#current;
    const full =
      current !== undefined &&
      ((rank < 2 && current.calls.length > 0) || (rank < 1 && current.content.length > 0));
    if (current && !full) return current;
    const fresh = { reasoning: [], content: [], calls: [] };
    const message: UnifiedMessage = {
      role: 'assistant',
      content: fresh.content,
      reasoning: fresh.reasoning,
      tool_calls: fresh.calls,
      path: this.#path,
    };
    if (current) message.continues = true;
    this.#messages.push(message);
    this.#current = fresh;
    return fresh;
  }

  #reason(block: JsonObject, path: string): void {
    const { ledger, extra } = this.#reading;
    const redacted = block['type'] === 'redacted_thinking';
    const text = redacted ? '' : readString(block, 'thinking', path);
    const token = redacted
      ? readString(block, 'data', path)
      : (optionalString(block, 'signature', path) ?? '');
    if (!redacted) keepLeftovers(block, THINKING_KEYS, path, extra);
    const reasoning: UnifiedReasoning = { text, path };
    if (redacted) reasoning.redacted = true;
    if (token !== '') {
      const opaque = this.#token(token, text);
      if (!opaque) {
        ledger.drop(path);
        return;
      }
      reasoning.opaque = opaque;
      // A Gemini token that came with a call; the thought itself is nothing Gemini takes back.
      if (opaque.format === 'gemini') {
        if (this.#callToken) this.#open(0).reasoning.push(this.#callToken.reasoning);
        this.#callToken = { opaque, reasoning };
        return;
      }
    }
    this.#open(0).reasoning.push(reasoning);
  }

  /** A native token, or what our envelope held; undefined for an envelope that is not intact. */
  #token(token: string, text: string): Opaque | undefined {
    const { envelope } = this.#reading;
    if (!envelope.isSealed(token)) return { value: token, format: 'messages' };
    return envelope.open(token, text)?.opaque;
  }

  #call(block: JsonObject, path: string): UnifiedFunctionCall {
    keepLeftovers(block, CALL_KEYS, path, this.#reading.extra);
    const call: UnifiedFunctionCall = {
      type: 'function',
      id: readCallId(readString(block, 'id', path)),
      function: {
        name: readString(block, 'name', path),
        arguments: JSON.stringify(readObject(block, 'input', path)),
      },
      path,
    };
    const mark = optionalObject(block, 'cache_control', path);
    if (mark) call.cache_control = mark;
    const caller = block['caller'];
    // `direct` is what a call without a caller means.
    if (isObject(caller) && caller['type'] !== 'direct') {
      this.#reading.extra[at(path, 'caller')] = caller;
    }
    if (this.#callToken) {
      call.opaque = this.#callToken.opaque;
      this.#callToken = undefined;
    }
    return call;
  }
}
