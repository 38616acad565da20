/**
 * Cache marks (`cache_control`) for the chat servers that take them on text parts: OpenRouter, Vercel,
 * Alibaba. The chat format writes messages as plain strings and knows no marks; here the marked ones
 * become lists of parts again. Marks on assistant messages and tools have no place on that wire, the
 * format reports them.
 */
import { array, isObject, type JsonObject, object } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import {
  parts,
  type UnifiedChatRequest,
  type UnifiedContent,
  type UnifiedMessage,
} from '../unified.ts';

/** What waits for `markBody`; plain JSON, so that it survives every hook in between. */
interface Marks {
  [field: string]: unknown;
  /** Messages of text with a mark, as the wire's parts; found again by their text. */
  texts: Array<{ role: string; content: JsonObject[]; path?: string }>;
  /** Tool results with a mark, by the call's id. */
  results: Array<{ id: string; cache_control: JsonObject; path?: string }>;
}

/** The request without its marks, and what is needed to set them again; undefined without any. */
export function takeMarks(
  request: UnifiedChatRequest,
): { request: UnifiedChatRequest; marks: Marks } | undefined {
  const marks: Marks = { texts: [], results: [] };
  const messages = request.messages.map((message) => {
    if (message.role === 'tool') return takeFromResult(message, marks);
    return message.role === 'assistant' ? message : takeFromText(message, marks);
  });
  const isMarked = messages.some((message, index) => message !== request.messages[index]);
  return isMarked ? { request: { ...request, messages }, marks } : undefined;
}

function takeFromText(message: UnifiedMessage, marks: Marks): UnifiedMessage {
  const content = parts(message);
  if (!content.some(isMarkedText)) return message;
  if (!content.every((part) => part.type === 'text')) {
    return message.role === 'user' ? { ...message, content: content.map(asOnWire) } : message;
  }
  const { role, path } = message;
  const texts = content.filter((part) => part.text !== '').map(textPart);
  marks.texts.push(path === undefined ? { role, content: texts } : { role, content: texts, path });
  return unmarked(message);
}

function isMarkedText(part: UnifiedContent): boolean {
  return part.type === 'text' && part.text !== '' && part.cache_control !== undefined;
}

/** Beside an image a list stays a list, and a part of it may be what the wire knows already. */
function asOnWire(part: UnifiedContent): UnifiedContent {
  return part.type === 'text' && isMarkedText(part)
    ? { type: 'hosted', format: 'chat', value: textPart(part) }
    : part;
}

function textPart(part: { text: string; cache_control?: JsonObject }): JsonObject {
  const { text, cache_control: mark } = part;
  return mark ? { type: 'text', text, cache_control: mark } : { type: 'text', text };
}

function unmarked(message: UnifiedMessage): UnifiedMessage {
  const { cache_control: _, ...rest } = message;
  if (!Array.isArray(rest.content)) return rest;
  return { ...rest, content: rest.content.map(({ cache_control: __, ...part }) => part) };
}

function takeFromResult(message: UnifiedMessage, marks: Marks): UnifiedMessage {
  const inside = parts(message).findLast((part) => part.cache_control);
  const mark = message.cache_control ?? inside?.cache_control;
  const { tool_call_id: id, path } = message;
  if (!mark || id === undefined) return message;
  const result = { id, cache_control: mark };
  marks.results.push(path === undefined ? result : { ...result, path });
  return unmarked(message);
}

/** The body with the marks set; a message that is not found again is reported. */
export function markBody(body: JsonObject, taken: JsonObject, ledger: Ledger): JsonObject {
  const messages = array(body['messages'])
    .filter(isObject)
    .map((message) => ({ ...message }));
  const give = (entry: JsonObject, content: JsonObject[], isIt: (each: JsonObject) => boolean) => {
    const message = messages.find(isIt);
    if (message) message['content'] = content;
    else if (typeof entry['path'] === 'string') ledger.drop(`${entry['path']}.cache_control`);
  };
  for (const entry of array(taken['texts']).filter(isObject)) {
    const content = array(entry['content']).filter(isObject);
    const whole = content.map((part) => part['text']).join('\n\n');
    give(entry, content, (each) => each['role'] === entry['role'] && each['content'] === whole);
  }
  for (const entry of array(taken['results']).filter(isObject)) {
    const isIt = (each: JsonObject): boolean => each['tool_call_id'] === entry['id'];
    const text = String(messages.find(isIt)?.['content'] ?? '');
    const mark = object(entry['cache_control']) ?? {};
    give(entry, [textPart({ text, cache_control: mark })], (each) => isIt(each) && text !== '');
  }
  return { ...body, messages };
}
