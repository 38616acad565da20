/** Telling the fields of the middle language from those that request hooks add by name. */
import type { UnifiedChatRequest } from './unified.ts';

/** The fields that `UnifiedChatRequest` names itself. */
type UnifiedField = keyof {
  [Field in keyof UnifiedChatRequest as string extends Field
    ? never
    : number extends Field
      ? never
      : Field]: unknown;
};

const UNIFIED: Readonly<Record<UnifiedField, true>> = {
  model: true,
  messages: true,
  max_tokens: true,
  max_completion_tokens: true,
  temperature: true,
  top_p: true,
  top_k: true,
  stop: true,
  seed: true,
  frequency_penalty: true,
  presence_penalty: true,
  logit_bias: true,
  logprobs: true,
  top_logprobs: true,
  n: true,
  stream: true,
  stream_options: true,
  tools: true,
  tool_choice: true,
  parallel_tool_calls: true,
  reasoning: true,
  response_format: true,
  user: true,
  metadata: true,
  service_tier: true,
  prompt_cache_key: true,
  verbosity: true,
  store: true,
  extra: true,
};

/** Puts what request hooks have added by name into a provider's body, as it is. */
export function copyHookFields(body: Record<string, unknown>, request: UnifiedChatRequest): void {
  for (const field in request) {
    if (!Object.hasOwn(UNIFIED, field) && request[field] !== undefined)
      body[field] = request[field];
  }
}
