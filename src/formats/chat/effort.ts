/** How strongly to reason: chat's `reasoning_effort` (and its dialects) ⇄ unified. */
import { EFFORTS, effortOf, effortOfBudget } from '../../effort.ts';
import { type JsonObject, number, object } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type { Effort, UnifiedChatRequest, UnifiedReasoningOptions } from '../../unified.ts';
import { type OpenAiModel, openAiModel, reasons, refusesToolsWithEffort } from './models.ts';

/** Reads `reasoning_effort`, OpenRouter's `reasoning` and DeepSeek's `thinking`. */
export function decodeReasoning(
  body: JsonObject,
  ledger: Ledger,
): UnifiedReasoningOptions | undefined {
  const options: UnifiedReasoningOptions = {};
  const own = object(body['reasoning']);
  const thinking = object(body['thinking']);
  if (own) readOpenRouter(own, options, ledger);
  if (thinking) readThinking(thinking, options, ledger);
  const word = body['reasoning_effort'];
  if (word !== undefined && word !== null) {
    const effort = effortOf(word);
    if (effort) options.effort = effort;
    else ledger.drop('reasoning_effort');
  }
  if (options.effort === 'none') options.enabled = false;
  return Object.keys(options).length === 0 ? undefined : options;
}

function readOpenRouter(own: JsonObject, options: UnifiedReasoningOptions, ledger: Ledger): void {
  for (const [key, value] of Object.entries(own)) {
    if (value === null) continue;
    const effort = key === 'effort' ? effortOf(value) : undefined;
    const limit = key === 'max_tokens' ? number(value) : undefined;
    if (effort) options.effort = effort;
    else if (limit !== undefined) options.max_tokens = limit;
    else if (key === 'enabled' && typeof value === 'boolean') options.enabled = value;
    else if (key === 'exclude' && value === true) options.summary = 'none';
    else if (key !== 'exclude') ledger.drop(`reasoning.${key}`);
  }
}

function readThinking(
  thinking: JsonObject,
  options: UnifiedReasoningOptions,
  ledger: Ledger,
): void {
  for (const [key, value] of Object.entries(thinking)) {
    const limit = key === 'budget_tokens' ? number(value) : undefined;
    if (limit !== undefined) options.max_tokens = limit;
    else if (key === 'type' && value === 'enabled') options.enabled = true;
    else if (key === 'type' && value === 'disabled') options.enabled = false;
    else if (key === 'type' && (value === 'adaptive' || value === 'auto')) options.adaptive = true;
    else if (value !== null) ledger.drop(`thinking.${key}`);
  }
}

/**
 * The `reasoning_effort` for this model. What the client said otherwise (a token budget, "adaptive")
 * becomes the nearest word. Switching reasoning off is said only where it is known to be legal: the
 * client's own word "none", or a model of OpenAI's.
 */
export function encodeReasoning(
  request: UnifiedChatRequest,
  modelName: string,
  hasTools: boolean,
  ledger: Ledger,
): Effort | undefined {
  const model = openAiModel(modelName);
  const options = request.reasoning;
  const isOff = options?.enabled === false || options?.effort === 'none';
  if (model && hasTools && refusesToolsWithEffort(model)) {
    if (options && !isOff) ledger.drop('reasoning');
    return 'none';
  }
  if (!options) return undefined;
  if (options.summary !== undefined && !isOff) ledger.drop('reasoning.summary');
  if (isOff) return encodeOff(options, model, ledger);
  if (model && !reasons(model)) {
    ledger.drop('reasoning');
    return undefined;
  }
  // Neither a word nor a budget: the amount is the model's affair.
  const { max_tokens: budget } = options;
  const wanted = options.effort ?? (budget === undefined ? 'medium' : effortOfBudget(budget));
  const word = nearest(wanted, model);
  if (!options.effort) ledger.approximate('reasoning', `effort ${word}`);
  else if (word !== wanted) ledger.approximate('reasoning.effort', word);
  if (options.effort && budget !== undefined) ledger.drop('reasoning.max_tokens');
  return word;
}

function encodeOff(
  options: UnifiedReasoningOptions,
  model: OpenAiModel | undefined,
  ledger: Ledger,
): Effort | undefined {
  if (!model) {
    if (options.effort === 'none') return 'none';
    ledger.drop('reasoning');
    return undefined;
  }
  // A model that never reasons has done as it was told.
  if (!reasons(model)) return undefined;
  const word = nearest('none', model);
  if (word !== 'none') ledger.approximate('reasoning', `effort ${word}`);
  return word;
}

/** The weakest effort of the model that is no weaker than the one wanted, else its strongest. */
function nearest(wanted: Effort, model: OpenAiModel | undefined): Effort {
  if (!model) return wanted;
  const strength = EFFORTS.indexOf(wanted);
  const { efforts } = model;
  return efforts.find((known) => EFFORTS.indexOf(known) >= strength) ?? efforts.at(-1) ?? wanted;
}
