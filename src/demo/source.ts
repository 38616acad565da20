/** The demo provider's answer as a stream: chunk by chunk, as slowly as its model's name asks. */
import type { Source } from '../stream/source.ts';
import type { ProviderFault, UnifiedChunk } from '../unified.ts';

/**
 * @param delayMs before each chunk; 0: all at once
 * @param faultOf what an abort of `signal` means to the client
 */
export function demoSource(
  chunks: readonly UnifiedChunk[],
  delayMs: number,
  signal: AbortSignal,
  faultOf: () => ProviderFault,
): Source<UnifiedChunk> {
  let next = 0;
  return {
    async read() {
      if (next >= chunks.length) return undefined;
      if (delayMs === 0) {
        const all = chunks.slice(next);
        next = chunks.length;
        return all;
      }
      await Bun.sleep(delayMs);
      if (signal.aborted) {
        next = chunks.length;
        return [{ type: 'error', error: faultOf() }];
      }
      const chunk = chunks[next];
      next += 1;
      return chunk === undefined ? undefined : [chunk];
    },
    cancel() {
      next = chunks.length;
    },
  };
}
