import type { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest } from '../unified.ts';

/** Values that ask for what happens anyway; to leave them out is no loss. */
const DEFAULTS: Readonly<Record<string, unknown>> = {
  temperature: 1,
  top_p: 1,
  presence_penalty: 0,
  frequency_penalty: 0,
  logprobs: false,
  n: 1,
  parallel_tool_calls: true,
  store: false,
};

/** The request without these fields, which the provider refuses; each that said something is reported. */
export function leaveOut(
  request: UnifiedChatRequest,
  fields: readonly string[],
  ledger: Ledger,
): UnifiedChatRequest {
  const present = fields.filter((field) => request[field] !== undefined);
  if (present.length === 0) return request;
  const rest = { ...request };
  for (const field of present) {
    if (rest[field] !== DEFAULTS[field]) ledger.drop(field);
    delete rest[field];
  }
  return rest;
}
