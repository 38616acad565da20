/**
 * Google's `generateContent` and `streamGenerateContent`, as the Gemini API (v1beta) and Vertex AI
 * speak them.
 */
import type { Format } from '../format.ts';
import { decodeReply } from './decode-reply.ts';
import { decodeRequest } from './decode-request.ts';
import { GeminiDecoder } from './decoder.ts';
import { encodeReply } from './encode-reply.ts';
import { encodeRequest } from './encode-request.ts';
import { GeminiEncoder } from './encoder.ts';
import { decodeFault, encodeFault } from './fault.ts';

/** Names that are whole resource paths already. */
const RESOURCE = /^(?:models|tunedModels|publishers|projects)\//;

function path(model: string, stream: boolean): string {
  const resource = RESOURCE.test(model) ? model : `models/${model}`;
  const encoded = resource.split('/').map(encodeURIComponent).join('/');
  // Without `alt=sse` a stream is one JSON array.
  return `/${encoded}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
}

/** The format `gemini`. */
export const gemini: Format = {
  name: 'gemini',
  rules: {
    customTools: false,
    namespaces: false,
    // 128 in the newest reference of the Gemini API, 64 in Vertex AI's; the shorter holds for both.
    toolName: /^[a-zA-Z_][a-zA-Z0-9_.:-]*$/,
    toolNameMax: 64,
    // Matched by name and order; an id that Gemini gave goes back as it is.
    callId: /^[\s\S]+$/,
    callIdMax: Number.MAX_SAFE_INTEGER,
  },
  auth: 'x-goog-api-key',
  headers: {},
  path,
  fields: {
    messages: 'contents',
    max_tokens: 'generationConfig.maxOutputTokens',
    max_completion_tokens: 'generationConfig.maxOutputTokens',
    temperature: 'generationConfig.temperature',
    top_p: 'generationConfig.topP',
    top_k: 'generationConfig.topK',
    stop: 'generationConfig.stopSequences',
    seed: 'generationConfig.seed',
    frequency_penalty: 'generationConfig.frequencyPenalty',
    presence_penalty: 'generationConfig.presencePenalty',
    logprobs: 'generationConfig.responseLogprobs',
    top_logprobs: 'generationConfig.logprobs',
    n: 'generationConfig.candidateCount',
    tool_choice: 'toolConfig.functionCallingConfig',
    reasoning: 'generationConfig.thinkingConfig',
    'reasoning.effort': 'generationConfig.thinkingConfig.thinkingLevel',
    'reasoning.max_tokens': 'generationConfig.thinkingConfig.thinkingBudget',
    'reasoning.summary': 'generationConfig.thinkingConfig.includeThoughts',
    response_format: [
      'generationConfig.responseJsonSchema',
      'generationConfig.responseSchema',
      'generationConfig.responseMimeType',
    ],
    service_tier: 'serviceTier',
  },
  decodeRequest,
  encodeRequest,
  decodeReply,
  encodeReply,
  skimmable: false,
  quietEvents: new Map(),
  decoder: (context) => new GeminiDecoder(context),
  encoder: (context) => new GeminiEncoder(context),
  decodeError: decodeFault,
  encodeError: encodeFault,
};
