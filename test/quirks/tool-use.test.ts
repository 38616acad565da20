import { describe, expect, test } from 'bun:test';
import { assembleReply, replyChunks } from '../../src/assemble.ts';
import { toolUse } from '../../src/quirks/tool-use.ts';
import type { UnifiedChunk, UnifiedReply } from '../../src/unified.ts';
import { answerWith, ask, cuts, encodeWith, joined, tool } from './support.ts';

const request = ask({ tools: [tool('look')] });

function call(index: number, name: string, ...pieces: string[]): UnifiedChunk[] {
  return [
    { type: 'call', index, id: `c${index}`, name },
    ...pieces.map((text): UnifiedChunk => ({ type: 'arguments', index, text })),
  ];
}
const end: UnifiedChunk[] = [{ type: 'finish', finish: 'tool_calls' }, { type: 'done' }];

describe('tooluse: the request', () => {
  test('has a way out and must call something', () => {
    const { body } = encodeWith(toolUse, request);
    expect(body['tool_choice']).toBe('required');
    expect(JSON.stringify(body['tools'])).toContain('"ExitTool"');
    expect(body['messages']).toEqual([
      { role: 'user', content: 'Hi' },
      { role: 'system', content: expect.stringContaining('ExitTool') },
    ]);
  });

  test.each([
    ['without tools', ask()],
    ['when the client forbids tools', { ...request, tool_choice: 'none' as const }],
    ['when the client forces one', { ...request, tool_choice: 'required' as const }],
  ])('%s stays as it is', (_when, unchanged) => {
    expect(JSON.stringify(encodeWith(toolUse, unchanged).body)).not.toContain('ExitTool');
    const chunks = [...call(0, 'ExitTool', '{"response":"Hi"}'), ...end];
    expect(answerWith(toolUse, chunks, unchanged)).toEqual(chunks);
  });
});

describe('tooluse: the answer', () => {
  const args = '{ "response": "One \\"two\\"\\n\\ud83d\\ude00 C:\\\\x" }';
  const said = 'One "two"\n😀 C:\\x';

  test('is what the exit tool was given, wherever the stream cuts', () => {
    for (const pieces of cuts(args)) {
      const chunks = answerWith(toolUse, [...call(0, 'ExitTool', ...pieces), ...end], request);
      expect(joined(chunks, 'text')).toBe(said);
      expect(chunks.some(({ type }) => type === 'call')).toBe(false);
      expect(chunks).toContainEqual({ type: 'finish', finish: 'stop' });
    }
  });

  test('streams', () => {
    const chunks = answerWith(
      toolUse,
      [...call(0, 'ExitTool', '{"response":"a', 'b', 'c"}'), ...end],
      request,
    );
    expect(chunks.slice(0, 3)).toEqual(['a', 'b', 'c'].map((text) => ({ type: 'text', text })));
  });

  test.each([
    ['no JSON', 'Just text', 'Just text'],
    ['a bare string', '"Just text"', 'Just text'],
    ['an empty object', '{}', ''],
    ['another key first', '{"mood":"good","response":"Hi"}', 'Hi'],
    ['another key only', '{"answer":"Hi"}', '{"answer":"Hi"}'],
    ['line breaks as they are', '{"response":"a\nb"}', 'a\nb'],
  ])('%s', (_what, written, expected) => {
    const chunks = answerWith(toolUse, [...call(0, 'ExitTool', written), ...end], request);
    expect(joined(chunks, 'text')).toBe(expected);
  });

  test('keeps other calls, counted from 0, and then is no plain answer', () => {
    const chunks = answerWith(
      toolUse,
      [...call(0, 'ExitTool', '{"response":"On it."}'), ...call(1, 'look', '{}'), ...end],
      request,
    );
    expect(chunks).toContainEqual({ type: 'call', index: 0, id: 'c1', name: 'look' });
    expect(chunks).toContainEqual({ type: 'arguments', index: 0, text: '{}' });
    expect(chunks).toContainEqual({ type: 'finish', finish: 'tool_calls' });
  });

  test('is a block of its own behind text', () => {
    const chunks = answerWith(
      toolUse,
      [{ type: 'text', text: 'Hm.' }, ...call(0, 'ExitTool', '{"response":"Yes."}'), ...end],
      request,
    );
    expect(assembleReply(chunks).blocks).toEqual([
      { type: 'text', text: 'Hm.' },
      { type: 'text', text: 'Yes.' },
    ]);
  });

  test('of a whole reply', () => {
    const reply: UnifiedReply = {
      id: '1',
      model: 'm',
      blocks: [
        {
          type: 'call',
          call: { id: 'c', type: 'function', function: { name: 'ExitTool', arguments: args } },
        },
      ],
      finish: 'tool_calls',
    };
    const changed = assembleReply(answerWith(toolUse, replyChunks(reply), request));
    expect(changed.blocks).toEqual([{ type: 'text', text: said }]);
    expect(changed.finish).toBe('stop');
  });
});
