/** A client's `tools` and `toolConfig` → unified. */
import { invalid } from '../../errors.ts';
import { isObject, type JsonObject } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type { UnifiedChatRequest, UnifiedTool, UnifiedToolChoice } from '../../unified.ts';
import {
  field,
  fieldName,
  keyOf,
  objectField,
  objectList,
  restOf,
  stringField,
  stringList,
} from './proto.ts';
import { toJsonSchema } from './schema.ts';

const DECLARATION: ReadonlySet<string> = new Set([
  'name',
  'description',
  'parameters',
  'parametersJsonSchema',
]);
const CALLING: ReadonlySet<string> = new Set(['mode', 'allowedFunctionNames']);

/** Every entry of `tools` may hold function declarations and hosted tools side by side. */
export function decodeTools(body: JsonObject): UnifiedTool[] {
  const tools: UnifiedTool[] = [];
  for (const { value: entry, path } of objectList(body, 'tools', '')) {
    for (const [key, value] of Object.entries(entry)) {
      if (value === null || value === undefined) continue;
      if (fieldName(key) !== 'functionDeclarations') {
        tools.push({
          type: 'hosted',
          format: 'gemini',
          value: { [key]: value },
          path: `${path}.${key}`,
        });
      }
    }
    for (const declaration of objectList(entry, 'functionDeclarations', path)) {
      tools.push(decodeDeclaration(declaration.value, declaration.path));
    }
  }
  return tools;
}

function decodeDeclaration(declaration: JsonObject, path: string): UnifiedTool {
  const name = stringField(declaration, 'name', path);
  if (!name) throw invalid(`${path}.name`, 'is required');
  const description = stringField(declaration, 'description', path);
  const plain = objectField(declaration, 'parametersJsonSchema', path);
  const openApi = objectField(declaration, 'parameters', path);
  const parameters = plain ?? (openApi && toJsonSchema(openApi));
  return {
    type: 'function',
    function: {
      name,
      ...(description !== undefined && { description }),
      ...(parameters && { parameters }),
    },
    path,
    ...restOf(declaration, DECLARATION, path),
  };
}

/** `toolConfig`: the calling mode goes into `request`, what is left over is returned. */
export function decodeToolConfig(
  body: JsonObject,
  request: UnifiedChatRequest,
  ledger: Ledger,
): JsonObject {
  const key = keyOf(body, 'toolConfig');
  const config = objectField(body, 'toolConfig', '');
  if (!config) return {};
  const rest: JsonObject = {};
  for (const [name, value] of Object.entries(config)) {
    if (fieldName(name) !== 'functionCallingConfig') rest[`${key}.${name}`] = value;
  }
  const calling = field(config, 'functionCallingConfig');
  if (isObject(calling)) {
    const path = `${key}.${keyOf(config, 'functionCallingConfig')}`;
    for (const [name, value] of Object.entries(calling)) {
      if (!CALLING.has(fieldName(name))) rest[`${path}.${name}`] = value;
    }
    const choice = decodeCalling(calling, path, ledger);
    if (choice !== undefined) request.tool_choice = choice;
  }
  return rest;
}

function decodeCalling(
  calling: JsonObject,
  path: string,
  ledger: Ledger,
): UnifiedToolChoice | undefined {
  const mode = (stringField(calling, 'mode', path) ?? '').toUpperCase();
  const names = stringList(calling, 'allowedFunctionNames', path) ?? [];
  const [only] = names;
  if (only !== undefined && (mode === 'AUTO' || mode === 'NONE')) {
    // Google takes names with ANY and VALIDATED only.
    ledger.drop(`${path}.allowedFunctionNames`);
  }
  switch (mode) {
    case 'NONE':
      return 'none';
    case 'ANY':
      if (only === undefined) return 'required';
      if (names.length > 1) return { type: 'allowed_tools', mode: 'required', names };
      return { type: 'function', function: { name: only } };
    case 'VALIDATED':
      // Schema adherence of the calls is promised by no mode of another format.
      ledger.approximate(`${path}.mode`, 'auto');
      return only === undefined ? 'auto' : { type: 'allowed_tools', mode: 'auto', names };
    case 'AUTO':
      return 'auto';
    default:
      return undefined;
  }
}
