import type { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest } from '../unified.ts';

/** The request without names of who speaks, for providers that refuse them; a result's is never sent. */
export function withoutNames(request: UnifiedChatRequest, ledger: Ledger): UnifiedChatRequest {
  if (!request.messages.some(({ role, name }) => role !== 'tool' && name !== undefined)) {
    return request;
  }
  const messages = request.messages.map((message) => {
    const { name, ...rest } = message;
    if (message.role === 'tool' || name === undefined) return message;
    if (rest.path !== undefined) ledger.drop(`${rest.path}.name`);
    return rest;
  });
  return { ...request, messages };
}
