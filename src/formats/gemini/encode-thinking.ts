/**
 * How hard the model shall think → `thinkingConfig`. A budget and a level together are a 400, and
 * so is a level that the model does not have.
 */
import { effortOfBudget } from '../../effort.ts';
import type { Ledger } from '../../ledger.ts';
import type { Effort, UnifiedReasoningOptions } from '../../unified.ts';
import type { ModelTraits } from './model-traits.ts';
import type { WireThinkingConfig, WireThinkingLevel } from './wire.ts';

/** Google's own table: ai.google.dev/gemini-api/docs/openai#thinking (2.5 models). */
const BUDGET: Readonly<Record<Exclude<Effort, 'none'>, number>> = {
  minimal: 1024,
  low: 1024,
  medium: 8192,
  high: 24_576,
  xhigh: 32_768,
  max: 32_768,
};

/** Levels in order of preference: the first that the model has is taken. */
const LEVELS: Readonly<Record<Effort, readonly WireThinkingLevel[]>> = {
  none: ['MINIMAL', 'LOW'],
  minimal: ['MINIMAL', 'LOW'],
  low: ['LOW', 'MINIMAL'],
  // The same table: 3 Pro, which has no MEDIUM, thinks HIGH.
  medium: ['MEDIUM', 'HIGH'],
  high: ['HIGH'],
  xhigh: ['HIGH'],
  max: ['HIGH'],
};

/** Thinking as asked, as near as the model can; undefined when nothing is to be said. */
export function encodeThinking(
  reasoning: UnifiedReasoningOptions,
  traits: ModelTraits,
  ledger: Ledger,
): WireThinkingConfig | undefined {
  const isOff = reasoning.enabled === false || reasoning.effort === 'none';
  if (traits.thinking === 'none') {
    if (!isOff) ledger.drop('reasoning');
    return undefined;
  }
  if (isOff && reasoning.effort !== undefined && reasoning.effort !== 'none') {
    ledger.drop('reasoning.effort');
  }
  const config =
    traits.thinking === 'level'
      ? levelConfig(reasoning, isOff, traits, ledger)
      : budgetConfig(reasoning, isOff, traits, ledger);
  // A model that cannot be stopped from thinking need not show it.
  const hidden = isOff || reasoning.summary === 'none' || reasoning.summary === 'omitted';
  if (!hidden) config.includeThoughts = true;
  // How long the summary is to be has no word here.
  if (reasoning.summary === 'concise' || reasoning.summary === 'detailed') {
    ledger.approximate('reasoning.summary', hidden ? 'none' : 'thoughts');
  }
  return Object.keys(config).length === 0 ? undefined : config;
}

function levelConfig(
  reasoning: UnifiedReasoningOptions,
  isOff: boolean,
  traits: ModelTraits,
  ledger: Ledger,
): WireThinkingConfig {
  const { max_tokens: budget } = reasoning;
  const effort = isOff
    ? 'none'
    : (reasoning.effort ?? (budget === undefined ? undefined : effortOfBudget(budget)));
  if (effort === undefined) return {};
  const level = LEVELS[effort].find((candidate) => traits.levels.includes(candidate));
  if (level === undefined) {
    ledger.drop('reasoning');
    return {};
  }
  const exact = reasoning.effort === effort && level.toLowerCase() === effort;
  if (!exact) ledger.approximate('reasoning', `thinkingLevel ${level}`);
  else if (budget !== undefined) ledger.drop('reasoning.max_tokens');
  return { thinkingLevel: level };
}

function budgetConfig(
  reasoning: UnifiedReasoningOptions,
  isOff: boolean,
  traits: ModelTraits,
  ledger: Ledger,
): WireThinkingConfig {
  const { min, max, canBeOff } = traits.budget;
  if (isOff) {
    if (canBeOff) return { thinkingBudget: 0 };
    ledger.approximate('reasoning', `thinkingBudget ${min}`);
    return { thinkingBudget: min };
  }
  const { effort, max_tokens: wanted } = reasoning;
  if (wanted === undefined && (effort === undefined || effort === 'none')) {
    return reasoning.adaptive ? { thinkingBudget: -1 } : {};
  }
  const asked = wanted ?? (effort && effort !== 'none' ? BUDGET[effort] : min);
  const budget = Math.min(max, Math.max(min, asked));
  if (budget !== wanted) ledger.approximate('reasoning', `thinkingBudget ${budget}`);
  else if (effort !== undefined) ledger.drop('reasoning.effort');
  return { thinkingBudget: budget };
}
