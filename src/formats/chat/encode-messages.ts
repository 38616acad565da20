/** Unified messages → a chat provider's. */
import type {
  ChatCompletionContentPartRefusal,
  ChatCompletionContentPartText,
  ChatCompletionUserMessageParam,
} from 'openai/resources/chat/completions/completions';
import { parseJson } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import {
  isTokenOf,
  parts,
  type UnifiedContent,
  type UnifiedMessage,
  type UnifiedReasoning,
  type UnifiedToolCall,
} from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { drop, dropMark, encodePart, type UserPart } from './encode-part.ts';
import { openAiModel, reasons } from './models.ts';
import { unpackDetails } from './reasoning-details.ts';
import type { ChatAssistantParam, ChatMessageParam, ChatToolCall } from './wire.ts';

/** Messages in their order; the messages of one assistant turn become one. */
export function encodeMessages(
  messages: readonly UnifiedMessage[],
  context: ProviderContext,
): ChatMessageParam[] {
  const out: ChatMessageParam[] = [];
  /** Media out of tool results: chat takes them only from the user, after the last result. */
  let media: UserPart[] = [];
  const flush = (): void => {
    if (media.length > 0) out.push({ role: 'user', content: media });
    media = [];
  };
  for (let index = 0; index < messages.length; index += 1) {
    const message = messages[index];
    if (!message) continue;
    if (message.role === 'tool') {
      out.push(encodeResult(message, media, context.ledger));
      continue;
    }
    flush();
    if (message.role !== 'assistant') {
      out.push(encodePlain(message, context));
      continue;
    }
    const turn = [message];
    for (;;) {
      const next = messages[index + 1];
      if (next?.role !== 'assistant' || !next.continues) break;
      turn.push(next);
      index += 1;
    }
    const assistant = encodeTurn(turn, context);
    if (assistant) out.push(assistant);
  }
  flush();
  return out;
}

/** Text parts of one voice are one string: many servers take arrays only where media demand them. */
const PART_BREAK = '\n\n';

function encodePlain(message: UnifiedMessage, context: ProviderContext): NonAssistantParam {
  const { ledger } = context;
  const name = legalName(message, ledger);
  if (message.role === 'system') {
    const content = textOf(message, PART_BREAK, ledger);
    // "developer" is OpenAI's word for its reasoning models; other servers refuse it, and OpenAI
    // itself reads "system" as "developer" there.
    const isDeveloper = message.developer && reasons(openAiModel(context.model));
    return isDeveloper
      ? { role: 'developer', content, ...name }
      : { role: 'system', content, ...name };
  }
  const content: UserPart[] = [];
  for (const part of parts(message)) {
    const encoded =
      part.type === 'hosted' && part.format === 'chat'
        ? nativePart(part.value)
        : encodePart(part, ledger);
    if (encoded) content.push(encoded);
  }
  return { role: 'user', content: joined(content), ...name };
}
type NonAssistantParam = Exclude<ChatMessageParam, ChatAssistantParam>;

/** A part that a chat client sent and only chat servers know, as it came. */
function nativePart(value: object): UserPart {
  return value as UserPart;
}

function joined(content: UserPart[]): ChatCompletionUserMessageParam['content'] {
  const texts: string[] = [];
  for (const part of content) {
    if (part.type !== 'text') return content;
    texts.push(part.text);
  }
  return texts.join(PART_BREAK);
}

/** Names may not hold white space or any of `<|\/>` (OpenAI's error text says the pattern). */
function legalName(message: UnifiedMessage, ledger: Ledger): { name?: string } {
  const { name, path } = message;
  if (name === undefined) return {};
  if (name.length <= 64 && /^[^\s<|\\/>]+$/.test(name)) return { name };
  if (path !== undefined) ledger.drop(`${path}.name`);
  return {};
}

/** The text of a message that can hold nothing else; anything else is reported. */
function textOf(message: UnifiedMessage, separator: string, ledger: Ledger): string {
  const texts: string[] = [];
  for (const part of parts(message)) {
    const text = partText(part, ledger);
    if (text) texts.push(text);
  }
  return texts.join(separator);
}

function partText(part: UnifiedContent, ledger: Ledger): string | undefined {
  if (part.type === 'text') {
    dropMark(part, ledger);
    return part.text;
  }
  if (part.type === 'file') {
    const encoded = encodePart(part, ledger);
    if (encoded?.type === 'text') return encoded.text;
    if (!encoded) return undefined;
  }
  return drop(part, ledger);
}

// ------------------------------------------------------------------------------ tool results

function encodeResult(
  message: UnifiedMessage,
  media: UserPart[],
  ledger: Ledger,
): NonAssistantParam {
  const { path } = message;
  const texts: string[] = [];
  if (message.cache_control && path !== undefined) ledger.drop(`${path}.cache_control`);
  for (const part of parts(message)) {
    const encoded = encodePart(part, ledger);
    if (!encoded) continue;
    if (encoded.type === 'text') {
      texts.push(encoded.text);
      continue;
    }
    if (media.length === 0)
      media.push({ type: 'text', text: 'Attached to the tool results above:' });
    media.push(encoded);
    if (part.path !== undefined)
      ledger.approximate(part.path, 'in a user message after the results');
  }
  let content = texts.join('\n');
  if (message.is_error) {
    // Chat has no flag for a failed call; the model reads it.
    if (!/^\W*error/i.test(content)) content = content === '' ? 'Error' : `Error: ${content}`;
    if (path !== undefined) ledger.approximate(`${path}.is_error`, 'in words');
  }
  return { role: 'tool', tool_call_id: message.tool_call_id ?? '', content };
}

// ------------------------------------------------------------------------------ assistant

