/**
 * What servers for open models have in common (vLLM, llama.cpp): thinking is a variable of the model's
 * chat template, and samplers are known that OpenAI does not have.
 */
import { type JsonObject, object } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import type { UnifiedChatRequest } from '../unified.ts';
import { setAside, takeUp } from './set-aside.ts';
import { thinkingSaid, thinkingWish } from './thinking-wish.ts';

/**
 * The request with thinking told to the template; templates leave out what they do not know. An
 * effort is kept beside it, for the format to say.
 */
export function tellTemplate(request: UnifiedChatRequest, ledger: Ledger): UnifiedChatRequest {
  const wish = thinkingWish(request);
  if (wish === 'unsaid') return request;
  const { effort, max_tokens: budget } = request.reasoning ?? {};
  const isMeasured = wish === 'on' && (effort !== undefined || budget !== undefined);
  const rest = isMeasured ? request : thinkingSaid(request, ledger);
  const told = object(request['chat_template_kwargs']);
  return {
    ...rest,
    chat_template_kwargs: { enable_thinking: wish === 'on', ...told },
  };
}

/** `top_k` past the format, which has no place for it. */
export function keepTopK(request: UnifiedChatRequest, quirk: string): UnifiedChatRequest {
  const { top_k: topK, ...rest } = request;
  return topK === undefined ? request : setAside(rest, quirk, { top_k: topK });
}

/** The body with what `keepTopK` put aside. */
export function giveTopK(body: JsonObject, quirk: string): JsonObject {
  const { fields, body: rest } = takeUp(body, quirk);
  return { ...rest, ...fields };
}
