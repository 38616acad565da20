import type { Effort } from '../unified.ts';
import { chatOnly } from './chat-only.ts';
import { leaveOut } from './leave-out.ts';
import { nearestEffort } from './nearest-effort.ts';
import type { Quirk } from './quirk.ts';
import { thinkingWish } from './thinking-wish.ts';
import { offerAllowed } from './tool-choice.ts';

/** "must be "high", "medium", "low", "max", or "none"" (ollama#17141); "max" is not known to all. */
const EFFORTS: readonly Effort[] = ['low', 'medium', 'high', 'none'];
/** Not among the supported fields (docs.ollama.com/api/openai-compatibility), and ignored in silence. */
const IGNORED = ['logit_bias', 'user', 'prompt_cache_key', 'verbosity', 'service_tier'] as const;

/** Ollama's chat endpoint. */
export const ollama: Quirk = {
  name: 'ollama',
  create: () => ({
    // "invalid image input" to any URL but a data URL (ollama#6753).
    inlineOnly: 'chat',
    ...chatOnly({
      request(request, { ledger }) {
        const rest = leaveOut(offerAllowed(request), IGNORED, ledger);
        if (thinkingWish(rest) === 'off') return { ...rest, reasoning: { effort: 'none' } };
        return nearestEffort(rest, EFFORTS, ledger);
      },
    }),
  }),
};
