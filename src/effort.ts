/** The words for how hard to reason, which the formats share as far as they have any. */
import type { Effort } from './unified.ts';

/** From weak to strong. */
export const EFFORTS: readonly Effort[] = [
  'none',
  'minimal',
  'low',
  'medium',
  'high',
  'xhigh',
  'max',
];

/** The word, if it is one. */
export function effortOf(word: unknown): Effort | undefined {
  return EFFORTS.find((effort) => effort === word);
}

/**
 * A budget of reasoning tokens as a word: the steps of Google's own table
 * (ai.google.dev/gemini-api/docs/openai#thinking), read backwards.
 */
export function effortOfBudget(tokens: number): Effort {
  if (tokens <= 1024) return 'low';
  return tokens <= 8192 ? 'medium' : 'high';
}
