import { describe, expect, test } from 'bun:test';
import { InputReader, unwrapInput } from '../../src/transform/custom-input.ts';
import { randomFrom } from './random.ts';

const PATCH =
  '*** Begin Patch\n*** Update File: a.ts\n@@\n-const a = "x";\n+const a = \'\\d\';\n*** End Patch\n';

/** What a stream of these pieces gives, piece by piece and at its end. */
function read(pieces: readonly string[]) {
  const lost: (string | undefined)[] = [];
  const reader = new InputReader((key) => lost.push(key));
  const given = pieces.map((piece) => reader.push(piece));
  return { given, rest: reader.end(), lost };
}

describe('what the model should answer', () => {
  test('gives the input, whatever is in it', () => {
    for (const input of ['', ' ', PATCH, '"', '\\', '{"input":"x"}', '👋\u0000\u2028', '\ud83d']) {
      expect(unwrapInput(JSON.stringify({ input }))).toBe(input);
      expect(unwrapInput(JSON.stringify({ input }, null, 2))).toBe(input);
    }
  });

  test('gives the input as it comes, not at the end', () => {
    expect(read(['{"in', 'put": "', '*** Be', 'gin\\', 'nPatch', '"}'])).toEqual({
      given: ['', '', '*** Be', 'gin', '\nPatch', ''],
      rest: '',
      lost: [],
    });
  });

  test('never ends a piece within a character', () => {
    expect(read(['{"input":"a\\ud83d', '\\ude', '00b', '\\u00', 'e9"}']).given).toEqual([
      'a',
      '',
      '😀b',
      '',
      'é',
    ]);
  });

  test('keeps a half of a pair that stands alone', () => {
    expect(unwrapInput('{"input":"\\ud83dx\\ud83d\\u0041\\ude00\\ud83d"}')).toBe(
      '\ud83dx\ud83dA\ude00\ud83d',
    );
  });

  test('gives the same however it is cut', () => {
    const random = randomFrom(2);
    for (let round = 0; round < 400; round += 1) {
      const input = random.text(random.below(60));
      const other = { note: random.text(5), list: [random.text(3), { input: 'no' }], n: 1.5 };
      const value = random.pick([{ input }, { input, ...other }, { ...other, input }]);
      const escaped = JSON.stringify(value).replace(/[é漢]/g, (letter) => {
        return `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
      });
      const { given, rest, lost } = read(random.pieces(random.pick([escaped, `\n ${escaped} `])));
      expect(given.join('') + rest).toBe(input);
      expect(lost.toSorted()).toEqual('note' in value ? ['list', 'n', 'note'] : []);
    }
  });
});

describe('what models answer instead', () => {
  test('free text without JSON goes through as it comes', () => {
    const pieces = [' ', '\n*** Begin', ' Patch {"input":', '"x"}'];
    expect(read(pieces)).toEqual({
      given: ['', ' \n*** Begin', ' Patch {"input":', '"x"}'],
      rest: '',
      lost: [],
    });
  });

  test('code that looks like JSON at first', () => {
    for (const code of ['{ const a = { b: "c" }; }', '"use strict"; run()', '{', '"', '{"input"']) {
      expect(unwrapInput(code)).toBe(code);
      expect(read([...code]).rest).toBe(code);
    }
  });

  test('a string alone', () => {
    expect(unwrapInput('"*** Begin\\nPatch"')).toBe('*** Begin\nPatch');
  });

  test('arguments that were encoded twice', () => {
    expect(unwrapInput(JSON.stringify(JSON.stringify({ input: 'a "b"' })))).toBe('a "b"');
  });

  test('another key', () => {
    expect(unwrapInput('{"patch":"*** Begin\\n"}')).toBe('*** Begin\n');
  });

  test('several other keys: everything, as JSON', () => {
    const text = '{"file":"a.ts","patch":"x"}';
    expect(unwrapInput(text)).toBe(text);
  });

  test('an input that is no string', () => {
    expect(unwrapInput('{"input":{"a":[1,"b"]}}')).toBe('{"a":[1,"b"]}');
    expect(unwrapInput('{"input":["input","b"],"x":"y"}')).toBe('["input","b"]');
    expect(unwrapInput('{"input":null}')).toBe('');
  });

  test('nothing', () => {
    for (const nothing of ['', '{}', ' { } ']) expect(unwrapInput(nothing).trim()).toBe('');
  });

  test('line breaks and escapes that JSON does not know', () => {
    expect(unwrapInput('{"input":"a\n\tb \\d \\u12x \\\'"}')).toBe("a\n\tb \\d \\u12x \\'");
  });

  test('quotes that were not escaped', () => {
    for (const text of ['say "hi" now', 'f({"a":"b"})', 'x = ["a", "b"]', '"', 'a "b", "c": d']) {
      const wrapped = `{"input":"${text}"}`;
      expect(unwrapInput(wrapped)).toBe(text);
      const { given, rest } = read([...wrapped]);
      expect(given.join('') + rest).toBe(text);
    }
  });

  test('an answer that was cut off gives what there is', () => {
    expect(unwrapInput('{"input":"*** Begin')).toBe('*** Begin');
    expect(unwrapInput('{"input":"a\\')).toBe('a');
    expect(unwrapInput('{"input":"a\\u00')).toBe('a');
    expect(unwrapInput('{"input":"a"')).toBe('a');
  });

  test('debris behind the object is reported, not taken for input', () => {
    expect(read(['{"input":"a"}}'])).toEqual({ given: ['a'], rest: '', lost: [undefined] });
    expect(read(['{"input":"a"}</tool_call>']).lost).toEqual([undefined]);
  });
});

test('a megabyte under another key takes linear time', () => {
  const reader = new InputReader();
  const piece = 'x'.repeat(10);
  const startedMs = performance.now();
  reader.push('{"content":"');
  for (let count = 0; count < 100_000; count += 1) reader.push(piece);
  reader.push('"}');
  expect(reader.end().length).toBe(1_000_000);
  expect(performance.now() - startedMs).toBeLessThan(2000);
});
