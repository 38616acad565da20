/** What clients ask and what the upstream answers in the bench, in each of the four formats. */
import type { FormatName } from '../../src/unified.ts';

/** Ends the text of each streamed event and of each reply; the digits take the time of sending. */
export const MARK = '@0000000000000000@';
const MARKS = /@(\d{16})@/g;

/** The sending times of all events in a piece of a stream, in microseconds. */
export function marksIn(text: string): number[] {
  return [...text.matchAll(MARKS)].map(([, digits]) => Number(digits));
}

/** What the last event of a stream holds. */
export const STREAM_END: Readonly<Record<FormatName, string>> = {
  chat: '[DONE]',
  messages: 'message_stop',
  responses: 'response.completed',
  gemini: 'finishReason',
};

/** The path of a call below a base URL. */
export function callPath(format: FormatName, model: string, stream: boolean): string {
  switch (format) {
    case 'chat':
      return '/v1/chat/completions';
    case 'messages':
      return '/v1/messages';
    case 'responses':
      return '/v1/responses';
    case 'gemini':
      return `/v1beta/models/${model}:${stream ? 'streamGenerateContent?alt=sse' : 'generateContent'}`;
  }
}

// ------------------------------------------------------------------------------ requests

/** One call of a tool by the model, and what it gave. */
interface Round {
  id: string;
  args: object;
  result: string;
}
interface Ask {
  model: string;
  stream: boolean;
  system: string;
  rounds: Round[];
}

const SENTENCE = 'Read the file, keep what it promises, and say in one line what you changed. ';
const CODE = '\tconst path = `/src/index.ts`; // "quoted", \\escaped\\ and naïve\n';
const QUESTION = 'Which of these functions is never called?';
const TOOL = { name: 'read_file', description: SENTENCE.repeat(6) };
const SCHEMA = {
  type: 'object',
  properties: { path: { type: 'string', description: SENTENCE }, limit: { type: 'integer' } },
  required: ['path'],
};
const fill = (text: string, length: number): string =>
  text.repeat(Math.ceil(length / text.length)).slice(0, length);

/** Bodies beyond this are the transcript of an agent; those below a single question. */
const AGENT_BYTES = 4_000;
const RESULT_BYTES = 4_000;

/** A client's request of about so many bytes. */
export function requestBody(
  format: FormatName,
  model: string,
  stream: boolean,
  bytes: number,
): string {
  const count = bytes < AGENT_BYTES ? 0 : Math.max(1, Math.floor(bytes / (RESULT_BYTES * 1.15)));
  const rounds = Array.from({ length: count }, (_, index) => ({
    id: `call_${1000 + index}`,
    args: { path: `/src/${index}.ts`, limit: 200 },
    result: fill(CODE, RESULT_BYTES),
  }));
  const ask = (system: string): string =>
    JSON.stringify(BODIES[format]({ model, stream, system, rounds }));
  return ask(fill(SENTENCE, Math.max(10, bytes - ask('').length)));
}

