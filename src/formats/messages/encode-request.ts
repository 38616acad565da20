/** The middle language → a provider's body. */
import type { MessageCreateParams } from '@anthropic-ai/sdk/resources/messages';
import { copyHookFields } from '../../hook-fields.ts';
import type { JsonObject } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import { tokenLimit, type UnifiedChatRequest } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { limitCacheMarks, type Writing } from './encode-content.ts';
import { encodeToolChoice, encodeTools, isForced } from './encode-tools.ts';
import { type Turn, TurnWriter, thinkingObstacle } from './encode-turns.ts';
import { Leftovers } from './leftovers.ts';
import { type ModelRules, modelRules } from './models.ts';
import { fitStrictSchema } from './schema.ts';
import { planThinking } from './thinking.ts';

/** `metadata.user_id` is refused beyond this length. */
const LONGEST_USER = 256;

/** See `Format.encodeRequest`. */
export function encodeRequest(request: UnifiedChatRequest, context: ProviderContext): object {
  const { ledger } = context;
  const rules = modelRules(context.model);
  const leftovers = new Leftovers(request.extra);
  const writing: Writing = { ledger, leftovers, marks: [], blank: new Map() };
  const tools = request.tools?.length ? encodeTools(request.tools, rules, writing) : [];
  const choice = tools.length ? encodeToolChoice(request, writing) : undefined;
  if (tools.length === 0) dropToolOptions(request, ledger);
  const turns = new TurnWriter(writing, context.provider, rules).write(request.messages);
  const { effort, ...plan } = planThinking({
    options: request.reasoning,
    limit: tokenLimit(request),
    rules,
    obstacle: thinkingObstacle(turns.messages),
    forcedTool: isForced(choice),
    ledger,
  });
  const isThinking = plan.thinking?.type === 'enabled' || plan.thinking?.type === 'adaptive';
  const output = encodeOutput(request, rules, leftovers, ledger);
  if (effort) output['effort'] = effort;
  const body: JsonObject = { model: context.model, max_tokens: plan.max_tokens };
  if (turns.system.length) body['system'] = turns.system;
  body['messages'] = turns.messages.map(plainWherePossible);
  if (tools.length) body['tools'] = tools;
  if (choice) body['tool_choice'] = choice;
  if (plan.thinking) body['thinking'] = { ...leftovers.of('thinking'), ...plan.thinking };
  if (Object.keys(output).length) body['output_config'] = output;
  Object.assign(body, encodeSampling(request, rules, isThinking, ledger));
  Object.assign(body, encodeParameters(request, leftovers, ledger));
  reportUnsayable(request, ledger);
  limitCacheMarks(writing, leftovers.topLevel['cache_control'] ? 1 : 0);
  Object.assign(body, leftovers.topLevel);
  leftovers.report(ledger);
  copyHookFields(body, request);
  return body;
}

/** One unmarked text goes as a string, as every client of this format writes it. */
function plainWherePossible(turn: Turn): object {
  const [only] = turn.content;
  const isPlain =
    turn.content.length === 1 && only?.['type'] === 'text' && Object.keys(only).length === 2;
  return isPlain ? { ...turn, content: only['text'] } : turn;
}

function dropToolOptions(request: UnifiedChatRequest, ledger: Ledger): void {
  if (request.tool_choice !== undefined && request.tool_choice !== 'none') {
    ledger.drop('tool_choice');
  }
  if (request.parallel_tool_calls === false) ledger.drop('parallel_tool_calls');
}

function encodeOutput(
  request: UnifiedChatRequest,
  rules: ModelRules,
  leftovers: Leftovers,
  ledger: Ledger,
): JsonObject {
  const output: JsonObject = { ...leftovers.of('output_config') };
  const format = request.response_format;
  if (!format || format.type === 'text') return output;
  const schema = format.type === 'json_schema' ? format.json_schema.schema : undefined;
  const fitted = schema && rules.structuredOutput ? fitStrictSchema(schema) : undefined;
  if (!fitted) {
    ledger.drop('response_format');
    return output;
  }
  if (fitted.changed) ledger.approximate('response_format', fitted.changed);
  output['format'] = { type: 'json_schema', schema: fitted.schema };
  return output;
}

