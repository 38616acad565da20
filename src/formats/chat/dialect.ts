/** Spellings of the compatible servers that clients send back as they got them. */
import { array, type JsonObject, object, text } from '../../json.ts';

/** The text of a thinking part, which Mistral writes as a list of text parts. */
export function thinkingText(value: unknown): string {
  if (typeof value === 'string') return value;
  return array(value)
    .map((part) => text(object(part)?.['text']) ?? '')
    .join('');
}

/** The token of a call at Google's OpenAI endpoint (ai.google.dev, "Thought signatures"). */
export function googleToken(call: JsonObject): string | undefined {
  return text(object(object(call['extra_content'])?.['google'])?.['thought_signature']);
}

/** Arguments are JSON text; some clients and servers send the value itself. */
export function argumentText(value: unknown): string {
  if (typeof value === 'string') return value;
  return value === undefined || value === null ? '' : JSON.stringify(value);
}
