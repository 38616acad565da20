import { describe, expect, test } from 'bun:test';
import { enhanceTool, mendArguments } from '../../src/quirks/enhance-tool.ts';
import type { Finish, UnifiedChunk } from '../../src/unified.ts';
import { answerWith } from './support.ts';

describe('enhancetool: valid arguments', () => {
  test.each(['{}', '{"a":1}', '{ "a" : [1, {"b": "c\\n"}] }', '{"a":1e3,"b":null}\n'])(
    '%j stay as they are',
    (text) => {
      expect(mendArguments(text)).toBe(text);
    },
  );
});

describe('enhancetool: broken arguments', () => {
  test.each([
    ['a trailing comma', '{"a":1,}', { a: 1 }],
    ['single quotes', "{'a':'b'}", { a: 'b' }],
    ['keys without quotes', '{a: "b"}', { a: 'b' }],
    ['a comment', '{"a":1 /* one */}', { a: 1 }],
    ['a line break in a string', '{"code":"one\ntwo"}', { code: 'one\ntwo' }],
    ["Python's words", '{"a": True, "b": None, "c": [False]}', { a: true, b: null, c: [false] }],
    ['a code fence', '```json\n{"a":1}\n```', { a: 1 }],
    ['text around it', 'Sure: {"a":1} Done.', { a: 1 }],
    ['a missing brace', '{"a":{"b":1}', { a: { b: 1 } }],
    ['a missing quote and brace', '{"a":"b', { a: 'b' }],
    ['missing brackets', '{"a":[1,[2,3', { a: [1, [2, 3]] }],
    ['a surplus brace', '{"a":1}}', { a: 1 }],
    ['a missing comma', '{"a":"x" "b":"y"}', { a: 'x', b: 'y' }],
    ['a key without a value at the end', '{"a":1,"b":', { a: 1 }],
    ['quotes within a string', '{"a":"say "hi" now","b":1}', { a: 'say "hi" now', b: 1 }],
    ['an empty object first', '{}{"a":1}', { a: 1 }],
    ['an object in a string', '"{\\"a\\":1}"', { a: 1 }],
    ['a path with single backslashes', '{"p":"C:\\dir\\x",}', { p: 'C:\\dir\\x' }],
    ['curly quotes', '{\u201ca\u201d: \u201cb\u201d}', { a: 'b' }],
    ['numbers', '{"a": -1.5e3, "b": 007x,}', { a: -1500, b: '007x' }],
    ['a key of the prototype', '{"a": constructor,}', { a: 'constructor' }],
  ])('%s', (_what, text, expected) => {
    expect(JSON.parse(mendArguments(text))).toEqual(expected);
  });

  test.each(['', 'no object', '[1,2', '"text"', '42'])('%j cannot be mended and stays', (text) => {
    expect(mendArguments(text)).toBe(text);
  });

  test('what would lose a key is left as it is', () => {
    const text = '{"a":"x"}, "b":"y"}';
    expect(mendArguments(text)).toBe(text);
  });

  test('every beginning of arguments ends', () => {
    const whole = '{"a": [1, {"b": \'c\\u00e9\'}, True], x: "d" "e": {"f": [}]}';
    for (let end = 0; end <= whole.length; end += 1) {
      expect(typeof mendArguments(whole.slice(0, end))).toBe('string');
    }
  });
});

describe('enhancetool: the stream', () => {
  const call: UnifiedChunk = { type: 'call', index: 0, id: 'c', name: 'look' };
  const piece = (text: string, index = 0): UnifiedChunk => ({ type: 'arguments', index, text });
  const ending = (finish: Finish): UnifiedChunk[] => [{ type: 'finish', finish }, { type: 'done' }];

  test('mends at the end of the call, before it', () => {
    const chunks: UnifiedChunk[] = [
      call,
      piece('{"a"'),
      piece(':1,}'),
      { type: 'callEnd', index: 0 },
    ];
    expect(answerWith(enhanceTool, [...chunks, ...ending('tool_calls')])).toEqual([
      call,
      piece('{"a":1}'),
      { type: 'callEnd', index: 0 },
      ...ending('tool_calls'),
    ]);
  });

  test('mends at the finish when no call end comes, mixed calls apart', () => {
    const other: UnifiedChunk = { ...call, index: 1, id: 'd' };
    const chunks = [call, other, piece('{a:'), piece('{b:', 1), piece('1}'), piece('2}', 1)];
    expect(answerWith(enhanceTool, [...chunks, ...ending('tool_calls')])).toEqual([
      call,
      other,
      piece('{"a":1}'),
      piece('{"b":2}', 1),
      ...ending('tool_calls'),
    ]);
  });

  test('a call that the token limit cut is not completed', () => {
    const chunks = [call, piece('{"content":"half of'), ...ending('length')];
    expect(answerWith(enhanceTool, chunks)).toEqual(chunks);
  });

  test('a broken stream gives what came', () => {
    const chunks: UnifiedChunk[] = [
      call,
      piece('{"a":'),
      { type: 'error', error: { message: 'gone' } },
    ];
    expect(answerWith(enhanceTool, chunks)).toEqual(chunks);
  });

  test('free text of a custom tool passes at once', () => {
    const custom: UnifiedChunk = { ...call, custom: true };
    const chunks = [custom, piece('{a'), piece(':1'), ...ending('tool_calls')];
    expect(answerWith(enhanceTool, chunks)).toEqual(chunks);
  });
});
