import { chatOnly } from './chat-only.ts';
import type { Quirk } from './quirk.ts';
import { thinkingSaid, thinkingWish } from './thinking-wish.ts';

/**
 * llms `reasoning`: tells thinking as `thinking` and `enable_thinking`, which Qwen, GLM and Kimi
 * servers read, instead of an effort. Kimi refuses both at once: "cannot specify both 'thinking' and
 * 'reasoning_effort'" (HKUDS/nanobot#3939). Option `enable: false` switches it off for every request.
 */
export const reasoning: Quirk = {
  name: 'reasoning',
  create(options) {
    const isEnabled = options['enable'] !== false;
    return chatOnly({
      request(request, { ledger }) {
        const wish = thinkingWish(request);
        if (!isEnabled && wish === 'on') ledger.drop('reasoning');
        if (!isEnabled || wish === 'off') {
          return {
            ...thinkingSaid(request, ledger),
            thinking: { type: 'disabled' },
            enable_thinking: false,
          };
        }
        if (wish === 'unsaid') return request;
        const { max_tokens: budget, effort } = request.reasoning ?? {};
        if (effort !== undefined) ledger.drop('reasoning.effort');
        const thinking =
          budget === undefined ? { type: 'enabled' } : { type: 'enabled', budget_tokens: budget };
        return { ...thinkingSaid(request, ledger), thinking, enable_thinking: true };
      },
    });
  },
};
