/**
 * Ids of tool calls. Providers differ in what they take as one (messages refuses `functions.X:3`,
 * OpenAI more than 40 or 64 characters); a call and its result must keep the same one.
 */
import type { FormatRules } from '../formats/format.ts';
import type { UnifiedMessage } from '../unified.ts';
import { legalSpelling } from './tool-names.ts';

/** True when any message makes a call or answers one. */
export function haveCalls(messages: readonly UnifiedMessage[]): boolean {
  return messages.some(
    ({ role, tool_calls: calls }) => role === 'tool' || (calls !== undefined && calls.length > 0),
  );
}

/**
 * The messages with ids that the rules allow. An illegal id becomes a legal one that depends on
 * nothing but itself, so that it is the same on every turn; two different ids stay different.
 */
export function mapCallIds(messages: UnifiedMessage[], rules: FormatRules): UnifiedMessage[] {
  const isLegal = (id: string) => id.length <= rules.callIdMax && rules.callId.test(id);
  const ids = [...callIds(messages)];
  if (ids.every(isLegal)) return messages;
  const mapped = new Map<string, string>();
  const taken = new Set(ids.filter(isLegal));
  for (const id of ids) {
    if (taken.has(id)) continue;
    let legal = legalSpelling(id, id, rules.callIdMax);
    for (let count = 1; taken.has(legal); count += 1) {
      legal = legalSpelling(id, `${id}\n${count}`, rules.callIdMax);
    }
    taken.add(legal);
    mapped.set(id, legal);
  }
  return messages.map((message) => withIds(message, mapped));
}

function withIds(message: UnifiedMessage, mapped: Map<string, string>): UnifiedMessage {
  const { tool_calls: calls, tool_call_id: answered } = message;
  const result = answered === undefined ? undefined : mapped.get(answered);
  if (result !== undefined) return { ...message, tool_call_id: result };
  if (calls?.some((call) => mapped.has(call.id)) !== true) return message;
  return {
    ...message,
    tool_calls: calls.map((call) => ({ ...call, id: mapped.get(call.id) ?? call.id })),
  };
}

/** Every call id that the messages mention. */
function callIds(messages: readonly UnifiedMessage[]): Set<string> {
  const ids = new Set<string>();
  for (const message of messages) {
    if (message.tool_call_id !== undefined) ids.add(message.tool_call_id);
    for (const call of message.tool_calls ?? []) ids.add(call.id);
  }
  return ids;
}

/** Ids as providers count them anew for each answer: `call_0`, `functions.read:1`, `3`. */
const COUNTED = /^\D*\d{0,3}$/;

/** Renames the ids of one answer, one after the other. */
export type IdRenamer = (id: string) => string;

/**
 * Makes renamers that give each call of an answer an id that the conversation does not have yet:
 * clients that pair results with calls by id alone loop when a provider counts from `call_0` in every
 * answer (NVIDIA-NeMo/Switchyard#502). Undefined when no id of the history looks counted, so that
 * nothing has to be watched.
 */
export function freshIds(messages: readonly UnifiedMessage[]): (() => IdRenamer) | undefined {
  const known = callIds(messages);
  if (![...known].some((id) => COUNTED.test(id))) return undefined;
  return () => {
    const taken = new Set(known);
    return (id) => uniqueId(id, taken);
  };
}

/** The id itself when it is new, else the id with the first free number. Takes it. */
export function uniqueId(id: string, taken: Set<string>): string {
  let unique = id;
  for (let count = 2; taken.has(unique); count += 1) unique = `${id}_${count}`;
  taken.add(unique);
  return unique;
}
