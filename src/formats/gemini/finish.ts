/** Why an answer ended: Gemini's `finishReason` and unified, both ways. */
import type { Finish } from '../../unified.ts';
import type { WireFinishReason } from './wire.ts';

/** Reasons that end an answer; ai.google.dev/api/generate-content#FinishReason. */
const FINISH: Readonly<Record<string, Finish>> = {
  STOP: 'stop',
  MAX_TOKENS: 'length',
  // The answer goes on in a next request with `continuationToken`; for the client it was cut.
  CONTINUATION: 'length',
  SAFETY: 'content_filter',
  RECITATION: 'content_filter',
  LANGUAGE: 'content_filter',
  BLOCKLIST: 'content_filter',
  PROHIBITED_CONTENT: 'content_filter',
  SPII: 'content_filter',
  IMAGE_SAFETY: 'content_filter',
  IMAGE_PROHIBITED_CONTENT: 'content_filter',
  IMAGE_RECITATION: 'content_filter',
  // Not a natural end, and Google does not say more; the troubleshooting page speaks of its terms.
  OTHER: 'content_filter',
  IMAGE_OTHER: 'content_filter',
  NO_IMAGE: 'content_filter',
};

/**
 * Reasons that mean the model's answer is broken. Google ends such streams cleanly and the call
 * never reaches the wire; as a plain stop it would be an empty success.
 */
const BROKEN: ReadonlySet<string> = new Set([
  'MALFORMED_FUNCTION_CALL',
  'UNEXPECTED_TOOL_CALL',
  'TOO_MANY_TOOL_CALLS',
  'MALFORMED_RESPONSE',
]);

/** Numbers of the enum, which servers asked for `enum-encoding=int` send. */
const BY_NUMBER = [
  'FINISH_REASON_UNSPECIFIED',
  'STOP',
  'MAX_TOKENS',
  'SAFETY',
  'RECITATION',
  'OTHER',
  'LANGUAGE',
  'BLOCKLIST',
  'PROHIBITED_CONTENT',
  'SPII',
  'MALFORMED_FUNCTION_CALL',
  'IMAGE_SAFETY',
];

/** The reason as a word; undefined when the provider gave none. */
export function finishReason(value: unknown): string | undefined {
  if (typeof value === 'string') return value === '' ? undefined : value;
  return typeof value === 'number' ? (BY_NUMBER[value] ?? `REASON_${value}`) : undefined;
}

/** True when the reason says that the answer is unusable. */
export function isBroken(reason: string): boolean {
  return BROKEN.has(reason);
}

/** Unified for a reason. One we do not know is taken for a cut, never for a natural end. */
export function decodeFinish(reason: string, hasCalls: boolean): Finish {
  const finish = FINISH[reason] ?? 'content_filter';
  return finish === 'stop' && hasCalls ? 'tool_calls' : finish;
}

const REASON: Readonly<Record<Finish, WireFinishReason>> = {
  stop: 'STOP',
  stop_sequence: 'STOP',
  tool_calls: 'STOP',
  length: 'MAX_TOKENS',
  context_window_exceeded: 'MAX_TOKENS',
  content_filter: 'SAFETY',
  refusal: 'SAFETY',
  pause_turn: 'OTHER',
};

/** The reason that tells a Gemini client the same, or that it is not a natural end. */
export function encodeFinish(finish: Finish): WireFinishReason {
  return REASON[finish];
}
