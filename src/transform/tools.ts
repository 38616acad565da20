/**
 * Brings the tools of a request into what a provider's format accepts (`FormatRules`), the same way
 * everywhere they are named: declarations, choice, history. What it did is undone on the answer by
 * the `ToolRestorer`: an agent runs a tool only when kind, name and namespace come back exactly.
 */
import type { Format, FormatRules } from '../formats/format.ts';
import type { Ledger } from '../ledger.ts';
import {
  callName,
  type UnifiedChatRequest,
  type UnifiedCustomTool,
  type UnifiedFunctionTool,
  type UnifiedMessage,
  type UnifiedTool,
  type UnifiedToolCall,
  type UnifiedToolChoice,
} from '../unified.ts';
import { freshIds, haveCalls, mapCallIds } from './call-ids.ts';
import { wrapCall, wrapTool } from './custom-tools.ts';
import { ToolNames, type ToolUse, useKey } from './tool-names.ts';
import { createRestorer, NOTHING_MAPPED, type ToolRestorer } from './tool-restorer.ts';

/** What `mapTools` needs to know of the provider's format. */
export type ToolTarget = Pick<Format, 'name' | 'rules'>;

interface MappedTools {
  /** A new request; what did not change is shared with the one given. */
  request: UnifiedChatRequest;
  restore: ToolRestorer;
}

/** A tool that the client runs itself. */
type ClientTool = UnifiedFunctionTool | UnifiedCustomTool;

/**
 * Maps tools, their names and call ids for a provider; `settleHistory` comes before it.
 *
 * Custom tools become functions and namespaces part of the name where the format does not know them.
 * Hosted tools of another format, and tools declared twice, are left out and reported. Without tools
 * there is no choice of them either.
 */
export function mapTools(
  request: UnifiedChatRequest,
  target: ToolTarget,
  ledger: Ledger,
): MappedTools {
  const { tools = [], tool_choice: choice, parallel_tool_calls: _, ...rest } = request;
  if (tools.length === 0 && !haveCalls(request.messages)) {
    dropChoice(choice, ledger);
    return { request: rest, restore: NOTHING_MAPPED };
  }
  const kept = keepTools(tools, target, ledger);
  const names = new ToolNames(
    target.rules,
    kept.flatMap((tool) => (tool.type === 'hosted' ? [] : [toolUse(tool)])),
  );
  const messages = mapCallIds(mapCalls(request.messages, names, target.rules), target.rules);
  const restore = createRestorer(names, freshIds(request.messages), ledger);
  if (kept.length === 0) {
    dropChoice(choice, ledger);
    return { request: { ...rest, messages }, restore };
  }
  const mapped = {
    ...request,
    messages,
    tools: mapDeclarations(kept, names, target.rules, ledger),
  };
  if (choice !== undefined) mapped.tool_choice = mapChoice(choice, kept, names, target, ledger);
  return { request: mapped, restore };
}

/** Chat and messages refuse a choice without tools; 'auto' and 'none' say nothing then. */
function dropChoice(choice: UnifiedToolChoice | undefined, ledger: Ledger): void {
  if (choice !== undefined && choice !== 'auto' && choice !== 'none') ledger.drop('tool_choice');
}

function toolUse(tool: ClientTool): ToolUse {
  const { name } = tool.type === 'function' ? tool.function : tool.custom;
  return { kind: tool.type, name, namespace: tool.namespace };
}

function callUse(call: UnifiedToolCall): ToolUse {
  return { kind: call.type, name: callName(call), namespace: call.namespace };
}

/** Without the hosted tools of other formats, and without the second of two tools of one name. */
function keepTools(tools: UnifiedTool[], target: ToolTarget, ledger: Ledger): UnifiedTool[] {
  const seen = new Set<string>();
  return tools.filter((tool) => {
    const key = tool.type === 'hosted' ? '' : useKey(toolUse(tool));
    const isKept = tool.type === 'hosted' ? tool.format === target.name : !seen.has(key);
    if (isKept) seen.add(key);
    else ledger.drop(tool.path ?? 'tools');
    return isKept;
  });
}

// ------------------------------------------------------------------------------ declarations

function mapDeclarations(
  tools: UnifiedTool[],
  names: ToolNames,
  rules: FormatRules,
  ledger: Ledger,
): UnifiedTool[] {
  /** Namespaces whose description has gone out with their first tool. */
  const described = new Set<string>();
  return tools.map((tool) => {
    if (tool.type === 'hosted') return tool;
    const wire = names.wireName(toolUse(tool));
    const known = tool.type === 'custom' && !rules.customTools ? wrapTool(tool, ledger) : tool;
    return nameTool(rules.namespaces ? known : flatten(known, described), wire);
  });
}

