/** What every test of this format needs: contexts, and streams as lists. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { chat } from '../../../src/formats/chat/chat.ts';
import { isObject, type JsonObject } from '../../../src/json.ts';
import { SseParser } from '../../../src/stream/sse.ts';
import { runStage } from '../../../src/stream/stage.ts';
import type { UnifiedChatRequest, UnifiedChunk, UnifiedMessage } from '../../../src/unified.ts';
import { client, provider } from '../sides.ts';

export { client, envelope, provider } from '../sides.ts';

export function fixture(name: string): string {
  return readFileSync(join(import.meta.dir, '../../fixtures/chat', name), 'utf8');
}

/** A provider's stream as chunks. */
export function decodeStream(sse: string, context = provider()): UnifiedChunk[] {
  return runStage(chat.decoder(context), runStage(new SseParser(), [sse]));
}

/** The stream of a provider that sends these bodies, with [DONE]. */
export function decodeEvents(bodies: readonly object[], context = provider()): UnifiedChunk[] {
  const events = bodies.map((body) => `data: ${JSON.stringify(body)}\n\n`).join('');
  return decodeStream(`${events}data: [DONE]\n\n`, context);
}

/** An event with one delta. */
export function delta(fields: object, finish: string | null = null): object {
  return { id: 'c1', model: 'm', choices: [{ index: 0, delta: fields, finish_reason: finish }] };
}

/** Chunks as a client's stream: the text as the client gets it. */
export function streamText(chunks: readonly UnifiedChunk[], context = client()): string {
  const encoder = chat.encoder(context);
  return chunks.map((chunk) => encoder.push(chunk)).join('') + encoder.end();
}

/** The JSON of every event but [DONE]. */
export function eventsOf(text: string): JsonObject[] {
  return runStage(new SseParser(), [text])
    .filter(({ data }) => data !== '[DONE]')
    .map(({ data }) => {
      const json: unknown = JSON.parse(data);
      if (!isObject(json)) throw new Error(data);
      return json;
    });
}

export function encodeStream(chunks: readonly UnifiedChunk[], context = client()): JsonObject[] {
  return eventsOf(streamText(chunks, context));
}

/** The deltas of a client's stream, in order. */
export function deltas(chunks: readonly UnifiedChunk[], context = client()): unknown[] {
  return encodeStream(chunks, context).flatMap(({ choices }) =>
    Array.isArray(choices) ? choices.map((choice) => choice.delta) : [],
  );
}

/** A client's body of these messages as unified. */
export function decoded(
  messages: readonly object[],
  more: JsonObject = {},
  context = client(),
): UnifiedChatRequest {
  return chat.decodeRequest({ model: 'm', messages, ...more }, context);
}

/** The body for a provider, as JSON. */
export function encoded(request: Partial<UnifiedChatRequest>, context = provider()): JsonObject {
  const messages: UnifiedMessage[] = [{ role: 'user', content: 'Hi', path: 'messages.0' }];
  const body = chat.encodeRequest({ model: context.model, messages, ...request }, context);
  const json: unknown = JSON.parse(JSON.stringify(body));
  if (!isObject(json)) throw new Error('no body');
  return json;
}
