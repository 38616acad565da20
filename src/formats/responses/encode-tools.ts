/** Tools and the choice among them → a Responses provider's spelling. */
import type {
  FunctionTool,
  NamespaceTool,
  ResponseCreateParams,
  Tool,
} from 'openai/resources/responses/responses';
import type { JsonObject } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import {
  restFor,
  type UnifiedChatRequest,
  type UnifiedCustomTool,
  type UnifiedFunctionTool,
  type UnifiedTool,
} from '../../unified.ts';

type WireTool = Tool | JsonObject;
type CustomTool = Extract<NamespaceTool['tools'][number], { type: 'custom' }>;

/** Tools in their order; those of one namespace stand together where its first one stood. */
export function encodeTools(tools: readonly UnifiedTool[], ledger: Ledger): WireTool[] {
  const out: WireTool[] = [];
  const namespaces = new Map<string, NamespaceTool>();
  for (const tool of tools) {
    if (tool.cache_control !== undefined) ledger.drop(`${tool.path ?? 'tools'}.cache_control`);
    if (tool.type === 'hosted') {
      if (tool.format === 'responses') out.push(tool.value);
      else ledger.drop(tool.path ?? 'tools');
      continue;
    }
    const encoded =
      tool.type === 'function' ? encodeFunction(tool, ledger) : encodeCustom(tool, ledger);
    if (tool.namespace === undefined) {
      out.push(encoded);
      continue;
    }
    let group = namespaces.get(tool.namespace);
    if (group === undefined) {
      const { namespace: name, namespaceDescription: description = '' } = tool;
      group = { type: 'namespace', name, description, tools: [] };
      namespaces.set(name, group);
      out.push(group);
    }
    group.tools.push(encoded);
  }
  return out;
}

/** `strict` is always said: left out, the API would try to be strict. */
function encodeFunction(tool: UnifiedFunctionTool, ledger: Ledger): FunctionTool {
  const { name, description, parameters, strict } = tool.function;
  // Nothing could be enforced, and the API would refuse to try.
  if (strict === true && parameters === undefined) {
    ledger.approximate(`${tool.path ?? 'tools'}.strict`, 'not enforced');
  }
  return {
    type: 'function',
    name,
    ...(description !== undefined && { description }),
    parameters: parameters ?? { type: 'object', properties: {} },
    strict: strict === true && parameters !== undefined,
    ...restFor('responses', tool),
  };
}

function encodeCustom(tool: UnifiedCustomTool, ledger: Ledger): CustomTool {
  const { name, description, format } = tool.custom;
  const known = encodeGrammar(format);
  if (format !== undefined && known === undefined) ledger.drop(`${tool.path ?? 'tools'}.format`);
  return {
    type: 'custom',
    name,
    ...(description !== undefined && { description }),
    ...(known !== undefined && { format: known }),
    ...restFor('responses', tool),
  };
}

/** Chat nests the grammar (`{type, grammar: {syntax, definition}}`), Responses does not. */
function encodeGrammar(format: JsonObject | undefined): CustomTool['format'] | undefined {
  if (format?.['type'] === 'text') return { type: 'text' };
  if (format?.['type'] !== 'grammar') return undefined;
  const nested = format['grammar'];
  const { syntax, definition }: JsonObject =
    typeof nested === 'object' && nested !== null ? { ...nested } : format;
  if (typeof definition !== 'string' || (syntax !== 'lark' && syntax !== 'regex')) return undefined;
  return { type: 'grammar', syntax, definition };
}

type WireChoice = ResponseCreateParams['tool_choice'] | JsonObject;

/** The choice; undefined when there is none to make or the API has no word for it. */
export function encodeToolChoice(request: UnifiedChatRequest, ledger: Ledger): WireChoice {
  const { tool_choice: choice, tools = [] } = request;
  if (choice === undefined) return undefined;
  // Codex sends `auto` beside no tools at all, so a word is always legal.
  if (typeof choice === 'string')
    return tools.length > 0 || choice !== 'required' ? choice : drop();
  if (tools.length === 0) return drop();
  switch (choice.type) {
    case 'function':
      return { type: 'function', name: choice.function.name };
    case 'custom':
      return { type: 'custom', name: choice.custom.name };
    case 'allowed_tools':
      return {
        type: 'allowed_tools',
        mode: choice.mode,
        tools: choice.names.map((name) => ({ type: kindOf(name, tools), name })),
      };
    case 'hosted':
      return choice.format === 'responses' ? choice.value : drop();
  }
  function drop(): undefined {
    ledger.drop('tool_choice');
  }
}

function kindOf(name: string, tools: readonly UnifiedTool[]): 'function' | 'custom' {
  const isCustom = tools.some((tool) => tool.type === 'custom' && tool.custom.name === name);
  return isCustom ? 'custom' : 'function';
}
