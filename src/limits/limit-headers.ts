/** What is left of a key's minute, as clients of each format know it from their own provider. */
import type { FormatName } from '../unified.ts';
import type { LimitUse, LimitUses } from './key-limits.ts';

/**
 * `x-ratelimit-{limit,remaining,reset}-{requests,tokens}` with a duration (OpenAI, "Rate limits");
 * `anthropic-ratelimit-{requests,tokens}-{limit,remaining,reset}` with an RFC 3339 time (Anthropic,
 * "Rate limits"). Both mean by reset the time when all is there again. Google has no such headers;
 * its clients get OpenAI's, which most other makers send too.
 */
export function limitHeaders(
  { requestsPerMinute, tokensPerMinute }: LimitUses,
  format: FormatName,
  now: number,
): [name: string, value: string][] {
  const spell = format === 'messages' ? anthropicStyle : openaiStyle;
  return [
    ...(requestsPerMinute === undefined ? [] : spell('requests', requestsPerMinute, now)),
    ...(tokensPerMinute === undefined ? [] : spell('tokens', tokensPerMinute, now)),
  ];
}

function openaiStyle(
  what: string,
  { limit, remaining, resetsAt }: LimitUse,
  now: number,
): [string, string][] {
  return [
    [`x-ratelimit-limit-${what}`, String(limit)],
    [`x-ratelimit-remaining-${what}`, String(remaining)],
    [`x-ratelimit-reset-${what}`, duration(resetsAt - now)],
  ];
}

function anthropicStyle(
  what: string,
  { limit, remaining, resetsAt }: LimitUse,
): [string, string][] {
  const at = new Date(Math.ceil(resetsAt / 1000) * 1000).toISOString().replace('.000Z', 'Z');
  return [
    [`anthropic-ratelimit-${what}-limit`, String(limit)],
    [`anthropic-ratelimit-${what}-remaining`, String(remaining)],
    [`anthropic-ratelimit-${what}-reset`, at],
  ];
}

/** As Go writes durations, which is what OpenAI sends: `340ms`, `59.5s`, `1m0s`. */
function duration(ms: number): string {
  if (ms <= 0) return '0s';
  if (ms < 1000) return `${ms}ms`;
  const minutes = Math.floor(ms / 60_000);
  const seconds = (ms % 60_000) / 1000;
  return minutes === 0 ? `${seconds}s` : `${minutes}m${seconds}s`;
}
