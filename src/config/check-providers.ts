/** `providers`: what each one speaks, where it is, and what stands in its chain. */
import { FORMAT_NAMES, type FormatName } from '../unified.ts';
import { modelPrice } from './check-pricing.ts';
import { fillCooldown } from './check-resilience.ts';
import type { KnownTransformers } from './check-transformers.ts';
import type { ModelConfig, ProviderConfig, ResilienceConfig, TransformerUse } from './config.ts';
import { near } from './near.ts';
import { type Check, quotedList } from './problem.ts';
import type { Configurable, Located } from './shape.ts';
import { shownUrl, type WrittenProvider, type WrittenUse, withoutSlash } from './table-provider.ts';

interface Surroundings {
  readonly check: Check;
  readonly resilience: ResilienceConfig;
  readonly transformers: KnownTransformers;
}

type Entry = Configurable<WrittenProvider>;

/** Providers by name, those that cannot be used included. */
export function checkProviders(
  written: ReadonlyMap<string, Entry>,
  around: Surroundings,
): ReadonlyMap<string, ProviderConfig> {
  return new Map([...written].map(([name, entry]) => [name, buildProvider(name, entry, around)]));
}

function buildProvider(name: string, entry: Entry, around: Surroundings): ProviderConfig {
  const { at, value, missing } = entry;
  const { check, resilience } = around;
  const { timeouts } = resilience;
  return {
    name,
    kind: value.type?.names.includes('demo') ? 'demo' : 'http',
    formats: buildFormats(entry, check),
    endpoints: buildEndpoints(entry, check),
    apiKey: value.apiKey,
    missing,
    auth: value.auth,
    headers: Object.fromEntries(value.headers ?? []),
    extraBody: value.extraBody,
    timeouts: {
      connectMs: value.timeoutMs?.connect ?? timeouts.connectMs,
      firstOutputMs: value.timeoutMs?.firstOutput ?? timeouts.firstOutputMs,
      stallMs: value.timeoutMs?.stall ?? timeouts.stallMs,
    },
    models: buildModels(entry, around),
    modelsListed: value.models !== undefined,
    enabled: value.enabled,
    discount: value.discount,
    cooldown:
      value.cooldown &&
      fillCooldown(value.cooldown, resilience.cooldown, [...at, 'cooldown'], check),
    proxy: value.proxy,
    maxConcurrency: value.maxConcurrency,
    use: buildUse(value.transformer?.use ?? [], around),
  };
}

// ------------------------------------------------------------------------------ URLs

/** How a base URL ends when the path was put into it by mistake. */
const PATHS: Record<FormatName, RegExp> = {
  chat: /\/chat\/completions$/,
  messages: /\/messages$/,
  responses: /\/responses$/,
  gemini: /\/models(\/[^/]*)?$/,
};
/** Hosts whose root is not their API's: a base URL without the path would only give 404. */
const ROOTS: Readonly<Record<string, string>> = {
  'api.openai.com': '/v1',
  'api.anthropic.com': '/v1',
  'generativelanguage.googleapis.com': '/v1beta',
};

function isFormat(name: string): name is FormatName {
  return FORMAT_NAMES.some((format) => format === name);
}

function buildFormats(
  { at, value, missing }: Entry,
  check: Check,
): ReadonlyMap<FormatName, string> {
  const formats = new Map<FormatName, string>();
  for (const name of value.type?.names ?? []) {
    if (!isFormat(name)) continue;
    const base = value.type?.urls.get(name) ?? value.baseUrl;
    formats.set(name, base?.value ?? '');
    if (base !== undefined) checkBaseUrl(base, name, check);
    else if (missing.length === 0 && value.endpoints?.has(name) === false) {
      check.problem({
        at: [...at, 'endpoints', name],
        message: `is required, because there is no baseUrl for "${name}"`,
        found: 'nothing',
        expected: 'an http:// or https:// URL',
      });
    }
  }
  if (value.baseUrl !== undefined && (value.type?.urls.size ?? 0) > 0) {
    check.warning({ at: value.baseUrl.at, message: 'is not used, because type names the URLs' });
  }
  return formats;
}

