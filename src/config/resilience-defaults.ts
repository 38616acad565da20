/** What counts where neither a provider nor `resilience` says anything; the schema tells it too. */
import type { CooldownConfig, Timeouts } from './config.ts';

export const DEFAULT_COOLDOWN: CooldownConfig = { enabled: true, minMs: 5_000, maxMs: 3_600_000 };

export const DEFAULT_TIMEOUTS: Timeouts = {
  connectMs: 10_000,
  // OpenAI's and Anthropic's SDKs wait 10 minutes for a whole answer, OpenAI's page on flex
  // processing advises 15; half of the former still leaves time for another target.
  firstOutputMs: 300_000,
  stallMs: 120_000,
};
