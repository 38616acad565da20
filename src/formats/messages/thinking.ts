/**
 * How hard a model of this format is to think, out of what the client asked for and what the model
 * takes. The rules per model are data in `models.ts`.
 */
import type { OutputConfig, ThinkingConfigParam } from '@anthropic-ai/sdk/resources/messages';
import type { Ledger } from '../../ledger.ts';
import type { Effort, UnifiedReasoningOptions } from '../../unified.ts';
import type { EffortWord, ModelRules } from './models.ts';

interface ThinkingPlan {
  thinking?: ThinkingConfigParam;
  effort?: NonNullable<OutputConfig['effort']>;
  max_tokens: number;
}

interface ThinkingRequest {
  options: UnifiedReasoningOptions | undefined;
  /** The client's limit of output tokens. */
  limit: number | undefined;
  rules: ModelRules;
  /** Why thinking is impossible with a budget in this very request; undefined when it is possible. */
  obstacle: string | undefined;
  /** The client demands a tool call, which thinking of any kind excludes. */
  forcedTool: boolean;
  ledger: Ledger;
}

/**
 * A budget for each word, for models that know only budgets. 4000, 10000 and 31999 are what Claude
 * Code sends for its own three levels.
 */
const BUDGET: Record<Exclude<Effort, 'none'>, number> = {
  minimal: 1024,
  low: 4000,
  medium: 10_000,
  high: 31_999,
  xhigh: 48_000,
  max: 63_999,
};
/** The API's minimum ("budget_tokens must be ≥1024"). */
const LEAST_BUDGET = 1024;
/** A limit from here on is shared between thinking and answer; a smaller one is all answer. */
const AMPLE_LIMIT = 16_000;

/** The request's `thinking`, `output_config.effort` and `max_tokens`. */
export function planThinking(request: ThinkingRequest): ThinkingPlan {
  const { options, rules, ledger } = request;
  const plan: ThinkingPlan = { max_tokens: limitFor(request) };
  if (!options) return plan;
  if (isOff(options)) return { ...plan, ...switchOff(options, rules, ledger) };
  if (rules.thinking === 'none') {
    ledger.drop('reasoning');
    return plan;
  }
  const manual = rules.thinking === 'manual' || (rules.thinking === 'both' && isBudget(options));
  const obstacle = request.forcedTool
    ? 'off: the answer must be a tool call'
    : manual
      ? request.obstacle
      : undefined;
  const effort = effortFor(options, rules, manual);
  if (obstacle !== undefined) {
    ledger.approximate('reasoning', obstacle);
    return { ...plan, ...off(rules), ...(effort && capped(effort, rules)) };
  }
  if (manual) {
    // The budget says how hard; a model without the other word is not told it.
    const isUntold = options.effort !== undefined && effort === undefined && isBudget(options);
    if (isUntold) ledger.drop('reasoning.effort');
    return { ...planBudget(request, plan), ...(effort && { effort }) };
  }
  reportEffort(options, effort, ledger);
  const display = displayFor(options);
  return {
    ...plan,
    thinking: { type: 'adaptive', ...(display && { display }) },
    ...(effort && { effort }),
  };
}

/** True when the client wants no thinking. */
function isOff(options: UnifiedReasoningOptions): boolean {
  return options.enabled === false || options.effort === 'none' || options.max_tokens === 0;
}

/** True when an amount of tokens is all that the client said. */
function isBudget(options: UnifiedReasoningOptions): boolean {
  return (options.max_tokens ?? 0) > 0 && !options.adaptive;
}

/** `max_tokens` is required here: the client's limit, within what the model can do. */
function limitFor({ limit, rules, ledger }: ThinkingRequest): number {
  if (limit === undefined) return rules.defaultOutput;
  if (rules.maxOutput === undefined || limit <= rules.maxOutput) return limit;
  ledger.approximate('max_tokens', `${rules.maxOutput}, the model's most`);
  return rules.maxOutput;
}

function off(rules: ModelRules): Pick<ThinkingPlan, 'thinking'> {
  if (rules.off === 'disabled' || rules.off === 'between_tools') {
    return { thinking: { type: rules.off } };
  }
  return {};
}

