/** Recorded answers of Google, read and written again: nothing of what they say may change. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gemini } from '../../../src/formats/gemini/gemini.ts';
import { isObject, type JsonObject } from '../../../src/json.ts';
import { SseParser } from '../../../src/stream/sse.ts';
import { runStage } from '../../../src/stream/stage.ts';
import type { UnifiedChunk } from '../../../src/unified.ts';
import { RECORDINGS } from '../../support/recordings.ts';
import { clientContext, providerContext, showing } from './context.ts';

const ROOT = join(RECORDINGS, 'gemini');
const cases = existsSync(ROOT) ? readdirSync(ROOT).toSorted() : [];

/** Chunks without what a client never sees as such, and deltas of one block as one. */
function essence(chunks: readonly UnifiedChunk[]): object[] {
  const out: UnifiedChunk[] = [];
  for (const chunk of chunks) {
    const last = out.at(-1);
    if (chunk.type === 'start' || chunk.type === 'blockEnd' || chunk.type === 'done') continue;
    if (chunk.type === 'text' && last?.type === 'text') {
      out[out.length - 1] = { type: 'text', text: last.text + chunk.text };
    } else if (chunk.type === 'reasoning' && last?.type === 'reasoning') {
      out[out.length - 1] = { type: 'reasoning', text: last.text + chunk.text };
    } else if (chunk.type === 'text' || chunk.type === 'reasoning') {
      out.push({ type: chunk.type, text: chunk.text });
    } else if (chunk.type === 'usage') out.push({ type: 'usage', usage: chunk.usage });
    else if (chunk.type === 'call') out.push({ ...chunk, id: '' });
    else out.push(chunk);
  }
  return out;
}

function readStream(text: string): UnifiedChunk[] {
  const events = runStage(new SseParser(), [text]);
  return runStage(gemini.decoder(providerContext()), events);
}

function load(name: string, file: string): string | undefined {
  const path = join(ROOT, name, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}

test.skipIf(cases.length > 0)('nothing recorded is here to compare with', () => {
  expect(cases).toEqual([]);
});

describe.skipIf(cases.length === 0)('recorded answers', () => {
  test.each(cases.filter((name) => load(name, 'response.sse') !== undefined))(
    'stream %s says the same after a round trip',
    (name) => {
      const chunks = readStream(load(name, 'response.sse') ?? '');
      expect(chunks.at(-1)).toEqual({ type: 'done' });
      const encoder = gemini.encoder(clientContext(showing));
      const text = chunks.map((chunk) => encoder.push(chunk)).join('') + encoder.end();
      expect(essence(readStream(text))).toEqual(essence(chunks));
    },
  );

  const replies = cases.flatMap((name) => {
    const body: unknown = JSON.parse(load(name, 'response.json') ?? 'null');
    return isObject(body) ? [{ name, body }] : [];
  });

  test.each(replies.filter(({ body }) => 'error' in body))('error $name is read', ({ body }) => {
    const fault = gemini.decodeError(400, body);
    expect(fault.message.length).toBeGreaterThan(10);
    expect(fault.type).toMatch(/^[A-Z_]+$/);
  });

  test.each(replies.filter(({ body }) => !('error' in body)))(
    'reply $name says the same after a round trip',
    ({ body }) => {
      const reply = gemini.decodeReply(body, providerContext());
      const written = gemini.encodeReply(reply, clientContext(showing));
      const again: JsonObject = JSON.parse(JSON.stringify(written));
      const { id, model, created, serviceTier, ...said } = reply;
      expect(gemini.decodeReply(again, providerContext())).toMatchObject(said);
    },
  );
});
