import { describe, expect, test } from 'bun:test';
import type { ModelPrice, PriceTier, ProviderConfig } from '../../src/config/config.ts';
import type { Usage } from '../../src/unified.ts';
import { findPrice, type PriceQuestion, priceOf } from '../../src/usage/price.ts';

interface Prices {
  models?: Record<string, ModelPrice>;
  tiered?: Record<string, PriceTier[]>;
  perRequest?: Record<string, number>;
  own?: ModelPrice;
  discount?: number;
  kind?: 'http' | 'demo';
}

function question(prices: Prices): PriceQuestion {
  const provider: ProviderConfig = {
    name: 'acme',
    kind: prices.kind ?? 'http',
    formats: new Map(),
    endpoints: new Map(),
    apiKey: undefined,
    missing: [],
    auth: undefined,
    headers: {},
    extraBody: undefined,
    timeouts: { connectMs: 1, firstOutputMs: 1, stallMs: 1 },
    models: new Map([
      [
        'm',
        {
          name: 'm',
          pricing: prices.own,
          maxInputTokens: undefined,
          maxOutputTokens: undefined,
          use: [],
        },
      ],
    ]),
    modelsListed: false,
    enabled: true,
    discount: prices.discount ?? 1,
    cooldown: undefined,
    proxy: undefined,
    maxConcurrency: 0,
    use: [],
  };
  return {
    provider: 'acme',
    model: 'm',
    config: {
      providers: new Map([['acme', provider]]),
      pricing: {
        models: new Map(Object.entries(prices.models ?? {})),
        tiered: new Map(Object.entries(prices.tiered ?? {})),
        perRequest: new Map(Object.entries(prices.perRequest ?? {})),
      },
    },
  };
}

const usage = (counts: Partial<Usage>): Usage => ({
  input: 0,
  cached: 0,
  cacheWrite: 0,
  output: 0,
  ...counts,
});

const PLAIN = { inputPer1M: 2.5, outputPer1M: 10 };

