/** Token counts: chat's `usage` in its many spellings ⇄ unified. */
import type { CompletionUsage } from 'openai/resources/completions';
import { type JsonObject, number, object } from '../../json.ts';
import { totalInput, type Usage } from '../../unified.ts';

/** xAI bills in ticks: 10^10 to the dollar (docs.x.ai, "Cost tracking"). */
const TICKS_PER_USD = 1e10;

/** Reads a provider's `usage`; undefined when it counts nothing. */
export function decodeUsage(value: unknown): Usage | undefined {
  const usage = object(value);
  if (!usage) return undefined;
  const prompt = number(usage['prompt_tokens']);
  const completion = number(usage['completion_tokens']);
  if (prompt === undefined && completion === undefined) return undefined;
  const cached = cachedTokens(usage);
  const cacheWrite = writtenTokens(usage);
  const reasoning =
    number(object(usage['completion_tokens_details'])?.['reasoning_tokens']) ??
    number(usage['reasoning_tokens']);
  const result: Usage = {
    input: uncached(prompt ?? 0, cached, cacheWrite),
    cached,
    cacheWrite,
    output: withReasoning(prompt ?? 0, completion ?? 0, reasoning, number(usage['total_tokens'])),
  };
  const kept = number(object(usage['cache_creation'])?.['ephemeral_1h_input_tokens']);
  if (kept !== undefined && cacheWrite > 0) result.cacheWrite1h = kept;
  if (reasoning !== undefined) result.reasoning = reasoning;
  const cost = reportedCost(usage);
  if (cost !== undefined) result.costUsd = cost;
  return result;
}

/** OpenAI · DeepSeek · Moonshot and Together · Mistral · Venice. */
function cachedTokens(usage: JsonObject): number {
  return (
    number(object(usage['prompt_tokens_details'])?.['cached_tokens']) ??
    number(usage['prompt_cache_hit_tokens']) ??
    number(usage['cached_tokens']) ??
    number(usage['num_cached_tokens']) ??
    number(usage['cache_read_input_tokens']) ??
    0
  );
}

function writtenTokens(usage: JsonObject): number {
  return (
    number(object(usage['prompt_tokens_details'])?.['cache_write_tokens']) ??
    number(usage['cache_creation_input_tokens']) ??
    0
  );
}

/** `prompt_tokens` includes cached tokens; a few hosts (Azure's Grok) leave them out of it. */
function uncached(prompt: number, cached: number, cacheWrite: number): number {
  if (prompt >= cached + cacheWrite) return prompt - cached - cacheWrite;
  return prompt >= cached ? prompt - cached : prompt;
}

/** xAI counts reasoning beside `completion_tokens`; the total gives it away. */
function withReasoning(
  prompt: number,
  completion: number,
  reasoning: number | undefined,
  total: number | undefined,
): number {
  if (!reasoning || total !== prompt + completion + reasoning) return completion;
  return completion + reasoning;
}

/** OpenRouter and Vercel `cost` · Perplexity `cost.total_cost` · xAI ticks. */
function reportedCost(usage: JsonObject): number | undefined {
  const ticks = number(usage['cost_in_usd_ticks']);
  return (
    number(usage['cost']) ??
    number(object(usage['cost'])?.['total_cost']) ??
    (ticks === undefined ? undefined : ticks / TICKS_PER_USD)
  );
}

/** Usage as OpenAI reports it. */
export function encodeUsage(usage: Usage): CompletionUsage {
  const prompt = totalInput(usage);
  const result: CompletionUsage = {
    prompt_tokens: prompt,
    completion_tokens: usage.output,
    total_tokens: prompt + usage.output,
    prompt_tokens_details: { cached_tokens: usage.cached },
  };
  if (usage.cacheWrite > 0 && result.prompt_tokens_details) {
    result.prompt_tokens_details.cache_write_tokens = usage.cacheWrite;
  }
  if (usage.reasoning !== undefined) {
    result.completion_tokens_details = { reasoning_tokens: usage.reasoning };
  }
  return result;
}
