import type { Effort, UnifiedChatRequest } from '../unified.ts';
import { chatOnly } from './chat-only.ts';
import { leaveOut } from './leave-out.ts';
import { nearestEffort } from './nearest-effort.ts';
import type { Quirk, QuirkContext } from './quirk.ts';
import { thinkingSaid, thinkingWish } from './thinking-wish.ts';
import { offerAllowed } from './tool-choice.ts';

/**
 * Efforts by model; models that reason as their name says take none: "Model … does not support
 * parameter reasoningEffort" (hermes-agent#23088, @ai-sdk/xai 4.0.8, opencode#39448).
 */
const EFFORTS: ReadonlyArray<readonly [model: RegExp, efforts: readonly Effort[]]> = [
  [/grok-3-mini/, ['low', 'high']],
  [/grok-4\.20-multi-agent/, ['low', 'medium', 'high', 'xhigh']],
  [/grok-(?:[23]|4$|4-|4\.20|code)/, []],
  [/grok-4\.3/, ['none', 'low', 'medium', 'high']],
  [/grok/, ['low', 'medium', 'high']],
];

/**
 * xAI: "presencePenalty, frequencyPenalty, and stop cannot be used with reasoning models"
 * (docs.x.ai/docs/guides/reasoning); the penalties are refused by the others too (NativeTavern#83).
 */
export const xai: Quirk = {
  name: 'xai',
  create: () =>
    chatOnly({
      request(request, context) {
        const { model, ledger } = context;
        const fields = ['presence_penalty', 'frequency_penalty'];
        if (!/non-reasoning|grok-2/.test(model)) fields.push('stop');
        return sayEffort(leaveOut(offerAllowed(request), fields, ledger), context);
      },
    }),
};

function sayEffort(
  request: UnifiedChatRequest,
  { model, ledger }: QuirkContext,
): UnifiedChatRequest {
  const efforts = EFFORTS.find(([pattern]) => pattern.test(model))?.[1];
  const wish = thinkingWish(request);
  if (!efforts || wish === 'unsaid') return request;
  if (wish === 'off' && efforts.includes('none')) {
    return { ...request, reasoning: { effort: 'none' } };
  }
  if (wish === 'off' || efforts.length === 0) {
    // What a name says (`-non-reasoning`, `-reasoning`) is no loss.
    const isSaid = wish === 'off' ? /non-reasoning/.test(model) : /(?<!non-)reasoning/.test(model);
    if (!isSaid || request.reasoning?.effort) ledger.drop('reasoning');
    return thinkingSaid(request, ledger);
  }
  return nearestEffort(request, efforts, ledger);
}
