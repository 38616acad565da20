import { describe, expect, test } from 'bun:test';
import { type Dialect, scanPositions } from '../../src/config/position.ts';

const text = `{
  "providers": {
    "acme": { "type": "chat", "models": ["a", "b"] }
  },
  "a.b": null
}`;

describe('locate', () => {
  const scan = scanPositions(text, 'json');
  test.each([
    [[], 1, 1],
    [['providers'], 2, 16],
    [['providers', 'acme', 'type'], 3, 23],
    [['providers', 'acme', 'models', 1], 3, 47],
    [['a.b'], 5, 10],
  ])('%j stands in line %d, column %d', (path, line, column) => {
    expect(scan.locate(path)).toEqual({ line, column });
  });
  test('finds the key itself when the key is at fault', () => {
    expect(scan.locate(['providers', 'acme', 'models'], true)).toEqual({ line: 3, column: 31 });
  });
  test('gives the innermost part there is for what is absent', () => {
    expect(scan.locate(['providers', 'acme', 'apiKey'])).toEqual({ line: 3, column: 13 });
    expect(scan.locate(['nope', 'x'])).toEqual({ line: 1, column: 1 });
  });
  test('counts lines that end in CRLF, and leaves a byte order mark out of it', () => {
    const windows = scanPositions('\uFEFF{\r\n\r\n  "a": 1}', 'json');
    expect(windows.error).toBeUndefined();
    expect(windows.locate(['a'])).toEqual({ line: 3, column: 8 });
  });
});

test('keys that stand twice are found, also written differently', () => {
  const scan = scanPositions('{"a": {"b": 1, "c": 2, "\\u0062": 3}, "x": 1, "a": 2}', 'json');
  expect(scan.duplicates).toEqual([
    { path: ['a', 'b'], position: { line: 1, column: 24 } },
    { path: ['a'], position: { line: 1, column: 46 } },
  ]);
});

const accepted: [Dialect, string][] = [
  ['json', '{"a":[1,-0.5,1e9,true,false,null,"\\n\\u00e9\\/"],"b":{}}'],
  ['json', '[]'],
  ['jsonc', '// head\n{ /* in */ "a": 1, } // tail'],
  ['jsonc', '{"a": [1,],}\n/* end */'],
  ['json5', "{a: 'x', $b_1: +0x1F, c: .5, d: 5., e: NaN, f: -Infinity, 'g': \"it's\", }"],
  ['json5', "// c\n['line \\\ncontinued', '\\x41\\'',]"],
];
test.each(accepted)('%s takes %j', (dialect, source) => {
  expect(scanPositions(source, dialect).error).toBeUndefined();
});

const refused: [Dialect, string, string, number, number][] = [
  ['json', '', 'the file is empty', 1, 1],
  ['json', ' \n ', 'the file is empty', 2, 2],
  ['jsonc', '// only a comment', 'the file is empty', 1, 18],
  ['json', '{"a": 1', 'the file ends where "," or "}" is expected', 1, 8],
  ['json', '{"a"', 'the file ends where ":" is expected', 1, 5],
  ['json', '{"a": 1\n"b": 2}', 'expected "," or "}", found "\\""', 2, 1],
  ['json', '{"a": 1,}', 'a comma must not stand before "}"', 1, 8],
  ['json', '[1,]', 'a comma must not stand before "]"', 1, 3],
  ['json', '{} x', 'nothing may follow the end of the document', 1, 4],
  ['jsonc', '{} {}', 'nothing may follow the end of the document', 1, 4],
  ['json', '{"a": // c\n1}', 'comments are not allowed in a .json file', 1, 7],
  ['jsonc', '{} /* open', 'this comment never ends', 1, 4],
  ['jsonc', '{} /*/', 'this comment never ends', 1, 4],
  ['json', '{a: 1}', 'expected a key in double quotes, found "a"', 1, 2],
  ['jsonc', "{'a': 1}", 'expected a key in double quotes', 1, 2],
  ['json', '{"a": chat}', 'expected a value; strings are written in quotes', 1, 7],
  ['json', '{"a": \'x\'}', 'strings are written in double quotes', 1, 7],
  ['json', '{"a": 01}', 'expected a value', 1, 7],
  ['json', '{"a": "x\n"}', 'this string does not end on its line', 1, 7],
  ['json', '{"a": "x', 'this string never ends', 1, 7],
  ['json', '{"a": "\\x"}', 'this is not an escape that JSON knows', 1, 8],
  ['json', '{"a": "\t"}', 'control characters', 1, 8],
  ['json', '{"a": 1, , "b": 2}', 'expected a key', 1, 10],
  ['json', '['.repeat(600), 'this is nested too deeply', 1, 502],
];
test.each(refused)('%s refuses %j', (dialect, source, message, line, column) => {
  const { error } = scanPositions(source, dialect);
  expect(error?.message).toContain(message);
  expect(error?.position).toEqual({ line, column });
});

test('strict texts are judged as JSON.parse judges them', () => {
  const pieces = [
    '{',
    '}',
    '[',
    ']',
    ',',
    ':',
    '"a"',
    '"b"',
    '1',
    '-',
    '0',
    '.5',
    'true',
    'nul',
    ' ',
  ];
  let seed = 7;
  const random = () => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return seed / 2_147_483_648;
  };
  let valid = 0;
  for (let round = 0; round < 20_000; round++) {
    const length = 1 + Math.floor(random() * 7);
    const source = Array.from({ length }, () => pieces[Math.floor(random() * pieces.length)]).join(
      '',
    );
    let parses = true;
    try {
      JSON.parse(source);
      valid++;
    } catch {
      parses = false;
    }
    expect([source, scanPositions(source, 'json').error === undefined]).toEqual([source, parses]);
  }
  expect(valid).toBeGreaterThan(200);
});
