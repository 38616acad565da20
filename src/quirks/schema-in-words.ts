import type { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest } from '../unified.ts';

/**
 * For providers that know JSON mode but no schemas: the schema is told to the model instead. The
 * word "JSON" in it is what DeepSeek demands of every prompt in JSON mode (vercel/ai#7913).
 */
export function schemaInWords(request: UnifiedChatRequest, ledger: Ledger): UnifiedChatRequest {
  const format = request.response_format;
  if (format?.type !== 'json_schema') return request;
  ledger.approximate('response_format', 'JSON mode, the schema in the prompt');
  const { schema } = format.json_schema;
  const json: UnifiedChatRequest = { ...request, response_format: { type: 'json_object' } };
  if (!schema) return json;
  const content = `Answer with nothing but JSON that is valid under this JSON schema:\n${JSON.stringify(schema)}`;
  return { ...json, messages: afterSystem(request.messages, { role: 'system', content }) };
}

type Messages = UnifiedChatRequest['messages'];

/** Directly behind the opening system messages, so that the conversation behind it stays as it was. */
function afterSystem(messages: Messages, added: Messages[number]): Messages {
  const first = messages.findIndex((message) => message.role !== 'system');
  const at = first < 0 ? messages.length : first;
  return [...messages.slice(0, at), added, ...messages.slice(at)];
}
