/** Unified → the body of `generateContent`, within what the model behind it accepts. */
import { copyHookFields } from '../../hook-fields.ts';
import { isObject, type JsonObject } from '../../json.ts';
import {
  restFor,
  tokenLimit,
  type UnifiedChatRequest,
  type UnifiedFunctionTool,
} from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { encodeContents } from './encode-contents.ts';
import { encodeThinking } from './encode-thinking.ts';
import { type ModelTraits, modelTraits } from './model-traits.ts';
import { fieldName } from './proto.ts';
import type {
  FunctionDeclaration,
  WireFunctionCallingConfig,
  WireGenerationConfig,
  WireRequest,
  WireTool,
} from './wire.ts';

const MAX_STOP_SEQUENCES = 5;
const INT32_MAX = 2 ** 31 - 1;

/** `Format.encodeRequest`; what the provider cannot be told is reported. */
export function encodeRequest(request: UnifiedChatRequest, context: ProviderContext): WireRequest {
  const traits = modelTraits(context.model);
  const body: WireRequest = encodeContents(request, traits, context);
  encodeTools(request, body, context);
  const config = encodeConfig(request, traits, context);
  if (Object.keys(config).length > 0) body.generationConfig = config;
  const tier = encodeTier(request.service_tier, context);
  if (tier) body.serviceTier = tier;
  reportUnsupported(request, context);
  return withExtra(body, request);
}

function encodeConfig(
  request: UnifiedChatRequest,
  traits: ModelTraits,
  context: ProviderContext,
): WireGenerationConfig {
  const { ledger } = context;
  const config: WireGenerationConfig = {};
  const limit = tokenLimit(request);
  if (limit !== undefined) config.maxOutputTokens = limit;
  if (request.temperature !== undefined) config.temperature = request.temperature;
  if (request.top_p !== undefined) config.topP = request.top_p;
  if (request.top_k !== undefined) config.topK = request.top_k;
  if (request.presence_penalty !== undefined) config.presencePenalty = request.presence_penalty;
  if (request.frequency_penalty !== undefined) config.frequencyPenalty = request.frequency_penalty;
  if (request.seed !== undefined) {
    if (Number.isInteger(request.seed) && Math.abs(request.seed) <= INT32_MAX) {
      config.seed = request.seed;
    } else ledger.drop('seed');
  }
  if (request.logprobs !== undefined) config.responseLogprobs = request.logprobs;
  if (request.top_logprobs !== undefined) {
    if (request.logprobs) config.logprobs = request.top_logprobs;
    else ledger.drop('top_logprobs');
  }
  encodeStop(request.stop ?? [], config, context);
  encodeFormat(request, config, traits, context);
  const thinking = request.reasoning && encodeThinking(request.reasoning, traits, ledger);
  if (thinking) config.thinkingConfig = thinking;
  return config;
}

function encodeStop(
  stop: readonly string[],
  config: WireGenerationConfig,
  context: ProviderContext,
): void {
  const usable = stop.slice(0, MAX_STOP_SEQUENCES);
  if (usable.length > 0) config.stopSequences = usable;
  for (let index = usable.length; index < stop.length; index += 1) {
    context.ledger.drop(`stop.${index}`);
  }
}

function encodeFormat(
  request: UnifiedChatRequest,
  config: WireGenerationConfig,
  traits: ModelTraits,
  context: ProviderContext,
): void {
  const format = request.response_format;
  if (format === undefined || format.type === 'text') return;
  const hasFunctions = request.tools?.some((tool) => tool.type === 'function') ?? false;
  if (hasFunctions && !traits.jsonWithTools && request.tool_choice !== 'none') {
    // "Function calling with a response mime type: 'application/json' is unsupported" (2.x).
    context.ledger.drop('response_format');
    return;
  }
  config.responseMimeType = 'application/json';
  if (format.type !== 'json_schema') return;
  const { name, description, schema } = format.json_schema;
  if (schema) config.responseJsonSchema = schema;
  if (name !== undefined) context.ledger.drop('response_format.json_schema.name');
  if (description !== undefined) context.ledger.drop('response_format.json_schema.description');
}

/** Tiers that Gemini has too; its "standard" is what it does unasked. */
function encodeTier(
  tier: string | undefined,
  context: ProviderContext,
): WireRequest['serviceTier'] | undefined {
  switch (tier) {
    case 'flex':
    case 'priority':
      return tier;
    case undefined:
    case 'auto':
    case 'default':
    case 'standard':
    case 'standard_only':
      return undefined;
    default:
      context.ledger.drop('service_tier');
      return undefined;
  }
}

