import { chatOnly } from './chat-only.ts';
import { giveTopK, keepTopK, tellTemplate } from './local-server.ts';
import type { Quirk } from './quirk.ts';
import { offerAllowed, offerNamed } from './tool-choice.ts';

/**
 * llama.cpp's `llama-server`: thinking and `top_k` as with vLLM; a named tool "silently turns into
 * auto" (langchain-llama-cpp's README); parallel calls are off unless asked for
 * (docs/function-calling.md), while every format takes them for granted.
 */
export const llamacpp: Quirk = {
  name: 'llamacpp',
  create: () =>
    chatOnly({
      request(request, { ledger }) {
        const told = keepTopK(
          tellTemplate(offerNamed(offerAllowed(request), ledger), ledger),
          'llamacpp',
        );
        const hasTools = (told.tools ?? []).length > 0;
        return hasTools ? { parallel_tool_calls: true, ...told } : told;
      },
      body: (body) => giveTopK(body, 'llamacpp'),
    }),
};
