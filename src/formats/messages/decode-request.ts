/** A client's body → the middle language. */
import { isClosedSchema } from '../../closed-schema.ts';
import { effortOf } from '../../effort.ts';
import { invalid } from '../../errors.ts';
import {
  asObject,
  asString,
  at,
  type JsonObject,
  object,
  optionalArray,
  optionalBoolean,
  optionalNumber,
  optionalObject,
  optionalString,
  readArray,
  readObject,
  readString,
} from '../../json.ts';
import type {
  UnifiedChatRequest,
  UnifiedReasoningOptions,
  UnifiedResponseFormat,
  UnifiedTool,
  UnifiedToolChoice,
} from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import type { Reading } from './decode-content.ts';
import { decodeSystem, decodeTurns } from './decode-turns.ts';
import { keepLeftovers } from './leftovers.ts';

/** Top-level fields that the middle language has a place for; all others go to `extra`. */
const KNOWN = new Set([
  'model',
  'messages',
  'system',
  'max_tokens',
  'temperature',
  'top_p',
  'top_k',
  'stop_sequences',
  'stream',
  'tools',
  'tool_choice',
  'thinking',
  'output_config',
  'output_format',
  'metadata',
  'service_tier',
]);
const TOOL_KEYS = new Set([
  'type',
  'name',
  'description',
  'input_schema',
  'strict',
  'cache_control',
]);
const CHOICE_KEYS = new Set(['type', 'name', 'disable_parallel_tool_use']);
const THINKING_KEYS = new Set(['type', 'budget_tokens', 'display']);
const OUTPUT_KEYS = new Set(['effort', 'format']);
const FORMAT_KEYS = new Set(['type', 'schema', 'name']);
const METADATA_KEYS = new Set(['user_id']);

/** See `Format.decodeRequest`. */
export function decodeRequest(body: JsonObject, context: ClientContext): UnifiedChatRequest {
  const extra: JsonObject = {};
  for (const key in body) {
    const value = body[key];
    if (!KNOWN.has(key) && value !== null && value !== undefined) extra[key] = value;
  }
  const reading = { ledger: context.ledger, envelope: context.envelope, extra };
  const turns = readArray(body, 'messages');
  if (turns.length === 0) throw invalid('messages', 'must hold at least one message');
  const request: UnifiedChatRequest = {
    model: readString(body, 'model'),
    messages: [...decodeSystem(body['system'], reading), ...decodeTurns(turns, reading)],
  };
  decodeParameters(body, request, reading);
  decodeTools(body, request, reading);
  decodeReasoning(body, request, reading);
  decodeOutputFormat(body, request, reading);
  if (Object.keys(extra).length) request.extra = { format: 'messages', fields: extra };
  return request;
}

function decodeParameters(body: JsonObject, request: UnifiedChatRequest, reading: Reading): void {
  // Missing in token counting requests; elsewhere the provider's default does no harm.
  const maxTokens = optionalNumber(body, 'max_tokens');
  const temperature = optionalNumber(body, 'temperature');
  const topP = optionalNumber(body, 'top_p');
  const topK = optionalNumber(body, 'top_k');
  const stop = optionalArray(body, 'stop_sequences');
  const stream = optionalBoolean(body, 'stream');
  const metadata = optionalObject(body, 'metadata');
  const tier = optionalString(body, 'service_tier');
  if (maxTokens !== undefined) request.max_tokens = maxTokens;
  if (temperature !== undefined) request.temperature = temperature;
  if (topP !== undefined) request.top_p = topP;
  if (topK !== undefined) request.top_k = topK;
  if (stop) request.stop = stop.map((each, i) => asString(each, `stop_sequences.${i}`));
  if (stream !== undefined) request.stream = stream;
  // Unified tiers are OpenAI's words: `default` is the standard one, as `standard_only` demands.
  if (tier !== undefined) request.service_tier = tier === 'standard_only' ? 'default' : tier;
  if (metadata) {
    const user = optionalString(metadata, 'user_id', 'metadata');
    if (user !== undefined) request.user = user;
    keepLeftovers(metadata, METADATA_KEYS, 'metadata', reading.extra);
  }
}

function decodeTools(body: JsonObject, request: UnifiedChatRequest, reading: Reading): void {
  const tools = optionalArray(body, 'tools');
  if (tools?.length) {
    request.tools = tools.map((each, i) => {
      const path = `tools.${i}`;
      return decodeTool(asObject(each, path), path, reading);
    });
  }
  const choice = optionalObject(body, 'tool_choice');
  if (!choice) return;
  keepLeftovers(choice, CHOICE_KEYS, 'tool_choice', reading.extra);
  request.tool_choice = decodeToolChoice(choice, request.tools ?? []);
  const single = optionalBoolean(choice, 'disable_parallel_tool_use', 'tool_choice');
  if (single !== undefined) request.parallel_tool_calls = !single;
}

