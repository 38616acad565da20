/** A Gemini client's body → unified. The model and the wish for a stream are in its URL, not here. */
import { invalid } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import type { Effort, UnifiedChatRequest, UnifiedReasoningOptions } from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { decodeContents, decodeSystem } from './decode-contents.ts';
import { decodeToolConfig, decodeTools } from './decode-tools.ts';
import {
  booleanField,
  dropUnknown,
  fieldName,
  keyOf,
  numberField,
  objectField,
  stringField,
  stringList,
} from './proto.ts';
import { toJsonSchema } from './schema.ts';

/** Top-level fields that are read; any other exists in this format only. */
const READ: ReadonlySet<string> = new Set([
  'model',
  'contents',
  'systemInstruction',
  'tools',
  'toolConfig',
  'generationConfig',
  'serviceTier',
]);

/** Fields of `generationConfig` that are read. */
const READ_CONFIG: ReadonlySet<string> = new Set([
  'temperature',
  'topP',
  'topK',
  'maxOutputTokens',
  'stopSequences',
  'candidateCount',
  'seed',
  'presencePenalty',
  'frequencyPenalty',
  'responseLogprobs',
  'logprobs',
  'responseMimeType',
  'responseSchema',
  'responseJsonSchema',
  'thinkingConfig',
]);
const THINKING: ReadonlySet<string> = new Set([
  'includeThoughts',
  'thinkingBudget',
  'thinkingLevel',
]);

/** `Format.decodeRequest`; fields of this format only go to `extra`, nested ones by dotted path. */
export function decodeRequest(body: JsonObject, context: ClientContext): UnifiedChatRequest {
  const request: UnifiedChatRequest = {
    model: context.model,
    messages: [...decodeSystem(body, context), ...decodeContents(body, context)],
  };
  const tools = decodeTools(body);
  if (tools.length > 0) request.tools = tools;
  const extra = decodeToolConfig(body, request, context.ledger);
  decodeConfig(body, request, extra, context);
  const tier = stringField(body, 'serviceTier', '')?.toLowerCase();
  // Google's "standard" is what the others call "default".
  if (tier && tier !== 'unspecified') request.service_tier = tier === 'standard' ? 'default' : tier;
  for (const [key, value] of Object.entries(body)) {
    if (!READ.has(fieldName(key)) && value !== null) extra[key] = value;
  }
  if (Object.keys(extra).length > 0) request.extra = { format: 'gemini', fields: extra };
  return request;
}

function decodeConfig(
  body: JsonObject,
  request: UnifiedChatRequest,
  extra: JsonObject,
  context: ClientContext,
): void {
  const path = keyOf(body, 'generationConfig');
  const config = objectField(body, 'generationConfig', '');
  if (!config) return;
  const set = (value: number | undefined, put: (number: number) => void): void => {
    if (value !== undefined) put(value);
  };
  set(numberField(config, 'temperature', path), (value) => (request.temperature = value));
  set(numberField(config, 'topP', path), (value) => (request.top_p = value));
  set(numberField(config, 'topK', path), (value) => (request.top_k = value));
  set(numberField(config, 'maxOutputTokens', path), (value) => (request.max_tokens = value));
  set(numberField(config, 'seed', path), (value) => (request.seed = value));
  set(numberField(config, 'candidateCount', path), (value) => (request.n = value));
  set(numberField(config, 'presencePenalty', path), (value) => (request.presence_penalty = value));
  set(
    numberField(config, 'frequencyPenalty', path),
    (value) => (request.frequency_penalty = value),
  );
  set(numberField(config, 'logprobs', path), (value) => (request.top_logprobs = value));
  const logprobs = booleanField(config, 'responseLogprobs', path);
  if (logprobs !== undefined) request.logprobs = logprobs;
  const stop = stringList(config, 'stopSequences', path);
  if (stop && stop.length > 0) request.stop = stop;
  decodeFormat(config, path, request, extra);
  decodeThinking(config, path, request, context);
  for (const [key, value] of Object.entries(config)) {
    if (!READ_CONFIG.has(fieldName(key)) && value !== null) extra[`${path}.${key}`] = value;
  }
}

function decodeFormat(
  config: JsonObject,
  path: string,
  request: UnifiedChatRequest,
  extra: JsonObject,
): void {
  const mimeType = stringField(config, 'responseMimeType', path);
  const plain = objectField(config, 'responseJsonSchema', path);
  const openApi = objectField(config, 'responseSchema', path);
  if (mimeType !== undefined && !/^(?:application\/json|text\/plain)$/.test(mimeType)) {
    // `text/x.enum` and whatever follows: known here only, with its schema.
    extra[`${path}.${keyOf(config, 'responseMimeType')}`] = mimeType;
    if (openApi) extra[`${path}.${keyOf(config, 'responseSchema')}`] = openApi;
    if (plain) extra[`${path}.${keyOf(config, 'responseJsonSchema')}`] = plain;
    return;
  }
  const schema = plain ?? (openApi && toJsonSchema(openApi));
  if (schema) request.response_format = { type: 'json_schema', json_schema: { schema } };
  else if (mimeType === 'application/json') request.response_format = { type: 'json_object' };
}

const EFFORTS: Readonly<Record<string, Effort>> = {
  MINIMAL: 'minimal',
  LOW: 'low',
  MEDIUM: 'medium',
  HIGH: 'high',
};

function decodeThinking(
  config: JsonObject,
  parent: string,
  request: UnifiedChatRequest,
  context: ClientContext,
): void {
  const path = `${parent}.${keyOf(config, 'thinkingConfig')}`;
  const thinking = objectField(config, 'thinkingConfig', parent);
  if (!thinking) return;
  dropUnknown(thinking, THINKING, path, context.ledger);
  const budget = numberField(thinking, 'thinkingBudget', path);
  const level = stringField(thinking, 'thinkingLevel', path)?.toUpperCase();
  const shown = booleanField(thinking, 'includeThoughts', path) === true;
  const reasoning: UnifiedReasoningOptions = {};
  if (budget === 0) reasoning.enabled = false;
  else if (budget === -1) Object.assign(reasoning, { enabled: true, adaptive: true });
  else if (budget !== undefined) Object.assign(reasoning, { enabled: true, max_tokens: budget });
  if (level !== undefined && level !== 'THINKING_LEVEL_UNSPECIFIED') {
    const effort = EFFORTS[level];
    if (!effort) {
      const place = `${path}.${keyOf(thinking, 'thinkingLevel')}`;
      throw invalid(place, `must be one of ${Object.keys(EFFORTS).join(', ')}`);
    }
    reasoning.effort = effort;
  }
  // Without a budget or a level, `includeThoughts: false` asks for nothing.
  if (Object.keys(reasoning).length === 0 && !shown) return;
  reasoning.summary = shown ? 'auto' : 'none';
  request.reasoning = reasoning;
}
