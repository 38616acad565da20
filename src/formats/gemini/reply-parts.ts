/** What the whole reply and the stream share on the client's side: which parts say what. */
import { isObject, type JsonObject, parseJson } from '../../json.ts';
import type { UnifiedChatRequest, UnifiedToolCall } from '../../unified.ts';
import type { Part } from './wire.ts';

/** Gemini shows thoughts only to those who ask (`includeThoughts`). */
export function showsThoughts(request: UnifiedChatRequest | undefined): boolean {
  const summary = request?.reasoning?.summary;
  return summary !== undefined && summary !== 'none' && summary !== 'omitted';
}

/** A part that is all token: nothing to read, and SDKs leave it out of an answer's text. */
export function tokenPart(token: string, isThought: boolean): Part {
  return isThought
    ? { text: '', thought: true, thoughtSignature: token }
    : { text: '', thoughtSignature: token };
}

/** The arguments of a call as an object; undefined when the model wrote something else. */
export function callArguments(call: UnifiedToolCall): JsonObject | undefined {
  if (call.type === 'custom') return { input: call.custom.input };
  const text = call.function.arguments;
  if (text.trim() === '') return {};
  const args = parseJson(text);
  return isObject(args) ? args : undefined;
}

/** A call, with the token that must come back on it. */
export function callPart(
  id: string,
  name: string,
  args: JsonObject,
  token: string | undefined,
): Part {
  const functionCall = { id, name, args };
  return token === undefined ? { functionCall } : { functionCall, thoughtSignature: token };
}
