import { describe, expect, test } from 'bun:test';
import {
  Edges,
  Edited,
  isFlatBefore,
  type Span,
  soleString,
  splice,
  topLevelSpans,
} from '../src/json-span.ts';

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

describe('a body with what is looked for at its edges', () => {
  const keys = ['model', 'stream'];
  /** Undefined when one of the keys cannot be told so. */
  const edges = (text: string) => {
    const found = Edges.of(Buffer.from(text), keys);
    if (found === undefined) return undefined;
    const spans = new Map<string, Span>();
    for (const key of keys) {
      const span = found.span(key, Buffer.from(`"${key}"`));
      if (span === undefined) return undefined;
      if (span !== null) spans.set(key, span);
    }
    return spans;
  };
  const long = `["${'é, '.repeat(2000)}"]`;

  test.each([
    ['{"model":"x","stream":true,"messages":[{"a":"b"}],"n":1}', ['model', 'stream']],
    [' {"a":1, "model" : "x" ,"input":[ ], "b":2 } \n', ['model']],
    ['{"messages":[],"model":"x"}', ['model']],
    [`{"model":"x","input":${long},"n":1,"stream":true}`, ['model', 'stream']],
    [
      `{"model":"x","input":${long},"stream":true,"o":{"a":[1,{"b":"]"}],"c":2}}`,
      ['model', 'stream'],
    ],
    [`{"model":"x","input":${long},"o":{"a":1},"model":"y"}`, ['model']],
    ['{"stream":true,"a":["model","stream","\\u006d"],"model":"x","stream":false}', keys],
  ])('%s', (text, found) => {
    const spans = edges(text);
    expect([...(spans?.keys() ?? ['none'])]).toEqual(found);
    expect(spans).toEqual(topLevelSpans(Buffer.from(text), keys));
  });

  test.each([
    ['a key in the middle', `{"model":"x","a":[],"stream":true,"b":${long},"c":1}`],
    ['a key with escapes', `{"model":"x","a":[],"\\u006dodel":"y","b":${long},"c":1}`],
    ['the word in a text, to be sure', '{"model":"x","a":["model"],"b":1}'],
    ['nothing behind what is large', `{"model":"x","a":${long}}`],
    ['a backslash near the end', '{"model":"x","a":[],"b":"\\""}'],
    ['the key itself holds a list', '{"model":[],"a":1}'],
    ['nothing large', '{"model":"x"}'],
    ['cut off', `{"model":"x","a":[1,2`],
    ['no object', '[{"model":"x"}]'],
    ['no comma', '{"model":"x" "a":[],"b":1}'],
    ['something behind it', '{"model":"x","a":[],"b":1} }'],
  ])('is looked at whole: %s', (_name, text) => {
    expect(edges(text)).toBeUndefined();
  });

  test('agrees with a look at everything, wherever the keys are and whatever is between', () => {
    let seed = 11;
    const random = (n: number): number => {
      seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff;
      return (seed >> 8) % n;
    };
    const values = [
      '1',
      '"x"',
      '"a\\"b"',
      '[1,{"model":2}]',
      '{"stream":[]}',
      '[1,{"x":[{}]}]',
      '{}',
      'true',
      '"}"',
      '"[,"',
      '" "',
    ];
    const names = ['model', 'stream', 'a', 'b', 'c\\n', 'mo\\u0064el'];
    let quick = 0;
    for (let n = 0; n < 3000; n += 1) {
      const members = Array.from(
        { length: 1 + random(6) },
        () =>
          `"${names[random(names.length)]}"${random(2) ? ': ' : ':'}${values[random(values.length)]}`,
      );
      const text = `{${members.join(random(2) ? ', ' : ',')}}`;
      const spans = edges(text);
      if (spans === undefined) continue;
      quick += 1;
      expect([text, spans]).toEqual([text, topLevelSpans(Buffer.from(text), keys) ?? new Map()]);
    }
    expect(quick).toBeGreaterThan(100);
  });
});

describe('bytes that are lent', () => {
  const rest = `,"input":"${'é'.repeat(20_000)}"}`;

  test.each([
    ['a shorter text', '"m"'],
    ['one as long', '"other"'],
    ['a longer one', '"much-longer"'],
    ['one of several bytes a character', '"é"'],
  ])('%s: are those of a copy, and come back as they were', (_name, text) => {
    const whole = `{"a":1,"model":"alias"${rest}`;
    const bytes = Buffer.from(whole);
    const edited = new Edited(bytes, [{ start: 15, end: 22, with: text }]);
    const lent = edited.borrow().toString();
    edited.giveBack();
    expect(lent).toBe(`{"a":1,"model":${text}${rest}`);
    expect(edited.copy().toString()).toBe(lent);
    expect(bytes.toString()).toBe(whole);
  });
});

describe('the string of a key that stands once', () => {
  test.each([
    ['plain', '{"a":1,"model":"x"}', '"x"'],
    ['with a space', '{"a": 1, "model": "x"}', '"x"'],
    ['nested', '{"a":{"model":"x"}}', '"x"'],
    ['escaped quotes and backslashes', '{"model":"a\\"b\\\\"}', '"a\\"b\\\\"'],
    ['the words in a string are no key', '{"a":"\\"model\\":\\"no\\"","model":"x"}', '"x"'],
    ['twice', '{"model":"x","model":"y"}', undefined],
    ['once more, nested', '{"model":"x","a":{"model":"y"}}', undefined],
    ['no string', '{"model":1}', undefined],
    ['a value and no key', '{"a":"model"}', undefined],
    ['oddly written', '{"model" : "x"}', undefined],
    ['no end', '{"model":"x', undefined],
    ['not there', '{}', undefined],
  ])('%s', (_name, text, expected) => {
    const bytes = Buffer.from(text);
    const span = soleString(bytes, Buffer.from('"model"'));
    expect(span && bytes.toString('utf8', span.start, span.end)).toBe(expected);
  });

  test.each([
    ['{"a":1,"model":"x","b":{}}', true],
    ['{"a":{},"model":"x"}', false],
    ['{"a":[],"model":"x"}', false],
    ['{"model":"x"}', true],
  ])('nothing that holds others before it: %s', (text, expected) => {
    const bytes = Buffer.from(text);
    expect(isFlatBefore(bytes, bytes.indexOf('"model"'))).toBe(expected);
  });
});
