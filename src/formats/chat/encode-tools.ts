/** Unified tools and the choice among them → a chat provider's. */
import type {
  ChatCompletionCustomTool,
  ChatCompletionFunctionTool,
  ChatCompletionTool,
  ChatCompletionToolChoiceOption,
} from 'openai/resources/chat/completions/completions';
import { isObject, type JsonObject } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type {
  UnifiedCustomTool,
  UnifiedFunctionTool,
  UnifiedTool,
  UnifiedToolChoice,
} from '../../unified.ts';

/** The tools that chat can carry; the others are reported. */
export function encodeTools(
  tools: readonly UnifiedTool[],
  ledger: Ledger,
): Array<ChatCompletionTool | JsonObject> {
  const out: Array<ChatCompletionTool | JsonObject> = [];
  for (const tool of tools) {
    if (tool.cache_control && tool.path !== undefined) ledger.drop(`${tool.path}.cache_control`);
    if (tool.type === 'function') out.push(encodeFunction(tool, ledger));
    else if (tool.type === 'custom') out.push(encodeCustom(tool));
    else if (tool.format === 'chat') out.push(tool.value);
    else if (tool.path !== undefined) ledger.drop(tool.path);
  }
  return out;
}

function encodeFunction(tool: UnifiedFunctionTool, ledger: Ledger): ChatCompletionFunctionTool {
  const { name, description, parameters, strict } = tool.function;
  const encoded: ChatCompletionFunctionTool = { type: 'function', function: { name } };
  if (description) encoded.function.description = description;
  if (parameters) {
    const schema = withItems(parameters);
    encoded.function.parameters = schema;
    if (schema !== parameters && tool.path !== undefined) {
      ledger.approximate(`${tool.path}.parameters`, 'items: {} where an array had none');
    }
  }
  if (strict !== undefined) encoded.function.strict = strict;
  return encoded;
}

/** Keywords whose values are data, not schemas. */
const DATA = new Set(['enum', 'const', 'default', 'examples', 'example', 'required']);

/**
 * OpenAI refuses an array without `items` ("array schema missing items"); `{}` says the same.
 * A schema without such an array is given back as it is.
 */
function withItems(schema: JsonObject): JsonObject {
  let copy: JsonObject | undefined;
  for (const key in schema) {
    const value = schema[key];
    if (typeof value !== 'object' || value === null || DATA.has(key)) continue;
    const fixed = Array.isArray(value)
      ? withItemsEach(value)
      : isObject(value)
        ? withItems(value)
        : value;
    if (fixed !== value) {
      copy ??= { ...schema };
      copy[key] = fixed;
    }
  }
  if (isArrayType(schema['type']) && schema['items'] === undefined && !schema['prefixItems']) {
    copy = { ...(copy ?? schema), items: {} };
  }
  return copy ?? schema;
}

function withItemsEach(list: unknown[]): unknown[] {
  const fixed = list.map((entry) => (isObject(entry) ? withItems(entry) : entry));
  return fixed.some((entry, index) => entry !== list[index]) ? fixed : list;
}

function isArrayType(type: unknown): boolean {
  return type === 'array' || (Array.isArray(type) && type.includes('array'));
}

function encodeCustom(tool: UnifiedCustomTool): ChatCompletionCustomTool {
  const { name, description, format } = tool.custom;
  const encoded: ChatCompletionCustomTool = { type: 'custom', custom: { name } };
  if (description !== undefined) encoded.custom.description = description;
  const syntax = format?.['syntax'];
  const definition = format?.['definition'];
  if (format?.['type'] === 'text') encoded.custom.format = { type: 'text' };
  else if ((syntax === 'lark' || syntax === 'regex') && typeof definition === 'string') {
    encoded.custom.format = { type: 'grammar', grammar: { syntax, definition } };
  }
  return encoded;
}

/** The choice in chat's spelling; undefined, and reported, when it names what chat cannot carry. */
export function encodeToolChoice(
  choice: UnifiedToolChoice,
  ledger: Ledger,
): ChatCompletionToolChoiceOption | JsonObject | undefined {
  if (typeof choice === 'string') return choice;
  switch (choice.type) {
    case 'function':
      return { type: 'function', function: { name: choice.function.name } };
    case 'custom':
      return { type: 'custom', custom: { name: choice.custom.name } };
    case 'allowed_tools':
      return {
        type: 'allowed_tools',
        allowed_tools: {
          mode: choice.mode,
          tools: choice.names.map((name) => ({ type: 'function', function: { name } })),
        },
      };
    case 'hosted':
      if (choice.format === 'chat') return choice.value;
      ledger.drop('tool_choice');
      return undefined;
  }
}