function encodeTools(
  request: UnifiedChatRequest,
  body: WireRequest,
  context: ProviderContext,
): void {
  const functions: UnifiedFunctionTool[] = [];
  const hosted: WireTool[] = [];
  for (const tool of request.tools ?? []) {
    const path = tool.path ?? 'tools';
    if (tool.cache_control !== undefined) context.ledger.drop(`${path}.cache_control`);
    if (tool.type === 'function') functions.push(tool);
    else if (tool.type === 'hosted' && tool.format === 'gemini') hosted.push(tool.value);
    else context.ledger.drop(path);
  }
  const allowed = allowedNames(request, context);
  const declared = functions.filter((tool) => {
    const isAllowed = allowed?.includes(tool.function.name) ?? true;
    if (!isAllowed) context.ledger.drop(tool.path ?? 'tools');
    return isAllowed;
  });
  const declarations = declared.map((tool) => declare(tool, context));
  const tools: WireTool[] = declarations.length > 0 ? [{ functionDeclarations: declarations }] : [];
  tools.push(...hosted);
  if (tools.length > 0) body.tools = tools;
  const calling = encodeChoice(request, declarations.length > 0, context);
  if (calling) body.toolConfig = { functionCallingConfig: calling };
}

/** Gemini limits the names in mode ANY only; for a free choice among some, the rest is not declared. */
function allowedNames(
  request: UnifiedChatRequest,
  context: ProviderContext,
): readonly string[] | undefined {
  const choice = request.tool_choice;
  if (typeof choice !== 'object' || choice.type !== 'allowed_tools') return undefined;
  if (choice.mode !== 'auto') return undefined;
  context.ledger.approximate('tool_choice', 'only the allowed tools are declared');
  return choice.names;
}

function declare(tool: UnifiedFunctionTool, context: ProviderContext): FunctionDeclaration {
  const { name, description, parameters, strict } = tool.function;
  if (strict === true) context.ledger.drop(`${tool.path ?? 'tools'}.strict`);
  const declaration: FunctionDeclaration = { name };
  if (description !== undefined) declaration.description = description;
  // `parametersJsonSchema` takes JSON Schema as it is; `parameters` refuses every keyword outside
  // its OpenAPI subset. A function without parameters has neither.
  if (parameters && !isEmpty(parameters)) declaration.parametersJsonSchema = parameters;
  return { ...declaration, ...restFor('gemini', tool) };
}

function isEmpty(schema: JsonObject): boolean {
  const properties = schema['properties'];
  const hasNone = !isObject(properties) || Object.keys(properties).length === 0;
  const isOpen = (schema['additionalProperties'] ?? false) !== false;
  return hasNone && !isOpen && Object.keys(schema).every((key) => EMPTY_KEYS.has(key));
}
const EMPTY_KEYS: ReadonlySet<string> = new Set([
  '$schema',
  'type',
  'properties',
  'required',
  'additionalProperties',
]);

function encodeChoice(
  request: UnifiedChatRequest,
  hasFunctions: boolean,
  context: ProviderContext,
): WireFunctionCallingConfig | undefined {
  const choice = request.tool_choice;
  if (choice === undefined) return undefined;
  if (!hasFunctions) {
    // A calling config without declarations is a 400; without functions only a demand is lost.
    if (choice !== 'auto' && choice !== 'none') context.ledger.drop('tool_choice');
    return undefined;
  }
  if (choice === 'auto') return { mode: 'AUTO' };
  if (choice === 'none') return { mode: 'NONE' };
  if (choice === 'required') return { mode: 'ANY' };
  switch (choice.type) {
    case 'function':
      return { mode: 'ANY', allowedFunctionNames: [choice.function.name] };
    case 'custom':
      return { mode: 'ANY', allowedFunctionNames: [choice.custom.name] };
    case 'allowed_tools':
      return choice.mode === 'auto'
        ? { mode: 'AUTO' }
        : { mode: 'ANY', allowedFunctionNames: choice.names };
    case 'hosted':
      context.ledger.drop('tool_choice');
      return undefined;
  }
}

/** Parameters without a counterpart. Those whose value is what Gemini does anyway are not lost. */
function reportUnsupported(request: UnifiedChatRequest, context: ProviderContext): void {
  const { ledger } = context;
  if (request.parallel_tool_calls === false) ledger.drop('parallel_tool_calls');
  if (request.n !== undefined && request.n > 1) ledger.drop('n');
  if (request.store === true) ledger.drop('store');
  if (request.logit_bias !== undefined) ledger.drop('logit_bias');
  if (request.user !== undefined) ledger.drop('user');
  if (request.metadata !== undefined) ledger.drop('metadata');
  if (request.prompt_cache_key !== undefined) ledger.drop('prompt_cache_key');
  if (request.verbosity !== undefined) ledger.drop('verbosity');
}

/** Puts back what only a Gemini client can say, and adds what hooks have named. */
function withExtra(body: WireRequest, request: UnifiedChatRequest): WireRequest {
  const out: JsonObject & WireRequest = { ...body };
  if (request.extra?.format === 'gemini') {
    for (const [path, value] of Object.entries(request.extra.fields)) putAt(out, path, value);
  }
  copyHookFields(out, request);
  return out;
}

/** `generationConfig.speechConfig` → that very field; the levels above are ours, so camelCase. */
function putAt(target: JsonObject, path: string, value: unknown): void {
  const names = path.split('.');
  const last = names.pop();
  if (last === undefined) return;
  let holder = target;
  for (const spelled of names) {
    const name = fieldName(spelled);
    const inner = holder[name];
    const copy: JsonObject = isObject(inner) ? { ...inner } : {};
    holder[name] = copy;
    holder = copy;
  }
  if (holder[last] === undefined) holder[last] = value;
}
