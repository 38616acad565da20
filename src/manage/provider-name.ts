/** What OpenTelemetry calls a provider (`gen_ai.provider.name`), so that dashboards know it. */
import type { ProviderConfig } from '../config/config.ts';

/** By the host of its base URL. */
const BY_HOST: readonly (readonly [RegExp, string])[] = [
  [/(^|\.)openai\.com$/, 'openai'],
  [/\.openai\.azure\.com$|\.services\.ai\.azure\.com$/, 'azure.ai.openai'],
  [/(^|\.)anthropic\.com$/, 'anthropic'],
  [/^generativelanguage\.googleapis\.com$/, 'gcp.gemini'],
  [/aiplatform\.googleapis\.com$/, 'gcp.vertex_ai'],
  [/^bedrock.*\.amazonaws\.com$/, 'aws.bedrock'],
  [/(^|\.)deepseek\.com$/, 'deepseek'],
  [/(^|\.)groq\.com$/, 'groq'],
  [/(^|\.)mistral\.ai$/, 'mistral_ai'],
  [/(^|\.)moonshot\.(ai|cn)$/, 'moonshot_ai'],
  [/(^|\.)x\.ai$/, 'x_ai'],
  [/(^|\.)cohere\.(ai|com)$/, 'cohere'],
  [/(^|\.)perplexity\.ai$/, 'perplexity'],
];

/** OpenTelemetry's name where it has one, else the provider's own. */
export function otelProviderName(provider: ProviderConfig): string {
  const urls = [...provider.formats.values(), ...provider.endpoints.values()];
  const host = URL.parse(urls.find((url) => url !== '') ?? '')?.hostname;
  if (host === undefined) return provider.name;
  return BY_HOST.find(([pattern]) => pattern.test(host))?.[1] ?? provider.name;
}
