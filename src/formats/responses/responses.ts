/** The format `responses`: OpenAI Responses, as a client and as a provider speak it. */
import { quietEvents } from '../../stream/quiet-event.ts';
import type { Format } from '../format.ts';
import { decodeReply } from './decode-reply.ts';
import { decodeRequest } from './decode-request.ts';
import { ResponsesDecoder } from './decoder.ts';
import { encodeReply } from './encode-reply.ts';
import { encodeRequest } from './encode-request.ts';
import { ResponsesEncoder } from './encoder.ts';
import { decodeError, encodeError } from './errors.ts';
import { RESULTS } from './results.ts';

/** OpenAI Responses (`/v1/responses`). */
export const responses: Format = {
  name: 'responses',
  rules: {
    customTools: true,
    namespaces: true,
    // Longer names are refused by makers of this API ("name must be at most 64 characters",
    // anomalyco/opencode#43714), and OpenAI refuses them in Chat; 64 is safe with all.
    toolName: /^[a-zA-Z0-9_-]+$/,
    toolNameMax: 64,
    // "Invalid input[].call_id: string too long. Expected max length 64" (decolua/9router#393). Any
    // characters are taken.
    callId: /^[\s\S]+$/,
    callIdMax: 64,
  },
  auth: 'bearer',
  headers: {},
  path: () => '/responses',
  fields: {
    messages: 'input',
    max_tokens: 'max_output_tokens',
    max_completion_tokens: 'max_output_tokens',
    response_format: 'text.format',
    verbosity: 'text.verbosity',
    logprobs: 'include',
    'reasoning.effort': 'reasoning.effort',
    'reasoning.summary': 'reasoning.summary',
    user: ['safety_identifier', 'user'],
  },
  decodeRequest,
  encodeRequest,
  results: RESULTS,
  decodeReply,
  encodeReply,
  skimmable: false,
  quietEvents: quietEvents({
    'response.output_text.delta': ['delta'],
    'response.output_text.done': [],
    'response.content_part.added': [],
    'response.content_part.done': [],
    'response.reasoning_summary_text.delta': ['delta'],
    'response.reasoning_summary_text.done': [],
    'response.reasoning_summary_part.added': [],
    'response.reasoning_summary_part.done': [],
    'response.reasoning_text.delta': ['delta'],
    'response.reasoning_text.done': [],
    'response.function_call_arguments.delta': ['delta'],
    'response.function_call_arguments.done': [],
    'response.custom_tool_call_input.delta': ['delta'],
    'response.custom_tool_call_input.done': [],
  }),
  decoder: (context) => new ResponsesDecoder(context),
  encoder: (context) => new ResponsesEncoder(context),
  decodeError,
  encodeError,
};
