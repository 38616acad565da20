import type { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest } from '../unified.ts';

/** Whether the client wants the model to think; `unsaid` leaves it to the provider. */
export type ThinkingWish = 'on' | 'off' | 'unsaid';

export function thinkingWish({ reasoning }: UnifiedChatRequest): ThinkingWish {
  if (!reasoning) return 'unsaid';
  return reasoning.enabled === false || reasoning.effort === 'none' ? 'off' : 'on';
}

/** The request with thinking switched off, whatever it said before. */
export function withoutThinking(request: UnifiedChatRequest): UnifiedChatRequest {
  return { ...request, reasoning: { enabled: false } };
}

/** Words for a summary that ask for what happens anyway: thoughts are shown as they are. */
const SHOWN = new Set(['auto', 'summarized']);

/** Reports a wish for a summary that is not simply to see the thoughts. */
export function reportSummary(request: UnifiedChatRequest, ledger: Ledger): void {
  const summary = request.reasoning?.summary;
  if (summary !== undefined && !SHOWN.has(summary)) ledger.drop('reasoning.summary');
}

/** The request without a word about thinking: the quirk says it in the provider's spelling. */
export function thinkingSaid(request: UnifiedChatRequest, ledger: Ledger): UnifiedChatRequest {
  const { reasoning: _, ...rest } = request;
  if (thinkingWish(request) === 'on') reportSummary(request, ledger);
  return rest;
}
