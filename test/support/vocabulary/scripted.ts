/** A provider that plays what a script says, on the wire of any format. */
import { replyChunks } from '../../../src/assemble.ts';
import { FORMATS } from '../../../src/formats/index.ts';
import { isObject, type JsonObject, parseJson } from '../../../src/json.ts';
import { Ledger } from '../../../src/ledger.ts';
import { createEnvelope } from '../../../src/transform/envelope.ts';
import { ClientSide } from '../../../src/transform/hook-context.ts';
import type { FormatName, UnifiedBlock, UnifiedReply } from '../../../src/unified.ts';
import { jsonReply, type Sent, streamReply } from '../gateway.ts';

export interface Step {
  text?: string;
  /** Shown reasoning, with the token that the format has for it. */
  reasoning?: string;
  token?: string;
  calls?: readonly { id: string; name: string; input?: object; text?: string; token?: string }[];
}

let made = 0;

/** The step as this provider answers it, plain or streamed. */
export function scriptedReply(format: FormatName, step: Step, stream: boolean): Response {
  const reply = replyOf(format, step);
  const body: JsonObject = { store: true };
  const client = new ClientSide({
    model: 'up',
    body,
    bytes: 4,
    ledger: new Ledger(),
    envelope: createEnvelope('the provider knows no envelope'),
    newId: (prefix) => {
      made += 1;
      return `${prefix}${String(made).padStart(24, 'p')}`;
    },
    now: () => 1_750_000_000_000,
  });
  client.request = {
    model: 'up',
    messages: [],
    reasoning: { enabled: true, summary: 'auto' },
    stream_options: { include_usage: true },
  };
  if (!stream) return jsonReply(FORMATS[format].encodeReply(reply, client));
  const encoder = FORMATS[format].encoder(client);
  const pieces = replyChunks(reply)
    .filter(({ type }) => type !== 'done')
    .map((chunk) => encoder.push(chunk));
  return streamReply([...pieces, encoder.end()].filter((piece) => piece !== ''));
}

function replyOf(format: FormatName, step: Step): UnifiedReply {
  const { text, reasoning, token, calls = [] } = step;
  const blocks: UnifiedBlock[] = [];
  if (reasoning !== undefined) {
    const opaque = token === undefined ? {} : { opaque: { value: token, format } };
    blocks.push({ type: 'reasoning', text: reasoning, ...opaque });
  }
  if (text !== undefined) blocks.push({ type: 'text', text });
  for (const call of calls) {
    const own = call.token === undefined ? {} : { opaque: { value: call.token, format } };
    blocks.push({
      type: 'call',
      call:
        call.text === undefined
          ? {
              type: 'function',
              id: call.id,
              function: { name: call.name, arguments: JSON.stringify(call.input ?? {}) },
              ...own,
            }
          : { type: 'custom', id: call.id, custom: { name: call.name, input: call.text } },
    });
  }
  return {
    id: '',
    model: 'up',
    blocks,
    finish: calls.length > 0 ? 'tool_calls' : 'stop',
    usage: { input: 10, cached: 0, cacheWrite: 0, output: 5 },
  };
}

/** What was sent to the provider. */
export function sentBody(sent: Sent | undefined): JsonObject {
  const body = parseJson(sent?.body ?? '');
  if (!isObject(body)) throw new Error('nothing was sent');
  return body;
}

/** True when a request wants a stream, whichever way its format says so. */
export function wantsStream({ url, body }: Sent): boolean {
  const value = parseJson(body);
  return url.includes('streamGenerateContent') || (isObject(value) && value['stream'] === true);
}
