/** A Responses client's body → unified. */
import { EFFORTS, effortOf } from '../../effort.ts';
import { invalid } from '../../errors.ts';
import {
  asObject,
  asString,
  type JsonObject,
  optionalArray,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalString,
  readString,
} from '../../json.ts';
import type {
  UnifiedChatRequest,
  UnifiedReasoningOptions,
  UnifiedResponseFormat,
} from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import { decodeInput } from './decode-input.ts';
import { decodeToolChoice, decodeTools } from './decode-tools.ts';

/** What `include` may ask that unified says in another way. */
const INCLUDE_ENCRYPTED = 'reasoning.encrypted_content';
const INCLUDE_LOGPROBS = 'message.output_text.logprobs';

/** Fields that are read below; every other one exists in this format only and goes to `extra`. */
const READ = new Set([
  'model',
  'input',
  'instructions',
  'tools',
  'tool_choice',
  'parallel_tool_calls',
  'max_output_tokens',
  'temperature',
  'top_p',
  'top_logprobs',
  'include',
  'reasoning',
  'text',
  'user',
  'safety_identifier',
  'metadata',
  'service_tier',
  'prompt_cache_key',
  'store',
  'stream',
  'stream_options',
]);

/** Reads a request; the items that it refers to must already stand in it. */
export function decodeRequest(body: JsonObject, context: ClientContext): UnifiedChatRequest {
  const { ledger, envelope } = context;
  const extra: JsonObject = {};
  const decoded = decodeInput(inputOf(body), envelope, ledger);
  const instructions = optionalString(body, 'instructions');
  if (instructions !== undefined && instructions !== '') {
    const path = 'instructions';
    decoded.messages.unshift({
      role: 'system',
      content: [{ type: 'text', text: instructions, path }],
      path,
    });
  }
  const request: UnifiedChatRequest = {
    model: optionalString(body, 'model') ?? context.model,
    messages: decoded.messages,
  };
  const tools = [
    ...decodeTools(optionalArray(body, 'tools') ?? [], 'tools', ledger),
    ...decoded.tools,
  ];
  if (tools.length > 0) request.tools = tools;
  set(request, 'tool_choice', decodeToolChoice(body['tool_choice'], ledger));
  set(request, 'parallel_tool_calls', optionalBoolean(body, 'parallel_tool_calls'));
  readSampling(body, request);
  readInclude(body, request, extra);
  set(request, 'reasoning', decodeReasoning(body, extra));
  readText(body, request, extra);
  readIdentity(body, request, extra);
  for (const field in body) {
    if (!READ.has(field) && !isDefault(field, body[field])) extra[field] = body[field];
  }
  if (Object.keys(extra).length > 0) request.extra = { format: 'responses', fields: extra };
  return request;
}

/** Assigns what is there; unified has no fields that are present and undefined. */
function set<Key extends keyof UnifiedChatRequest>(
  request: UnifiedChatRequest,
  key: Key,
  value: UnifiedChatRequest[Key] | undefined,
): void {
  if (value !== undefined) request[key] = value;
}

/** With a stored prompt or an earlier answer there may be no input. */
function inputOf(body: JsonObject): unknown {
  const { input } = body;
  if (input !== undefined && input !== null) return input;
  if (body['prompt'] || body['previous_response_id'] || body['conversation']) return [];
  if (body['messages'] !== undefined) {
    throw invalid('input', 'is required; messages belong to /v1/chat/completions');
  }
  throw invalid('input', 'is required (a string or an array)');
}

/** Spelled out, but what happens anyway. */
function isDefault(field: string, value: unknown): boolean {
  if (value === undefined || value === null) return true;
  return (
    (field === 'truncation' && value === 'disabled') || (field === 'background' && value === false)
  );
}

function readSampling(body: JsonObject, request: UnifiedChatRequest): void {
  set(request, 'max_tokens', optionalNumber(body, 'max_output_tokens'));
  set(request, 'temperature', optionalNumber(body, 'temperature'));
  set(request, 'top_p', optionalNumber(body, 'top_p'));
  set(request, 'stream', optionalBoolean(body, 'stream'));
  set(request, 'stream_options', optionalObject(body, 'stream_options'));
  set(request, 'store', optionalBoolean(body, 'store'));
}

