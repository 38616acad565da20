/** `apiKeys` and `admin`: who may come in. */
import type { ApiKeyConfig, KeyLimits } from './config.ts';
import { type Check, oneOfText } from './problem.ts';
import type { Configurable } from './shape.ts';
import type { Written } from './table.ts';

interface Keys {
  readonly apiKeys: ReadonlyMap<string, ApiKeyConfig>;
  readonly adminKey: string | undefined;
}

/**
 * A key whose variable is not set is told and kept switched off, never left out: leaving out the
 * last one would open the gateway to everyone.
 */
export function checkApiKeys(
  written: Written['apiKeys'],
  admin: Written['admin'],
  check: Check,
): Keys {
  const apiKeys = new Map<string, ApiKeyConfig>();
  const owners = new Map<string, string>();
  for (const [name, entry] of written) {
    const { secret, models, enabled, limits, expires } = entry.value;
    if (secret !== undefined) {
      const owner = owners.get(secret);
      if (owner === undefined) owners.set(secret, name);
      else reportSame(entry, owner, check);
    }
    if (entry.missing.length > 0) reportMissing(entry, 'this key is not accepted', check);
    apiKeys.set(name, {
      name,
      secret: secret ?? '',
      missing: entry.missing,
      models,
      enabled: enabled && entry.missing.length === 0,
      limits: keyLimits(limits),
      expires,
    });
  }
  const usable = [...apiKeys.values()].some((key) => key.enabled);
  if (apiKeys.size > 0 && !usable) {
    check.warning({ at: ['apiKeys'], message: 'has no usable key: every request is refused' });
  }
  const adminKey = admin?.value.apiKey;
  if (admin !== undefined && admin.missing.length > 0) {
    reportMissing(admin, 'the management API answers loopback only', check);
  }
  const owner = adminKey === undefined ? undefined : owners.get(adminKey);
  if (owner !== undefined) {
    check.warning({
      at: ['admin', 'apiKey'],
      message: `is the same as the secret of apiKeys.${owner}, which can thus manage the gateway`,
    });
  }
  return { apiKeys, adminKey };
}

function reportSame(entry: Configurable<unknown>, owner: string, check: Check): void {
  check.problem({
    at: [...entry.at, 'secret'],
    message: `is the same as that of apiKeys.${owner}, so the two could not be told apart`,
    found: 'a string (not shown)',
    expected: 'a secret of its own',
  });
}

function reportMissing(entry: Configurable<unknown>, effect: string, check: Check): void {
  check.warning({
    at: entry.at,
    message: `needs the environment variable ${oneOfText(entry.missing)}, which is not set: ${effect}`,
    expected: `environment variable ${oneOfText(entry.missing)}`,
  });
}

function keyLimits(written: { readonly [K in keyof KeyLimits]: number | undefined }): KeyLimits {
  return Object.fromEntries(Object.entries(written).filter(([, limit]) => limit !== undefined));
}
