/** Unified tools and their choice → a provider's request. */
import type { Tool, ToolChoice } from '@anthropic-ai/sdk/resources/messages';
import type { JsonObject } from '../../json.ts';
import type { UnifiedChatRequest, UnifiedFunctionTool, UnifiedTool } from '../../unified.ts';
import { finish, type Writing } from './encode-content.ts';
import type { ModelRules } from './models.ts';
import { type Fitted, fitStrictSchema, fitToolSchema } from './schema.ts';

/** "The maximum number of strict tools supported is 20." */
const MOST_STRICT = 20;

/** The tools; what is hosted by another format's provider is left out. */
export function encodeTools(
  tools: readonly UnifiedTool[],
  rules: ModelRules,
  writing: Writing,
): (Tool | JsonObject)[] {
  const encoded: (Tool | JsonObject)[] = [];
  const names = new Set<unknown>();
  let strict = 0;
  for (const tool of tools) {
    const wire = encodeTool(tool, writing);
    // "tools: Tool names must be unique."
    if (!wire || names.has(wire['name'])) {
      writing.ledger.drop(tool.path ?? 'tools');
      continue;
    }
    if (wire['name'] !== undefined) names.add(wire['name']);
    if (tool.type === 'function' && tool.function.strict) {
      const schema =
        rules.structuredOutput && strict < MOST_STRICT ? strictSchema(tool) : undefined;
      if (schema) {
        Object.assign(wire, { input_schema: schema, strict: true });
        strict += 1;
      } else writing.ledger.approximate(`${tool.path ?? 'tools'}.strict`, 'not enforced');
    }
    encoded.push(wire);
  }
  return encoded;
}

function encodeTool(
  tool: UnifiedTool,
  writing: Writing,
): (Tool & JsonObject) | JsonObject | undefined {
  if (tool.type === 'hosted') {
    if (tool.format !== 'messages') return undefined;
    return finish({ ...tool.value }, tool, writing);
  }
  const isCustom = tool.type === 'custom';
  const named = isCustom ? tool.custom : tool.function;
  const fitted: Fitted<Tool.InputSchema> = isCustom
    ? { schema: { type: 'object', properties: { input: { type: 'string' } }, required: ['input'] } }
    : fitToolSchema(tool.function.parameters);
  if (fitted.changed) writing.ledger.approximate(tool.path ?? 'tools', fitted.changed);
  const wire: Tool & JsonObject = {
    name: named.name,
    ...(named.description !== undefined && { description: named.description }),
    input_schema: fitted.schema,
  };
  return finish(wire, tool, writing);
}

/** The schema, when it can be enforced as it stands: what a strict tool says is never changed. */
function strictSchema(tool: UnifiedFunctionTool): JsonObject | undefined {
  const { schema, changed } = fitToolSchema(tool.function.parameters);
  const strict = changed === undefined ? fitStrictSchema(schema) : undefined;
  return strict?.changed === undefined ? strict?.schema : undefined;
}

/** The choice, with the flag for parallel calls that lives in it. Only called when there are tools. */
export function encodeToolChoice(
  request: UnifiedChatRequest,
  writing: Writing,
): ToolChoice | JsonObject | undefined {
  const choice = baseChoice(request, writing);
  if (request.parallel_tool_calls !== false || choice?.['type'] === 'none') return choice;
  return { ...(choice ?? { type: 'auto' }), disable_parallel_tool_use: true };
}

function baseChoice(
  request: UnifiedChatRequest,
  { ledger, leftovers }: Writing,
): (ToolChoice & JsonObject) | JsonObject | undefined {
  const choice = request.tool_choice;
  const rest = leftovers.of('tool_choice');
  if (choice === undefined) return undefined;
  if (choice === 'auto' || choice === 'none') return { ...rest, type: choice };
  if (choice === 'required') return { ...rest, type: 'any' };
  switch (choice.type) {
    case 'function':
      return { ...rest, type: 'tool', name: choice.function.name };
    case 'custom':
      return { ...rest, type: 'tool', name: choice.custom.name };
    case 'allowed_tools':
      ledger.approximate('tool_choice', 'any of the tools, not only the allowed ones');
      return { type: choice.mode === 'required' ? 'any' : 'auto' };
    case 'hosted':
      if (choice.format === 'messages') return choice.value;
      ledger.drop('tool_choice');
      return undefined;
  }
}

/** True when the answer must be a tool call. */
export function isForced(choice: ToolChoice | JsonObject | undefined): boolean {
  return choice?.['type'] === 'any' || choice?.['type'] === 'tool';
}
