/** What a request cost, in USD, from the counts of the provider and the prices of the configuration. */
import type { Config, ModelPrice } from '../config/config.ts';
import { totalInput, type Usage } from '../unified.ts';

/**
 * Where a cost comes from: the provider named it itself · a price in the provider's own model list ·
 * `pricing.tiered` · `pricing.models` · `pricing.perRequest` alone · the demo, which is free.
 */
export type CostSource = 'provider' | 'configured' | 'tiered' | 'model' | 'perRequest' | 'demo';

/** Parts are null where the provider named only the total. */
export interface Cost {
  /** Input tokens that no cache had a part in. */
  readonly input: number | null;
  readonly output: number | null;
  readonly cached: number | null;
  readonly cacheWrite: number | null;
  /** A price per request; only there when one is configured. */
  readonly request?: number;
  readonly total: number;
  readonly currency: 'USD';
  readonly source: CostSource;
}

/** A price that was found, and where. `discount` multiplies it. */
export interface FoundPrice {
  readonly price: ModelPrice;
  readonly source: CostSource;
  readonly discount: number;
}

export interface PriceQuestion {
  /** The provider's name in the configuration. */
  readonly provider: string;
  /** The provider's own name of the model. */
  readonly model: string;
  readonly config: Pick<Config, 'providers' | 'pricing'>;
}

/** The cost of a request; null when a price that it needs is not known, never 0 for that reason. */
export function priceOf(usage: Usage, question: PriceQuestion): Cost | null {
  if (usage.costUsd !== undefined) {
    const parts = { input: null, output: null, cached: null, cacheWrite: null };
    return { ...parts, total: round(usage.costUsd), currency: 'USD', source: 'provider' };
  }
  const found = findPrice(question, totalInput(usage));
  return found === null ? null : costAt(usage, found);
}

/**
 * The price that holds for a request of so many input tokens, cached ones included. The nearest
 * wins: the provider's own model list, then `provider/model` and `model` in `pricing`.
 */
export function findPrice(question: PriceQuestion, inputTokens: number): FoundPrice | null {
  const { provider: name, model, config } = question;
  const provider = config.providers.get(name);
  const discount = provider?.discount ?? 1;
  const own = provider?.models.get(model)?.pricing;
  if (own !== undefined) return { price: own, source: 'configured', discount };
  const perRequest = either(config.pricing.perRequest, name, model);
  const tiers = either(config.pricing.tiered, name, model);
  const tier = tiers && tierOf(tiers, inputTokens);
  if (tier !== undefined) return { price: withFee(tier, perRequest), source: 'tiered', discount };
  const listed = either(config.pricing.models, name, model);
  if (listed !== undefined) {
    return { price: withFee(listed, perRequest), source: 'model', discount };
  }
  if (perRequest !== undefined) return { price: { perRequest }, source: 'perRequest', discount };
  return provider?.kind === 'demo' ? { price: FREE, source: 'demo', discount } : null;
}

function tierOf<T extends { upTo?: number }>(tiers: readonly T[], tokens: number): T | undefined {
  return tiers.find(({ upTo }) => upTo === undefined || tokens <= upTo);
}

function withFee(price: ModelPrice, fee: number | undefined): ModelPrice {
  return fee === undefined ? price : { ...price, perRequest: price.perRequest ?? fee };
}

const FREE: ModelPrice = { inputPer1M: 0, outputPer1M: 0 };

function either<T>(prices: ReadonlyMap<string, T>, provider: string, model: string): T | undefined {
  if (prices.size === 0) return undefined;
  return prices.get(`${provider}/${model}`) ?? prices.get(model);
}

function costAt(usage: Usage, found: FoundPrice): Cost | null {
  const { price, discount, source } = found;
  const reasoning = Math.min(usage.reasoning ?? 0, usage.output);
  const perTokens = price.inputPer1M !== undefined || price.outputPer1M !== undefined;
  // A price per request and nothing else: tokens are free, by the user's word.
  const inputPrice = perTokens ? price.inputPer1M : price.perRequest === undefined ? undefined : 0;
  const outputPrice = perTokens ? price.outputPer1M : inputPrice;

  const input = amount(usage.input, inputPrice);
  const cached = amount(usage.cached, price.cachedPer1M ?? inputPrice);
  const cacheWrite = amount(usage.cacheWrite, price.cacheWritePer1M ?? inputPrice);
  const said = amount(usage.output - reasoning, outputPrice);
  const thought = amount(reasoning, price.reasoningPer1M ?? outputPrice);
  if (
    input === undefined ||
    cached === undefined ||
    cacheWrite === undefined ||
    said === undefined ||
    thought === undefined
  ) {
    return null;
  }
  const request = price.perRequest ?? 0;
  const total = input + cached + cacheWrite + said + thought + request;
  return {
    input: round(input * discount),
    output: round((said + thought) * discount),
    cached: round(cached * discount),
    cacheWrite: round(cacheWrite * discount),
    ...(price.perRequest !== undefined && { request: round(request * discount) }),
    total: round(total * discount),
    currency: 'USD',
    source,
  };
}

/** Undefined: there are tokens and nobody knows their price. */
function amount(tokens: number, per1M: number | undefined): number | undefined {
  if (tokens === 0) return 0;
  return per1M === undefined ? undefined : (tokens * per1M) / 1e6;
}

/** To 1e-12 USD: far below any price, far above what binary fractions add. */
function round(usd: number): number {
  return Math.round(usd * 1e12) / 1e12;
}
