/**
 * DeepSeek's chat API (api-docs.deepseek.com/guides/thinking_mode, read 2026-11). Its models think by
 * default; `thinking: {type}` switches it, `reasoning_effort` says how hard and is mapped there.
 */
import { number, object } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest } from '../unified.ts';
import { withBlankReasoning } from './blank-reasoning.ts';
import { chatOnly } from './chat-only.ts';
import type { Quirk } from './quirk.ts';
import { schemaInWords } from './schema-in-words.ts';
import { thinkingSaid, thinkingWish } from './thinking-wish.ts';
import { offerAllowed, settleForced } from './tool-choice.ts';

/**
 * "Invalid max_tokens value, the valid range of max_tokens is [1, 8192]" (mnfst/llm-gateway#1177);
 * 65536 for R1 (Aider-AI/aider#4125), 384K since V4.
 */
const LIMITS: ReadonlyArray<readonly [model: RegExp, limit: number]> = [
  [/deepseek-(?:reasoner|r1)/i, 65_536],
  [/deepseek-v4/i, 393_216],
  [/deepseek-(?:chat|coder|v[23])(?!\d)/i, 8192],
];

/** Models that think only when they are told to. */
const SILENT = /deepseek-(?:chat|coder|v[23])/i;

/**
 * - A forced tool is refused while thinking (deepseek-ai/DeepSeek-V3#1376).
 * - JSON mode takes no schema: "This response_format type is unavailable now" (llm-exe#662).
 *
 * Option `max_tokens`: the limit of a host that has another one.
 */
export const deepseek: Quirk = {
  name: 'deepseek',
  create(options) {
    const ownLimit = number(options['max_tokens']);
    return chatOnly({
      request(request, { model, ledger }) {
        const limit = ownLimit ?? LIMITS.find(([pattern]) => pattern.test(model))?.[1];
        const limited = limit === undefined ? request : limitTokens(request, limit, ledger);
        const chosen = settleForced(offerAllowed(limited), !/reasoner|r1/i.test(model), ledger);
        return sayThinking(schemaInWords(chosen, ledger), ledger);
      },
      body(body, _request, { model }) {
        const said = object(body['thinking'])?.['type'];
        const isThinking = said === undefined ? !SILENT.test(model) : said === 'enabled';
        return isThinking ? withBlankReasoning(body) : body;
      },
    });
  },
};

function limitTokens(
  request: UnifiedChatRequest,
  limit: number,
  ledger: Ledger,
): UnifiedChatRequest {
  const { max_tokens: plain, max_completion_tokens: full } = request;
  if ((full ?? plain ?? 0) <= limit) return request;
  ledger.approximate('max_tokens', String(limit));
  return full === undefined
    ? { ...request, max_tokens: limit }
    : { ...request, max_completion_tokens: limit };
}

function sayThinking(request: UnifiedChatRequest, ledger: Ledger): UnifiedChatRequest {
  const wish = thinkingWish(request);
  if (wish === 'unsaid') return request;
  if (wish === 'off') return { ...thinkingSaid(request, ledger), thinking: { type: 'disabled' } };
  // Without an effort or a budget there is nothing left for the format to say.
  const { effort, max_tokens: budget } = request.reasoning ?? {};
  const rest =
    effort === undefined && budget === undefined ? thinkingSaid(request, ledger) : request;
  return { ...rest, thinking: { type: 'enabled' } };
}
