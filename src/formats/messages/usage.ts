/** Token counts of this format ⇄ unified. Its `input_tokens` exclude the cache, as ours do. */
import type { Usage as WireUsage } from '@anthropic-ai/sdk/resources/messages';
import { type JsonObject, number, object } from '../../json.ts';
import type { Usage } from '../../unified.ts';

/**
 * Reads a `usage` object. In a stream the counts are cumulative: a later object overwrites what
 * `before` says, and never adds to it (docs: build-with-claude/streaming); null leaves it.
 */
export function decodeUsage(wire: JsonObject, before?: Usage): Usage {
  const created = object(wire['cache_creation']);
  const fiveMinutes = number(created?.['ephemeral_5m_input_tokens']);
  const oneHour = number(created?.['ephemeral_1h_input_tokens']) ?? before?.cacheWrite1h;
  const split = created && (fiveMinutes ?? 0) + (oneHour ?? 0);
  const reasoning =
    number(object(wire['output_tokens_details'])?.['thinking_tokens']) ?? before?.reasoning;
  const usage: Usage = {
    input: number(wire['input_tokens']) ?? before?.input ?? 0,
    cached: number(wire['cache_read_input_tokens']) ?? before?.cached ?? 0,
    cacheWrite: number(wire['cache_creation_input_tokens']) ?? split ?? before?.cacheWrite ?? 0,
    output: number(wire['output_tokens']) ?? before?.output ?? 0,
  };
  if (oneHour !== undefined) usage.cacheWrite1h = oneHour;
  if (reasoning !== undefined) usage.reasoning = reasoning;
  return usage;
}

/** The fields that both the first and the last event of a stream carry. */
type WireCounts = Pick<
  WireUsage,
  'input_tokens' | 'cache_creation_input_tokens' | 'cache_read_input_tokens' | 'output_tokens'
> &
  Partial<Pick<WireUsage, 'cache_creation' | 'output_tokens_details'>>;

export function encodeUsage(usage: Usage): WireCounts {
  const wire: WireCounts = {
    input_tokens: usage.input,
    cache_creation_input_tokens: usage.cacheWrite,
    cache_read_input_tokens: usage.cached,
    output_tokens: usage.output,
  };
  if (usage.cacheWrite1h !== undefined) {
    wire.cache_creation = {
      ephemeral_5m_input_tokens: usage.cacheWrite - usage.cacheWrite1h,
      ephemeral_1h_input_tokens: usage.cacheWrite1h,
    };
  }
  if (usage.reasoning !== undefined) {
    wire.output_tokens_details = { thinking_tokens: usage.reasoning };
  }
  return wire;
}
