import { describe, expect, test } from 'bun:test';
import { cut, fromSchema } from '../../src/demo/from-schema.ts';
import type { JsonObject } from '../../src/json.ts';

const WORDS = 'rain in Oslo?';
const made = (schema: JsonObject): unknown => fromSchema(schema, WORDS);
/** What becomes of a required property of that schema. */
const property = (schema: unknown, name = 'city', root: JsonObject = {}): unknown => {
  const value = made({ ...root, type: 'object', properties: { [name]: schema }, required: [name] });
  return typeof value === 'object' && value !== null ? Object.values(value)[0] : undefined;
};

test('only required properties are made, in their order', () => {
  const text = { type: 'string' };
  const schema = {
    type: 'object',
    properties: { a: text, b: text, c: text },
    required: ['c', 'a'],
  };
  expect(made(schema)).toEqual({ c: WORDS, a: WORDS });
  expect(made({ type: 'object', properties: { a: text } })).toEqual({});
});

const VALUES: [string, unknown, unknown][] = [
  ['a string', { type: 'string' }, WORDS],
  ['a bounded string', { type: 'string', maxLength: 4 }, 'rain'],
  ['a string of at least', { type: 'string', minLength: 15 }, `${WORDS}..`],
  ['a date', { type: 'string', format: 'date' }, '2025-01-01'],
  ['an unknown format', { type: 'string', format: 'x' }, WORDS],
  ['an integer', { type: 'integer' }, 1],
  ['an integer with a minimum', { type: 'integer', minimum: 5 }, 5],
  ['an integer above', { type: 'integer', exclusiveMinimum: 5 }, 6],
  ['a number below', { type: 'number', maximum: 0.25 }, 0.25],
  ['a number strictly below', { type: 'number', exclusiveMaximum: 1 }, 0.5],
  ['a multiple', { type: 'integer', multipleOf: 5 }, 5],
  ['a negative', { type: 'integer', maximum: -3 }, -3],
  ['a boolean', { type: 'boolean' }, true],
  ['null', { type: 'null' }, null],
  ['an enum', { type: 'string', enum: ['x', 'y'] }, 'x'],
  ['a const', { const: 0 }, 0],
  ['a default', { type: 'integer', default: 0 }, 0],
  ['an array', { type: 'array', items: { type: 'integer' } }, [1]],
  ['an array of two', { type: 'array', items: { type: 'boolean' }, minItems: 2 }, [true, true]],
  ['an empty array', { type: 'array', items: {}, maxItems: 0 }, []],
  ['a tuple', { type: 'array', prefixItems: [{ type: 'integer' }, { type: 'null' }] }, [1, null]],
  ['a type that may be null', { type: ['null', 'integer'] }, 1],
  ['anyOf with null', { anyOf: [{ type: 'null' }, { type: 'integer' }] }, 1],
  ['oneOf', { oneOf: [{ const: 'a' }, { const: 'b' }] }, 'a'],
  ['capital letters', { type: 'INTEGER' }, 1],
  ['no type but items', { items: { type: 'integer' } }, [1]],
  ['anything', {}, WORDS],
  ['true', true, WORDS],
  ['nothing', undefined, WORDS],
];
for (const [name, schema, value] of VALUES) {
  test(name, () => expect(property(schema)).toEqual(value));
}

test('allOf joins properties and required', () => {
  const one = { type: 'object', properties: { a: { const: 1 } }, required: ['a'] };
  const two = { properties: { b: { const: 2 } }, required: ['b'] };
  expect(property({ allOf: [one, two] })).toEqual({ a: 1, b: 2 });
});

describe('words of a user', () => {
  for (const name of [
    'command',
    'cmd',
    'file_path',
    'filePath',
    'script',
    'url',
    'user_id',
    'id',
  ]) {
    test(`never become a ${name}`, () => {
      expect(property({ type: 'string' }, name)).toBe(name);
      expect(property({ type: 'array', items: { type: 'string' } }, name)).toEqual([name]);
    });
  }

  test('become a description', () => {
    expect(property({ type: 'string' }, 'description')).toBe(WORDS);
  });

  test('no words: the name', () => {
    expect(fromSchema({ type: 'object', required: ['q'] }, '')).toEqual({ q: 'q' });
  });
});

describe('references', () => {
  test('are followed within the schema, escapes included', () => {
    const root = { $defs: { 'a/b': { type: 'integer' } }, definitions: { c: { const: 'd' } } };
    expect(property({ $ref: '#/$defs/a~1b' }, 'x', root)).toBe(1);
    expect(property({ $ref: '#/definitions/c' }, 'x', root)).toBe('d');
  });

  test('to nowhere are anything', () => {
    expect(property({ $ref: '#/$defs/none' })).toBe(WORDS);
    expect(property({ $ref: 'https://example.com/schema' })).toBe(WORDS);
  });

  test('in a circle come to an end', () => {
    const tree = {
      type: 'object',
      properties: { child: { $ref: '#' }, all: { type: 'array', items: { $ref: '#' } } },
      required: ['child', 'all'],
    };
    expect(JSON.stringify(made(tree)).length).toBeLessThan(20_000);
    expect(made({ $ref: '#' })).toBe(WORDS);
    expect(made({ allOf: [{ $ref: '#' }] })).toBe(WORDS);
  });
});

test('references that multiply come to an end soon', () => {
  const names = Array.from({ length: 20 }, (_, n) => `p${n}`);
  const properties = Object.fromEntries(names.map((name) => [name, { $ref: '#' }]));
  const started = performance.now();
  made({ type: 'object', properties, required: names });
  made({ allOf: names.map(() => ({ $ref: '#' })) });
  expect(performance.now() - started).toBeLessThan(1000);
});

test('cut never leaves half a character', () => {
  expect(cut('a👍', 2)).toBe('a');
  expect(cut('a👍', 3)).toBe('a👍');
  expect(cut('abc', 0)).toBe('');
  expect(cut('abc', -1)).toBe('');
});