function decodeTool(tool: JsonObject, path: string, reading: Reading): UnifiedTool {
  const mark = optionalObject(tool, 'cache_control', path);
  const type = optionalString(tool, 'type', path);
  if (type !== undefined && type !== 'custom') {
    const hosted: UnifiedTool = { type: 'hosted', format: 'messages', value: tool, path };
    if (mark) hosted.cache_control = mark;
    return hosted;
  }
  keepLeftovers(tool, TOOL_KEYS, path, reading.extra);
  const decoded: UnifiedTool = {
    type: 'function',
    function: {
      name: readString(tool, 'name', path),
      parameters: readObject(tool, 'input_schema', path),
    },
    path,
  };
  const description = optionalString(tool, 'description', path);
  const strict = optionalBoolean(tool, 'strict', path);
  if (description !== undefined) decoded.function.description = description;
  if (strict !== undefined) decoded.function.strict = strict;
  if (mark) decoded.cache_control = mark;
  return decoded;
}

function decodeToolChoice(choice: JsonObject, tools: readonly UnifiedTool[]): UnifiedToolChoice {
  switch (choice['type']) {
    case 'auto':
    case 'none':
      return choice['type'];
    case 'any':
      return 'required';
    case 'tool': {
      const name = readString(choice, 'name', 'tool_choice');
      const isHosted = tools.some((each) => each.type === 'hosted' && each.value['name'] === name);
      if (isHosted) return { type: 'hosted', format: 'messages', value: { type: 'tool', name } };
      return { type: 'function', function: { name } };
    }
    default:
      throw invalid('tool_choice.type', 'must be auto, any, tool or none');
  }
}

function decodeReasoning(body: JsonObject, request: UnifiedChatRequest, reading: Reading): void {
  const options: UnifiedReasoningOptions = {};
  const thinking = optionalObject(body, 'thinking');
  if (thinking) decodeThinking(thinking, options, reading);
  const output = optionalObject(body, 'output_config');
  if (output) {
    keepLeftovers(output, OUTPUT_KEYS, 'output_config', reading.extra);
    const word = optionalString(output, 'effort', 'output_config');
    const effort = effortOf(word);
    if (effort) options.effort = effort;
    else if (word !== undefined) reading.ledger.drop('output_config.effort');
  }
  if (Object.keys(options).length) request.reasoning = options;
}

function decodeThinking(
  thinking: JsonObject,
  options: UnifiedReasoningOptions,
  reading: Reading,
): void {
  keepLeftovers(thinking, THINKING_KEYS, 'thinking', reading.extra);
  switch (thinking['type']) {
    case 'enabled': {
      options.enabled = true;
      const budget = optionalNumber(thinking, 'budget_tokens', 'thinking');
      if (budget !== undefined) options.max_tokens = budget;
      break;
    }
    case 'adaptive':
      options.enabled = true;
      options.adaptive = true;
      break;
    case 'disabled':
    case 'between_tools':
      options.enabled = false;
      break;
    default:
      throw invalid('thinking.type', 'must be enabled, adaptive, between_tools or disabled');
  }
  const display = optionalString(thinking, 'display', 'thinking');
  if (display !== undefined) options.summary = display;
}

/** `output_config.format`, and `output_format` as the first beta had it. */
function decodeOutputFormat(body: JsonObject, request: UnifiedChatRequest, reading: Reading): void {
  const path = object(body['output_config'])?.['format'] ? 'output_config.format' : 'output_format';
  const format = object(body['output_config'])?.['format'] ?? body['output_format'];
  if (format === undefined || format === null) return;
  const wire = asObject(format, path);
  if (wire['type'] !== 'json_schema') throw invalid(at(path, 'type'), 'must be json_schema');
  keepLeftovers(wire, FORMAT_KEYS, path, reading.extra);
  const schema: Extract<UnifiedResponseFormat, { type: 'json_schema' }>['json_schema'] = {
    schema: readObject(wire, 'schema', path),
  };
  // This format always enforces the schema; OpenAI's strict mode takes it only when it is closed.
  if (isClosedSchema(schema.schema)) schema.strict = true;
  const name = optionalString(wire, 'name', path);
  if (name !== undefined) schema.name = name;
  request.response_format = { type: 'json_schema', json_schema: schema };
}
