/**
 * OpenAI Chat Completions, as OpenAI specifies it (openai-openapi, `openapi.yaml`) and as the many
 * compatible servers speak it.
 */
import type { Format } from '../format.ts';
import { decodeReply } from './decode-reply.ts';
import { decodeRequest } from './decode-request.ts';
import { ChatDecoder } from './decoder.ts';
import { encodeReply } from './encode-reply.ts';
import { encodeRequest } from './encode-request.ts';
import { ChatEncoder } from './encoder.ts';
import { decodeError, encodeError } from './errors.ts';
import { MARKS } from './marks.ts';
import { RESULTS } from './results.ts';

export const chat: Format = {
  name: 'chat',
  rules: {
    // OpenAI knows custom tools here; the compatible servers do not.
    customTools: false,
    namespaces: false,
    toolName: /^[a-zA-Z0-9_-]{1,64}$/,
    toolNameMax: 64,
    // OpenAI limits the length only; Moonshot wants its `functions.name:0` back as it is.
    callId: /^[\x21-\x7e]+$/,
    callIdMax: 40,
  },
  auth: 'bearer',
  headers: {},
  path: () => '/chat/completions',
  fields: {
    reasoning: ['reasoning_effort', 'reasoning', 'thinking'],
    'reasoning.effort': ['reasoning_effort', 'reasoning.effort'],
    'reasoning.max_tokens': ['reasoning.max_tokens', 'thinking.budget_tokens'],
    user: ['safety_identifier', 'user'],
    tools: ['tools', 'functions'],
    tool_choice: ['tool_choice', 'function_call'],
  },
  decodeRequest,
  encodeRequest,
  results: RESULTS,
  marks: MARKS,
  decodeReply,
  encodeReply,
  skimmable: true,
  quietEvents: new Map(),
  decoder: (context) => new ChatDecoder(context),
  encoder: (context) => new ChatEncoder(context),
  decodeError,
  encodeError,
};