/** Out of its namespace; the first tool of each takes the namespace's description along. */
function flatten(tool: ClientTool, described: Set<string>): ClientTool {
  const { namespace, namespaceDescription, ...flat } = tool;
  if (namespace === undefined) return tool;
  if (!namespaceDescription || described.has(namespace)) return flat;
  described.add(namespace);
  const add = (description = ''): string =>
    `${description}\n\nAll tools named ${namespace}__*: ${namespaceDescription}`.trimStart();
  return flat.type === 'function'
    ? { ...flat, function: { ...flat.function, description: add(flat.function.description) } }
    : { ...flat, custom: { ...flat.custom, description: add(flat.custom.description) } };
}

function nameTool(tool: ClientTool, name: string): ClientTool {
  if (toolUse(tool).name === name) return tool;
  return tool.type === 'function'
    ? { ...tool, function: { ...tool.function, name } }
    : { ...tool, custom: { ...tool.custom, name } };
}

// ------------------------------------------------------------------------------ choice

function mapChoice(
  choice: UnifiedToolChoice,
  tools: UnifiedTool[],
  names: ToolNames,
  target: ToolTarget,
  ledger: Ledger,
): UnifiedToolChoice {
  if (typeof choice === 'string') return choice;
  switch (choice.type) {
    case 'hosted':
      if (choice.format === target.name) return choice;
      ledger.drop('tool_choice');
      return 'auto';
    case 'function':
      return mapNamed({ kind: 'function', ...choice.function }, names, target.rules, ledger);
    case 'custom':
      return mapNamed({ kind: 'custom', ...choice.custom }, names, target.rules, ledger);
    case 'allowed_tools': {
      const hosted = tools.flatMap((tool) =>
        tool.type === 'hosted' ? [tool.value['type'], tool.value['name']] : [],
      );
      return mapAllowed(choice, hosted, names, ledger);
    }
  }
}

/** One tool. When the provider does not get it, or several may be meant, the model chooses. */
function mapNamed(
  wanted: ToolUse,
  names: ToolNames,
  rules: FormatRules,
  ledger: Ledger,
): UnifiedToolChoice {
  const [use, ...others] = names.find(wanted);
  if (use === undefined || others.length > 0) {
    ledger.drop('tool_choice');
    return 'auto';
  }
  const name = names.wireName(use);
  const { namespace } = use;
  const named = rules.namespaces && namespace !== undefined ? { name, namespace } : { name };
  return use.kind === 'custom' && rules.customTools
    ? { type: 'custom', custom: named }
    : { type: 'function', function: named };
}

/** A list of which the provider gets nothing allows nothing: 'auto' would open every other tool. */
function mapAllowed(
  choice: Extract<UnifiedToolChoice, { type: 'allowed_tools' }>,
  hosted: unknown[],
  names: ToolNames,
  ledger: Ledger,
): UnifiedToolChoice {
  const wire = new Set<string>();
  let isComplete = true;
  for (const name of choice.names) {
    const uses = names.find({ kind: 'function', name });
    for (const use of uses) wire.add(names.wireName(use));
    if (uses.length > 0) continue;
    if (hosted.includes(name)) wire.add(name);
    else isComplete = false;
  }
  if (wire.size === 0) {
    ledger.drop('tool_choice');
    return 'none';
  }
  if (!isComplete) ledger.approximate('tool_choice', 'only the tools that the provider gets');
  return { ...choice, names: [...wire] };
}

// ------------------------------------------------------------------------------ history

/** The messages with their calls, and the names on their results, as the provider knows them. */
function mapCalls(
  messages: UnifiedMessage[],
  names: ToolNames,
  rules: FormatRules,
): UnifiedMessage[] {
  /** Wire name of the tool that the call of this id asked for. */
  const called = new Map<string, string>();
  return messages.map((message) => {
    if (message.role === 'tool' && message.name !== undefined) {
      const name = called.get(message.tool_call_id ?? '') ?? message.name;
      return name === message.name ? message : { ...message, name };
    }
    const calls = message.tool_calls?.map((call) => {
      const name = names.wireName(callUse(call));
      called.set(call.id, name);
      return mapCall(call, name, rules);
    });
    const isSame = calls?.every((call, index) => call === message.tool_calls?.[index]) ?? true;
    return isSame ? message : { ...message, tool_calls: calls };
  });
}

function mapCall(call: UnifiedToolCall, name: string, rules: FormatRules): UnifiedToolCall {
  const known = call.type === 'custom' && !rules.customTools ? wrapCall(call) : call;
  const { namespace, ...flat } = known;
  const placed = rules.namespaces || namespace === undefined ? known : flat;
  if (callName(placed) === name) return placed;
  return placed.type === 'function'
    ? { ...placed, function: { ...placed.function, name } }
    : { ...placed, custom: { ...placed.custom, name } };
}
