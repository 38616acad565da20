/** Anthropic Messages (docs: api/messages), for clients and for providers. */
import { quietEvents } from '../../stream/quiet-event.ts';
import type { Format } from '../format.ts';
import { decodeReply } from './decode-reply.ts';
import { decodeRequest } from './decode-request.ts';
import { MessagesDecoder } from './decoder.ts';
import { encodeReply } from './encode-reply.ts';
import { encodeRequest } from './encode-request.ts';
import { MessagesEncoder } from './encoder.ts';
import { decodeError, encodeError } from './errors.ts';
import { MARKS } from './marks.ts';
import { RESULTS } from './results.ts';

export const messages: Format = {
  name: 'messages',
  rules: {
    customTools: false,
    namespaces: false,
    toolName: /^[a-zA-Z0-9_-]{1,128}$/,
    toolNameMax: 128,
    callId: /^[a-zA-Z0-9_-]+$/,
    callIdMax: 256,
  },
  auth: 'x-api-key',
  headers: { 'anthropic-version': '2023-06-01' },
  path: () => '/messages',
  fields: {
    max_completion_tokens: 'max_tokens',
    stop: 'stop_sequences',
    user: 'metadata.user_id',
    reasoning: ['thinking', 'output_config.effort'],
    'reasoning.effort': 'output_config.effort',
    'reasoning.max_tokens': 'thinking.budget_tokens',
    'reasoning.summary': 'thinking.display',
    response_format: ['output_config.format', 'output_format'],
    parallel_tool_calls: 'tool_choice.disable_parallel_tool_use',
  },
  decodeRequest,
  encodeRequest,
  results: RESULTS,
  marks: MARKS,
  decodeReply,
  encodeReply,
  skimmable: true,
  quietEvents: quietEvents({ content_block_delta: ['text', 'thinking', 'partial_json'] }),
  decoder: (context) => new MessagesDecoder(context),
  encoder: (context) => new MessagesEncoder(context),
  decodeError,
  encodeError,
};
