/** Token counts: Gemini's `usageMetadata` and unified, both ways. */
import { type JsonObject, number } from '../../json.ts';
import { totalInput, type Usage } from '../../unified.ts';
import type { WireUsage } from './wire.ts';

/**
 * `promptTokenCount` includes cached tokens and excludes what the provider's own tools read;
 * `candidatesTokenCount` excludes thoughts, except in a dialect where the total shows otherwise.
 */
export function decodeUsage(usage: JsonObject): Usage | undefined {
  const prompt = number(usage['promptTokenCount']);
  const total = number(usage['totalTokenCount']);
  if (prompt === undefined && total === undefined) return undefined;
  const toolUse = number(usage['toolUsePromptTokenCount']) ?? 0;
  const cached = number(usage['cachedContentTokenCount']) ?? 0;
  const thoughts = number(usage['thoughtsTokenCount']);
  const candidates = number(usage['candidatesTokenCount']) ?? 0;
  const input = (prompt ?? 0) + toolUse;
  const thoughtsInside = thoughts !== undefined && thoughts > 0 && total === input + candidates;
  const out: Usage = {
    input: Math.max(0, input - cached),
    cached,
    cacheWrite: 0,
    output: thoughtsInside ? candidates : candidates + (thoughts ?? 0),
  };
  if (thoughts !== undefined) out.reasoning = thoughts;
  return out;
}

/** The counts in Gemini's terms; `cacheWrite` is input there like any other. */
export function encodeUsage(usage: Usage): WireUsage {
  const prompt = totalInput(usage);
  const out: WireUsage = {
    promptTokenCount: prompt,
    candidatesTokenCount: usage.output - (usage.reasoning ?? 0),
    totalTokenCount: prompt + usage.output,
  };
  if (usage.cached > 0) out.cachedContentTokenCount = usage.cached;
  if (usage.reasoning !== undefined) out.thoughtsTokenCount = usage.reasoning;
  return out;
}
