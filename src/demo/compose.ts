/** What the demo model says to a request, before limits: reasoning, text, a call, in this order. */
import { isObject } from '../json.ts';
import {
  parts,
  type UnifiedChatRequest,
  type UnifiedContent,
  type UnifiedCustomTool,
  type UnifiedFunctionTool,
  type UnifiedMessage,
  type UnifiedToolCall,
} from '../unified.ts';
import { cut, fromSchema } from './from-schema.ts';

export interface Draft {
  readonly reasoning: string;
  readonly text: string;
  readonly call?: UnifiedToolCall;
}

/** Longest quote of a user's or a tool's words. */
const QUOTE_MAX = 2000;

/** The whole answer to a request. @param newId as in `ProviderContext` */
export function compose(request: UnifiedChatRequest, newId: (prefix: string) => string): Draft {
  const words = lastWords(request);
  const reasoning = wantsReasoning(request)
    ? 'Nothing to think about: the demo model only repeats what it is told.'
    : '';
  const results = newResults(request);
  if (results.length > 0) return { reasoning, text: aboutResults(results) };
  const tool = toolToCall(request);
  if (tool === undefined)
    return { reasoning, text: jsonText(request, words) ?? echo(request, words) };
  const call = callOf(tool, words, newId);
  return { reasoning, text: `I will call ${toolName(tool)}.`, call };
}

/** About how many input tokens the request has: 4 characters are one, an image or a file is 85. */
export function estimateInputTokens(request: UnifiedChatRequest): number {
  let chars = 0;
  let media = 0;
  for (const message of request.messages) {
    for (const part of parts(message)) {
      const text = textOf(part);
      if (text === undefined) media += 1;
      else chars += text.length;
    }
    for (const call of message.tool_calls ?? []) {
      chars +=
        call.type === 'function'
          ? call.function.name.length + call.function.arguments.length
          : call.custom.name.length + call.custom.input.length;
    }
    for (const { text } of message.reasoning ?? []) chars += text.length;
  }
  if (request.tools !== undefined) chars += JSON.stringify(request.tools).length;
  return Math.ceil(chars / 4) + 85 * media;
}

function textOf(part: UnifiedContent): string | undefined {
  switch (part.type) {
    case 'text':
      return part.text;
    case 'refusal':
      return part.refusal;
    case 'file':
      return part.file.text;
    case 'hosted':
      return JSON.stringify(part.value);
    default:
      return undefined;
  }
}

function plainText(message: UnifiedMessage): string {
  const texts = parts(message).flatMap((part) => (part.type === 'text' ? [part.text] : []));
  // Claude Code puts notes of its own into the user's message, before the user's words.
  return texts
    .filter((text) => !text.startsWith('<system-reminder>'))
    .join('\n')
    .trim();
}

/** The last text that the user wrote; '' when there is none. */
function lastWords(request: UnifiedChatRequest): string {
  const said = request.messages.findLast(
    (message) => message.role === 'user' && plainText(message) !== '',
  );
  return said === undefined ? '' : plainText(said);
}

function wantsReasoning({ reasoning }: UnifiedChatRequest): boolean {
  if (reasoning === undefined || reasoning.enabled === false) return false;
  if (reasoning.summary === 'none' || reasoning.summary === 'omitted') return false;
  return reasoning.effort !== 'none';
}

/**
 * Results that came after the last answer. Text may follow them in the same turn, as Claude Code
 * does it; calling the tool once more then would never come to an end.
 */
function newResults(request: UnifiedChatRequest): UnifiedMessage[] {
  const answered = request.messages.findLastIndex(({ role }) => role === 'assistant');
  return request.messages.slice(answered + 1).filter(({ role }) => role === 'tool');
}

function aboutResults(results: readonly UnifiedMessage[]): string {
  const said = results.map((result) => {
    const verb = result.is_error === true ? 'failed with' : 'answered';
    return `${verb} ${quote(plainText(result))}`;
  });
  const [only] = said;
  return said.length === 1 ? `The tool ${only}.` : `The tools ${said.join(', then ')}.`;
}

function echo(request: UnifiedChatRequest, words: string): string {
  const last = request.messages.findLast(({ role }) => role === 'user');
  const media =
    last === undefined ? 0 : parts(last).filter((part) => textOf(part) === undefined).length;
  const beside =
    media === 0 ? '' : media === 1 ? ' (and sent one file)' : ` (and sent ${media} files)`;
  const heard = words === '' ? `You said nothing${beside}.` : `You said ${quote(words)}${beside}.`;
  return `Hello from the demo model! ${heard}`;
}

function quote(words: string): string {
  return words.length > QUOTE_MAX ? `"${cut(words, QUOTE_MAX)}…"` : `"${words}"`;
}

function jsonText(
  { response_format: format }: UnifiedChatRequest,
  words: string,
): string | undefined {
  if (format === undefined || format.type === 'text') return undefined;
  const schema = format.type === 'json_schema' ? format.json_schema.schema : undefined;
  return JSON.stringify(schema === undefined ? { echo: words } : fromSchema(schema, words));
}

type CallableTool = UnifiedFunctionTool | UnifiedCustomTool;

/** The tool that `tool_choice` names, else the first; undefined when none may be called. */
function toolToCall(request: UnifiedChatRequest): CallableTool | undefined {
  const { tool_choice: choice } = request;
  const offered = (request.tools ?? []).filter((tool) => tool.type !== 'hosted');
  if (typeof choice !== 'object') return choice === 'none' ? undefined : offered[0];
  switch (choice.type) {
    case 'function':
      return offered.find((tool) => toolName(tool) === choice.function.name);
    case 'custom':
      return offered.find((tool) => toolName(tool) === choice.custom.name);
    case 'allowed_tools':
      return offered.find((tool) => choice.names.includes(toolName(tool)));
    case 'hosted':
      return undefined;
  }
}

function toolName(tool: CallableTool): string {
  return tool.type === 'function' ? tool.function.name : tool.custom.name;
}

function callOf(
  tool: CallableTool,
  words: string,
  newId: (prefix: string) => string,
): UnifiedToolCall {
  const id = newId('call_');
  const where = tool.namespace === undefined ? { id } : { id, namespace: tool.namespace };
  if (tool.type === 'custom') {
    return { ...where, type: 'custom', custom: { name: tool.custom.name, input: words } };
  }
  const made = fromSchema(tool.function.parameters ?? {}, words);
  const text = JSON.stringify(isObject(made) ? made : {});
  return { ...where, type: 'function', function: { name: tool.function.name, arguments: text } };
}
