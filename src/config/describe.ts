/** What a configuration amounts to, for the lines at start-up and the gateway's answers. */
import type { AliasConfig, Config, ProviderConfig, TargetConfig } from './config.ts';

/** True when requests can be sent to it: switched on, and nothing it needs is missing. */
export function isUsable(provider: ProviderConfig | undefined): provider is ProviderConfig {
  return provider?.enabled === true && provider.missing.length === 0;
}

/** The targets that could serve the alias now, in the order of the file. */
export function usableTargets(alias: AliasConfig, config: Config): readonly TargetConfig[] {
  return alias.targets.filter(
    (target) => target.enabled && isUsable(config.providers.get(target.provider)),
  );
}

/** Every alias with its usable targets; an empty list where it has none. */
export function usableAliases(config: Config): ReadonlyMap<string, readonly TargetConfig[]> {
  return new Map([...config.aliases].map(([name, alias]) => [name, usableTargets(alias, config)]));
}

/** Providers that are switched on but lack environment variables → the variables' names. */
export function unconfiguredProviders(config: Config): ReadonlyMap<string, readonly string[]> {
  const unconfigured = [...config.providers.values()].filter(
    (provider) => provider.enabled && provider.missing.length > 0,
  );
  return new Map(unconfigured.map((provider) => [provider.name, provider.missing]));
}
