/**
 * Qwen at Alibaba's Model Studio (help.aliyun.com/en/model-studio/deep-thinking and …/context-cache).
 */
import type { JsonObject } from '../json.ts';
import { object } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest } from '../unified.ts';
import { markBody, takeMarks } from './cache-marks.ts';
import { chatOnly } from './chat-only.ts';
import type { Quirk } from './quirk.ts';
import { setAside, takeUp } from './set-aside.ts';
import { thinkingSaid, thinkingWish } from './thinking-wish.ts';
import { offerAllowed, settleForced } from './tool-choice.ts';

/** The open models of Qwen3: "enable_thinking must be set to false for non-streaming calls". */
const STREAMS_THOUGHTS = /^qwen3-\d+(?:\.\d+)?b(?!.*(?:instruct|thinking))/i;

/**
 * - `enable_thinking` and `thinking_budget` instead of an effort.
 * - "The tool_choice parameter does not support being set to required or object in thinking mode"
 *   (cloudwego/eino#994).
 * - `top_k` and cache marks are taken.
 */
export const qwen: Quirk = {
  name: 'qwen',
  create: () =>
    chatOnly({
      request(request, { model, ledger }) {
        const chosen = settleForced(offerAllowed(request), true, ledger);
        const waiting: JsonObject = {};
        const said = sayThinking(chosen, STREAMS_THOUGHTS.test(model), ledger);
        const { top_k: topK, ...rest } = said;
        if (topK !== undefined) waiting['top_k'] = topK;
        const taken = takeMarks(rest);
        if (taken) waiting['marks'] = taken.marks;
        return setAside(taken?.request ?? rest, 'qwen', waiting);
      },
      body(encoded, _request, { ledger }) {
        const { fields, body } = takeUp(encoded, 'qwen');
        const { marks, ...said } = fields;
        const taken = object(marks);
        const whole = { ...body, ...said };
        return taken ? markBody(whole, taken, ledger) : whole;
      },
    }),
};

function sayThinking(
  request: UnifiedChatRequest,
  onlyStreamed: boolean,
  ledger: Ledger,
): UnifiedChatRequest {
  const wish = thinkingWish(request);
  if (onlyStreamed && !request.stream) {
    if (wish === 'on') ledger.drop('reasoning');
    return { ...thinkingSaid(request, ledger), enable_thinking: false };
  }
  if (wish === 'unsaid') return request;
  if (wish === 'off') return { ...thinkingSaid(request, ledger), enable_thinking: false };
  const { effort, max_tokens: budget } = request.reasoning ?? {};
  if (effort) ledger.approximate('reasoning.effort', 'thinking on');
  const thinking = { ...thinkingSaid(request, ledger), enable_thinking: true };
  return budget === undefined ? thinking : { ...thinking, thinking_budget: budget };
}
