/** Gives the calls of an answer back what `mapTools` took from them: name, namespace, kind, free text. */
import { at } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import { NOTHING, type Stage } from '../stream/stage.ts';
import {
  callName,
  type UnifiedBlock,
  type UnifiedChunk,
  type UnifiedReply,
  type UnifiedToolCall,
} from '../unified.ts';
import type { IdRenamer } from './call-ids.ts';
import { InputReader, type LostArgument, unwrapInput } from './custom-input.ts';
import type { ToolNames } from './tool-names.ts';

export interface ToolRestorer {
  /** The answer in the client's own names; the very same object when nothing was mapped. */
  restoreReply(reply: UnifiedReply): UnifiedReply;
  /** The same for a stream, for one stream each; undefined when nothing was mapped. */
  stage(): Stage<UnifiedChunk, UnifiedChunk> | undefined;
}

export const NOTHING_MAPPED: ToolRestorer = {
  restoreReply: (reply) => reply,
  stage: () => undefined,
};

/** `renameIds` makes a renamer for one answer; undefined when the provider's own ids can stay. */
export function createRestorer(
  names: ToolNames,
  renameIds: (() => IdRenamer) | undefined,
  ledger: Ledger,
): ToolRestorer {
  if (!names.areChanged && renameIds === undefined) {
    return NOTHING_MAPPED;
  }
  return {
    restoreReply(reply) {
      const rename = renameIds?.() ?? keepId;
      let count = 0;
      const blocks = reply.blocks.map((block): UnifiedBlock => {
        if (block.type !== 'call') return block;
        const call = { ...block.call, id: rename(block.call.id) };
        const lost = lostArguments(ledger, count);
        count += 1;
        return { ...block, call: restoreCall(call, names, lost) };
      });
      return count === 0 ? reply : { ...reply, blocks };
    },
    stage: () => new RestoreStage(names, renameIds?.() ?? keepId, ledger),
  };
}

function keepId(id: string): string {
  return id;
}

/** Reports what a model gave beside the input of a custom tool. */
function lostArguments(ledger: Ledger, index: number): LostArgument {
  const path = `reply.tool_calls.${index}.arguments`;
  return (key) => ledger.drop(key === undefined ? path : at(path, key));
}

function restoreCall(call: UnifiedToolCall, names: ToolNames, lost: LostArgument): UnifiedToolCall {
  const use = names.restore(callName(call), call.namespace);
  if (use === undefined) return call;
  const { namespace: _, ...rest } = call;
  const place = use.namespace === undefined ? {} : { namespace: use.namespace };
  const { name } = use;
  if (rest.type === 'custom') return { ...rest, ...place, custom: { ...rest.custom, name } };
  const { function: called, type: __, ...common } = rest;
  if (use.kind === 'function') {
    return { ...common, ...place, type: 'function', function: { ...called, name } };
  }
  const input = unwrapInput(called.arguments, lost);
  return { ...common, ...place, type: 'custom', custom: { name, input } };
}

class RestoreStage implements Stage<UnifiedChunk, UnifiedChunk> {
  readonly #names: ToolNames;
  readonly #rename: IdRenamer;
  readonly #ledger: Ledger;
  /** The calls whose input is being unwrapped, by index; removed when the call ends. */
  readonly #readers = new Map<number, InputReader>();

  constructor(names: ToolNames, rename: IdRenamer, ledger: Ledger) {
    this.#names = names;
    this.#rename = rename;
    this.#ledger = ledger;
  }

  push(chunk: UnifiedChunk): readonly UnifiedChunk[] {
    switch (chunk.type) {
      case 'call':
        return [this.#open(chunk)];
      case 'arguments': {
        const reader = this.#readers.get(chunk.index);
        if (reader === undefined) return [chunk];
        const text = reader.push(chunk.text);
        return text === '' ? NOTHING : [{ ...chunk, text }];
      }
      case 'callEnd':
        return [...this.#close(chunk.index), chunk];
      case 'done':
        return [...this.end(), chunk];
      default:
        return [chunk];
    }
  }

  end(): readonly UnifiedChunk[] {
    return [...this.#readers.keys()].flatMap((index) => this.#close(index));
  }

  #open(chunk: Extract<UnifiedChunk, { type: 'call' }>): UnifiedChunk {
    const id = this.#rename(chunk.id);
    const use = this.#names.restore(chunk.name, chunk.namespace);
    if (use === undefined) return id === chunk.id ? chunk : { ...chunk, id };
    const { namespace: _, ...rest } = chunk;
    const restored: UnifiedChunk = { ...rest, id, name: use.name };
    if (use.namespace !== undefined) restored.namespace = use.namespace;
    if (use.kind === 'custom' && chunk.custom !== true) {
      restored.custom = true;
      const { index } = chunk;
      this.#readers.set(index, new InputReader(lostArguments(this.#ledger, index)));
    }
    return restored;
  }

  /** What the call's reader held back. */
  #close(index: number): UnifiedChunk[] {
    const text = this.#readers.get(index)?.end() ?? '';
    this.#readers.delete(index);
    return text === '' ? [] : [{ type: 'arguments', index, text }];
  }
}
