/**
 * llms `enhancetool`: models that write tool arguments which are nearly JSON. The arguments of a call
 * are held until it is complete; valid ones leave as they came, broken ones are mended.
 */
import { isObject, parseJson } from '../json.ts';
import { NOTHING, type Stage } from '../stream/stage.ts';
import type { UnifiedChunk } from '../unified.ts';
import { mendJson } from './mend-json.ts';
import type { Quirk } from './quirk.ts';

export const enhanceTool: Quirk = {
  name: 'enhancetool',
  create: () => ({ stage: () => new MendStage() }),
};

class MendStage implements Stage<UnifiedChunk, UnifiedChunk> {
  /** Arguments of the open function calls by their index. */
  readonly #held = new Map<number, string>();

  push(chunk: UnifiedChunk): readonly UnifiedChunk[] {
    switch (chunk.type) {
      case 'call':
        if (!chunk.custom) this.#held.set(chunk.index, '');
        return [chunk];
      case 'arguments': {
        const held = this.#held.get(chunk.index);
        if (held === undefined) return [chunk];
        this.#held.set(chunk.index, held + chunk.text);
        return NOTHING;
      }
      case 'callEnd':
        return [...this.#give(chunk.index, mendArguments), chunk];
      case 'finish':
        // Cut by the limit of tokens, a call must not look complete: half a file would be written.
        return [...this.#giveAll(chunk.finish === 'length' ? asItIs : mendArguments), chunk];
      case 'done':
        return [...this.#giveAll(mendArguments), chunk];
      case 'error':
        return [...this.#giveAll(asItIs), chunk];
      default:
        return [chunk];
    }
  }

  end(): readonly UnifiedChunk[] {
    return this.#giveAll(asItIs);
  }

  #giveAll(mend: (text: string) => string): UnifiedChunk[] {
    return [...this.#held.keys()].flatMap((index) => this.#give(index, mend));
  }

  #give(index: number, mend: (text: string) => string): UnifiedChunk[] {
    const held = this.#held.get(index);
    this.#held.delete(index);
    return held ? [{ type: 'arguments', index, text: mend(held) }] : [];
  }
}

const asItIs = (text: string): string => text;

/** Valid arguments as they are; others as the object that was meant, or untouched when none can be seen. */
export function mendArguments(text: string): string {
  const value = parseJson(text);
  if (isObject(value)) return text;
  // Some providers encode arguments twice.
  const meant = mendJson(typeof value === 'string' ? value : text);
  return isObject(meant) ? JSON.stringify(meant) : text;
}
