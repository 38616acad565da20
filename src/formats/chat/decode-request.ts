/** A chat client's body → unified. */
import { invalid } from '../../errors.ts';
import {
  asString,
  type JsonObject,
  optionalArray,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalString,
  readArray,
  readString,
} from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type { UnifiedChatRequest, UnifiedResponseFormat } from '../../unified.ts';
import { dropUnknown } from '../../unknown-fields.ts';
import type { ClientContext } from '../format.ts';
import { decodeMessages } from './decode-messages.ts';
import { decodeToolChoice, decodeTools } from './decode-tools.ts';
import { decodeReasoning } from './effort.ts';

/** Fields that the middle language knows under the same name, by their type. */
const NUMBERS = [
  'max_tokens',
  'max_completion_tokens',
  'temperature',
  'top_p',
  'top_k',
  'seed',
  'frequency_penalty',
  'presence_penalty',
  'top_logprobs',
  'n',
] as const;
const BOOLEANS = ['logprobs', 'stream', 'parallel_tool_calls', 'store'] as const;
const STRINGS = ['service_tier', 'prompt_cache_key', 'verbosity'] as const;
const OBJECTS = ['logit_bias', 'metadata', 'stream_options'] as const;

/** Fields that are read below; everything else is a vendor's or OpenAI's own and goes to `extra`. */
const READ = new Set<string>([
  ...NUMBERS,
  ...BOOLEANS,
  ...STRINGS,
  ...OBJECTS,
  'model',
  'messages',
  'stop',
  'tools',
  'tool_choice',
  'functions',
  'function_call',
  'reasoning_effort',
  'reasoning',
  'thinking',
  'response_format',
  'user',
  'safety_identifier',
]);

/** @throws GatewayError that names the field, for a body that is not a chat request */
export function decodeRequest(body: JsonObject, context: ClientContext): UnifiedChatRequest {
  const { ledger } = context;
  const model = readString(body, 'model');
  const request: UnifiedChatRequest = { model, messages: readMessages(body, context) };
  readPlain(body, request);
  const stop = readStop(body);
  if (stop) request.stop = stop;
  const tools = decodeTools(body, ledger);
  if (tools.length > 0) request.tools = tools;
  const choice = decodeToolChoice(body, ledger);
  if (choice !== undefined) request.tool_choice = choice;
  const reasoning = decodeReasoning(body, ledger);
  if (reasoning) request.reasoning = reasoning;
  const format = readResponseFormat(body, ledger);
  if (format) request.response_format = format;
  const extra = readExtra(body);
  const identifier = optionalString(body, 'safety_identifier');
  const user = optionalString(body, 'user');
  // `safety_identifier` replaced `user`; with both, the old one is only OpenAI's.
  if (identifier !== undefined && user !== undefined) extra['user'] = user;
  if (identifier ?? user) request.user = identifier ?? user;
  if (Object.keys(extra).length > 0) request.extra = { format: 'chat', fields: extra };
  return request;
}

function readMessages(body: JsonObject, context: ClientContext): UnifiedChatRequest['messages'] {
  if (body['messages'] === undefined && body['input'] !== undefined) {
    throw invalid(
      'messages',
      'is required (an array); a body with `input` is a Responses request and belongs to /v1/responses',
    );
  }
  const list = readArray(body, 'messages');
  if (list.length === 0) throw invalid('messages', 'must not be empty');
  return decodeMessages(list, context);
}

function readPlain(body: JsonObject, request: UnifiedChatRequest): void {
  for (const key of NUMBERS) {
    const value = optionalNumber(body, key);
    if (value !== undefined) request[key] = value;
  }
  for (const key of BOOLEANS) {
    const value = optionalBoolean(body, key);
    if (value !== undefined) request[key] = value;
  }
  for (const key of STRINGS) {
    const value = optionalString(body, key);
    if (value !== undefined) request[key] = value;
  }
  for (const key of OBJECTS) {
    const value = optionalObject(body, key);
    if (value !== undefined) request[key] = value;
  }
}

function readStop(body: JsonObject): string[] | undefined {
  const value = body['stop'];
  if (typeof value === 'string') return [value];
  const list = optionalArray(body, 'stop')?.map((entry, index) => asString(entry, `stop.${index}`));
  return list && list.length > 0 ? list : undefined;
}

function readResponseFormat(body: JsonObject, ledger: Ledger): UnifiedResponseFormat | undefined {
  const format = optionalObject(body, 'response_format');
  if (!format) return undefined;
  const type = readString(format, 'type', 'response_format');
  if (type === 'text') return { type };
  if (type === 'json_object') {
    dropUnknown(format, new Set(['type']), 'response_format', ledger);
    return { type };
  }
  if (type !== 'json_schema') {
    ledger.drop('response_format');
    return undefined;
  }
  dropUnknown(format, new Set(['type', 'json_schema']), 'response_format', ledger);
  const path = 'response_format.json_schema';
  const source = optionalObject(format, 'json_schema', 'response_format') ?? {};
  dropUnknown(source, new Set(['name', 'description', 'schema', 'strict']), path, ledger);
  const schema: Extract<UnifiedResponseFormat, { type: 'json_schema' }>['json_schema'] = {};
  const name = optionalString(source, 'name', path);
  const description = optionalString(source, 'description', path);
  const shape = optionalObject(source, 'schema', path);
  const strict = optionalBoolean(source, 'strict', path);
  if (name !== undefined) schema.name = name;
  if (description !== undefined) schema.description = description;
  if (shape !== undefined) schema.schema = shape;
  if (strict !== undefined) schema.strict = strict;
  return { type, json_schema: schema };
}

function readExtra(body: JsonObject): JsonObject {
  const extra: JsonObject = {};
  for (const [key, value] of Object.entries(body)) {
    if (!READ.has(key) && value !== undefined && value !== null) extra[key] = value;
  }
  return extra;
}
