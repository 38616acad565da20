/** One question to a gateway whose provider plays something odd, and all that came of it. */
import { type JsonObject, object, parseJson } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { type Answer, readAnswer } from './answer.ts';
import {
  jsonReply,
  oneProvider,
  type Play,
  streamReply,
  type TestGateway,
  testGateway,
} from './gateway.ts';
import { pathOf, readFixture, requestOf } from './matrix.ts';

/** What the provider says: a whole reply, the events of a stream, a stream as text, or anything. */
export type Says = JsonObject | readonly (JsonObject | string)[] | string | Play;

export interface Asked {
  gateway: TestGateway;
  response: Response;
  /** The reply as text. */
  body: string;
  answer: Answer;
  /** The last body that was sent to the provider. */
  sent: JsonObject;
  /** What was reported as lost or approximated. */
  reports: string[];
}

export interface Ask {
  client: FormatName;
  provider: FormatName;
  says?: Says;
  /** Fields over those of the case `text`, or of `name`. */
  fields?: JsonObject;
  name?: string;
  stream?: boolean;
  headers?: Record<string, string>;
  /** Of the provider, and of the configuration. */
  providerConfig?: object;
  config?: object;
}

/** Asks once. A stream of the provider's means that the client asks for one. */
export async function ask(question: Ask): Promise<Asked> {
  const { client, provider, fields = {}, name = 'text', says, headers = {} } = question;
  const stream = question.stream ?? (typeof says === 'string' || Array.isArray(says));
  const gateway = await testGateway(
    {
      ...oneProvider(provider, question.providerConfig),
      resilience: { retries: { max: 0 } },
      ...question.config,
    },
    typeof says === 'function' ? says : () => play(provider, says, stream),
  );
  return again(gateway, client, { ...requestOf(client, name, stream), ...fields }, stream, headers);
}

/** Asks a gateway that is there already. */
export async function again(
  gateway: TestGateway,
  client: FormatName,
  body: JsonObject,
  stream = false,
  headers: Record<string, string> = {},
): Promise<Asked> {
  const response = await gateway.post(pathOf(client, stream), body, headers);
  const text = await response.text();
  return {
    gateway,
    response,
    body: text,
    answer: readAnswer(client, text, stream && response.status === 200),
    sent: object(parseJson(String(gateway.sent.at(-1)?.body ?? ''))) ?? {},
    reports: ['x-plexus-dropped', 'x-plexus-approximated'].flatMap(
      (header) => response.headers.get(header)?.split(', ') ?? [],
    ),
  };
}

function play(provider: FormatName, says: Says | undefined, stream: boolean): Response {
  if (typeof says === 'string') return streamReply([says]);
  if (isEvents(says)) return streamReply([sse(says)]);
  if (says !== undefined) return jsonReply(says);
  return stream
    ? streamReply([readFixture(`${provider}/text.reply.sse`)])
    : jsonReply(readFixture(`${provider}/text.reply.json`));
}

function isEvents(says: Says | undefined): says is readonly (JsonObject | string)[] {
  return Array.isArray(says);
}

/** Events as a provider writes them; those of messages and responses bring their names. */
export function sse(events: readonly (JsonObject | string)[]): string {
  return events
    .map((event) => {
      if (typeof event === 'string') return `data: ${event}\n\n`;
      const name = typeof event['type'] === 'string' ? `event: ${event['type']}\n` : '';
      return `${name}data: ${JSON.stringify(event)}\n\n`;
    })
    .join('');
}

/** A chunk of a chat completion. */
export function chatChunk(delta: JsonObject, finish: string | null = null): JsonObject {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'up',
    choices: [{ index: 0, delta, finish_reason: finish }],
  };
}

/** A piece of tool calls of a chat stream. */
export const chatCalls = (...tool_calls: JsonObject[]): JsonObject => chatChunk({ tool_calls });

/** A whole chat completion. */
export function chatReply(message: JsonObject, finish = 'stop'): JsonObject {
  return {
    id: 'chatcmpl-1',
    object: 'chat.completion',
    created: 1,
    model: 'up',
    choices: [
      {
        index: 0,
        message: { role: 'assistant', content: null, ...message },
        finish_reason: finish,
      },
    ],
    usage: { prompt_tokens: 10, completion_tokens: 3, total_tokens: 13 },
  };
}

/** A whole answer of Anthropic's. */
export function messagesReply(content: JsonObject[], stop_reason = 'end_turn'): JsonObject {
  return {
    id: 'msg_1',
    type: 'message',
    role: 'assistant',
    model: 'up',
    content,
    stop_reason,
    stop_sequence: null,
    usage: { input_tokens: 10, output_tokens: 3 },
  };
}

/** The same as its stream. */
export function messagesEvents(content: JsonObject[], stop_reason = 'end_turn'): JsonObject[] {
  const { content: _, ...head } = messagesReply([]);
  const events: JsonObject[] = [
    { type: 'message_start', message: { ...head, content: [], stop_reason: null } },
  ];
  for (const [index, block] of content.entries()) {
    events.push({ type: 'content_block_start', index, content_block: emptied(block) });
    for (const delta of deltasOf(block)) events.push({ type: 'content_block_delta', index, delta });
    events.push({ type: 'content_block_stop', index });
  }
  const usage = { output_tokens: 3 };
  events.push({ type: 'message_delta', delta: { stop_reason, stop_sequence: null }, usage });
  events.push({ type: 'message_stop' });
  return events;
}

function emptied(block: JsonObject): JsonObject {
  if (block['type'] === 'tool_use') return { ...block, input: {} };
  const texts = ['text', 'thinking', 'signature'].filter((key) => key in block);
  return { ...block, ...Object.fromEntries(texts.map((key) => [key, ''])) };
}

function deltasOf(block: JsonObject): JsonObject[] {
  if (block['type'] === 'tool_use') {
    return [{ type: 'input_json_delta', partial_json: JSON.stringify(block['input']) }];
  }
  const keys = ['text', 'thinking', 'signature'].filter((key) => key in block);
  return keys.map((key) => ({ type: `${key}_delta`, [key]: block[key] }));
}

/** Every pair, client first. */
export const PAIRS: readonly (readonly [FormatName, FormatName])[] = FORMAT_NAMES.flatMap(
  (client) => FORMAT_NAMES.map((provider) => [client, provider] as const),
);
/** Pairs of two different formats. */
export const FOREIGN_PAIRS = PAIRS.filter(([client, provider]) => client !== provider);