const BODIES: Readonly<Record<FormatName, (ask: Ask) => object>> = {
  chat: ({ model, stream, system, rounds }) => ({
    model,
    messages: [
      { role: 'system', content: system },
      { role: 'user', content: QUESTION },
      ...rounds.flatMap(({ id, args, result }) => [
        {
          role: 'assistant',
          content: SENTENCE,
          tool_calls: [
            {
              id,
              type: 'function',
              function: { name: TOOL.name, arguments: JSON.stringify(args) },
            },
          ],
        },
        { role: 'tool', tool_call_id: id, content: result },
      ]),
    ],
    tools: [{ type: 'function', function: { ...TOOL, parameters: SCHEMA } }],
    temperature: 0.2,
    ...(stream ? { stream, stream_options: { include_usage: true } } : {}),
  }),
  messages: ({ model, stream, system, rounds }) => ({
    model,
    max_tokens: 1024,
    system: [{ type: 'text', text: system }],
    messages: [
      { role: 'user', content: QUESTION },
      ...rounds.flatMap(({ id, args, result }) => [
        {
          role: 'assistant',
          content: [
            { type: 'text', text: SENTENCE },
            { type: 'tool_use', id, name: TOOL.name, input: args },
          ],
        },
        { role: 'user', content: [{ type: 'tool_result', tool_use_id: id, content: result }] },
      ]),
    ],
    tools: [{ ...TOOL, input_schema: SCHEMA }],
    temperature: 0.2,
    stream,
  }),
  responses: ({ model, stream, system, rounds }) => ({
    model,
    instructions: system,
    input: [
      { role: 'user', content: [{ type: 'input_text', text: QUESTION }] },
      ...rounds.flatMap(({ id, args, result }) => [
        { role: 'assistant', content: [{ type: 'output_text', text: SENTENCE }] },
        { type: 'function_call', call_id: id, name: TOOL.name, arguments: JSON.stringify(args) },
        { type: 'function_call_output', call_id: id, output: result },
      ]),
    ],
    tools: [{ type: 'function', ...TOOL, parameters: SCHEMA, strict: false }],
    temperature: 0.2,
    store: false,
    stream,
  }),
  gemini: ({ system, rounds }) => ({
    systemInstruction: { parts: [{ text: system }] },
    contents: [
      { role: 'user', parts: [{ text: QUESTION }] },
      ...rounds.flatMap(({ args, result }) => [
        { role: 'model', parts: [{ text: SENTENCE }, { functionCall: { name: TOOL.name, args } }] },
        {
          role: 'user',
          parts: [{ functionResponse: { name: TOOL.name, response: { output: result } } }],
        },
      ]),
    ],
    tools: [{ functionDeclarations: [{ ...TOOL, parameters: SCHEMA }] }],
    generationConfig: { temperature: 0.2 },
  }),
};

// ------------------------------------------------------------------------------ replies

const ANSWER = fill(SENTENCE, 900) + MARK;
const CREATED = 1_750_000_000;

/** A whole reply. */
export function replyBody(format: FormatName): string {
  return JSON.stringify(REPLIES[format]);
}

const CHAT_USAGE = {
  prompt_tokens: 1234,
  completion_tokens: 210,
  total_tokens: 1444,
  prompt_tokens_details: { cached_tokens: 1024 },
  completion_tokens_details: { reasoning_tokens: 0 },
};
const RESPONSES_USAGE = {
  input_tokens: 1234,
  input_tokens_details: { cached_tokens: 1024 },
  output_tokens: 210,
  output_tokens_details: { reasoning_tokens: 0 },
  total_tokens: 1444,
};
const GEMINI_USAGE = { promptTokenCount: 1234, candidatesTokenCount: 210, totalTokenCount: 1444 };

const responseObject = (status: string, output: object[], usage: object | null): object => ({
  id: 'resp_0001',
  object: 'response',
  created_at: CREATED,
  status,
  error: null,
  incomplete_details: null,
  model: 'm',
  output,
  parallel_tool_calls: true,
  tool_choice: 'auto',
  tools: [],
  usage,
});
const responseItem = (status: string, text?: string): object => ({
  type: 'message',
  id: 'msg_0001',
  status,
  role: 'assistant',
  content: text === undefined ? [] : [{ type: 'output_text', text, annotations: [] }],
});

const REPLIES: Readonly<Record<FormatName, object>> = {
  chat: {
    id: 'chatcmpl-0001',
    object: 'chat.completion',
    created: CREATED,
    model: 'm',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: ANSWER, refusal: null },
        logprobs: null,
        finish_reason: 'stop',
      },
    ],
    usage: CHAT_USAGE,
  },
  messages: {
    id: 'msg_0001',
    type: 'message',
    role: 'assistant',
    model: 'm',
    content: [{ type: 'text', text: ANSWER }],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 210, cache_read_input_tokens: 1024, output_tokens: 210 },
  },
  responses: responseObject('completed', [responseItem('completed', ANSWER)], RESPONSES_USAGE),
  gemini: {
    candidates: [
      { content: { role: 'model', parts: [{ text: ANSWER }] }, finishReason: 'STOP', index: 0 },
    ],
    usageMetadata: GEMINI_USAGE,
    modelVersion: 'm',
    responseId: 'r1',
  },
};