type AssistantParts = Array<ChatCompletionContentPartText | ChatCompletionContentPartRefusal>;

/** One message for the turn; undefined when nothing of it can be sent. */
function encodeTurn(
  turn: readonly UnifiedMessage[],
  context: ProviderContext,
): ChatAssistantParam | undefined {
  const { ledger } = context;
  const texts: string[] = [];
  const refusals: string[] = [];
  const calls: ChatToolCall[] = [];
  const result: ChatAssistantParam = { role: 'assistant' };
  for (const message of turn) {
    Object.assign(result, legalName(message, ledger));
    const own: string[] = [];
    for (const part of parts(message)) {
      if (part.type === 'refusal') refusals.push(part.refusal);
      else own.push(partText(part, ledger) ?? '');
    }
    // Parts of one message are pieces of one text, cut where a citation begins or ends.
    const text = own.join('');
    if (text !== '') texts.push(text);
    for (const call of message.tool_calls ?? []) calls.push(encodeCall(call, context));
  }
  const text = texts.join(PART_BREAK);
  if (calls.length > 0) result.tool_calls = calls;
  addContent(result, text, refusals.join(''));
  addReasoning(result, turn, context);
  const isEmpty = text === '' && refusals.length === 0 && calls.length === 0;
  const hadReasoning = turn.some((message) => (message.reasoning ?? []).length > 0);
  return isEmpty && hadReasoning && !hasReasoning(result) ? undefined : result;
}

/** `content` may be null beside calls only; a refusal without text is a part (OpenAI's own rule). */
function addContent(result: ChatAssistantParam, text: string, refusal: string): void {
  if (refusal !== '' && text === '' && !result.tool_calls) {
    const content: AssistantParts = [{ type: 'refusal', refusal }];
    result.content = content;
    return;
  }
  result.content = text === '' && result.tool_calls ? null : text;
  if (refusal !== '') result.refusal = refusal;
}

function encodeCall(call: UnifiedToolCall, context: ProviderContext): ChatToolCall {
  const { ledger } = context;
  if (call.cache_control && call.path !== undefined) ledger.drop(`${call.path}.cache_control`);
  const encoded: ChatToolCall =
    call.type === 'custom'
      ? { id: call.id, type: 'custom', custom: { ...call.custom } }
      : {
          id: call.id,
          type: 'function',
          function: { name: call.function.name, arguments: jsonArguments(call, ledger) },
        };
  const { opaque } = call;
  if (!opaque) return encoded;
  if (isTokenOf(opaque, 'chat', context.provider)) {
    encoded.extra_content = { google: { thought_signature: opaque.value } };
  } else if (call.path !== undefined) {
    ledger.drop(`${call.path}.opaque`);
  }
  return encoded;
}

/** Arguments must be JSON. A call that was cut off in the middle keeps its text inside an object. */
function jsonArguments(
  call: Extract<UnifiedToolCall, { type: 'function' }>,
  ledger: Ledger,
): string {
  const text = call.function.arguments;
  if (text.trim() === '') return '{}';
  if (parseJson(text) !== undefined) return text;
  if (call.path !== undefined) ledger.approximate(`${call.path}.function.arguments`, 'not JSON');
  return JSON.stringify({ arguments: text });
}

/** Reasoning goes back to the provider that it came from, in the field that it came in. */
function addReasoning(
  result: ChatAssistantParam,
  turn: readonly UnifiedMessage[],
  context: ProviderContext,
): void {
  for (const message of turn) {
    for (const reasoning of message.reasoning ?? []) {
      const { opaque } = reasoning;
      if (isTokenOf(opaque, 'chat', context.provider)) {
        addBlock(result, reasoning, opaque.value);
      } else {
        const path = reasoning.path ?? message.path;
        if (path !== undefined) context.ledger.drop(path);
      }
    }
  }
}

/** The token says which field: see `reasoning-details.ts` and the decoder. */
function addBlock(result: ChatAssistantParam, reasoning: UnifiedReasoning, token: string): void {
  const { text } = reasoning;
  if (token === '') result.reasoning_content = append(result.reasoning_content, text);
  else if (token === 'reasoning') result.reasoning = append(result.reasoning, text);
  else if (token === 'thinking') addThinkingPart(result, text);
  else {
    const details = unpackDetails(token, text) ?? [sealedDetail(reasoning, token)];
    result.reasoning_details = [...(result.reasoning_details ?? []), ...details];
  }
}

function append(before: string | undefined, text: string): string {
  return before === undefined ? text : `${before}${PART_BREAK}${text}`;
}

/** Another Plexus is the provider: its own sealed entry. */
function sealedDetail(
  reasoning: UnifiedReasoning,
  token: string,
): NonNullable<ChatAssistantParam['reasoning_details']>[number] {
  return reasoning.redacted
    ? { type: 'reasoning.encrypted', data: token, format: 'plexus' }
    : { type: 'reasoning.text', text: reasoning.text, signature: token, format: 'plexus' };
}

function addThinkingPart(result: ChatAssistantParam, text: string): void {
  const { content } = result;
  const after =
    typeof content === 'string'
      ? content === ''
        ? []
        : [{ type: 'text' as const, text: content }]
      : (content ?? []);
  const thinking = after.filter((part) => part.type === 'thinking');
  const rest = after.filter((part) => part.type !== 'thinking');
  result.content = [...thinking, { type: 'thinking', thinking: [{ type: 'text', text }] }, ...rest];
}

function hasReasoning(result: ChatAssistantParam): boolean {
  return (
    result.reasoning_content !== undefined ||
    result.reasoning !== undefined ||
    result.reasoning_details !== undefined ||
    Array.isArray(result.content)
  );
}
