/** Unified messages → `system` and the alternating turns of a provider's request. */
import { isObject, type JsonObject, parseJson } from '../../json.ts';
import {
  isTokenOf,
  parts,
  type UnifiedMessage,
  type UnifiedReasoning,
  type UnifiedToolCall,
} from '../../unified.ts';
import {
  type Block,
  dropBlank,
  encodeContent,
  finish,
  isBlank,
  type Writing,
} from './encode-content.ts';
import type { ModelRules } from './models.ts';

export interface Turn {
  role: 'user' | 'assistant' | 'system';
  content: Block[];
}
interface Turns {
  system: Block[];
  messages: Turn[];
}

/** Stands where the API demands a user turn and the client had none. */
const OPENING = '(The conversation begins with the assistant.)';
/** What a tool said that failed without a word. */
const NO_OUTPUT = '(no output)';
const CONTINUE = 'Continue from where you stopped.';

/** Puts messages together into turns: `write` is called once, with all of them. */
export class TurnWriter {
  readonly #writing: Writing;
  readonly #provider: string;
  readonly #rules: ModelRules;
  #system: Block[] = [];
  #turns: Turn[] = [];
  /** System texts that wait for the end of the user turn, behind which alone they may stand. */
  #waiting: { blocks: Block[]; message: UnifiedMessage }[] = [];

  constructor(writing: Writing, provider: string, rules: ModelRules) {
    this.#writing = writing;
    this.#provider = provider;
    this.#rules = rules;
  }

  write(messages: readonly UnifiedMessage[]): Turns {
    for (const message of messages) this.#message(message);
    this.#settleSystem();
    this.#system = this.#filled(this.#system);
    this.#leaveOutBlankTurns();
    this.#demandUserFirst(messages);
    this.#closePrefill(messages.at(-1)?.path);
    return { system: this.#system, messages: this.#turns };
  }

  #message(message: UnifiedMessage): void {
    if (message.name !== undefined && message.path !== undefined && message.role !== 'tool') {
      this.#writing.ledger.drop(`${message.path}.name`);
    }
    switch (message.role) {
      case 'system':
        this.#systemMessage(message);
        break;
      case 'user':
        this.#append('user', encodeContent(parts(message), this.#writing));
        break;
      case 'tool':
        this.#result(message);
        break;
      case 'assistant':
        this.#assistant(message);
        break;
    }
  }

