import { aggregator } from './aggregator.ts';

/**
 * OpenRouter. `reasoning` (openrouter.ai/docs/use-cases/reasoning-tokens; recording
 * openrouter-reasoning-usage-matrix…), `top_k` (docs, parameters), marks for Claude, Gemini and Qwen
 * (docs/features/prompt-caching). Options go into the body: `["openrouter", { "provider": {…} }]`.
 */
export const openrouter = aggregator({
  name: 'openrouter',
  marked: /claude|gemini|qwen/i,
  fields: ['top_k'],
});
