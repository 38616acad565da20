/** A chat client's tools and its choice among them → unified. */
import { invalid } from '../../errors.ts';
import {
  array,
  asObject,
  isObject,
  type JsonObject,
  object,
  optionalArray,
  optionalBoolean,
  optionalObject,
  optionalString,
  readObject,
  readString,
  text,
} from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type { UnifiedFunctionTool, UnifiedTool, UnifiedToolChoice } from '../../unified.ts';
import { dropUnknown } from '../../unknown-fields.ts';

const FUNCTION_FIELDS = new Set(['name', 'description', 'parameters', 'strict']);
const CUSTOM_FIELDS = new Set(['name', 'description', 'format']);

/** Reads `tools` and, of older clients, `functions`. */
export function decodeTools(body: JsonObject, ledger: Ledger): UnifiedTool[] {
  const tools = (optionalArray(body, 'tools') ?? []).map((entry, index) => {
    const path = `tools.${index}`;
    return decodeTool(asObject(entry, path), path, ledger);
  });
  const functions = (optionalArray(body, 'functions') ?? []).map((entry, index) => {
    const path = `functions.${index}`;
    return decodeFunction(asObject(entry, path), path, path, ledger);
  });
  return [...tools, ...functions];
}

function decodeTool(entry: JsonObject, path: string, ledger: Ledger): UnifiedTool {
  // Mistral's clients leave the type of a function out.
  const type = isObject(entry['function'])
    ? (optionalString(entry, 'type', path) ?? 'function')
    : readString(entry, 'type', path);
  const mark = object(entry['cache_control']);
  const known = new Set(['type', type, 'cache_control']);
  if (type === 'function') {
    const source = readObject(entry, 'function', path);
    const tool = decodeFunction(source, path, `${path}.function`, ledger);
    if (mark) tool.cache_control = mark;
    dropUnknown(entry, known, path, ledger);
    return tool;
  }
  if (type === 'custom') {
    dropUnknown(entry, known, path, ledger);
    return decodeCustom(readObject(entry, 'custom', path), path, ledger);
  }
  return { type: 'hosted', format: 'chat', value: entry, path };
}

function decodeFunction(
  source: JsonObject,
  path: string,
  where: string,
  ledger: Ledger,
): UnifiedFunctionTool {
  const tool: UnifiedFunctionTool = {
    type: 'function',
    function: { name: readString(source, 'name', where) },
    path,
  };
  const description = optionalString(source, 'description', where);
  const parameters = optionalObject(source, 'parameters', where);
  const strict = optionalBoolean(source, 'strict', where);
  if (description !== undefined) tool.function.description = description;
  if (parameters !== undefined) tool.function.parameters = parameters;
  if (strict !== undefined) tool.function.strict = strict;
  dropUnknown(source, FUNCTION_FIELDS, where, ledger);
  return tool;
}

/** A free-text tool. Chat nests a grammar one level deeper than Responses, whose shape unified keeps. */
function decodeCustom(source: JsonObject, path: string, ledger: Ledger): UnifiedTool {
  const where = `${path}.custom`;
  const custom: Extract<UnifiedTool, { type: 'custom' }>['custom'] = {
    name: readString(source, 'name', where),
  };
  const description = optionalString(source, 'description', where);
  const format = optionalObject(source, 'format', where);
  if (description !== undefined) custom.description = description;
  if (format !== undefined) custom.format = flatGrammar(format);
  dropUnknown(source, CUSTOM_FIELDS, where, ledger);
  return { type: 'custom', custom, path };
}

function flatGrammar(format: JsonObject): JsonObject {
  const grammar = object(format['grammar']);
  return grammar ? { type: 'grammar', ...grammar } : format;
}

/** Reads `tool_choice`, or the older `function_call`. */
export function decodeToolChoice(body: JsonObject, ledger: Ledger): UnifiedToolChoice | undefined {
  const choice = body['tool_choice'];
  if (choice === undefined || choice === null) return decodeLegacyChoice(body);
  if (typeof choice === 'string') {
    if (choice === 'auto' || choice === 'none' || choice === 'required') return choice;
    // Mistral's word.
    if (choice === 'any') return 'required';
    throw invalid('tool_choice', `must be auto, none, required or a tool, not "${choice}"`);
  }
  return decodeNamedChoice(asObject(choice, 'tool_choice'), ledger);
}

function decodeNamedChoice(choice: JsonObject, ledger: Ledger): UnifiedToolChoice {
  switch (choice['type']) {
    case 'function': {
      const named = readObject(choice, 'function', 'tool_choice');
      const name = readString(named, 'name', 'tool_choice.function');
      return { type: 'function', function: { name } };
    }
    case 'custom': {
      const named = readObject(choice, 'custom', 'tool_choice');
      const name = readString(named, 'name', 'tool_choice.custom');
      return { type: 'custom', custom: { name } };
    }
    case 'allowed_tools':
      return decodeAllowed(readObject(choice, 'allowed_tools', 'tool_choice'), ledger);
    default:
      return { type: 'hosted', format: 'chat', value: choice };
  }
}

function decodeAllowed(allowed: JsonObject, ledger: Ledger): UnifiedToolChoice {
  const names: string[] = [];
  array(allowed['tools']).forEach((entry, index) => {
    const tool = object(entry);
    const name = text(object(tool?.['function'])?.['name'] ?? object(tool?.['custom'])?.['name']);
    if (name === undefined) ledger.drop(`tool_choice.allowed_tools.tools.${index}`);
    else names.push(name);
  });
  const mode = allowed['mode'] === 'required' ? 'required' : 'auto';
  return { type: 'allowed_tools', mode, names };
}

function decodeLegacyChoice(body: JsonObject): UnifiedToolChoice | undefined {
  const choice = body['function_call'];
  if (choice === 'auto' || choice === 'none') return choice;
  const name = text(object(choice)?.['name']);
  return name === undefined ? undefined : { type: 'function', function: { name } };
}
