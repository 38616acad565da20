/** `stop_reason` ⇄ why the answer ended. */
import type { StopReason } from '@anthropic-ai/sdk/resources/messages';
import type { Finish } from '../../unified.ts';

const FINISH = new Map<string, Finish>([
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop_sequence'],
  ['max_tokens', 'length'],
  ['tool_use', 'tool_calls'],
  ['refusal', 'refusal'],
  ['pause_turn', 'pause_turn'],
  // Beta: the API paused after it compacted the context; sent back like a paused turn.
  ['compaction', 'pause_turn'],
  ['model_context_window_exceeded', 'context_window_exceeded'],
]);

/** An unknown reason counts as a plain end; any function call in the answer decides over that. */
export function decodeFinish(stopReason: unknown, hasCalls: boolean): Finish {
  const finish = (typeof stopReason === 'string' && FINISH.get(stopReason)) || 'stop';
  return finish === 'stop' && hasCalls ? 'tool_calls' : finish;
}

const STOP_REASON: Record<Finish, StopReason> = {
  stop: 'end_turn',
  stop_sequence: 'stop_sequence',
  length: 'max_tokens',
  tool_calls: 'tool_use',
  content_filter: 'refusal',
  refusal: 'refusal',
  pause_turn: 'pause_turn',
  context_window_exceeded: 'model_context_window_exceeded',
};

/** Claude Code and the SDKs stop an agent that called a tool but said `end_turn` (test/README.md, 1). */
export function encodeFinish(finish: Finish, hasCalls: boolean): StopReason {
  if (finish === 'stop' && hasCalls) return 'tool_use';
  if (finish === 'tool_calls' && !hasCalls) return 'end_turn';
  return STOP_REASON[finish];
}
