/**
 * Holds the head of a stream back until it is clear that an answer has begun: until then nothing is
 * committed and another target can be tried.
 */
import type { Source } from './stream/source.ts';
import type { UnifiedChunk } from './unified.ts';

export interface HoldBounds {
  readonly maxBytes: number;
  readonly maxMs: number;
}

export interface Held<T> {
  items: T[];
  /**
   * `output`: the answer has begun. `complete`: it ended without any. `error`: it failed before any;
   * the fault is in the last item. `bound`: it is not clear, but no more may be held back.
   */
  verdict: 'output' | 'complete' | 'error' | 'bound';
  /** The rest of the source, with a read that may already be under way. */
  rest: Source<T>;
}

/** True for a chunk that a client would see, so that the answer cannot start over elsewhere. */
function isOutput(chunk: UnifiedChunk): boolean {
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

/** What a read gives when the time of holding is over first. */
const LATE = Symbol('late');

/**
 * @param chunksOf what an item of the source says
 * @param sizeOf bytes that an item holds
 */
export async function holdHead<T>(
  source: Source<T>,
  bounds: HoldBounds,
  chunksOf: (item: T) => readonly UnifiedChunk[],
  sizeOf: (item: T) => number,
): Promise<Held<T>> {
  const items: T[] = [];
  let bytes = 0;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<typeof LATE>((resolve) => {
    timer = setTimeout(resolve, bounds.maxMs, LATE);
  });
  try {
    for (;;) {
      const reading = source.read();
      const batch = await Promise.race([reading, late]);
      if (batch === LATE) return { items, verdict: 'bound', rest: resume(reading, source) };
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
      if (bytes > bounds.maxBytes) return { items, verdict: 'bound', rest: source };
    }
  } finally {
    clearTimeout(timer);
  }
}

/** A source whose next read is already under way. */
function resume<T>(reading: Promise<readonly T[] | undefined>, source: Source<T>): Source<T> {
  let first: typeof reading | undefined = reading;
  return {
    read() {
      if (first === undefined) return source.read();
      const now = first;
      first = undefined;
      return now;
    },
    cancel: () => source.cancel(),
  };
}
