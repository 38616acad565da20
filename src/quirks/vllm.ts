import type { Effort } from '../unified.ts';
import { chatOnly } from './chat-only.ts';
import { giveTopK, keepTopK, tellTemplate } from './local-server.ts';
import { nearestEffort } from './nearest-effort.ts';
import type { Quirk } from './quirk.ts';
import { offerAllowed } from './tool-choice.ts';

/** Older versions, and SGLang: "Input should be 'low', 'medium' or 'high'" (CLIProxyAPI#1572). */
const EFFORTS: readonly Effort[] = ['low', 'medium', 'high'];

/**
 * vLLM and SGLang: `chat_template_kwargs.enable_thinking` switches thinking, an unknown `thinking` is
 * ignored in silence (Hmbown/Codewhale#1480); `top_k` (docs.vllm.ai, "Extra Parameters for Chat API").
 */
export const vllm: Quirk = {
  name: 'vllm',
  create: () =>
    chatOnly({
      request: (request, { ledger }) =>
        keepTopK(
          tellTemplate(nearestEffort(offerAllowed(request), EFFORTS, ledger), ledger),
          'vllm',
        ),
      body: (body) => giveTopK(body, 'vllm'),
    }),
};
