/**
 * Groq (console.groq.com/docs/openai, "Currently Unsupported OpenAI Features", and docs/reasoning). Does
 * what llms' request hook of the name does (no `$schema` in tools) and the rest of what Groq refuses.
 */
import type { Effort, UnifiedChatRequest, UnifiedTool } from '../unified.ts';
import { chatOnly } from './chat-only.ts';
import { leaveOut } from './leave-out.ts';
import { nearestEffort } from './nearest-effort.ts';
import type { Quirk, QuirkContext } from './quirk.ts';
import { thinkingSaid, thinkingWish } from './thinking-wish.ts';
import { offerAllowed } from './tool-choice.ts';
import { withoutNames } from './without-names.ts';

/** "Currently not supported and will result in a 400 error"; the last three are OpenAI's own. */
const REFUSED = [
  'logprobs',
  'top_logprobs',
  'logit_bias',
  'prompt_cache_key',
  'verbosity',
  'store',
] as const;

const GPT_OSS_EFFORTS: readonly Effort[] = ['low', 'medium', 'high'];
/** Tiers of Groq's; any other word is refused. */
const TIERS = new Set(['auto', 'on_demand', 'flex', 'performance']);

export const groq: Quirk = {
  name: 'groq',
  create: () =>
    chatOnly({
      request(request, context) {
        const { ledger } = context;
        const taken = leaveOut(offerAllowed(request), REFUSED, ledger);
        const tier = taken.service_tier;
        const tiered =
          tier === undefined || TIERS.has(tier) ? taken : leaveOut(taken, ['service_tier'], ledger);
        return sayReasoning(withoutNames(withPlainSchemas(tiered), ledger), context);
      },
    }),
};

function withPlainSchemas(request: UnifiedChatRequest): UnifiedChatRequest {
  if (!request.tools?.some(hasMetaSchema)) return request;
  const tools = request.tools.map((tool): UnifiedTool => {
    if (tool.type !== 'function' || !tool.function.parameters) return tool;
    const { $schema: _, ...parameters } = tool.function.parameters;
    return { ...tool, function: { ...tool.function, parameters } };
  });
  return { ...request, tools };
}

function hasMetaSchema(tool: UnifiedTool): boolean {
  return tool.type === 'function' && tool.function.parameters?.['$schema'] !== undefined;
}

/**
 * gpt-oss takes low, medium and high, Qwen "none" or "default", all others nothing
 * (earendil-works/pi#1745). Qwen puts its reasoning into the text unless the format is `parsed`.
 */
function sayReasoning(request: UnifiedChatRequest, context: QuirkContext): UnifiedChatRequest {
  const { model, ledger } = context;
  const wish = thinkingWish(request);
  if (/gpt-oss/i.test(model)) return nearestEffort(request, GPT_OSS_EFFORTS, ledger);
  if (/qwen/i.test(model)) {
    const said: UnifiedChatRequest = {
      ...thinkingSaid(request, ledger),
      reasoning_format: 'parsed',
    };
    if (wish === 'unsaid') return said;
    if (wish === 'on' && request.reasoning?.effort) {
      ledger.approximate('reasoning.effort', 'effort default');
    }
    return { ...said, reasoning_effort: wish === 'off' ? 'none' : 'default' };
  }
  if (wish === 'on') ledger.drop('reasoning');
  return wish === 'unsaid' ? request : thinkingSaid(request, ledger);
}
