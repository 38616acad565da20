/** What follows from a configuration and is made once for it: keys, chains, headers. */
import { createAuthenticator } from './auth.ts';
import type { Config, ProviderConfig } from './config/config.ts';
import type { Settings } from './exchange.ts';
import type { Format } from './formats/format.ts';
import { FORMATS } from './formats/index.ts';
import type { QuirkEffects } from './quirks/quirk.ts';
import type { Target } from './resolve.ts';
import { type Chain, createChain, hooksFor } from './transform/chain.ts';
import { createRegistry, loadTransformerFile, type TransformerFile } from './transform/registry.ts';
import { providerHeaders, upstreamUrl } from './upstream.ts';

/** Headers of requests for a whole answer and for a stream. */
interface ProviderHeaders {
  readonly whole: Readonly<Record<string, string>>;
  readonly streamed: Readonly<Record<string, string>>;
}

/** Where requests for a whole answer and for a stream go. */
interface TargetUrls {
  readonly whole: string;
  readonly streamed: string;
}

/** @throws Error when a transformer file cannot be loaded */
export async function createSettings(config: Config, effects: QuirkEffects): Promise<Settings> {
  const files = new Map<string, TransformerFile>();
  for (const { path, options } of config.transformers) {
    const [name, transformer] = await loadTransformerFile(path, options);
    files.set(name, transformer);
  }
  const registry = createRegistry(files, effects);
  const chains = new Map<string, Chain | Promise<Chain>>();
  /** The same by target, which is the same object for each request, and client's format. */
  const known = new WeakMap<Target, Map<Format, Chain>>();
  const urls = new WeakMap<Target, TargetUrls>();
  const headers = new WeakMap<ProviderConfig, Map<Format, ProviderHeaders>>();

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

  function findChain(client: Format, { provider, model, format }: Target): Chain | Promise<Chain> {
    const target = FORMATS[format === 'demo' ? 'chat' : format];
    // Only models with transformers of their own need a chain of their own.
    const own = provider.models.get(model)?.use.length ? model : '';
    const key = `${client.name} ${target.name} ${provider.name} ${own}`;
    return chains.get(key) ?? keep(key, makeChain(client, target, provider, own));
  }

  function remember(client: Format, target: Target, chain: Chain): Chain {
    known.set(target, (known.get(target) ?? new Map<Format, Chain>()).set(client, chain));
    return chain;
  }

  function makeUrls(target: Target, format: Format): TargetUrls {
    const { provider, model } = target;
    const whole = upstreamUrl(provider, format, model, false);
    const made = { whole, streamed: upstreamUrl(provider, format, model, true) };
    urls.set(target, made);
    return made;
  }

  function makeHeaders(provider: ProviderConfig, format: Format): ProviderHeaders {
    const whole = Object.freeze(providerHeaders(provider, format, false));
    const streamed = Object.freeze(providerHeaders(provider, format, true));
    const byFormat = headers.get(provider) ?? new Map<Format, ProviderHeaders>();
    headers.set(provider, byFormat.set(format, { whole, streamed }));
    return { whole, streamed };
  }

  return {
    config,
    auth: createAuthenticator(config, effects.now),
    chain(client, target) {
      const before = known.get(target)?.get(client);
      if (before !== undefined) return before;
      const made = findChain(client, target);
      return made instanceof Promise ? made : remember(client, target, made);
    },
    url(target, format, stream) {
      const made = urls.get(target) ?? makeUrls(target, format);
      return stream ? made.streamed : made.whole;
    },
    headers(provider, format, stream) {
      const made = headers.get(provider)?.get(format) ?? makeHeaders(provider, format);
      return stream ? made.streamed : made.whole;
    },
  };
}
