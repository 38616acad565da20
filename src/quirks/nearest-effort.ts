import type { Ledger } from '../ledger.ts';
import type { Effort, UnifiedChatRequest } from '../unified.ts';

const ORDER: readonly Effort[] = ['none', 'minimal', 'low', 'medium', 'high', 'xhigh', 'max'];

/**
 * The request with an effort that the provider has: the nearest one, the stronger of two; `none` only
 * for who asked for none. A request without a word of effort stays as it is.
 */
export function nearestEffort(
  request: UnifiedChatRequest,
  known: readonly Effort[],
  ledger: Ledger,
): UnifiedChatRequest {
  const { reasoning } = request;
  const wanted = reasoning?.effort;
  if (!reasoning || !wanted || known.includes(wanted)) return request;
  const distance = (effort: Effort): number => {
    const steps = ORDER.indexOf(effort) - ORDER.indexOf(wanted);
    return steps > 0 ? steps - 0.5 : -steps;
  };
  const [effort] = known
    .filter((each) => each !== 'none')
    .toSorted((one, other) => distance(one) - distance(other));
  if (!effort) return request;
  ledger.approximate('reasoning.effort', `effort ${effort}`);
  return { ...request, reasoning: { ...reasoning, effort } };
}
