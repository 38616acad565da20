/** Recorded answers of providers, decoded and encoded again: the text, the calls and the usage stay. */
import { describe, expect, test } from 'bun:test';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { responses } from '../../../src/formats/responses/responses.ts';
import { array, isObject, type JsonObject } from '../../../src/json.ts';
import { runStage } from '../../../src/stream/stage.ts';
import { RECORDINGS } from '../../support/recordings.ts';
import { asJson, clientContext, dig, events, frames, providerContext } from './support/context.ts';
import { complaints } from './support/grammar.ts';

const ROOT = join(RECORDINGS, 'responses');
const cases = existsSync(ROOT) ? readdirSync(ROOT).sort() : [];
if (cases.length === 0) console.warn('skipped: no recorded responses are here');

/** What must not change on the way, whatever becomes of ids and defaults. */
function essence(response: unknown): JsonObject {
  const items = array(dig(response, 'output')).filter(isObject);
  const parts = items.flatMap((item) => (item['type'] === 'message' ? array(item['content']) : []));
  const usage = dig(response, 'usage');
  return {
    text: parts.map((part) => dig(part, 'text') ?? dig(part, 'refusal')).join(''),
    calls: items
      .filter(({ type }) => type === 'function_call' || type === 'custom_tool_call')
      .map(({ type, call_id, name, namespace, arguments: args, input }) =>
        asJson({ type, call_id, name, namespace, args, input }),
      ),
    tokens: items.map(({ encrypted_content: token }) => token).filter(Boolean),
    hosted: items.filter(({ type }) => String(type).endsWith('_call')).length,
    input: dig(usage, 'input_tokens'),
    output: dig(usage, 'output_tokens'),
  };
}

describe.skipIf(cases.length === 0)('recorded', () => {
  for (const name of cases) {
    const json = join(ROOT, name, 'response.json');
    const sse = join(ROOT, name, 'response.sse');
    if (existsSync(json)) {
      const body = asJson(JSON.parse(readFileSync(json, 'utf8')));
      if (!Array.isArray(body['output']) || body['status'] === 'queued') continue;
      test(name, () => {
        const unified = responses.decodeReply(body, providerContext());
        const out = asJson(responses.encodeReply(unified, clientContext()));
        expect(essence(out)).toEqual(essence(body));
      });
    } else if (existsSync(sse)) {
      const list = events(readFileSync(sse, 'utf8'));
      const last = list
        .flatMap(({ data }) => (data.startsWith('{') ? [JSON.parse(data)] : []))
        .at(-1);
      const isComplete = /^response\.(completed|incomplete)$/.test(String(dig(last, 'type')));
      // Two streams in one file, or a stream whose items came in another one.
      const isOne = list.filter(({ data }) => data.includes('"response.created"')).length === 1;
      if (!isComplete || !isOne) continue;
      test(name, () => {
        const chunks = runStage(responses.decoder(providerContext()), list);
        const encoder = responses.encoder(clientContext());
        const text = chunks.map((chunk) => encoder.push(chunk)).join('');
        const out = frames(text + encoder.end());
        expect(complaints(out)).toEqual([]);
        const want = essence(dig(last, 'response'));
        // Tokens may differ from event to event, and some servers leave the last output empty.
        const { tokens: _, ...got } = essence(out.at(-1)?.['response']);
        if (array(dig(last, 'response', 'output')).length > 0) expect(want).toMatchObject(got);
      });
    }
  }
});
