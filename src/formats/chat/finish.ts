/** Why an answer ended: chat's `finish_reason` in its many spellings ⇄ unified. */
import type { ChatCompletion } from 'openai/resources/chat/completions/completions';
import type { Finish } from '../../unified.ts';

type FinishReason = ChatCompletion.Choice['finish_reason'];

/** OpenAI's words and those that were recorded from compatible servers. */
const FINISH: ReadonlyMap<unknown, Finish> = new Map<unknown, Finish>([
  ['stop', 'stop'],
  ['eos', 'stop'],
  ['end_turn', 'stop'],
  ['stop_sequence', 'stop_sequence'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['tool_calls', 'tool_calls'],
  ['tool_use', 'tool_calls'],
  ['function_call', 'tool_calls'],
  ['content_filter', 'content_filter'],
  ['refusal', 'refusal'],
]);

/** What the answer contains, which decides between words that look alike. */
interface Contents {
  calls: boolean;
  refusal: boolean;
}

/** A call in the answer decides, whatever word came with it (unless the answer was cut). */
export function decodeFinish(word: unknown, contents: Contents): Finish {
  const finish = FINISH.get(word) ?? 'stop';
  if (contents.calls && (finish === 'stop' || finish === 'stop_sequence')) return 'tool_calls';
  if (finish === 'tool_calls' && !contents.calls) return 'stop';
  // OpenAI ends a refusal with "stop"; the `refusal` field is what tells it.
  if (finish === 'stop' && contents.refusal) return 'refusal';
  return finish;
}

export function encodeFinish(finish: Finish, contents: Contents): FinishReason {
  switch (finish) {
    case 'length':
    case 'context_window_exceeded':
      return 'length';
    case 'content_filter':
      return 'content_filter';
    case 'refusal':
      return contents.refusal ? 'stop' : 'content_filter';
    case 'stop':
    case 'stop_sequence':
    case 'tool_calls':
    case 'pause_turn':
      return contents.calls ? 'tool_calls' : 'stop';
  }
}
