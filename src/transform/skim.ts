/**
 * Puts a shortcut before a provider's decoder: a text delta that is like the one before but for its
 * words is not parsed. Anything else goes to the decoder, and after anything but a plain text delta the
 * shortcut is learned anew, so the decoder misses nothing that could change its state.
 */
import { DeltaTemplate } from '../stream/delta-template.ts';
import type { SseEvent } from '../stream/sse.ts';
import type { Stage } from '../stream/stage.ts';
import type { UnifiedChunk } from '../unified.ts';

export function skimming(decoder: Stage<SseEvent, UnifiedChunk>): Stage<SseEvent, UnifiedChunk> {
  /** Set while the last event was a plain text delta. */
  let template: DeltaTemplate | undefined;
  return {
    push(event) {
      const words = template?.match(event.data);
      // A backslash means escapes, which only a parser should read.
      if (words !== undefined && !words.includes('\\')) return [{ type: 'text', text: words }];
      const chunks = decoder.push(event);
      const [only] = chunks;
      template =
        chunks.length === 1 &&
        only?.type === 'text' &&
        only.logprobs === undefined &&
        only.text !== ''
          ? DeltaTemplate.learn(event.data, JSON.stringify(only.text))
          : undefined;
      return chunks;
    },
    end: () => decoder.end?.() ?? [],
  };
}
