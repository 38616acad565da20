/** Unified → the body for a chat provider. */
import type { ChatCompletionCreateParamsBase } from 'openai/resources/chat/completions/completions';
import { copyHookFields } from '../../hook-fields.ts';
import type { JsonObject } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type { UnifiedChatRequest, UnifiedResponseFormat } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { encodeReasoning } from './effort.ts';
import { encodeMessages } from './encode-messages.ts';
import { encodeToolChoice, encodeTools } from './encode-tools.ts';
import { openAiModel, reasons, refusesSampling, refusesStop } from './models.ts';
import type { ChatRequest } from './wire.ts';

/** A body that a strict chat API accepts; what it has no place for is reported. */
export function encodeRequest(request: UnifiedChatRequest, context: ProviderContext): ChatRequest {
  const { ledger } = context;
  const body: ChatRequest = {
    model: request.model,
    messages: encodeMessages(request.messages, context),
  };
  addTools(body, request, ledger);
  const effort = encodeReasoning(request, context.model, body.tools !== undefined, ledger);
  if (effort) body.reasoning_effort = effort;
  addLimit(body, request, context);
  addSampling(body, request, context);
  addStream(body, request, ledger);
  const format = encodeResponseFormat(request.response_format, ledger);
  if (format) body.response_format = format;
  addIdentity(body, request, context);
  for (const [key, value] of Object.entries(nativeExtra(request))) body[key] ??= value;
  copyHookFields(body, request);
  return body;
}

function nativeExtra(request: UnifiedChatRequest): JsonObject {
  return request.extra?.format === 'chat' ? request.extra.fields : {};
}

function addTools(body: ChatRequest, request: UnifiedChatRequest, ledger: Ledger): void {
  const tools = encodeTools(request.tools ?? [], ledger);
  if (tools.length === 0) return;
  body.tools = tools;
  if (request.tool_choice !== undefined) {
    const choice = encodeToolChoice(request.tool_choice, ledger);
    if (choice) body.tool_choice = choice;
  }
  if (request.parallel_tool_calls !== undefined) {
    body.parallel_tool_calls = request.parallel_tool_calls;
  }
}

/** One limit. `max_tokens` is what every server knows; OpenAI's reasoning models refuse it. */
function addLimit(body: ChatRequest, request: UnifiedChatRequest, context: ProviderContext): void {
  const { max_tokens: plain, max_completion_tokens: full } = request;
  const limit = full ?? plain;
  if (limit === undefined) return;
  if (full !== undefined || reasons(openAiModel(context.model))) body.max_completion_tokens = limit;
  else body.max_tokens = limit;
}

/** "Up to 4 sequences" (openapi.yaml, `StopConfiguration`). */
const STOPS_MAX = 4;
const SAMPLING = ['temperature', 'top_p', 'logprobs', 'top_logprobs'] as const;
const PLAIN = ['seed', 'frequency_penalty', 'presence_penalty'] as const;

function addSampling(
  body: ChatRequest,
  request: UnifiedChatRequest,
  context: ProviderContext,
): void {
  const { ledger } = context;
  const model = openAiModel(context.model);
  const isFixed = model !== undefined && refusesSampling(model, body.reasoning_effort ?? undefined);
  for (const key of SAMPLING) {
    const value = request[key];
    if (value === undefined) continue;
    // 1 is the value that these models have, and the only one they take.
    if (isFixed && value !== 1 && value !== false) ledger.drop(key);
    else if (!isFixed) Object.assign(body, { [key]: value });
  }
  for (const key of PLAIN) {
    const value = request[key];
    if (value !== undefined) body[key] = value;
  }
  if (request.logit_bias) body.logit_bias = request.logit_bias;
  if (request.top_k !== undefined) ledger.drop('top_k');
  // The others would be paid for and not shown.
  if (request.n !== undefined && request.n > 1) ledger.drop('n');
  addStop(body, request.stop ?? [], model !== undefined && refusesStop(model), ledger);
}

function addStop(
  body: ChatRequest,
  stops: readonly string[],
  isRefused: boolean,
  ledger: Ledger,
): void {
  if (stops.length === 0) return;
  if (isRefused) {
    ledger.drop('stop');
    return;
  }
  body.stop = stops.slice(0, STOPS_MAX);
  for (let index = STOPS_MAX; index < stops.length; index += 1) ledger.drop(`stop.${index}`);
}

