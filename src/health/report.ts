/** What `/health` and `/ready` say. */
import type { Config } from '../config/config.ts';
import { isUsable, usableAliases } from '../config/describe.ts';
import type { Cooldowns } from './cooldowns.ts';

export function isReady(config: Config): boolean {
  return [...usableAliases(config).values()].some((targets) => targets.length > 0);
}

export function healthReport(
  config: Config,
  parts: { readonly cooldowns: Cooldowns },
  version: string,
  detail: boolean,
): object {
  const report = { status: 'ok', version };
  if (!detail) return report;
  return {
    ...report,
    aliases: Object.fromEntries(
      [...usableAliases(config)].map(([name, targets]) => [
        name,
        targets.map(({ provider, model }) => `${provider}/${model}`),
      ]),
    ),
    providers: Object.fromEntries(
      [...config.providers.values()].map((provider) => [
        provider.name,
        {
          usable: isUsable(provider),
          ...(provider.enabled ? {} : { disabled: true }),
          ...(provider.missing.length === 0 ? {} : { waitsFor: provider.missing }),
        },
      ]),
    ),
    cooldowns: parts.cooldowns.list().map(({ provider, model, cooldown }) => ({
      provider,
      ...(model === undefined ? {} : { model }),
      reason: cooldown.reason,
      failures: cooldown.failures,
      until: new Date(cooldown.until).toISOString(),
    })),
  };
}