// ------------------------------------------------------------------------------ streams

/** A stream: events that open it, the one that is repeated, events that close it. */
export interface StreamEvents {
  readonly open: readonly string[];
  readonly delta: string;
  close(deltas: number): readonly string[];
}

const DELTA = ` token${MARK}`;
const data = (value: object): string => `data: ${JSON.stringify(value)}\n\n`;
const named = (value: { type: string; [field: string]: unknown }): string =>
  `event: ${value.type}\n${data(value)}`;

const chatChunk = (delta: object, finish: string | null): string =>
  data({
    id: 'chatcmpl-0001',
    object: 'chat.completion.chunk',
    created: CREATED,
    model: 'm',
    system_fingerprint: 'fp_0001',
    choices: [{ index: 0, delta, logprobs: null, finish_reason: finish }],
  });
const geminiChunk = (text: string, more: object = {}): string =>
  data({
    candidates: [{ content: { role: 'model', parts: [{ text }] }, index: 0, ...more }],
    usageMetadata: GEMINI_USAGE,
    modelVersion: 'm',
    responseId: 'r1',
  });
const IN_MESSAGE = { item_id: 'msg_0001', output_index: 0, content_index: 0 };
const textPart = (text: string): object => ({ type: 'output_text', text, annotations: [] });

export const STREAMS: Readonly<Record<FormatName, StreamEvents>> = {
  chat: {
    open: [chatChunk({ role: 'assistant', content: '', refusal: null }, null)],
    delta: chatChunk({ content: DELTA }, null),
    close: () => [
      chatChunk({}, 'stop'),
      data({
        id: 'chatcmpl-0001',
        object: 'chat.completion.chunk',
        created: CREATED,
        model: 'm',
        choices: [],
        usage: CHAT_USAGE,
      }),
      'data: [DONE]\n\n',
    ],
  },
  messages: {
    open: [
      named({
        type: 'message_start',
        message: {
          id: 'msg_0001',
          type: 'message',
          role: 'assistant',
          model: 'm',
          content: [],
          stop_reason: null,
          stop_sequence: null,
          usage: { input_tokens: 1234, output_tokens: 1 },
        },
      }),
      named({
        type: 'content_block_start',
        index: 0,
        content_block: { type: 'text', text: '' },
      }),
    ],
    delta: named({
      type: 'content_block_delta',
      index: 0,
      delta: { type: 'text_delta', text: DELTA },
    }),
    close: () => [
      named({ type: 'content_block_stop', index: 0 }),
      named({
        type: 'message_delta',
        delta: { stop_reason: 'end_turn', stop_sequence: null },
        usage: { output_tokens: 210 },
      }),
      named({ type: 'message_stop' }),
    ],
  },
  responses: {
    open: [
      named({
        type: 'response.created',
        sequence_number: 0,
        response: responseObject('in_progress', [], null),
      }),
      named({
        type: 'response.output_item.added',
        sequence_number: 1,
        output_index: 0,
        item: responseItem('in_progress'),
      }),
      named({
        type: 'response.content_part.added',
        sequence_number: 2,
        ...IN_MESSAGE,
        part: textPart(''),
      }),
    ],
    delta: named({
      type: 'response.output_text.delta',
      sequence_number: 3,
      ...IN_MESSAGE,
      delta: DELTA,
      logprobs: [],
    }),
    close(deltas) {
      const text = ' token'.repeat(deltas);
      const item = responseItem('completed', text);
      return [
        named({ type: 'response.output_text.done', sequence_number: 4, ...IN_MESSAGE, text }),
        named({
          type: 'response.content_part.done',
          sequence_number: 5,
          ...IN_MESSAGE,
          part: textPart(text),
        }),
        named({ type: 'response.output_item.done', sequence_number: 6, output_index: 0, item }),
        named({
          type: 'response.completed',
          sequence_number: 7,
          response: responseObject('completed', [item], RESPONSES_USAGE),
        }),
      ];
    },
  },
  gemini: {
    open: [geminiChunk('')],
    delta: geminiChunk(DELTA),
    close: () => [geminiChunk('', { finishReason: 'STOP' })],
  },
};
