import type { Quirk } from './quirk.ts';
import { TaggedReasoning, type Tags, writeTags } from './tagged-reasoning.ts';

const THINK: Tags = { open: '<think>', close: '</think>', anywhere: false };

/**
 * llms `extrathinktag`: models that think between `<think>` tags at the beginning of their text
 * (Qwen3, MiniMax M2 and distillations of R1 on servers that do not tell the two apart). What they
 * thought goes back in the same tags: MiniMax needs it there, templates that do not want it cut it.
 */
export const extraThinkTag: Quirk = {
  name: 'extrathinktag',
  create: () => ({
    request: (request, { format, provider }) =>
      format !== 'chat'
        ? request
        : writeTags(
            request,
            THINK,
            ({ opaque }) =>
              opaque?.format === 'chat' &&
              opaque.value === '' &&
              (opaque.provider ?? provider) === provider,
          ),
    stage: (_request, context) => new TaggedReasoning(THINK, context),
  }),
};