/**
 * Encrypted reasoning is always asked for and given (see `encodeRequest` and the encoders), log
 * probabilities are a parameter of unified; what else may be included is OpenAI's own.
 */
function readInclude(body: JsonObject, request: UnifiedChatRequest, extra: JsonObject): void {
  const include = (optionalArray(body, 'include') ?? []).map((value, index) =>
    asString(value, `include.${index}`),
  );
  const top = optionalNumber(body, 'top_logprobs');
  if (include.includes(INCLUDE_LOGPROBS)) request.logprobs = true;
  // Zero is what replies say by default, and clients give back.
  if (top !== undefined && top > 0) request.top_logprobs = top;
  const rest = include.filter((name) => name !== INCLUDE_ENCRYPTED && name !== INCLUDE_LOGPROBS);
  // An empty list stands for "only what is given anyway": no loss for others, a sign for our own.
  if (include.length > 0) extra['include'] = rest;
}

const REASONING_FIELDS = new Set(['effort', 'summary', 'generate_summary']);

function decodeReasoning(body: JsonObject, extra: JsonObject): UnifiedReasoningOptions | undefined {
  const wire = optionalObject(body, 'reasoning');
  if (wire === undefined) return undefined;
  const options: UnifiedReasoningOptions = {};
  const word = optionalString(wire, 'effort', 'reasoning');
  if (word !== undefined) {
    const effort = effortOf(word);
    if (effort === undefined) {
      throw invalid('reasoning.effort', `"${word}" is not one of ${EFFORTS.join(', ')}`);
    }
    options.effort = effort;
    options.enabled = effort !== 'none';
  }
  const summary =
    optionalString(wire, 'summary', 'reasoning') ??
    optionalString(wire, 'generate_summary', 'reasoning');
  if (summary !== undefined) options.summary = summary;
  keepNested('reasoning', wire, REASONING_FIELDS, extra);
  return Object.keys(options).length === 0 ? undefined : options;
}

/** Fields within a field that only this format has go to `extra` by their path (`reasoning.context`). */
function keepNested(
  name: string,
  wire: JsonObject,
  read: ReadonlySet<string>,
  extra: JsonObject,
): void {
  for (const [key, value] of Object.entries(wire)) {
    if (!read.has(key) && value !== undefined && value !== null) extra[`${name}.${key}`] = value;
  }
}

const TEXT_FIELDS = new Set(['format', 'verbosity']);

function readText(body: JsonObject, request: UnifiedChatRequest, extra: JsonObject): void {
  const wire = optionalObject(body, 'text');
  if (wire === undefined) return;
  set(request, 'verbosity', optionalString(wire, 'verbosity', 'text'));
  set(request, 'response_format', decodeFormat(optionalObject(wire, 'format', 'text')));
  keepNested('text', wire, TEXT_FIELDS, extra);
}

function decodeFormat(format: JsonObject | undefined): UnifiedResponseFormat | undefined {
  if (format === undefined) return undefined;
  const path = 'text.format';
  const type = readString(format, 'type', path);
  if (type === 'text') return undefined;
  if (type === 'json_object') return { type };
  if (type !== 'json_schema') {
    throw invalid(`${path}.type`, 'must be text, json_object or json_schema');
  }
  const description = optionalString(format, 'description', path);
  const strict = optionalBoolean(format, 'strict', path);
  return {
    type,
    json_schema: {
      name: readString(format, 'name', path),
      schema: asObject(format['schema'], `${path}.schema`),
      ...(description !== undefined && { description }),
      ...(strict !== undefined && { strict }),
    },
  };
}

function readIdentity(body: JsonObject, request: UnifiedChatRequest, extra: JsonObject): void {
  const identifier = optionalString(body, 'safety_identifier');
  const user = optionalString(body, 'user');
  set(request, 'user', identifier ?? user);
  // The deprecated field beside the one that replaces it.
  if (identifier !== undefined && user !== undefined) extra['user'] = user;
  set(request, 'metadata', optionalObject(body, 'metadata'));
  set(request, 'service_tier', optionalString(body, 'service_tier'));
  set(request, 'prompt_cache_key', optionalString(body, 'prompt_cache_key'));
}
