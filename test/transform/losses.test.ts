import { describe, expect, test } from 'bun:test';
import { FORMATS } from '../../src/formats/index.ts';
import type { JsonObject } from '../../src/json.ts';
import { Ledger } from '../../src/ledger.ts';
import { spellLosses } from '../../src/transform/losses.ts';
import type { FormatName } from '../../src/unified.ts';

/** What a client is told of a field that an encoder could not carry. */
function told(client: FormatName, body: JsonObject, path: string): readonly string[] {
  const ledger = new Ledger();
  ledger.drop(path);
  spellLosses(ledger, { format: FORMATS[client], body });
  return ledger.dropped;
}

const tool = { type: 'function', function: { name: 'f', strict: true } };
const file = { type: 'file', file: { filename: 'a.pdf' } };
const document = { type: 'document', source: { type: 'text', data: 'x' }, title: 'a.pdf' };
const blob = { inlineData: { data: '', displayName: 'a.pdf' } };

describe('a loss is told in the client’s words', () => {
  test.each<[FormatName, JsonObject, string, string[]]>([
    ['chat', { top_k: 3 }, 'top_k', ['top_k']],
    ['gemini', { generationConfig: { topK: 3 } }, 'top_k', ['generationConfig.topK']],
    ['gemini', { generation_config: { top_k: 3 } }, 'top_k', ['generation_config.top_k']],
    ['gemini', {}, 'top_k', ['generationConfig.topK']],
    ['messages', { thinking: {} }, 'reasoning', ['thinking']],
    ['messages', { output_config: { effort: 'low' } }, 'reasoning', ['output_config.effort']],
    [
      'messages',
      { thinking: {}, output_config: { effort: 'low' } },
      'reasoning',
      ['thinking', 'output_config.effort'],
    ],
    ['messages', { thinking: {} }, 'reasoning.effort', ['output_config.effort']],
    ['chat', { safety_identifier: 'x' }, 'user', ['safety_identifier']],
    ['chat', { tools: [tool] }, 'tools.0.strict', ['tools.0.function.strict']],
    ['chat', { tools: [tool] }, 'tools.0', ['tools.0']],
    ['chat', { functions: [{}] }, 'tools', ['functions']],
    [
      'chat',
      { messages: [{ content: [file] }] },
      'messages.0.content.0.filename',
      ['messages.0.content.0.file.filename'],
    ],
    [
      'messages',
      { messages: [{ content: [document] }] },
      'messages.0.content.0.filename',
      ['messages.0.content.0.title'],
    ],
    [
      'gemini',
      { contents: [{ parts: [blob] }] },
      'contents.0.parts.0.filename',
      ['contents.0.parts.0.inlineData.displayName'],
    ],
    [
      'responses',
      { text: { format: { name: 'n' } } },
      'response_format.json_schema.name',
      ['text.format.name'],
    ],
    [
      'responses',
      { input: [{ content: [{ image_url: 'u', detail: 'low' }] }] },
      'input.0.content.0.image_url.detail',
      ['input.0.content.0.detail'],
    ],
    ['chat', { messages: [] }, 'messages.7.name', ['messages.7.name']],
    ['chat', {}, 'constructor', ['constructor']],
    ['chat', {}, 'reply.choices.1', ['reply.choices.1']],
  ])('%s %j %s', (client, body, path, expected) => {
    expect(told(client, body, path)).toEqual(expected);
  });

  test('with what became of it', () => {
    const ledger = new Ledger();
    ledger.approximate('reasoning', 'a budget of 4000 tokens (of 9000)');
    spellLosses(ledger, { format: FORMATS.messages, body: { thinking: {} } });
    expect(ledger.approximated).toEqual(['thinking (a budget of 4000 tokens (of 9000))']);
  });
});