/**
 * Temperature goes to 1 here and to 2 elsewhere. While the model thinks it is 1, `top_p` is at
 * least 0.95 and `top_k` is not taken (docs: extended-thinking, feature compatibility).
 */
function encodeSampling(
  request: UnifiedChatRequest,
  rules: ModelRules,
  isThinking: boolean,
  ledger: Ledger,
): JsonObject {
  const { temperature, top_p: topP, top_k: topK } = request;
  const sampling: JsonObject = {};
  const isFree = rules.sampling && !isThinking;
  if (temperature !== undefined) {
    const fits = Math.min(Math.max(temperature, 0), 1);
    // 1 is what happens without it, and what a thinking model takes.
    const isTaken = isFree || (rules.sampling && temperature === 1);
    if (isTaken) sampling['temperature'] = fits;
    else if (temperature !== 1) ledger.drop('temperature');
    if (isTaken && fits !== temperature) ledger.approximate('temperature', String(fits));
  }
  if (topP !== undefined) {
    const fits = rules.sampling && (isFree || topP >= 0.95);
    const alone = rules.temperatureWithTopP || sampling['temperature'] === undefined;
    if (fits && alone) sampling['top_p'] = topP;
    else if (topP !== 1) ledger.drop('top_p');
  }
  if (topK !== undefined) {
    if (isFree) sampling['top_k'] = topK;
    else ledger.drop('top_k');
  }
  return sampling;
}

function encodeParameters(
  request: UnifiedChatRequest,
  leftovers: Leftovers,
  ledger: Ledger,
): JsonObject {
  const body: JsonObject = {};
  if (request.stop?.length) {
    // "stop_sequences: each stop sequence must contain non-whitespace".
    const stop = request.stop.filter((each) => each.trim() !== '');
    if (stop.length < request.stop.length) ledger.drop('stop');
    if (stop.length) body['stop_sequences'] = stop;
  }
  if (request.stream !== undefined) body['stream'] = request.stream;
  const metadata: JsonObject = { ...leftovers.of('metadata') };
  if (request.user !== undefined) {
    if (request.user.length > LONGEST_USER) ledger.drop('user');
    else metadata['user_id'] = request.user;
  }
  if (Object.keys(metadata).length) body['metadata'] = metadata;
  const tier = encodeTier(request.service_tier, ledger);
  if (tier) body['service_tier'] = tier;
  return body;
}

/** OpenAI's words for a tier; `auto` uses priority capacity where the account has any. */
function encodeTier(
  tier: string | undefined,
  ledger: Ledger,
): MessageCreateParams['service_tier'] | undefined {
  switch (tier) {
    case undefined:
      return undefined;
    case 'auto':
      return 'auto';
    case 'default':
    case 'standard_only':
      return 'standard_only';
    case 'priority':
      ledger.approximate('service_tier', 'auto');
      return 'auto';
    default:
      ledger.drop('service_tier');
      return undefined;
  }
}

/** What this format has no word for, unless it asks for what happens anyway. */
function reportUnsayable(request: UnifiedChatRequest, ledger: Ledger): void {
  for (const [field, isLost] of UNSAYABLE) if (isLost(request)) ledger.drop(field);
}

const UNSAYABLE: readonly [field: string, isLost: (request: UnifiedChatRequest) => boolean][] = [
  ['seed', ({ seed }) => seed !== undefined],
  ['frequency_penalty', (request) => (request.frequency_penalty ?? 0) !== 0],
  ['presence_penalty', (request) => (request.presence_penalty ?? 0) !== 0],
  ['logit_bias', (request) => hasFields(request.logit_bias)],
  ['logprobs', ({ logprobs }) => logprobs === true],
  ['top_logprobs', (request) => request.top_logprobs !== undefined],
  ['n', ({ n }) => (n ?? 1) !== 1],
  ['metadata', ({ metadata }) => hasFields(metadata)],
  ['prompt_cache_key', (request) => request.prompt_cache_key !== undefined],
  ['verbosity', ({ verbosity }) => verbosity !== undefined],
  ['store', ({ store }) => store === true],
];

function hasFields(value: object | undefined): boolean {
  return value !== undefined && Object.keys(value).length > 0;
}
