/**
 * Mistral (docs.mistral.ai/api). Refuses every field that it does not know: 422 "Extra inputs are not
 * permitted" (editor-code-assistant/eca#231).
 */
import { array, isObject, type JsonObject, object, text } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import { chatOnly } from './chat-only.ts';
import type { Quirk } from './quirk.ts';
import { offerAllowed } from './tool-choice.ts';
import { withoutNames } from './without-names.ts';

/** Fields of a request (mistralai/client-ts, ChatCompletionRequest). */
const KNOWN = new Set([
  'model',
  'messages',
  'temperature',
  'top_p',
  'max_tokens',
  'stream',
  'stop',
  'random_seed',
  'metadata',
  'response_format',
  'tools',
  'tool_choice',
  'presence_penalty',
  'frequency_penalty',
  'n',
  'prediction',
  'parallel_tool_calls',
  'prompt_mode',
  'reasoning_effort',
  'guardrails',
  'safe_prompt',
]);
const RENAMED: Readonly<Record<string, string>> = {
  seed: 'random_seed',
  max_completion_tokens: 'max_tokens',
};
/** Left out without a loss: usage comes unasked. */
const NEEDLESS = new Set(['stream_options']);

export const mistral: Quirk = {
  name: 'mistral',
  create: () =>
    chatOnly({
      request: (request, { ledger }) => withoutNames(offerAllowed(request), ledger),
      body(body, _request, { ledger }) {
        const known: JsonObject = {};
        for (const [field, value] of Object.entries(body)) {
          const name = RENAMED[field] ?? field;
          if (KNOWN.has(name)) known[name] = value;
          else if (!NEEDLESS.has(field)) ledger.drop(field);
        }
        const effort = known['reasoning_effort'];
        if (effort !== undefined) known['reasoning_effort'] = nearest(String(effort), ledger);
        return { ...known, messages: writeMessages(array(body['messages']).filter(isObject)) };
      },
    }),
};

/** Two efforts: recordings mistral-chat-mistral-hybrid-reasoning-…; "none" is the default. */
function nearest(effort: string, ledger: Ledger): string {
  if (effort === 'none' || effort === 'high') return effort;
  ledger.approximate('reasoning.effort', 'effort high');
  return 'high';
}

/** "Unexpected role 'user' after role 'tool'" (avante.nvim#2695). */
const BRIDGE: JsonObject = { role: 'assistant', content: 'OK' };

function writeMessages(messages: JsonObject[]): JsonObject[] {
  const out: JsonObject[] = [];
  for (const message of messages) {
    if (message['role'] === 'user' && out.at(-1)?.['role'] === 'tool') out.push(BRIDGE);
    out.push(writeMessage(message));
  }
  const last = out.at(-1);
  // "Expected last role User or Tool (or Assistant with prefix True)" (rig#1130).
  if (last?.['role'] === 'assistant') out[out.length - 1] = { ...last, prefix: true };
  return out;
}

function writeMessage(message: JsonObject): JsonObject {
  const written = message['role'] === 'assistant' ? writeAssistant(message) : { ...message };
  if (message['role'] === 'user' && Array.isArray(message['content'])) {
    written['content'] = message['content'].map(writePart);
  }
  const id = text(message['tool_call_id']);
  if (id !== undefined) written['tool_call_id'] = legalId(id);
  if (Array.isArray(message['tool_calls'])) {
    written['tool_calls'] = message['tool_calls'].map((call) =>
      isObject(call) ? { ...call, id: legalId(text(call['id']) ?? '') } : call,
    );
  }
  return written;
}

/** Reasoning and refusals have no fields of their own here: they are parts, and text. */
function writeAssistant(message: JsonObject): JsonObject {
  const { reasoning_content: thought, reasoning, refusal, ...rest } = message;
  const said = rest['content'];
  const content: unknown[] = Array.isArray(said)
    ? said.map((part) => textOfRefusal(part))
    : said
      ? [{ type: 'text', text: said }]
      : [];
  if (text(refusal)) content.push({ type: 'text', text: refusal });
  const thinking = text(thought) ?? text(reasoning);
  if (thinking) {
    content.unshift({ type: 'thinking', thinking: [{ type: 'text', text: thinking }] });
  }
  const isPlain = !Array.isArray(said) && !thinking && !text(refusal);
  return isPlain ? rest : { ...rest, content };
}

function textOfRefusal(part: unknown): unknown {
  return isObject(part) && part['type'] === 'refusal'
    ? { type: 'text', text: part['refusal'] }
    : part;
}

/** Audio is the bare data (recording mistral-multimodal-content-agent-sends-audio-stream), a file a document. */
function writePart(part: unknown): unknown {
  if (!isObject(part)) return part;
  const audio = object(part['input_audio'])?.['data'];
  if (audio !== undefined) return { type: 'input_audio', input_audio: audio };
  const file = object(part['file']);
  if (part['type'] !== 'file' || file?.['file_data'] === undefined) return part;
  return {
    type: 'document_url',
    document_url: file['file_data'],
    document_name: file['filename'],
  };
}

const LEGAL_ID = /^[a-zA-Z0-9]{9}$/;

/**
 * "Tool call id was … but must be a-z, A-Z, 0-9, with a length of 9" (opencode#1680). An id becomes the
 * same one on every turn; the answer's own ids are legal already.
 */
function legalId(id: string): string {
  return LEGAL_ID.test(id) ? id : Bun.hash(id).toString(36).padStart(9, '0').slice(-9);
}