function checkBaseUrl({ at, value: url }: Located<string>, format: FormatName, check: Check): void {
  const root = url.replace(PATHS[format], '');
  if (root !== url) {
    check.problem({
      at,
      message: `already ends in the path that Plexus appends for "${format}"; write ${shownUrl(root)}, or put the whole URL into endpoints.${format}`,
      found: shownUrl(url),
      expected: shownUrl(root),
    });
  }
  const { host, pathname } = new URL(url);
  const path = ROOTS[host];
  if (path === undefined || withoutSlash(pathname) !== '') return;
  check.warning({
    at,
    message: `has no path, and ${host} answers below ${path}: write ${shownUrl(`${url}${path}`)}`,
    found: shownUrl(url),
    expected: shownUrl(`${url}${path}`),
  });
}

function buildEndpoints({ value }: Entry, check: Check): ReadonlyMap<FormatName, string> {
  const endpoints = new Map<FormatName, string>();
  for (const [name, { at, value: url }] of value.endpoints ?? []) {
    if (!isFormat(name)) continue;
    endpoints.set(name, url);
    const spoken = value.type?.names;
    if (spoken === undefined || spoken.includes(name)) continue;
    check.problem({
      at,
      message: `is for a format that type does not name (type: ${quotedList(spoken)})`,
      found: JSON.stringify(name),
      expected: quotedList(spoken),
    });
  }
  return endpoints;
}

// ------------------------------------------------------------------------------ models

function buildModels({ value }: Entry, around: Surroundings): ReadonlyMap<string, ModelConfig> {
  const chains = value.transformer?.models ?? new Map<string, Located<WrittenUse>>();
  const models = new Map<string, ModelConfig>();
  for (const [name, written] of value.models ?? []) {
    models.set(name, {
      name,
      pricing: written.pricing && modelPrice(written.pricing),
      maxInputTokens: written.maxInputTokens,
      maxOutputTokens: written.maxOutputTokens,
      use: buildUse(
        [...(chains.get(name)?.value ?? []), ...(written.transformer?.use ?? [])],
        around,
      ),
    });
  }
  for (const [name, { at, value: chain }] of chains) {
    if (models.has(name)) continue;
    const use = buildUse(chain, around);
    if (value.models !== undefined) {
      reportUnlisted(name, at, [...value.models.keys()], around.check);
      continue;
    }
    models.set(name, {
      name,
      pricing: undefined,
      maxInputTokens: undefined,
      maxOutputTokens: undefined,
      use,
    });
  }
  return models;
}

function reportUnlisted(
  name: string,
  at: Located<unknown>['at'],
  known: readonly string[],
  check: Check,
): void {
  check.problem({
    at,
    onKey: true,
    message: 'is neither "use" nor a model that this provider lists',
    found: JSON.stringify(name),
    expected: quotedList(['use', ...known].slice(0, 12)),
    near: near(name, ['use', ...known], 2),
  });
}

/** A name that nobody knows is never passed over: a chain without it means something else. */
function buildUse(written: WrittenUse, { check, transformers }: Surroundings): TransformerUse[] {
  return written.map(({ at, value: { name, options } }) => {
    if (!transformers.names.has(name)) {
      const known = [...transformers.names].sort();
      const finding = {
        at,
        message: `names a transformer ${JSON.stringify(name)} that nobody knows`,
        found: JSON.stringify(name),
        expected: quotedList(known),
        near: near(name, known, 2),
      };
      if (transformers.complete) check.problem(finding);
      else
        check.warning({
          ...finding,
          message: `${finding.message}, unless a file in transformers brings it`,
        });
    }
    return options === undefined ? { name } : { name, options };
  });
}
