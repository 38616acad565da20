/** Choices of a tool that compatible chat servers refuse, as what they do take. */
import type { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest, UnifiedTool, UnifiedToolChoice } from '../unified.ts';
import { thinkingWish, withoutThinking } from './thinking-wish.ts';

/** True when the model must call a tool. */
export function isForced(choice: UnifiedToolChoice | undefined): boolean {
  if (choice === undefined || typeof choice === 'string') return choice === 'required';
  if (choice.type === 'allowed_tools') return choice.mode === 'required';
  return choice.type !== 'hosted';
}

/** OpenAI alone knows `allowed_tools`: for others only those tools are offered. */
export function offerAllowed(request: UnifiedChatRequest): UnifiedChatRequest {
  const { tool_choice: choice } = request;
  if (typeof choice !== 'object' || choice.type !== 'allowed_tools') return request;
  return { ...offer(request, choice.names), tool_choice: choice.mode };
}

/** A named tool as the only one that is offered, and required: no other can be called. */
export function offerNamed(request: UnifiedChatRequest, ledger: Ledger): UnifiedChatRequest {
  const { tool_choice: choice } = request;
  const name = namedTool(choice);
  if (name === undefined) return request;
  ledger.approximate('tool_choice', 'required, and no other tool is offered');
  return { ...offer(request, [name]), tool_choice: 'required' };
}

/** Left to the model, where the provider takes no forced choice. */
export function loosenChoice(request: UnifiedChatRequest, ledger: Ledger): UnifiedChatRequest {
  if (!isForced(request.tool_choice)) return request;
  ledger.approximate('tool_choice', 'auto');
  return { ...request, tool_choice: 'auto' };
}

/**
 * Models that think unless told otherwise, and while they think take no forced choice: where the
 * client did not ask for thinking it is switched off, where it did the choice is left to the model.
 */
export function settleForced(
  request: UnifiedChatRequest,
  canStopThinking: boolean,
  ledger: Ledger,
): UnifiedChatRequest {
  if (!isForced(request.tool_choice) || thinkingWish(request) === 'off') return request;
  return canStopThinking && thinkingWish(request) === 'unsaid'
    ? withoutThinking(request)
    : loosenChoice(request, ledger);
}

function namedTool(choice: UnifiedToolChoice | undefined): string | undefined {
  if (typeof choice !== 'object') return undefined;
  if (choice.type === 'function') return choice.function.name;
  return choice.type === 'custom' ? choice.custom.name : undefined;
}

function offer(request: UnifiedChatRequest, names: readonly string[]): UnifiedChatRequest {
  const tools = request.tools?.filter((tool) => names.includes(nameOf(tool) ?? ''));
  return tools ? { ...request, tools } : request;
}

function nameOf(tool: UnifiedTool): string | undefined {
  if (tool.type === 'function') return tool.function.name;
  return tool.type === 'custom' ? tool.custom.name : undefined;
}
