import { aggregator } from './aggregator.ts';

/**
 * Vercel AI Gateway. `reasoning` (vercel.com/docs/ai-gateway/sdks-and-apis/openai-chat-completions/reasoning;
 * recording vercel-gateway-gpt-5-thinking-1), marks for Claude (…/advanced, "Prompt caching"). Options
 * go into the body: `["vercel", { "providerOptions": {…} }]`.
 */
export const vercel = aggregator({ name: 'vercel', marked: /claude/i, fields: [] });
