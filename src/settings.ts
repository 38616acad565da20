/** What follows from a configuration and is made once for it: keys, chains, headers. */
import { createAuthenticator } from './auth.ts';
import type { Config, ProviderConfig } from './config/config.ts';
import type { Settings } from './exchange.ts';
import type { Format } from './formats/format.ts';
import type { QuirkEffects } from './quirks/quirk.ts';
import { type Chain, createChain, hooksFor } from './transform/chain.ts';
import { createRegistry, loadTransformerFile, type TransformerFile } from './transform/registry.ts';
import { providerHeaders } from './upstream.ts';

/** @throws Error when a transformer file cannot be loaded */
export async function createSettings(config: Config, effects: QuirkEffects): Promise<Settings> {
  const files = new Map<string, TransformerFile>();
  for (const { path, options } of config.transformers) {
    const [name, transformer] = await loadTransformerFile(path, options);
    files.set(name, transformer);
  }
  const registry = createRegistry(files, effects);
  const chains = new Map<string, Chain | Promise<Chain>>();
  const headers = new Map<string, Readonly<Record<string, string>>>();

  async function makeChain(
    client: Format,
    target: Format,
    provider: ProviderConfig,
    model: string,
  ): Promise<Chain> {
    return createChain(client, target, provider, await hooksFor(provider, model, registry));
  }

  function keep(key: string, making: Promise<Chain>): Promise<Chain> {
    const made = making.then((chain) => {
      chains.set(key, chain);
      return chain;
    });
    chains.set(key, made);
    return made;
  }

  return {
    config,
    auth: createAuthenticator(config, effects.now),
    chain(client, target, provider, model) {
      // Only models with transformers of their own need a chain of their own.
      const own = provider.models.get(model)?.use.length ? model : '';
      const key = `${client.name} ${target.name} ${provider.name} ${own}`;
      const known = chains.get(key);
      if (known) return known;
      return keep(key, makeChain(client, target, provider, own));
    },
    headers(provider, format, stream) {
      const key = `${provider.name} ${format.name} ${stream}`;
      const known = headers.get(key);
      if (known) return known;
      const made = Object.freeze(providerHeaders(provider, format, stream));
      headers.set(key, made);
      return made;
    },
  };
}
