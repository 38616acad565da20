/**
 * Z.ai's and Zhipu's GLM (docs.z.ai/guides/capabilities/thinking-mode, …/guides/tools/stream-tool).
 */
import type { Effort, UnifiedChatRequest } from '../unified.ts';
import { chatOnly } from './chat-only.ts';
import { leaveOut } from './leave-out.ts';
import { nearestEffort } from './nearest-effort.ts';
import type { Quirk, QuirkContext } from './quirk.ts';
import { schemaInWords } from './schema-in-words.ts';
import { thinkingSaid, thinkingWish } from './thinking-wish.ts';
import { loosenChoice, offerAllowed } from './tool-choice.ts';

/** Without `tool_stream` the arguments of a call come in one piece at its end, after minutes of silence. */
const STREAMS_TOOLS = /glm-(?:4\.[6-9]|[5-9])/i;
/** "Thinking is always on", with three efforts (GLM-5.3 API guide, live calls of 2026-08). */
const ALWAYS_THINKS = /glm-(?:5\.[3-9]|[6-9])/i;
const EFFORTS: readonly Effort[] = ['low', 'high', 'max'];

/** "Tool choice must be auto" (hindsight#4246): without tools a model calls none. */
export const zai: Quirk = {
  name: 'zai',
  create: () =>
    chatOnly({
      request(request, context) {
        const { model, ledger } = context;
        const plain = leaveOut(request, ['frequency_penalty', 'presence_penalty'], ledger);
        const chosen = loosenChoice(offerAllowed(plain), ledger);
        const allowed = chosen.tool_choice === 'none' ? withoutTools(chosen, context) : chosen;
        const said = sayThinking(schemaInWords(allowed, ledger), context);
        const streams = said.stream && said.tools?.length && STREAMS_TOOLS.test(model);
        return streams ? { ...said, tool_stream: true } : said;
      },
    }),
};

function withoutTools(request: UnifiedChatRequest, { ledger }: QuirkContext): UnifiedChatRequest {
  const { tools: _, tool_choice: __, ...rest } = request;
  ledger.approximate('tool_choice', 'no tools are offered');
  return rest;
}

function sayThinking(
  request: UnifiedChatRequest,
  { model, ledger }: QuirkContext,
): UnifiedChatRequest {
  const wish = thinkingWish(request);
  if (wish === 'unsaid') return request;
  if (ALWAYS_THINKS.test(model)) {
    if (wish === 'on') return nearestEffort(request, EFFORTS, ledger);
    ledger.approximate('reasoning', 'effort low');
    return { ...request, reasoning: { effort: 'low' } };
  }
  if (wish === 'off') return { ...thinkingSaid(request, ledger), thinking: { type: 'disabled' } };
  const { effort, max_tokens: budget } = request.reasoning ?? {};
  const rest =
    effort === undefined && budget === undefined ? thinkingSaid(request, ledger) : request;
  return { ...rest, thinking: { type: 'enabled' } };
}
