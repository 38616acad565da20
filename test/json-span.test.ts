import { describe, expect, test } from 'bun:test';
import { splice, topLevelSpans } from '../src/json-span.ts';

function textOfValue(text: string, key: string): string | undefined {
  const bytes = Buffer.from(text);
  const span = topLevelSpans(bytes, [key])?.get(key);
  return span && bytes.toString('utf8', span.start, span.end);
}

describe('the place of a top-level value', () => {
  const cases: [string, string, string | undefined][] = [
    ['plain', '{"model":"x","a":1}', '"x"'],
    ['last', '{"a":1,"model":"x"}', '"x"'],
    ['white space', ' { "a" : [ 1 , 2 ] ,\n "model"\t:  "x" } ', '"x"'],
    [
      'behind nested ones of the same name',
      '{"a":{"model":"no"},"b":[{"model":"no"}],"model":"x"}',
      '"x"',
    ],
    ['not in a string', '{"a":"\\"model\\":\\"no\\"","model":"x"}', '"x"'],
    ['strings that end in backslashes', '{"a":"\\\\","b":"\\\\\\"","model":"x"}', '"x"'],
    ['brackets in strings', '{"a":"}]{[","model":"x"}', '"x"'],
    ['of a repeated key the last', '{"model":"no","model":"x"}', '"x"'],
    ['a key spelled with escapes', '{"\\u006dodel":"x"}', '"x"'],
    [
      'numbers, literals',
      '{"a":-1.5e+3,"b":true,"c":null,"model":12345678901234567890}',
      '12345678901234567890',
    ],
    ['objects and lists', '{"model":{"a":[1,"]"]},"z":0}', '{"a":[1,"]"]}'],
    ['none', '{"a":1}', undefined],
    ['an empty object', '{}', undefined],
    ['behind a BOM', '\uFEFF{"model":"x"}', '"x"'],
  ];
  test.each(cases)('%s', (_name, text, want) => {
    expect(textOfValue(text, 'model')).toBe(want);
  });

  test('agrees with JSON.parse on generated objects', () => {
    let seed = 7;
    const random = (n: number): number => {
      seed = (seed * 1103515245 + 12345) & 0x7fffffff;
      return seed % n;
    };
    const value = (depth: number): unknown => {
      const kinds = depth > 3 ? 4 : 6;
      switch (random(kinds)) {
        case 0:
          return random(1000) / 7;
        case 1:
          return ['"', '\\', '\\"', '{', 'é🗼', '\n', 'model'][random(7)];
        case 2:
          return null;
        case 3:
          return random(2) === 1;
        case 4:
          return Array.from({ length: random(4) }, () => value(depth + 1));
        default:
          return Object.fromEntries(
            Array.from({ length: random(4) }, (_, i) => [
              `${'model'.slice(i)}${i}"\\`,
              value(depth + 1),
            ]),
          );
      }
    };
    for (let i = 0; i < 500; i += 1) {
      const object = { a: value(0), model: value(0), z: value(0) };
      const text = JSON.stringify(object, null, random(3));
      for (const [key, want] of Object.entries(object)) {
        expect(JSON.parse(textOfValue(text, key) ?? 'undefined')).toEqual(want);
      }
    }
  });
});

test.each([
  '',
  '[]',
  '{',
  '{"a":1',
  '{"a":"x}',
  '{"a" 1}',
  '{"a":1 "b":2}',
  '{"a":1,}',
  '{a:1}',
  '{"a":}',
  '{"a":1}x',
  '{"a":[1}',
])('what is no object at the top level is told apart: %s', (text) => {
  expect(topLevelSpans(Buffer.from(text), ['a'])).toBeUndefined();
});

test('a splice changes its spans and no other character', () => {
  const text = '{"b":2,"a":1}';
  const bytes = Buffer.from(text);
  const spans = topLevelSpans(bytes, ['a', 'b']);
  const edits = ['a', 'b'].flatMap((key) => {
    const span = spans?.get(key);
    return span ? [{ ...span, with: `"${key}"` }] : [];
  });
  expect(splice(bytes, edits).toString()).toBe('{"b":"b","a":"a"}');
});
