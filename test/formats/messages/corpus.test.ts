/** Recorded traffic through this format and back: what goes in must come out. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { messages } from '../../../src/formats/messages/messages.ts';
import { isObject, type JsonObject } from '../../../src/json.ts';
import { RECORDINGS } from '../../support/recordings.ts';
import { blocksOf, client, decodeStream, encodeStream, provider } from './support.ts';

const root = join(RECORDINGS, 'messages');
const cases = existsSync(root) ? readdirSync(root).sort() : [];
if (cases.length === 0) test.skip('the recordings are not here', () => {});

function read(name: string, file: string): string | undefined {
  const path = join(root, name, file);
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
function readJson(name: string, file: string): JsonObject | undefined {
  const json: unknown = JSON.parse(read(name, file) ?? 'null');
  return isObject(json) ? json : undefined;
}

/** Blocks without what the middle language does not hold: empty texts, callers, empty citations. */
function compared(blocks: unknown): unknown[] {
  if (!Array.isArray(blocks)) return [];
  return blocks.filter(isObject).flatMap((block) => {
    if (block['type'] === 'text' && block['text'] === '') return [];
    const { caller: _, citations, ...rest } = block;
    const kept = Array.isArray(citations) && citations.length > 0;
    return [
      block['type'] === 'web_search_tool_result' || kept
        ? { ...rest, ...(kept && { citations }) }
        : rest,
    ];
  });
}
const withoutCallers = (value: unknown): unknown =>
  JSON.parse(JSON.stringify(value, (key, each) => (key === 'caller' ? undefined : each)));

describe('recorded replies', () => {
  for (const name of cases) {
    const reply = readJson(name, 'response.json');
    if (reply?.['type'] !== 'message') continue;
    test(name, () => {
      const unified = messages.decodeReply(reply, provider());
      const wire = messages.encodeReply(unified, client());
      if (!isObject(wire)) throw new Error('not an object');
      expect(withoutCallers(compared(wire['content']))).toEqual(
        withoutCallers(compared(reply['content'])),
      );
      expect(wire['stop_reason']).toBe(reply['stop_reason']);
    });
  }
});

describe('recorded streams', () => {
  for (const name of cases) {
    const sse = read(name, 'response.sse');
    // Some recordings hold two streams or are cut.
    if (sse?.split('"message_start"').length !== 2 || !sse.includes('message_stop')) continue;
    test(name, () => {
      const final = readJson(name, 'sdk-final.json');
      const events = encodeStream(decodeStream(sse));
      const blocks = blocksOf(events);
      expect(events.at(-1)).toEqual({ type: 'message_stop' });
      if (!final) return;
      const texts = (all: unknown): string =>
        compared(all)
          .filter(isObject)
          .map((block) => block['text'] ?? block['thinking'] ?? '')
          .join('');
      expect(texts(blocks)).toBe(texts(final['content']));
      expect(compared(blocks).length).toBe(compared(final['content']).length);
      expect(events.at(-2)).toMatchObject({ delta: { stop_reason: final['stop_reason'] } });
    });
  }
});

describe('recorded requests', () => {
  for (const name of cases) {
    const body = readJson(name, 'request.json');
    // What the provider refused is no measure.
    if (!body || Number(readJson(name, 'meta.json')?.['status']) >= 400) continue;
    test(name, () => {
      const context = client({ body });
      const request = messages.decodeRequest({ model: 'm', ...body }, context);
      const model = typeof body['model'] === 'string' ? body['model'] : 'm';
      const wire = JSON.stringify(messages.encodeRequest(request, provider({ model })));
      // Every text of the client is in what the provider gets.
      for (const text of textsOf(body['messages'])) {
        if (text.trim() !== '') expect(wire).toContain(JSON.stringify(text).slice(1, -1));
      }
      for (const key of ['tools', 'mcp_servers', 'context_management', 'container']) {
        const value = body[key];
        const isEmpty = Array.isArray(value) && value.length === 0;
        if (value && !isEmpty) expect(JSON.parse(wire)).toHaveProperty(key);
      }
    });
  }
});

function textsOf(value: unknown): string[] {
  if (Array.isArray(value)) return value.flatMap(textsOf);
  if (!isObject(value)) return [];
  return Object.entries(value).flatMap(([key, each]) =>
    typeof each === 'string' ? (key === 'text' || key === 'data' ? [each] : []) : textsOf(each),
  );
}
