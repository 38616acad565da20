import { parts, type UnifiedChatRequest, type UnifiedMessage } from '../unified.ts';
import type { Quirk } from './quirk.ts';
import { TaggedReasoning, type Tags, writeTags } from './tagged-reasoning.ts';
import { thinkingSaid, thinkingWish } from './thinking-wish.ts';

const TAGS: Tags = { open: '<reasoning_content>', close: '</reasoning_content>', anywhere: true };

const PROMPT = `Before you answer or call a tool, think the matter through in writing, however simple it is. Put that between tags, and everything that is meant for the user behind them:
${TAGS.open}
your thoughts
${TAGS.close}
your answer`;

/**
 * llms `forcereasoning`: has a model that does not reason by itself write its thoughts between tags,
 * which become reasoning. Those of earlier answers are shown to it in the same form, whoever made
 * them. A client that switched reasoning off is not asked to.
 */
export const forceReasoning: Quirk = {
  name: 'forcereasoning',
  create: () => ({
    request(request, { ledger }) {
      const wish = thinkingWish(request);
      if (wish === 'off') return request;
      if (wish === 'on') ledger.approximate('reasoning', 'asked for in the prompt');
      const told = writeTags(thinkingSaid(request, ledger), TAGS, () => true);
      return { ...told, messages: withPrompt(told.messages) };
    },
    stage: (_request, context) => new TaggedReasoning(TAGS, context),
  }),
};

/** The prompt at the end of the last user message, or as one of its own behind tool results. */
function withPrompt(messages: UnifiedMessage[]): UnifiedChatRequest['messages'] {
  const last = messages.at(-1);
  const prompt = { type: 'text' as const, text: PROMPT };
  if (last?.role === 'user') {
    return [...messages.slice(0, -1), { ...last, content: [...parts(last), prompt] }];
  }
  return last?.role === 'tool' ? [...messages, { role: 'user', content: [prompt] }] : messages;
}