  #append(role: 'user' | 'assistant', blocks: Block[]): Turn | undefined {
    if (blocks.length === 0) return undefined;
    const last = this.#turns.at(-1);
    if (last?.role === role) {
      last.content.push(...blocks);
      return last;
    }
    if (role === 'assistant') this.#settleSystem();
    const turn: Turn = { role, content: blocks };
    this.#turns.push(turn);
    return turn;
  }

  #systemMessage(message: UnifiedMessage): void {
    if (this.#turns.length === 0) {
      this.#system.push(...encodeContent(parts(message), this.#writing));
      return;
    }
    if (this.#rules.midSystem) {
      const blocks = encodeContent(parts(message), this.#writing);
      // A message without content may still carry settings that only this format knows.
      if (blocks.length || this.#writing.leftovers.of(message.path)) {
        this.#waiting.push({ blocks, message });
      }
      return;
    }
    // A model that takes only the first one gets the later ones as what the user says.
    const content = parts(message).filter((part) => {
      if (part.type === 'hosted') this.#writing.ledger.drop(part.path ?? 'system');
      return part.type !== 'hosted';
    });
    if (this.#append('user', encodeContent(content, this.#writing))) {
      this.#writing.ledger.approximate(message.path ?? 'system', 'text of the user');
    }
  }

  /**
   * Puts the waiting system texts behind the user turn: "role 'system' must precede an 'assistant'
   * message or end the array" and follows a user's (docs: mid-conversation-system-messages).
   */
  #settleSystem(): void {
    const waiting = this.#waiting;
    if (waiting.length === 0) return;
    this.#waiting = [];
    if (this.#turns.at(-1)?.role === 'user') {
      const turn: Turn = { role: 'system', content: waiting.flatMap((each) => each.blocks) };
      for (const { message } of waiting) {
        Object.assign(turn, this.#writing.leftovers.of(message.path));
      }
      this.#turns.push(turn);
      return;
    }
    for (const { blocks, message } of waiting) {
      this.#append('user', blocks);
      this.#writing.ledger.approximate(message.path ?? 'system', 'text of the user');
    }
  }

  /** Results stand first in the user's turn. */
  #result(message: UnifiedMessage): void {
    const content = encodeContent(parts(message), this.#writing);
    const result: JsonObject = { type: 'tool_result', tool_use_id: message.tool_call_id ?? '' };
    if (typeof message.content === 'string' && content.length) result['content'] = message.content;
    else if (content.length) result['content'] = content;
    if (message.is_error) {
      result['is_error'] = true;
      // "content cannot be empty if `is_error` is true".
      if (content.length === 0) result['content'] = NO_OUTPUT;
    }
    const block = finish(result, message, this.#writing);
    const turn = this.#turns.at(-1);
    if (turn?.role !== 'user') {
      this.#append('user', [block]);
      return;
    }
    const behind = turn.content.findLastIndex((each) => each['type'] === 'tool_result') + 1;
    turn.content.splice(behind, 0, block);
  }

  #assistant(message: UnifiedMessage): void {
    const blocks: Block[] = [];
    for (const reasoning of message.reasoning ?? []) {
      const block = this.#reasoning(reasoning);
      if (block) blocks.push(block);
    }
    blocks.push(...encodeContent(parts(message), this.#writing));
    for (const call of message.tool_calls ?? []) blocks.push(this.#call(call));
    this.#append('assistant', blocks);
  }

  /** Only what this very provider issued goes back to it, with its own token, never another. */
  #reasoning(reasoning: UnifiedReasoning): Block | undefined {
    const { opaque, path, text } = reasoning;
    const isOwn = isTokenOf(opaque, 'messages', this.#provider);
    // Without a token, only the provider that left it out takes its thinking back.
    if (!isOwn || (opaque.provider === undefined && opaque.value === '')) {
      if (path !== undefined) this.#writing.ledger.drop(path);
      return undefined;
    }
    if (reasoning.redacted) return { type: 'redacted_thinking', data: opaque.value };
    return finish(
      { type: 'thinking', thinking: text, signature: opaque.value },
      { path },
      this.#writing,
    );
  }

  #call(call: UnifiedToolCall): Block {
    const { ledger } = this.#writing;
    if (call.opaque && call.path) ledger.drop(`${call.path}.signature`);
    const isCustom = call.type === 'custom';
    const name = isCustom ? call.custom.name : call.function.name;
    const input = isCustom
      ? { input: call.custom.input }
      : this.#input(call.function.arguments, call);
    return finish({ type: 'tool_use', id: call.id, name, input }, call, this.#writing);
  }

  #input(text: string, call: UnifiedToolCall): JsonObject {
    if (text.trim() === '') return {};
    const input = parseJson(text);
    if (isObject(input)) return input;
    // The API takes an object only; what the model wrote instead is kept inside one.
    this.#writing.ledger.approximate(call.path ?? 'tool_calls', 'its arguments inside an object');
    return { input: input === undefined ? text : input };
  }

  #filled(blocks: Block[]): Block[] {
    dropBlank(blocks, this.#writing);
    return blocks.filter((each) => !isBlank(each));
  }

  /** "text content blocks must contain non-whitespace text"; the turns around one become one. */
  #leaveOutBlankTurns(): void {
    const turns = this.#turns;
    if (!turns.some((each) => each.content.length > 0 && each.content.every(isBlank))) return;
    this.#turns = [];
    for (const turn of turns) {
      const last = this.#turns.at(-1);
      if (turn.content.length > 0 && turn.content.every(isBlank)) this.#filled(turn.content);
      else if (last?.role === turn.role) last.content.push(...turn.content);
      else this.#turns.push(turn);
    }
  }

  /** "messages: first message must use the \"user\" role", and there must be one. */
  #demandUserFirst(messages: readonly UnifiedMessage[]): void {
    if (this.#turns.length === 0) {
      const last = this.#system.pop();
      this.#turns.push({ role: 'user', content: [last ?? { type: 'text', text: CONTINUE }] });
      this.#writing.ledger.approximate(messages.at(-1)?.path ?? 'messages', 'text of the user');
    } else if (this.#turns[0]?.role === 'assistant') {
      this.#turns.unshift({ role: 'user', content: [{ type: 'text', text: OPENING }] });
      this.#writing.ledger.approximate('messages', 'with a user turn before the first');
    }
  }

  /** The end of a conversation whose last word is the assistant's. */
  #closePrefill(path = 'messages'): void {
    const turn = this.#turns.at(-1);
    const last = turn?.content.at(-1);
    if (turn?.role !== 'assistant' || !last || last['type'] === 'server_tool_use') return;
    // A paused turn goes on from its server tool; it is no prefill.
    if (turn.content.some((each) => each['type'] === 'server_tool_use')) return;
    if (!this.#rules.prefill) {
      this.#turns.push({ role: 'user', content: [{ type: 'text', text: CONTINUE }] });
      this.#writing.ledger.approximate(
        path,
        'with a user turn after it: the model takes no prefill',
      );
      return;
    }
    // "final assistant content cannot end with trailing whitespace".
    if (last['type'] !== 'text' || typeof last['text'] !== 'string') return;
    const text = last['text'].trimEnd();
    if (text === last['text']) return;
    this.#writing.ledger.approximate(path, 'without the white space at its end');
    if (text === '') turn.content.pop();
    else last['text'] = text;
    if (turn.content.length === 0) this.#turns.pop();
  }
}

/** Why a budget for thinking would be refused with these turns; undefined when it would not. */
export function thinkingObstacle(turns: readonly Turn[]): string | undefined {
  const last = turns.at(-1);
  if (last?.role === 'assistant') return 'off: the conversation ends with a prefill';
  const user = turns.findLast((each) => each.role !== 'system');
  if (!user?.content.some((each) => each['type'] === 'tool_result')) return undefined;
  const first = turns.findLast((each) => each.role === 'assistant')?.content[0]?.['type'];
  // "Expected `thinking` or `redacted_thinking`, but found `tool_use`" (docs: extended-thinking).
  if (first === 'thinking' || first === 'redacted_thinking') return undefined;
  return 'off: the turn with the tool calls has no thinking of this provider';
}
