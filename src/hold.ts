/**
 * Holds the head of a stream back until it is clear that an answer has begun: until then nothing is
 * committed and another target can be tried. Bounded in bytes; a client that waits long for it gets
 * signs of life (`late-answer.ts`), and a provider that gives no output is given up by the watch.
 */
import type { Source } from './stream/source.ts';
import type { UnifiedChunk } from './unified.ts';

export interface Held<T> {
  items: T[];
  /**
   * `output`: the answer has begun. `complete`: it ended without any. `error`: it failed before any;
   * the fault is in the last item. `bound`: it is not clear, but no more may be held back.
   */
  verdict: 'output' | 'complete' | 'error' | 'bound';
  rest: Source<T>;
}

/** True for a chunk that a client would see, so that the answer cannot start over elsewhere. */
export function isOutput(chunk: UnifiedChunk): boolean {
  switch (chunk.type) {
    case 'text':
    case 'refusal':
    case 'reasoning':
      return chunk.text !== '';
    case 'call':
    case 'redacted':
    case 'media':
    case 'hosted':
      return true;
    default:
      return false;
  }
}

/**
 * @param maxBytes that may be held
 * @param chunksOf what an item of the source says
 * @param sizeOf bytes that an item holds
 */
export async function holdHead<T>(
  source: Source<T>,
  maxBytes: number,
  chunksOf: (item: T) => readonly UnifiedChunk[],
  sizeOf: (item: T) => number,
): Promise<Held<T>> {
  const items: T[] = [];
  let bytes = 0;
  for (;;) {
    const batch = await source.read();
    if (batch === undefined) return { items, verdict: 'complete', rest: source };
    let begun = false;
    for (const item of batch) {
      items.push(item);
      bytes += sizeOf(item);
      for (const chunk of chunksOf(item)) {
        if (isOutput(chunk)) begun = true;
        else if (chunk.type === 'error' && !begun) {
          return { items, verdict: 'error', rest: source };
        } else if (chunk.type === 'done' && !begun) {
          return { items, verdict: 'complete', rest: source };
        }
      }
    }
    if (begun) return { items, verdict: 'output', rest: source };
    if (bytes > maxBytes) return { items, verdict: 'bound', rest: source };
  }
}
