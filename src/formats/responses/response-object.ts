/** The response object around the output items: what is told of the answer, and what repeats the request. */
import type { Response, ResponseUsage } from 'openai/resources/responses/responses';
import type { JsonObject } from '../../json.ts';
import type { Finish } from '../../unified.ts';
import type { ClientContext } from '../format.ts';
import type { OutputItem } from './items.ts';

/** The SDK's names of the fields, and `store`, which OpenAI sends beside them. */
type Field = Exclude<keyof Response, 'output_text'> | 'store';
type ResponseObject = Partial<Record<Field, unknown>>;
export type Status = 'in_progress' | 'completed' | 'incomplete' | 'failed';

/** What a response says of the answer. */
export interface Answer {
  id: string;
  createdAt: number;
  status: Status;
  output: readonly OutputItem[];
  usage?: ResponseUsage;
  serviceTier?: string;
  error?: { code: string; message: string };
  incomplete?: IncompleteReason;
}
type IncompleteReason = 'max_output_tokens' | 'content_filter';

/**
 * Why the answer is incomplete; undefined for one that is complete. A refusal in words is a complete
 * answer; one without a word is told as what the filter did, or it would look like an empty success.
 */
export function incompleteReason(
  finish: Finish | undefined,
  hasRefusal: boolean,
): IncompleteReason | undefined {
  if (finish === 'length' || finish === 'context_window_exceeded') return 'max_output_tokens';
  const isBlocked = finish === 'content_filter' || (finish === 'refusal' && !hasRefusal);
  return isBlocked ? 'content_filter' : undefined;
}

/**
 * A whole response. Fields of the request are repeated as the client sent them, or with the value
 * that OpenAI gives where it sent none (recorded replies).
 */
export function responseObject(answer: Answer, context: ClientContext): ResponseObject {
  const { status } = answer;
  return {
    id: answer.id,
    object: 'response',
    created_at: answer.createdAt,
    status,
    ...(status === 'completed' && { completed_at: Math.floor(context.now() / 1000) }),
    error: answer.error ?? null,
    incomplete_details: answer.incomplete === undefined ? null : { reason: answer.incomplete },
    model: context.model,
    output: answer.output,
    usage: answer.usage ?? null,
    ...repeated(context.body),
    ...(answer.serviceTier !== undefined && { service_tier: answer.serviceTier }),
  };
}

function repeated(body: JsonObject): ResponseObject {
  return {
    background: body['background'] ?? false,
    instructions: body['instructions'] ?? null,
    max_output_tokens: body['max_output_tokens'] ?? null,
    max_tool_calls: body['max_tool_calls'] ?? null,
    metadata: body['metadata'] ?? {},
    parallel_tool_calls: body['parallel_tool_calls'] ?? true,
    previous_response_id: body['previous_response_id'] ?? null,
    prompt_cache_key: body['prompt_cache_key'] ?? null,
    reasoning: body['reasoning'] ?? { effort: null, summary: null },
    safety_identifier: body['safety_identifier'] ?? null,
    service_tier: body['service_tier'] ?? 'default',
    store: body['store'] ?? true,
    temperature: body['temperature'] ?? 1,
    text: withFormat(body['text']),
    tool_choice: body['tool_choice'] ?? 'auto',
    tools: body['tools'] ?? [],
    top_logprobs: body['top_logprobs'] ?? 0,
    top_p: body['top_p'] ?? 1,
    truncation: body['truncation'] ?? 'disabled',
    user: body['user'] ?? null,
  };
}

/** Replies name the format also where the request named only the verbosity. */
function withFormat(text: unknown): object {
  const format = { type: 'text' };
  return typeof text === 'object' && text !== null ? { format, ...text } : { format };
}

/** Our own id, unless the provider's is one that its further requests refer to. */
export function responseId(id: string, context: ClientContext): string {
  return id.startsWith('resp_') ? id : context.newId('resp_');
}
