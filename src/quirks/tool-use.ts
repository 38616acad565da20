/**
 * llms `tooluse`: has a model that prefers talk to tools call one in every turn, with a tool of ours
 * as the way out: what it hands to that tool is its answer, and the client never sees the call.
 */
import { NOTHING, type Stage } from '../stream/stage.ts';
import type { UnifiedChatRequest, UnifiedChunk, UnifiedTool } from '../unified.ts';
import type { Quirk } from './quirk.ts';
import { ResponseReader } from './response-reader.ts';
import { isForced } from './tool-choice.ts';

const EXIT = 'ExitTool';

const REMINDER = `<system-reminder>Tool mode is on: in every turn call the tool that brings the task forward. When none of the tools fits, or the task is done, call \`${EXIT}\` with what you want to say to the user; there is no other way to answer.</system-reminder>`;

const EXIT_TOOL: UnifiedTool = {
  type: 'function',
  function: {
    name: EXIT,
    description:
      'Ends tool mode and answers the user. Only for when no other tool fits the task, or it is done.',
    parameters: {
      type: 'object',
      properties: {
        response: { type: 'string', description: 'The answer, which the user reads as it is.' },
      },
      required: ['response'],
    },
  },
};

/** Without tools, where the client forbids them or chose one itself, there is nothing to do. */
function applies({ tools = [], tool_choice: choice }: UnifiedChatRequest): boolean {
  return tools.length > 0 && choice !== 'none' && !isForced(choice);
}

export const toolUse: Quirk = {
  name: 'tooluse',
  create: () => ({
    request(request) {
      if (!applies(request)) return request;
      return {
        ...request,
        messages: [...request.messages, { role: 'system', content: REMINDER }],
        tools: [...(request.tools ?? []), EXIT_TOOL],
        tool_choice: 'required',
      };
    },
    stage: (request) => (applies(request) ? new ExitStage() : { push: (chunk) => [chunk] }),
  }),
};

/** Turns calls of the exit tool into text, as it streams. */
class ExitStage implements Stage<UnifiedChunk, UnifiedChunk> {
  /** Open calls of the exit tool by their index. */
  readonly #exits = new Map<number, ResponseReader>();
  /** Indexes of the other calls, counted anew without the exits. */
  readonly #indexes = new Map<number, number>();
  /** True while a block of text, reasoning or refusal is open. */
  #isOpen = false;
  #hasExit = false;

  push(chunk: UnifiedChunk): readonly UnifiedChunk[] {
    switch (chunk.type) {
      case 'call':
        return this.#call(chunk);
      case 'arguments':
      case 'callEnd':
        return this.#continue(chunk);
      case 'finish': {
        const finish = chunk.finish;
        const isAnswer = finish === 'tool_calls' && this.#hasExit && this.#indexes.size === 0;
        return [...this.end(), isAnswer ? { ...chunk, finish: 'stop' } : chunk];
      }
      case 'done':
      case 'error':
        return [...this.end(), chunk];
      case 'usage':
      case 'idle':
      case 'start':
        return [chunk];
      default:
        this.#isOpen = OPENING.has(chunk.type);
        return [chunk];
    }
  }

  end(): readonly UnifiedChunk[] {
    const out: UnifiedChunk[] = [];
    for (const index of [...this.#exits.keys()]) out.push(...this.#leave(index));
    return out;
  }

  #call(chunk: Extract<UnifiedChunk, { type: 'call' }>): readonly UnifiedChunk[] {
    if (chunk.name !== EXIT) {
      const index = this.#indexes.size;
      this.#indexes.set(chunk.index, index);
      this.#isOpen = false;
      return [index === chunk.index ? chunk : { ...chunk, index }];
    }
    this.#hasExit = true;
    this.#exits.set(chunk.index, new ResponseReader());
    if (!this.#isOpen) return NOTHING;
    this.#isOpen = false;
    return [{ type: 'blockEnd' }];
  }

  #continue(
    chunk: Extract<UnifiedChunk, { type: 'arguments' | 'callEnd' }>,
  ): readonly UnifiedChunk[] {
    const exit = this.#exits.get(chunk.index);
    if (exit && chunk.type === 'callEnd') return this.#leave(chunk.index);
    if (exit && chunk.type === 'arguments') return this.#say(exit.push(chunk.text));
    const index = this.#indexes.get(chunk.index);
    return [index === undefined || index === chunk.index ? chunk : { ...chunk, index }];
  }

  #leave(index: number): readonly UnifiedChunk[] {
    const rest = this.#say(this.#exits.get(index)?.end() ?? '');
    this.#exits.delete(index);
    if (!this.#isOpen) return rest;
    this.#isOpen = false;
    return [...rest, { type: 'blockEnd' }];
  }

  #say(text: string): readonly UnifiedChunk[] {
    if (text === '') return NOTHING;
    this.#isOpen = true;
    return [{ type: 'text', text }];
  }
}

/** Chunks after which a block is open. */
const OPENING: ReadonlySet<UnifiedChunk['type']> = new Set([
  'text',
  'reasoning',
  'refusal',
  'opaque',
  'citation',
]);
