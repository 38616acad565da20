/** What every test of this format needs: contexts, and streams as lists. */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ClientContext, ProviderContext } from '../../../src/formats/format.ts';
import { messages } from '../../../src/formats/messages/messages.ts';
import type { JsonObject } from '../../../src/json.ts';
import { isObject } from '../../../src/json.ts';
import { SseParser } from '../../../src/stream/sse.ts';
import { runStage } from '../../../src/stream/stage.ts';
import type { UnifiedChatRequest, UnifiedChunk } from '../../../src/unified.ts';
import { client, provider } from '../sides.ts';

export { client, envelope, provider } from '../sides.ts';

export function fixture(name: string): string {
  return readFileSync(join(import.meta.dir, '../../fixtures/messages', name), 'utf8');
}

/** A provider's stream as chunks. */
export function decodeStream(sse: string, context = provider()): UnifiedChunk[] {
  return runStage(messages.decoder(context), runStage(new SseParser(), [sse]));
}

/** Chunks as a client's stream: its events' data, after checking each event's name. */
export function encodeStream(chunks: readonly UnifiedChunk[], context = client()): JsonObject[] {
  const encoder = messages.encoder(context);
  const text = chunks.map((chunk) => encoder.push(chunk)).join('') + encoder.end();
  return eventsOf(text);
}

export function eventsOf(text: string): JsonObject[] {
  return runStage(new SseParser(), [text]).map(({ event, data }) => {
    const json: unknown = JSON.parse(data);
    if (!isObject(json) || json['type'] !== event) throw new Error(`event ${event}: ${data}`);
    return json;
  });
}

/** The blocks that a client puts together from a stream; throws when the brackets do not fit. */
export function blocksOf(events: readonly JsonObject[]): JsonObject[] {
  const blocks: JsonObject[] = [];
  let open: JsonObject | undefined;
  let json = '';
  for (const event of events) {
    if (event['type'] === 'content_block_start') {
      if (open || event['index'] !== blocks.length) throw new Error('blocks overlap');
      open = isObject(event['content_block']) ? { ...event['content_block'] } : {};
      json = '';
    } else if (event['type'] === 'content_block_stop') {
      if (!open || event['index'] !== blocks.length) throw new Error('stop without start');
      if (json !== '') open['input'] = JSON.parse(json);
      blocks.push(open);
      open = undefined;
    } else if (event['type'] === 'content_block_delta') {
      const delta = event['delta'];
      if (!open || event['index'] !== blocks.length || !isObject(delta)) {
        throw new Error('delta outside its block');
      }
      if (delta['type'] === 'text_delta') open['text'] = `${open['text']}${delta['text']}`;
      if (delta['type'] === 'thinking_delta') {
        open['thinking'] = `${open['thinking']}${delta['thinking']}`;
      }
      if (delta['type'] === 'signature_delta') open['signature'] = delta['signature'];
      if (delta['type'] === 'citations_delta') open['citations'] = [delta['citation']];
      if (delta['type'] === 'input_json_delta') json += String(delta['partial_json']);
    }
  }
  if (open) throw new Error('a block stays open');
  return blocks;
}

/** A provider's body, as it goes over the wire. */
export function encode(
  request: Partial<UnifiedChatRequest> & Pick<UnifiedChatRequest, 'messages'>,
  context: ProviderContext = provider(),
): JsonObject {
  const wire: unknown = JSON.parse(
    JSON.stringify(messages.encodeRequest({ model: 'm', ...request }, context)),
  );
  if (!isObject(wire)) throw new Error('not an object');
  return wire;
}

export function decode(body: JsonObject, context: ClientContext = client()): UnifiedChatRequest {
  return messages.decodeRequest({ model: 'm', max_tokens: 10, ...body }, context);
}
