/**
 * Moonshot's Kimi models. All think by default; K2.5 and K2.6 can be told not to, later ones cannot.
 */

import { object } from '../json.ts';
import type { Effort, UnifiedChatRequest } from '../unified.ts';
import { withBlankReasoning } from './blank-reasoning.ts';
import { chatOnly } from './chat-only.ts';
import { leaveOut } from './leave-out.ts';
import { nearestEffort } from './nearest-effort.ts';
import type { Quirk, QuirkContext } from './quirk.ts';
import { thinkingSaid, thinkingWish } from './thinking-wish.ts';
import { offerAllowed, offerNamed, settleForced } from './tool-choice.ts';

/** "invalid temperature: only 1 is allowed for this model", and so for the others. */
const FIXED = ['temperature', 'top_p', 'presence_penalty', 'frequency_penalty'] as const;
const THINKING = /kimi-(?:k2\.[5-9]|k2-thinking|k[3-9])/;
const SWITCHABLE = /kimi-k2\.[56]/;
const WITH_EFFORT = /kimi-k[3-9]/;
const EFFORTS: readonly Effort[] = ['low', 'high', 'max'];

/**
 * - Sampling is fixed (java.agentscope.io, "Kimi", compatibility notes).
 * - "tool_choice 'required' is incompatible with thinking enabled" (oh-my-pi#1077); K3 takes
 *   "required" but no named tool (inspect_ai#5152).
 * - "cannot specify both 'thinking' and 'reasoning_effort'" (nanobot#3939).
 * - "reasoning_content is missing in assistant tool call message" (mastra#12592).
 */
export const moonshot: Quirk = {
  name: 'moonshot',
  create: () =>
    chatOnly({
      request(request, context) {
        const { model, ledger } = context;
        const offered = offerAllowed(request);
        if (!THINKING.test(model)) return offered;
        const free = leaveOut(offered, FIXED, ledger);
        const chosen = WITH_EFFORT.test(model)
          ? offerNamed(free, ledger)
          : settleForced(free, SWITCHABLE.test(model), ledger);
        return sayThinking(chosen, context);
      },
      body(body, _request, { model }) {
        const isOff = object(body['thinking'])?.['type'] === 'disabled';
        return THINKING.test(model) && !isOff ? withBlankReasoning(body) : body;
      },
    }),
};

function sayThinking(
  request: UnifiedChatRequest,
  { model, ledger }: QuirkContext,
): UnifiedChatRequest {
  const wish = thinkingWish(request);
  if (wish === 'unsaid') return request;
  if (WITH_EFFORT.test(model)) {
    if (wish === 'on') return nearestEffort(request, EFFORTS, ledger);
    ledger.approximate('reasoning', 'effort low');
    return { ...request, reasoning: { effort: 'low' } };
  }
  const { effort, max_tokens: budget } = request.reasoning ?? {};
  const isLost = wish === 'off' ? !SWITCHABLE.test(model) : (effort ?? budget);
  if (isLost) ledger.approximate('reasoning', 'thinking on, without a measure');
  if (!SWITCHABLE.test(model)) return thinkingSaid(request, ledger);
  const type = wish === 'off' ? 'disabled' : 'enabled';
  return { ...thinkingSaid(request, ledger), thinking: { type } };
}
