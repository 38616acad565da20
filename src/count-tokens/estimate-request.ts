/**
 * About how many input tokens a request is, for providers that cannot be asked.
 *
 * How far it is off, against the usage that providers reported for 262 recorded requests without
 * tools that providers run themselves (median and 90th percentile; in brackets what four characters a
 * token would give): messages 8 % and 38 % (55, 168), gemini 9 % and 77 % (171, 555), responses 14 %
 * and 128 % (81, 345), chat 41 % and 100 % (60, 332), where every server adds what it likes; OpenAI's
 * own models, both formats, 13 % and 64 %. The largest errors are pictures and documents of which
 * only a URL is known, and hidden system prompts. 90 kB take half a millisecond.
 */
import {
  type FormatName,
  parts,
  type UnifiedChatRequest,
  type UnifiedContent,
  type UnifiedMessage,
  type UnifiedTool,
  type UnifiedToolCall,
} from '../unified.ts';
import { estimateText } from './estimate-text.ts';
import { audioTokens, fileTokens, imagePartTokens, videoTokens } from './media-tokens.ts';

/** What a provider's format adds to the texts, in tokens, and by what its texts are multiplied. */
interface Weights {
  readonly request: number;
  readonly message: number;
  readonly text: number;
  /** A call and its result, apart from their texts. */
  readonly call: number;
  /** Once, when tools are offered: Anthropic's own instructions for their use. */
  readonly tools: number;
  readonly tool: number;
  readonly toolText: number;
  /** For the JSON text of a schema, which providers show to models in a shorter notation. */
  readonly schema: number;
  /** For the schema of a structured answer. */
  readonly answerSchema: number;
}

const WEIGHTS: Readonly<Record<FormatName, Weights>> = {
  chat: {
    request: 3,
    message: 4,
    text: 1.03,
    call: 14,
    tools: 20,
    tool: 8,
    toolText: 1,
    schema: 0.4,
    answerSchema: 0.6,
  },
  responses: {
    request: 3,
    message: 4,
    text: 1.01,
    call: 12,
    tools: 0,
    tool: 10,
    toolText: 1.2,
    schema: 0.4,
    answerSchema: 0.6,
  },
  messages: {
    request: 9,
    message: 1,
    text: 1.04,
    call: 70,
    tools: 420,
    tool: 18,
    toolText: 1.08,
    schema: 1.2,
    answerSchema: 2.5,
  },
  gemini: {
    request: 1,
    message: 0,
    text: 1,
    call: 16,
    tools: 0,
    tool: 10,
    toolText: 0.6,
    schema: 0.8,
    answerSchema: 0,
  },
};

/** What thinking adds to a request for Anthropic, as recorded. */
const THINKING = 28;

/** @param format the provider's */
export function estimateTokens(request: UnifiedChatRequest, format: FormatName): number {
  const weights = WEIGHTS[format];
  let tokens = weights.request;
  for (const message of request.messages) tokens += messageTokens(message, format, weights);
  const { tools = [], response_format: answer, reasoning } = request;
  if (format === 'messages' && reasoning !== undefined && reasoning.enabled !== false) {
    tokens += THINKING;
  }
  if (tools.length > 0) tokens += weights.tools;
  for (const tool of tools) tokens += toolTokens(tool, weights);
  if (answer?.type === 'json_schema') {
    tokens += weights.answerSchema * estimateText(JSON.stringify(answer.json_schema));
  }
  return Math.max(1, Math.round(tokens));
}

function messageTokens(message: UnifiedMessage, format: FormatName, weights: Weights): number {
  let tokens = weights.message;
  for (const part of parts(message)) tokens += partTokens(part, format, weights);
  for (const call of message.tool_calls ?? []) {
    tokens += weights.call + weights.text * estimateText(callText(call));
  }
  // Reasoning of earlier turns is taken out again by most providers before the model reads it.
  return tokens;
}

function partTokens(part: UnifiedContent, format: FormatName, weights: Weights): number {
  switch (part.type) {
    case 'text':
      return weights.text * estimateText(part.text);
    case 'refusal':
      return weights.text * estimateText(part.refusal);
    case 'image_url':
      return imagePartTokens(part, format);
    case 'file':
      return fileTokens(part, format);
    case 'input_audio':
      return audioTokens(part, format);
    case 'video':
      return videoTokens(part);
    case 'hosted':
      return estimateText(JSON.stringify(part.value));
  }
}

function callText(call: UnifiedToolCall): string {
  return call.type === 'function'
    ? `${call.function.name} ${call.function.arguments}`
    : `${call.custom.name} ${call.custom.input}`;
}

function toolTokens(tool: UnifiedTool, weights: Weights): number {
  if (tool.type === 'hosted') return weights.tool + estimateText(JSON.stringify(tool.value));
  const { name, description = '' } = tool.type === 'function' ? tool.function : tool.custom;
  const schema = tool.type === 'function' ? tool.function.parameters : tool.custom.format;
  const text = weights.toolText * estimateText(`${name} ${description}`);
  const shape = schema === undefined ? 0 : weights.schema * estimateText(JSON.stringify(schema));
  return weights.tool + text + shape;
}
