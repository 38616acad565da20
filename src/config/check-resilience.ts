/** `resilience`: patience, cooldowns, other attempts. */
import type { CooldownConfig, ResilienceConfig } from './config.ts';
import type { Check, Path } from './problem.ts';
import { DEFAULT_COOLDOWN, DEFAULT_TIMEOUTS } from './resilience-defaults.ts';
import type { Written } from './table.ts';

/** Fills in what was not written. */
export function checkResilience(written: Written['resilience'], check: Check): ResilienceConfig {
  const { cooldown, timeoutMs, ...rest } = written;
  return {
    ...rest,
    cooldown: fillCooldown(cooldown, DEFAULT_COOLDOWN, ['resilience', 'cooldown'], check),
    timeouts: {
      connectMs: timeoutMs?.connect ?? DEFAULT_TIMEOUTS.connectMs,
      firstOutputMs: timeoutMs?.firstOutput ?? DEFAULT_TIMEOUTS.firstOutputMs,
      stallMs: timeoutMs?.stall ?? DEFAULT_TIMEOUTS.stallMs,
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
