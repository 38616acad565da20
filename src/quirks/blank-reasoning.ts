import { array, isObject, type JsonObject } from '../json.ts';

/**
 * While they think, DeepSeek and Kimi refuse a history with tools in which an assistant message has
 * no `reasoning_content`, as messages of another model have not ("must be passed back", "is missing
 * in assistant tool call message"). A space is taken, '' is not (NousResearch/hermes-agent#17341);
 * messages without calls need it too (openclaw/openclaw#73417).
 */
export function withBlankReasoning(body: JsonObject): JsonObject {
  if (array(body['tools']).length === 0) return body;
  const messages = array(body['messages']).map((message) =>
    isObject(message) && message['role'] === 'assistant' && !message['reasoning_content']
      ? { ...message, reasoning_content: ' ' }
      : message,
  );
  return { ...body, messages };
}
