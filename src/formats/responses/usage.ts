/**
 * Token counts of the Responses API. Its `input_tokens` contain what was read from and written to the
 * cache, its `output_tokens` contain the reasoning; ours keep input and cache apart.
 */
import type { ResponseUsage } from 'openai/resources/responses/responses';
import { type JsonObject, number, object } from '../../json.ts';
import { totalInput, type Usage } from '../../unified.ts';

/** xAI reports what it charged in ticks (docs.x.ai, "Cost Tracking"). */
const TICKS_PER_USD = 1e10;

/** A provider's `usage` object; undefined when it names no counts. */
export function decodeUsage(value: unknown): Usage | undefined {
  const usage = object(value);
  if (usage === undefined) return undefined;
  const total = number(usage['input_tokens']);
  const output = number(usage['output_tokens']);
  if (total === undefined && output === undefined) return undefined;
  const details = object(usage['input_tokens_details']);
  const cached = number(details?.['cached_tokens']) ?? 0;
  const cacheWrite = number(details?.['cache_write_tokens']) ?? 0;
  const reasoning = number(object(usage['output_tokens_details'])?.['reasoning_tokens']);
  const costUsd = reportedCost(usage);
  return {
    input: Math.max(0, (total ?? 0) - cached - cacheWrite),
    cached,
    cacheWrite,
    output: output ?? 0,
    ...(reasoning !== undefined && { reasoning }),
    ...(costUsd !== undefined && { costUsd }),
  };
}

/** OpenRouter says dollars, xAI says ticks. */
function reportedCost(usage: JsonObject): number | undefined {
  const dollars = number(usage['cost']);
  if (dollars !== undefined) return dollars;
  const ticks = number(usage['cost_in_usd_ticks']);
  return ticks === undefined ? undefined : ticks / TICKS_PER_USD;
}

/** Our counts as a client's `usage` object, with both details that the SDK's type demands. */
export function encodeUsage(usage: Usage): ResponseUsage {
  const input = totalInput(usage);
  return {
    input_tokens: input,
    input_tokens_details: { cached_tokens: usage.cached, cache_write_tokens: usage.cacheWrite },
    output_tokens: usage.output,
    output_tokens_details: { reasoning_tokens: usage.reasoning ?? 0 },
    total_tokens: input + usage.output,
  };
}
