/**
 * Brings the tool calls of a history into the order that every provider demands: each call answered
 * exactly once, directly after its turn. Messages and chat refuse anything else with a 400
 * (test/README.md, 12); so do responses ("No tool output found for function call") and gemini (number
 * of responses).
 */
import type { Ledger } from '../ledger.ts';
import {
  callName,
  parts,
  type UnifiedContent,
  type UnifiedMessage,
  type UnifiedToolCall,
} from '../unified.ts';
import { uniqueId } from './call-ids.ts';

/** What the model reads in place of a result that the client never sent. */
const NO_RESULT = '[No result was given for this tool call.]';

/** One call of the history and what became of it. */
interface Call {
  id: string;
  call: UnifiedToolCall;
  /** Position of its turn; the turns count the runs of assistant messages. */
  turn: number;
  /** Position of its result among the messages; unset until one is found. */
  result?: number | undefined;
}

/** Assistant messages of one turn, `messages[start..end)`, and what follows up to the next turn. */
interface Turn {
  start: number;
  end: number;
  /** Where the next turn starts. */
  next: number;
  calls: Call[];
}

/**
 * A list in which every assistant turn with calls is directly followed by one `tool` message for each
 * of them, in the order of the calls, and no other `tool` message exists. Call ids are unique in the
 * whole list, as messages demands ("`tool_use` ids must be unique"): a repeated one gets a number,
 * the same on every turn of a growing history. Unchanged messages are shared with the input.
 *
 * A result without a call becomes user text, a call without a result gets one that says so; both are
 * reported as approximated, as is a result that comes only after a later turn. Cases of the field:
 * text between a call and its result (leookun/cursor-byok#307), histories cut between the two
 * (agno-agi/agno#9376).
 */
export function settleHistory(
  messages: readonly UnifiedMessage[],
  ledger: Ledger,
): UnifiedMessage[] {
  if (isSettled(messages)) return [...messages];
  const turns = readTurns(messages);
  matchResults(messages, turns);
  keepAnswersLast(turns);
  const claimed = new Set<number>();
  for (const turn of turns) {
    for (const { result } of turn.calls) if (result !== undefined) claimed.add(result);
  }
  const turnAt = new Map(turns.map((turn) => [turn.start, turn]));
  const ids = new Set<string>();
  const out: UnifiedMessage[] = [];
  for (let index = 0; index < messages.length; index += 1) {
    const turn = turnAt.get(index);
    const message = messages[index];
    if (turn !== undefined) {
      for (const settled of settleTurn(messages, turn, ids, ledger)) out.push(settled);
      index = turn.end - 1;
    } else if (message !== undefined && message.role !== 'tool') out.push(message);
    else if (message !== undefined && !claimed.has(index)) out.push(orphanAsText(message, ledger));
  }
  return out;
}

/**
 * True for what clients mostly send: behind each turn its calls are answered, in their order, under ids
 * that stand nowhere else. To know that is a quarter of the work.
 */
function isSettled(messages: readonly UnifiedMessage[]): boolean {
  const ids = new Set<string>();
  let total = 0;
  /** Calls of the last turn, of which so many are answered. */
  let calls: readonly UnifiedToolCall[] = [];
  let answered = 0;
  for (const { role, tool_calls: made = [], tool_call_id: id } of messages) {
    if (role === 'tool') {
      if (calls[answered]?.id !== (id ?? null)) return false;
      answered += 1;
      continue;
    }
    if (answered < calls.length) return false;
    calls = made;
    answered = 0;
    for (const call of made) ids.add(call.id);
    total += made.length;
  }
  return answered === calls.length && ids.size === total;
}

/**
 * A turn is a run of assistant messages: `continues` joins them, and so does an open call, as nothing
 * but its result may come between it and another turn.
 */
function readTurns(messages: readonly UnifiedMessage[]): Turn[] {
  const turns: Turn[] = [];
  let open: Turn | undefined;
  for (const [index, message] of messages.entries()) {
    if (message.role !== 'assistant') {
      open = undefined;
      continue;
    }
    if (open === undefined || (message.continues !== true && open.calls.length === 0)) {
      const last = turns.at(-1);
      if (last !== undefined) last.next = index;
      open = { start: index, end: index, next: messages.length, calls: [] };
      turns.push(open);
    }
    open.end = index + 1;
    for (const call of message.tool_calls ?? []) {
      open.calls.push({ id: call.id, call, turn: turns.length - 1 });
    }
  }
  return turns;
}

