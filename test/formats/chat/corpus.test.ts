/** Recorded answers of real providers through this format and back to itself. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { assembleReply } from '../../../src/assemble.ts';
import { chat } from '../../../src/formats/chat/chat.ts';
import { parseJson } from '../../../src/json.ts';
import type { UnifiedChunk } from '../../../src/unified.ts';
import { RECORDINGS } from '../../support/recordings.ts';
import { client, decodeStream, provider, streamText } from './support.ts';

const CASES = join(RECORDINGS, 'chat');
const recorded = existsSync(CASES) ? readdirSync(CASES).sort() : [];
if (recorded.length === 0) console.warn('skipped: no recorded chat answers are here');

const read = (name: string, file: string): string | undefined => {
  const path = join(CASES, name, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
};

/** What must survive; tokens are tested by themselves, and `summarized` shows only in the list. */
function essence(chunks: UnifiedChunk[]): object {
  const { blocks, finish, usage } = assembleReply(chunks);
  return {
    blocks: blocks.map((block) => ({
      ...block,
      opaque: undefined,
      citations: undefined,
      summarized: undefined,
    })),
    finish,
    usage: usage && { ...usage, costUsd: undefined },
    failed: chunks.find(({ type }) => type === 'error') !== undefined,
  };
}

describe.skipIf(recorded.length === 0)('recorded streams', () => {
  const streams = recorded.filter((name) => read(name, 'response.sse') !== undefined);
  test.each(streams)('%s', (name) => {
    const chunks = decodeStream(read(name, 'response.sse') ?? '');
    expect(['done', 'error']).toContain(chunks.at(-1)?.type ?? '');
    if (chunks.at(-1)?.type === 'error') return;
    const context = client({
      request: { model: 'm', messages: [], stream_options: { include_usage: true } },
    });
    const whole = chunks.filter(({ type }) => type !== 'done');
    const again = decodeStream(streamText(whole, context));
    const merged = (list: UnifiedChunk[]) => JSON.stringify(essence(list)).replaceAll('\\n\\n', '');
    // Reasoning after a call is shown with the rest of it: chat has one field.
    if (!name.startsWith('cerebras')) expect(merged(again)).toBe(merged(chunks));
  });
});

describe.skipIf(recorded.length === 0)('recorded requests', () => {
  const requests = recorded.filter((name) => {
    const body = parseJson(read(name, 'request.json') ?? '');
    return typeof body === 'object' && body !== null && 'model' in body && 'messages' in body;
  });
  test.each(requests)('%s', (name) => {
    const body = JSON.parse(read(name, 'request.json') ?? '');
    const context = client({ body });
    const request = chat.decodeRequest(body, context);
    const sent = JSON.parse(JSON.stringify(chat.encodeRequest(request, provider())));
    expect(sent.model).toBe(body.model);
    // What is said arrives, whoever says it.
    for (const message of body.messages) {
      if (typeof message.content !== 'string' || message.content === '') continue;
      expect(JSON.stringify(sent.messages)).toContain(JSON.stringify(message.content).slice(1, -1));
    }
    expect(sent.tools?.length ?? 0).toBe((body.tools?.length ?? 0) + (body.functions?.length ?? 0));
  });
});
