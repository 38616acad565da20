/** `resilience`: patience, cooldowns, other attempts. */
import type { CooldownConfig, ResilienceConfig } from './config.ts';
import type { Check, Path } from './problem.ts';
import type { Written } from './table.ts';

/** Fills in what was not written. */
export function checkResilience(written: Written['resilience'], check: Check): ResilienceConfig {
  const { cooldown, timeoutMs, ...rest } = written;
  return {
    ...rest,
    cooldown: fillCooldown(
      cooldown,
      { enabled: true, minMs: 5_000, maxMs: 3_600_000 },
      ['resilience', 'cooldown'],
      check,
    ),
    timeouts: {
      connectMs: timeoutMs?.connect ?? 10_000,
      // OpenAI's and Anthropic's SDKs wait 10 minutes for a whole answer, OpenAI's page on flex
      // processing advises 15; half of the former still leaves time for another target.
      firstOutputMs: timeoutMs?.firstOutput ?? 300_000,
      stallMs: timeoutMs?.stall ?? 120_000,
    },
  };
}

/** Cooldown bounds with what is absent taken from `base`. */
export function fillCooldown(
  written: Written['resilience']['cooldown'],
  base: CooldownConfig,
  at: Path,
  check: Check,
): CooldownConfig {
  const minMs = written?.minMs ?? Math.min(base.minMs, written?.maxMs ?? base.minMs);
  const maxMs = written?.maxMs ?? Math.max(base.maxMs, minMs);
  if (minMs > maxMs) {
    check.problem({
      at: [...at, 'minMs'],
      message: `must not be above maxMs (${maxMs})`,
      found: String(minMs),
      expected: `${maxMs} or less`,
    });
  }
  return { enabled: written?.enabled ?? base.enabled, minMs, maxMs };
}
