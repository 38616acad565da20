/** Asks each provider for its models: the cheapest request that proves address and key. */
import type { Config, ProviderConfig } from '../config/config.ts';
import { isUsable } from '../config/describe.ts';
import { FORMATS } from '../formats/index.ts';
import { array, isObject } from '../json.ts';
import { providerHeaders } from '../upstream.ts';
import { ask } from './ask.ts';

export interface ProviderAnswer {
  readonly provider: string;
  /** What went wrong, in a few words. */
  readonly problem?: string;
  /** Names of its models; undefined when it gave none. */
  readonly models?: readonly string[];
  /** What the clock of this machine is ahead of the provider's, ms, within the time of the request. */
  readonly clockAheadMs?: number;
}

/** The usable HTTP providers with a base URL, all at once. */
export function askProviders(config: Config): Promise<readonly ProviderAnswer[]> {
  const providers = [...config.providers.values()].filter(
    (provider) => isUsable(provider) && provider.kind === 'http',
  );
  return Promise.all(providers.map(askProvider));
}

async function askProvider(provider: ProviderConfig): Promise<ProviderAnswer> {
  const about = { provider: provider.name };
  const [first] = [...provider.formats].filter(([, base]) => base !== '');
  if (first === undefined) return { ...about, problem: 'has no baseUrl to ask' };
  const [format, base] = first;
  const headers = providerHeaders(provider, FORMATS[format], false);
  const asked = await ask(listAddress(base, format), { headers, proxy: provider.proxy });
  if (typeof asked === 'string') return { ...about, problem: `cannot be reached: ${asked}` };
  if (asked.status === 401 || asked.status === 403) {
    return { ...about, problem: `refuses the key (${asked.status})` };
  }
  if (asked.status >= 300) return { ...about, problem: `answers ${asked.status} for its models` };
  const date = Date.parse(asked.headers.get('date') ?? '');
  const clock = Number.isNaN(date) ? {} : { clockAheadMs: Date.now() - date };
  const models = modelNames(asked.body);
  return models === undefined
    ? { ...about, ...clock, problem: 'answers with something that is no model list' }
    : { ...about, ...clock, models };
}

/** Where a format lists models; Anthropic and Google give twenty or fifty unless asked for more. */
function listAddress(base: string, format: string): string {
  const [root = '', query = ''] = base.split('?', 2);
  const size = { messages: 'limit=1000', gemini: 'pageSize=1000' }[format] ?? '';
  const all = [query, size].filter((part) => part !== '').join('&');
  return `${root.replace(/\/$/, '')}/models${all === '' ? '' : `?${all}`}`;
}

function modelNames(body: unknown): string[] | undefined {
  const list = isObject(body) ? (body['data'] ?? body['models']) : body;
  if (!Array.isArray(list)) return undefined;
  return array(list).flatMap((entry) => {
    const name = isObject(entry) ? (entry['id'] ?? entry['name']) : entry;
    return typeof name === 'string' ? [name.replace(/^models\//, '')] : [];
  });
}

/** Targets whose model the provider does not list, as sentences. */
export function unlistedTargets(config: Config, answers: readonly ProviderAnswer[]): string[] {
  const listed = new Map(answers.map(({ provider, models }) => [provider, models]));
  return [...config.aliases.values()].flatMap((alias) =>
    alias.targets.flatMap(({ provider, model }) => {
      const models = listed.get(provider);
      if (models === undefined || models.length === 0 || models.includes(model)) return [];
      return [`models.${alias.name}: ${provider} does not list ${model}`];
    }),
  );
}
