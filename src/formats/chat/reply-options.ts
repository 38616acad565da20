/** What the request decides about the reply, and the tier it names. */
import type { ChatCompletion } from 'openai/resources/chat/completions/completions';
import type { JsonObject } from '../../json.ts';

/** The client is of the time before tools: it offered `functions` and waits for `function_call`. */
export function usesLegacyCalls(body: JsonObject): boolean {
  return Array.isArray(body['functions']) && !Array.isArray(body['tools']);
}

const TIERS = ['auto', 'default', 'flex', 'scale', 'priority', 'fast'] as const;

/** The tier that was used, where chat has a word for it. */
export function encodeTier(tier: string | undefined): ChatCompletion['service_tier'] {
  if (tier === 'standard') return 'default';
  return TIERS.find((known) => known === tier);
}