function switchOff(
  options: UnifiedReasoningOptions,
  rules: ModelRules,
  ledger: Ledger,
): Partial<ThinkingPlan> {
  if (rules.off === 'never') {
    ledger.approximate('reasoning', 'as little as the model can do');
    return { effort: 'low' };
  }
  const word = options.effort === 'none' ? undefined : options.effort;
  const effort = word && capped(nearest(word, rules.efforts), rules);
  if (word !== undefined && effort?.effort !== word) ledger.drop('reasoning.effort');
  return { ...off(rules), ...effort };
}

/** Without thinking the strongest words are refused (docs: effort, Opus 5). */
function capped(effort: EffortWord | undefined, rules: ModelRules): Pick<ThinkingPlan, 'effort'> {
  if (effort === undefined || rules.off === 'never') return effort ? { effort } : {};
  return { effort: effort === 'xhigh' || effort === 'max' ? 'high' : effort };
}

/** The word for this model; undefined when it has no such field or nothing was said. */
function effortFor(
  options: UnifiedReasoningOptions,
  rules: ModelRules,
  manual: boolean,
): EffortWord | undefined {
  const word = options.effort ?? (manual ? undefined : wordFor(options));
  return word === undefined || word === 'none' ? undefined : nearest(word, rules.efforts);
}

/** The word nearest to a budget. */
function wordFor({ max_tokens: budget }: UnifiedReasoningOptions): EffortWord | undefined {
  if (budget === undefined || budget <= 0) return undefined;
  if (budget <= BUDGET.low) return 'low';
  if (budget <= BUDGET.medium) return 'medium';
  if (budget <= BUDGET.high) return 'high';
  return 'max';
}

/** The word itself or the next weaker one; the weakest where there is none. */
function nearest(
  effort: Exclude<Effort, 'none'>,
  known: readonly EffortWord[],
): EffortWord | undefined {
  const fits = known.filter((each) => BUDGET[each] <= BUDGET[effort]);
  return fits.at(-1) ?? known[0];
}

function reportEffort(
  options: UnifiedReasoningOptions,
  effort: EffortWord | undefined,
  ledger: Ledger,
): void {
  if (isBudget(options)) ledger.approximate('reasoning', `effort ${effort ?? 'of the model'}`);
  else if (options.effort !== undefined && options.effort !== effort) {
    ledger.approximate('reasoning', `effort ${effort ?? 'of the model'}`);
  }
}

/** A budget below the limit, which has to leave room for the answer. */
function planBudget(request: ThinkingRequest, plan: ThinkingPlan): ThinkingPlan {
  const { options, rules, ledger } = request;
  const asked = options?.max_tokens ?? 0;
  const given = asked > 0;
  const most = rules.maxOutput ?? Math.max(64_000, plan.max_tokens);
  let budget = given ? Math.max(asked, LEAST_BUDGET) : BUDGET[wordOf(options)];
  let limit = plan.max_tokens;
  if (given ? budget >= limit : limit < AMPLE_LIMIT && budget > limit / 2) {
    limit = Math.min(most, limit + budget);
    // Without a limit of the client's there is nothing of its to raise.
    if (request.limit !== undefined)
      ledger.approximate('max_tokens', `${limit}, thinking included`);
  }
  const room = given ? limit - 1 : Math.floor(limit * 0.75);
  budget = Math.max(LEAST_BUDGET, Math.min(budget, room));
  if (!given || budget !== asked) ledger.approximate('reasoning', `a budget of ${budget} tokens`);
  // Shown is what happens anyway here, so other formats' words for it need not be said.
  const { summary } = options ?? {};
  const own = summary === 'omitted' || summary === 'summarized';
  const display = own ? displayFor(options) : undefined;
  if (summary === 'none') ledger.approximate('reasoning.summary', 'shown');
  return {
    thinking: { type: 'enabled', budget_tokens: budget, ...(display && { display }) },
    max_tokens: limit,
  };
}

/** What a client means that only switched thinking on: adaptive thinks at `high` unless told. */
function wordOf(options: UnifiedReasoningOptions | undefined): Exclude<Effort, 'none'> {
  const effort = options?.effort;
  if (effort !== undefined && effort !== 'none') return effort;
  return options?.adaptive ? 'high' : 'medium';
}

/** Whether the thinking is shown; newer models show nothing unless asked. */
function displayFor(options: UnifiedReasoningOptions | undefined) {
  switch (options?.summary) {
    case undefined:
      return undefined;
    case 'none':
    case 'omitted':
      return 'omitted';
    default:
      return 'summarized';
  }
}
