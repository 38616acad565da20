/** Ways in which a provider fails before its first output, for each format. */
import type { FormatName } from '../../src/unified.ts';
import type { Sent } from './gateway.ts';
import { jsonReply, streamReply } from './gateway.ts';
import { readFixture } from './matrix.ts';

export type Fail = (
  format: FormatName,
  request: Sent,
  stream: boolean,
) => Response | Promise<Response>;

function lost(code: string): Fail {
  return () => Promise.reject(Object.assign(new TypeError('fetch failed'), { code }));
}

function refused(status: number): Fail {
  return () => jsonReply({ error: { message: `no: ${status}` } }, status);
}

/** Events of a stream before its first output, as the format's own providers send them. */
export const HEADS: Readonly<Record<FormatName, string>> = {
  chat: 'data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{"role":"assistant","content":""},"finish_reason":null}]}\n\n',
  messages:
    'event: message_start\ndata: {"type":"message_start","message":{"id":"msg_1","type":"message","role":"assistant","model":"up","content":[],"stop_reason":null,"stop_sequence":null,"usage":{"input_tokens":3,"output_tokens":1}}}\n\nevent: ping\ndata: {"type":"ping"}\n\n',
  responses:
    'event: response.created\ndata: {"type":"response.created","sequence_number":0,"response":{"id":"resp_1","object":"response","created_at":1,"status":"in_progress","error":null,"incomplete_details":null,"model":"up","output":[]}}\n\n',
  gemini: ': hello\n\n',
};

/** An error inside the stream, as each format words it. */
export const ERRORS: Readonly<Record<FormatName, string>> = {
  chat: 'data: {"error":{"message":"overloaded","type":"server_error","param":null,"code":"overloaded"}}\n\n',
  messages:
    'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"overloaded"}}\n\n',
  responses:
    'event: response.failed\ndata: {"type":"response.failed","sequence_number":1,"response":{"id":"resp_1","object":"response","created_at":1,"status":"failed","error":{"code":"server_error","message":"overloaded"},"incomplete_details":null,"model":"up","output":[]}}\n\n',
  gemini: 'data: {"error":{"code":503,"message":"overloaded","status":"UNAVAILABLE"}}\n\n',
};

/** A whole answer that says nothing. */
const EMPTY: Readonly<Record<FormatName, object>> = {
  chat: {
    id: 'c1',
    object: 'chat.completion',
    created: 1,
    model: 'up',
    choices: [{ index: 0, message: { role: 'assistant', content: '' }, finish_reason: 'stop' }],
  },
  messages: {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'up',
    content: [],
    stop_reason: 'end_turn',
    stop_sequence: null,
    usage: { input_tokens: 3, output_tokens: 0 },
  },
  responses: {
    id: 'resp_1',
    object: 'response',
    created_at: 1,
    status: 'completed',
    error: null,
    incomplete_details: null,
    model: 'up',
    output: [],
  },
  gemini: {
    candidates: [{ content: { role: 'model', parts: [] }, finishReason: 'STOP', index: 0 }],
    modelVersion: 'up',
  },
};

/** The same as a stream. */
const EMPTY_STREAM: Readonly<Record<FormatName, string>> = {
  chat: `${HEADS.chat}data: {"id":"c1","object":"chat.completion.chunk","created":1,"model":"up","choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n`,
  messages: `${HEADS.messages}event: message_delta\ndata: {"type":"message_delta","delta":{"stop_reason":"end_turn","stop_sequence":null},"usage":{"output_tokens":0}}\n\nevent: message_stop\ndata: {"type":"message_stop"}\n\n`,
  responses: `${HEADS.responses}event: response.completed\ndata: ${JSON.stringify({ type: 'response.completed', sequence_number: 1, response: EMPTY.responses })}\n\n`,
  gemini: `data: ${JSON.stringify(EMPTY.gemini)}\n\n`,
};

/** Says a head, then nothing until it is given up, as `fetch` does it. */
export function silence(text: string, signal: AbortSignal): Response {
  const body = new ReadableStream<Uint8Array>({
    start(controller) {
      if (text !== '') controller.enqueue(new TextEncoder().encode(text));
      signal.addEventListener('abort', () => controller.error(signal.reason));
    },
  });
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/** No headers until the request is given up. */
export function neverAnswers(signal: AbortSignal): Promise<Response> {
  return new Promise((_resolve, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason));
  });
}

/** Failures that plain and streamed requests share; the next target must answer after each. */
export const FAILURES: Readonly<Record<string, Fail>> = {
  'a refused connection': lost('ECONNREFUSED'),
  'a reset': lost('ECONNRESET'),
  'a name that does not resolve': lost('ENOTFOUND'),
  'a certificate that is not valid': lost('DEPTH_ZERO_SELF_SIGNED_CERT'),
  ...Object.fromEntries(
    [401, 402, 403, 408, 409, 425, 429, 500, 502, 503, 504, 529].map((status) => [
      `status ${status}`,
      refused(status),
    ]),
  ),
  'an error inside a 200': () => jsonReply({ error: { message: 'overloaded', code: 503 } }),
  'a page instead of an answer': () =>
    new Response('<html></html>', { headers: { 'content-type': 'text/html' } }),
  'an empty body': () => new Response('', { headers: { 'content-type': 'application/json' } }),
  'an empty answer': (format, _request, stream) =>
    stream ? streamReply([EMPTY_STREAM[format]]) : jsonReply(EMPTY[format]),
  'no answer in time': (_format, { signal }) => neverAnswers(signal),
};

/** Failures that only a stream can have. */
export const STREAM_FAILURES: Readonly<Record<string, Fail>> = {
  'an error as the first event': (format) => streamReply([ERRORS[format]]),
  'an error before the first output': (format) => streamReply([HEADS[format], ERRORS[format]]),
  'a stream without any event': () => streamReply([]),
  'a stream that ends before its first output': (format) => streamReply([HEADS[format]]),
  'a stream that breaks before its first output': (format) => streamReply([HEADS[format]], 'break'),
  'garbage instead of events': () => streamReply(['%PDF-1.7 \u0000\u0001', 'data: {"oops\n\n']),
  'a stall before the first output': (format, { signal }) => silence(HEADS[format], signal),
};

export function goodReply(format: FormatName, stream: boolean): Response {
  return stream
    ? streamReply([readFixture(`${format}/text.reply.sse`)])
    : jsonReply(readFixture(`${format}/text.reply.json`));
}