describe('priceOf', () => {
  test('prices input and output per million', () => {
    expect(
      priceOf(usage({ input: 1000, output: 500 }), question({ models: { m: PLAIN } })),
    ).toEqual({
      input: 0.0025,
      output: 0.005,
      cached: 0,
      cacheWrite: 0,
      total: 0.0075,
      currency: 'USD',
      source: 'model',
    });
  });

  test('an unknown price is null, not 0', () => {
    expect(priceOf(usage({ input: 1 }), question({}))).toBeNull();
    expect(priceOf(usage({ input: 1 }), question({ models: { other: PLAIN } }))).toBeNull();
  });

  test('a price that covers only a part of the tokens is unknown', () => {
    const onlyInput = question({ models: { m: { inputPer1M: 1 } } });
    expect(priceOf(usage({ input: 1000, output: 1 }), onlyInput)).toBeNull();
    expect(priceOf(usage({ input: 1000 }), onlyInput)?.total).toBe(0.001);
  });

  test('a price of 0 is a price', () => {
    const free = question({ models: { m: { inputPer1M: 0, outputPer1M: 0 } } });
    expect(priceOf(usage({ input: 5, output: 5 }), free)?.total).toBe(0);
  });

  test('cached and written tokens have their own prices', () => {
    const priced = { ...PLAIN, cachedPer1M: 0.25, cacheWritePer1M: 3 };
    const cost = priceOf(
      usage({ input: 1000, cached: 4000, cacheWrite: 2000 }),
      question({ models: { m: priced } }),
    );
    expect(cost).toMatchObject({ input: 0.0025, cached: 0.001, cacheWrite: 0.006, total: 0.0095 });
  });

  test('cached and written tokens without a price cost what input costs', () => {
    const cost = priceOf(
      usage({ input: 1000, cached: 1000, cacheWrite: 1000 }),
      question({ models: { m: PLAIN } }),
    );
    expect(cost).toMatchObject({
      input: 0.0025,
      cached: 0.0025,
      cacheWrite: 0.0025,
      total: 0.0075,
    });
  });

  test('reasoning is a part of output and is paid once', () => {
    const counts = usage({ output: 1000, reasoning: 600 });
    expect(priceOf(counts, question({ models: { m: PLAIN } }))?.output).toBe(0.01);
    const dearer = { ...PLAIN, reasoningPer1M: 20 };
    expect(priceOf(counts, question({ models: { m: dearer } }))?.output).toBe(0.016);
  });

  test('more reasoning than output never costs less than nothing', () => {
    const counts = usage({ output: 100, reasoning: 600 });
    expect(priceOf(counts, question({ models: { m: PLAIN } }))?.output).toBe(0.001);
  });

  test('the tier is chosen by all input tokens, cached ones too, its bound included', () => {
    const tiered = {
      m: [
        { upTo: 200_000, inputPer1M: 1, outputPer1M: 1 },
        { inputPer1M: 2, outputPer1M: 2 },
      ],
    };
    const at = (counts: Partial<Usage>) => priceOf(usage(counts), question({ tiered }));
    expect(at({ input: 200_000 })).toMatchObject({ total: 0.2, source: 'tiered' });
    expect(at({ input: 200_001 })?.total).toBe(0.400002);
    expect(at({ input: 1000, cached: 150_000, cacheWrite: 50_000 })?.total).toBe(0.402);
  });

  test('beyond the last bounded tier the plain price holds, or none', () => {
    const tiered = { m: [{ upTo: 10, inputPer1M: 1, outputPer1M: 1 }] };
    expect(priceOf(usage({ input: 11 }), question({ tiered }))).toBeNull();
    expect(priceOf(usage({ input: 11 }), question({ tiered, models: { m: PLAIN } }))?.source).toBe(
      'model',
    );
  });

  test('a price per request stands alone, or is added to the tokens', () => {
    const alone = question({ perRequest: { m: 0.04 } });
    expect(priceOf(usage({ input: 9, output: 9 }), alone)).toMatchObject({
      input: 0,
      output: 0,
      request: 0.04,
      total: 0.04,
      source: 'perRequest',
    });
    const both = question({ models: { m: PLAIN }, perRequest: { m: 0.04 } });
    expect(priceOf(usage({ input: 1000 }), both)).toMatchObject({ request: 0.04, total: 0.0425 });
  });

  test("the provider's discount multiplies everything, a price per request too", () => {
    const cost = priceOf(
      usage({ input: 1000, output: 500 }),
      question({ models: { m: { ...PLAIN, perRequest: 1 } }, discount: 0.8 }),
    );
    expect(cost).toMatchObject({ input: 0.002, output: 0.004, request: 0.8, total: 0.806 });
  });

  test('a cost that the provider names wins and is not discounted', () => {
    const cost = priceOf(
      usage({ input: 1000, costUsd: 0.0123 }),
      question({ models: { m: PLAIN }, discount: 0.5 }),
    );
    expect(cost).toMatchObject({ input: null, total: 0.0123, source: 'provider' });
    expect(priceOf(usage({ input: 1000, costUsd: 0 }), question({}))?.total).toBe(0);
  });

  test('binary fractions do not show', () => {
    const cost = priceOf(
      usage({ input: 100_000, output: 200_000 }),
      question({
        models: { m: { inputPer1M: 1, outputPer1M: 1 } },
      }),
    );
    expect(cost?.total).toBe(0.3);
  });

  test('the demo is free unless priced', () => {
    expect(priceOf(usage({ input: 5 }), question({ kind: 'demo' }))).toMatchObject({
      total: 0,
      source: 'demo',
    });
    expect(
      priceOf(usage({ input: 1000 }), question({ kind: 'demo', models: { m: PLAIN } }))?.total,
    ).toBe(0.0025);
  });
});

describe('findPrice', () => {
  test('the nearest price wins', () => {
    const price = (inputPer1M: number) => ({ inputPer1M, outputPer1M: 1 });
    const all: Prices = {
      own: price(1),
      tiered: { m: [price(2)] },
      models: { 'acme/m': price(3), m: price(4) },
    };
    const found = (prices: Prices) => findPrice(question(prices), 0)?.price.inputPer1M;
    expect(found(all)).toBe(1);
    expect(found({ tiered: { m: [price(2)] }, models: { 'acme/m': price(3) } })).toBe(2);
    expect(found({ models: { 'acme/m': price(3), m: price(4) } })).toBe(3);
    expect(found({ models: { m: price(4) } })).toBe(4);
  });
});
