/** `pricing`: what models cost. */
import type { ModelPrice, PriceTier, PricingConfig } from './config.ts';
import type { Check } from './problem.ts';
import type { Located } from './shape.ts';
import type { Written } from './table.ts';

/** Prices without the keys that were not written. */
export function modelPrice(
  written: { readonly [K in keyof ModelPrice]: number | undefined },
): ModelPrice {
  return Object.fromEntries(Object.entries(written).filter(([, price]) => price !== undefined));
}

/** Prices by model; steps must ascend. */
export function checkPricing(written: Written['pricing'], check: Check): PricingConfig {
  const tiered = new Map<string, readonly PriceTier[]>();
  for (const [model, steps] of written.tiered) {
    checkSteps(steps, check);
    tiered.set(model, steps.value.map(modelPrice));
  }
  const models = new Map([...written.models].map(([model, price]) => [model, modelPrice(price)]));
  return { models, tiered, perRequest: written.perRequest };
}

function checkSteps({ at, value: steps }: Located<readonly PriceTier[]>, check: Check): void {
  let before = 0;
  for (const [index, { upTo }] of steps.entries()) {
    const isLast = index === steps.length - 1;
    if (upTo === undefined && !isLast) {
      check.problem({
        at: [...at, index, 'upTo'],
        message: 'is required, because more steps follow',
        found: 'nothing',
        expected: 'a whole number of 1 or more',
      });
    } else if (upTo !== undefined && upTo <= before) {
      check.problem({
        at: [...at, index, 'upTo'],
        message: `must be above that of the step before (${before})`,
        found: String(upTo),
        expected: `a whole number above ${before}`,
      });
    } else if (upTo !== undefined && isLast) {
      check.warning({
        at: [...at, index, 'upTo'],
        message: `leaves requests of more than ${upTo} input tokens without a price; the last step needs no upTo`,
      });
    }
    before = upTo ?? before;
  }
}