function addStream(body: ChatRequest, request: UnifiedChatRequest, ledger: Ledger): void {
  if (request.stream === undefined) return;
  body.stream = request.stream;
  const options = request.stream_options ?? {};
  if (request.stream) {
    // Asked always: without it a stream says nothing of its tokens.
    body.stream_options = { include_usage: true };
    const obfuscation = options['include_obfuscation'];
    if (typeof obfuscation === 'boolean') body.stream_options.include_obfuscation = obfuscation;
  }
  for (const key in options) {
    if (key !== 'include_usage' && key !== 'include_obfuscation')
      ledger.drop(`stream_options.${key}`);
  }
}

const SCHEMA_NAME = /^[a-zA-Z0-9_-]{1,64}$/;

/** Text is the default and goes without saying. A schema needs a name in chat. */
function encodeResponseFormat(
  format: UnifiedResponseFormat | undefined,
  ledger: Ledger,
): ChatCompletionCreateParamsBase['response_format'] {
  if (!format || format.type === 'text') return undefined;
  if (format.type === 'json_object') return { type: 'json_object' };
  const { name = 'response', description, schema, strict } = format.json_schema;
  if (!schema) {
    ledger.approximate('response_format', 'JSON without a schema');
    return { type: 'json_object' };
  }
  const legal = SCHEMA_NAME.test(name)
    ? name
    : name.replace(/[^a-zA-Z0-9_-]/g, '_').slice(0, 64) || 'response';
  if (legal !== name) ledger.approximate('response_format.json_schema.name', legal);
  return {
    type: 'json_schema',
    json_schema: {
      name: legal,
      schema,
      ...(description === undefined ? {} : { description }),
      ...(typeof strict === 'boolean' ? { strict } : {}),
    },
  };
}

/** "Expected a string with maximum length 64", of the key and of the user's id. */
const KEY_MAX = 64;
const TIERS = ['auto', 'default', 'flex', 'scale', 'priority', 'fast'] as const;
/** Anthropic's and Gemini's word for the ordinary tier. */
const ORDINARY_TIERS = new Set(['standard', 'standard_only']);
const VERBOSITIES = ['low', 'medium', 'high'] as const;

function addIdentity(
  body: ChatRequest,
  request: UnifiedChatRequest,
  context: ProviderContext,
): void {
  const { ledger } = context;
  const { user, prompt_cache_key: cacheKey, service_tier: word, verbosity } = request;
  if (user !== undefined) {
    // With a native `user` beside it, this one came as `safety_identifier`.
    if (user.length > KEY_MAX) ledger.drop('user');
    else if (nativeExtra(request)['user'] === undefined) body.user = user;
    else body.safety_identifier = user;
  }
  if (cacheKey !== undefined) {
    if (cacheKey.length <= KEY_MAX) body.prompt_cache_key = cacheKey;
    else ledger.drop('prompt_cache_key');
  }
  if (word !== undefined) {
    const tier = TIERS.find((known) => known === word);
    if (tier) body.service_tier = tier;
    else if (ORDINARY_TIERS.has(word)) body.service_tier = 'default';
    else ledger.drop('service_tier');
  }
  if (verbosity !== undefined) {
    const known = VERBOSITIES.find((entry) => entry === verbosity);
    const model = openAiModel(context.model);
    // OpenAI's models before gpt-5 take no other verbosity than their own.
    if (known && (!model || reasons(model))) body.verbosity = known;
    else if (known !== 'medium') ledger.drop('verbosity');
  }
  // Chat keeps nothing unless told to, and few servers know the field.
  if (request.store) body.store = true;
  if (request.metadata) addMetadata(body, request.metadata, context);
}

/** OpenAI: "The 'metadata' parameter is only allowed when 'store' is enabled". */
function addMetadata(body: ChatRequest, metadata: JsonObject, context: ProviderContext): void {
  if (!body.store && openAiModel(context.model)) {
    context.ledger.drop('metadata');
    return;
  }
  body.metadata = metadata;
}