/**
 * Gives each result to the latest turn before it that still has an unanswered call of that id: some
 * clients number the calls of every turn anew. Within one turn the first such call gets it.
 */
function matchResults(messages: readonly UnifiedMessage[], turns: readonly Turn[]): void {
  const unanswered = new Map<string, Call[]>();
  let nextTurn = 0;
  messages.forEach((message, index) => {
    const turn = turns[nextTurn];
    if (turn?.start === index) {
      nextTurn += 1;
      for (const call of turn.calls) {
        const waiting = unanswered.get(call.id);
        if (waiting === undefined) unanswered.set(call.id, [call]);
        else waiting.push(call);
      }
    }
    if (message.role !== 'tool' || message.tool_call_id === undefined) return;
    const waiting = unanswered.get(message.tool_call_id);
    const latest = waiting?.at(-1)?.turn;
    const position = waiting?.findIndex((call) => call.turn === latest) ?? -1;
    const [call] = position < 0 ? [] : (waiting?.splice(position, 1) ?? []);
    if (call !== undefined) call.result = index;
  });
}

/**
 * Results may be moved up over a later turn, but not when nothing would be left to answer it: then
 * the history would end with an assistant message, which means "go on with this text" or is refused.
 * They stay where they are, as text.
 */
function keepAnswersLast(turns: readonly Turn[]): void {
  const late = turns.flatMap(({ next, calls }) =>
    calls.filter(({ result = -1 }) => result >= next),
  );
  if (late.length === 0) return;
  for (const { end, next } of turns) {
    const moved = late.filter(({ result = -1 }) => result >= end && result < next);
    if (moved.length < next - end) continue;
    for (const call of moved) call.result = undefined;
  }
}

/** The turn's messages followed by its results. */
function settleTurn(
  messages: readonly UnifiedMessage[],
  turn: Turn,
  ids: Set<string>,
  ledger: Ledger,
): UnifiedMessage[] {
  const results: UnifiedMessage[] = [];
  const renamed = new Map<UnifiedToolCall, string>();
  for (const { id, call, result } of turn.calls) {
    const unique = uniqueId(id, ids);
    if (unique !== id) renamed.set(call, unique);
    const message = result === undefined ? undefined : messages[result];
    if (message === undefined || result === undefined) {
      results.push(missingResult(unique, call, ledger));
      continue;
    }
    if (result >= turn.next && message.path !== undefined) {
      ledger.approximate(message.path, 'moved up to its call');
    }
    results.push(unique === id ? message : { ...message, tool_call_id: unique });
  }
  const assistant = messages.slice(turn.start, turn.end).map((message, index) => {
    const joined = index === 0 || message.continues ? message : { ...message, continues: true };
    return withIds(joined, renamed);
  });
  return [...assistant, ...results];
}

function withIds(message: UnifiedMessage, renamed: Map<UnifiedToolCall, string>): UnifiedMessage {
  if (message.tool_calls?.some((call) => renamed.has(call)) !== true) return message;
  return {
    ...message,
    tool_calls: message.tool_calls.map((call) => ({ ...call, id: renamed.get(call) ?? call.id })),
  };
}

function missingResult(id: string, call: UnifiedToolCall, ledger: Ledger): UnifiedMessage {
  const result: UnifiedMessage = { role: 'tool', tool_call_id: id, content: NO_RESULT };
  if (call.path === undefined) return result;
  ledger.approximate(call.path, 'never answered, which its result says');
  return { ...result, name: callName(call), path: call.path };
}

/** A result that answers no call: no provider takes it as a result, the model can still read it. */
function orphanAsText(message: UnifiedMessage, ledger: Ledger): UnifiedMessage {
  const { path, tool_call_id: id } = message;
  if (path !== undefined) ledger.approximate(path, 'user text, as its call is not before it');
  const head = message.is_error === true ? 'Error from tool call' : 'Result of tool call';
  const place = path === undefined ? {} : { path };
  const lead: UnifiedContent = { type: 'text', text: `[${[head, id].join(' ').trim()}]`, ...place };
  return { role: 'user', content: [lead, ...parts(message)], ...place };
}
