/** Tools and the choice among them, as a Responses client spells them → unified. */
import { isClosedSchema } from '../../closed-schema.ts';
import { invalid } from '../../errors.ts';
import {
  asObject,
  at,
  isObject,
  type JsonObject,
  optionalObject,
  optionalString,
  readArray,
  readString,
} from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type { UnifiedTool, UnifiedToolChoice } from '../../unified.ts';
import { dropUnknown } from '../../unknown-fields.ts';
import { restOf } from './decode-content.ts';

const FUNCTION_FIELDS = new Set(['type', 'name', 'description', 'parameters', 'strict']);
const CUSTOM_FIELDS = new Set(['type', 'name', 'description', 'format']);
const NAMESPACE_FIELDS = new Set(['type', 'name', 'description', 'tools']);

/** A list of tools, namespaces flattened. */
export function decodeTools(list: unknown[], path: string, ledger: Ledger): UnifiedTool[] {
  return list.flatMap((value, index) => {
    const toolPath = at(path, index);
    const tool = asObject(value, toolPath);
    return tool['type'] === 'namespace'
      ? decodeNamespace(tool, toolPath, ledger)
      : [decodeTool(tool, toolPath)];
  });
}

function decodeNamespace(tool: JsonObject, path: string, ledger: Ledger): UnifiedTool[] {
  dropUnknown(tool, NAMESPACE_FIELDS, path, ledger);
  const namespace = readString(tool, 'name', path);
  const namespaceDescription = optionalString(tool, 'description', path);
  const list = decodeTools(readArray(tool, 'tools', path), at(path, 'tools'), ledger);
  return list.map((inner) => ({
    ...inner,
    namespace,
    ...(namespaceDescription !== undefined && { namespaceDescription }),
  }));
}

function decodeTool(tool: JsonObject, path: string): UnifiedTool {
  const type = readString(tool, 'type', path);
  if (type === 'function') return decodeFunction(tool, path);
  if (type !== 'custom') return { type: 'hosted', format: 'responses', value: tool, path };
  const description = optionalString(tool, 'description', path);
  const format = optionalObject(tool, 'format', path);
  return {
    type: 'custom',
    custom: {
      name: readString(tool, 'name', path),
      ...(description !== undefined && { description }),
      ...(format !== undefined && { format }),
    },
    path,
    ...restOf(tool, CUSTOM_FIELDS, path),
  };
}

function decodeFunction(tool: JsonObject, path: string): UnifiedTool {
  if (isObject(tool['function'])) {
    throw invalid(path, 'is a Chat Completions tool; here name and parameters stand beside type');
  }
  const description = optionalString(tool, 'description', path);
  const parameters = optionalObject(tool, 'parameters', path);
  return {
    type: 'function',
    function: {
      name: readString(tool, 'name', path),
      ...(description !== undefined && { description }),
      ...(parameters !== undefined && { parameters }),
      strict: decodeStrict(tool['strict'], parameters, at(path, 'strict')),
    },
    path,
    ...restOf(tool, FUNCTION_FIELDS, path),
  };
}

/**
 * "If omitted, Responses attempts to use strict validation when the schema is compatible, and falls
 * back to non-strict validation otherwise" (openai SDK, `strict` of a function in a namespace). Other
 * APIs refuse a strict tool whose schema is not compatible, so an omitted one is decided here.
 */
function decodeStrict(value: unknown, parameters: JsonObject | undefined, path: string): boolean {
  if (value === undefined || value === null)
    return parameters !== undefined && isClosedSchema(parameters);
  if (typeof value !== 'boolean') throw invalid(path, 'must be true or false');
  return value;
}

/** `tool_choice`; undefined when the client left it out. */
export function decodeToolChoice(value: unknown, ledger: Ledger): UnifiedToolChoice | undefined {
  const path = 'tool_choice';
  if (value === undefined || value === null) return undefined;
  if (value === 'auto' || value === 'none' || value === 'required') return value;
  const choice = asObject(value, path);
  const type = readString(choice, 'type', path);
  const namespace = optionalString(choice, 'namespace', path);
  const inNamespace = namespace === undefined ? {} : { namespace };
  if (type === 'function') {
    return { type, function: { name: readString(choice, 'name', path), ...inNamespace } };
  }
  if (type === 'custom') {
    return { type, custom: { name: readString(choice, 'name', path), ...inNamespace } };
  }
  if (type === 'allowed_tools') return decodeAllowed(choice, path, ledger);
  return { type: 'hosted', format: 'responses', value: choice };
}

function decodeAllowed(choice: JsonObject, path: string, ledger: Ledger): UnifiedToolChoice {
  const mode = readString(choice, 'mode', path);
  if (mode !== 'auto' && mode !== 'required')
    throw invalid(at(path, 'mode'), 'must be auto or required');
  const names: string[] = [];
  readArray(choice, 'tools', path).forEach((value, index) => {
    const toolPath = `${path}.tools.${index}`;
    const tool = asObject(value, toolPath);
    // A hosted tool has no name to allow it by.
    if (tool['type'] !== 'function' && tool['type'] !== 'custom') ledger.drop(toolPath);
    else names.push(readString(tool, 'name', toolPath));
  });
  return { type: 'allowed_tools', mode, names };
}
