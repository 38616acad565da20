import { describe, expect, test } from 'bun:test';
import { fitStrictSchema, fitToolSchema, isClosed } from '../../../src/formats/messages/schema.ts';

describe('a tool schema', () => {
  test('without parameters is an object without properties', () => {
    expect(fitToolSchema(undefined).schema).toEqual({ type: 'object', properties: {} });
  });

  test('stays as it is, keyword for keyword', () => {
    const schema = {
      $schema: 'https://json-schema.org/draft/2020-12/schema',
      type: 'object',
      properties: { a: { oneOf: [{ type: 'string' }, { type: 'number', exclusiveMinimum: 0 }] } },
      additionalProperties: false,
    };
    expect(fitToolSchema(schema)).toEqual({ schema: { ...schema, type: 'object' } });
  });

  test('a union at the top becomes one object that takes each variant', () => {
    const { schema, changed } = fitToolSchema({
      anyOf: [
        { type: 'object', properties: { a: { type: 'string' }, b: {} }, required: ['a', 'b'] },
        { type: 'object', properties: { a: { type: 'number' } }, required: ['a'] },
      ],
    });
    expect(changed).toBeDefined();
    expect(schema).toEqual({
      type: 'object',
      properties: { a: { anyOf: [{ type: 'string' }, { type: 'number' }] }, b: {} },
      required: ['a'],
    });
  });

  test('allOf requires what any part requires', () => {
    const { schema } = fitToolSchema({
      type: 'object',
      properties: { a: {} },
      allOf: [{ properties: { b: {} }, required: ['b'] }, { $ref: '#/$defs/C' }],
      $defs: { C: { properties: { c: {} }, required: ['c'] } },
    });
    expect(schema).toMatchObject({ properties: { a: {}, b: {}, c: {} }, required: ['b', 'c'] });
    expect(schema).not.toHaveProperty('allOf');
  });

  test('a reference at the top is followed', () => {
    const { schema } = fitToolSchema({
      $ref: '#/$defs/Args',
      $defs: { Args: { type: 'object', properties: { x: { type: 'string' } } } },
    });
    expect(schema).toMatchObject({ type: 'object', properties: { x: { type: 'string' } } });
  });
});

describe('a schema for structured output', () => {
  test('loses what constrained decoding refuses, and says so', () => {
    const fitted = fitStrictSchema({
      type: 'object',
      properties: {
        n: { type: 'integer', minimum: 1, description: 'how many' },
        s: { type: 'string', format: 'date', maxLength: 3 },
        odd: { type: 'string', format: 'iban' },
        list: { type: 'array', minItems: 4, items: { type: 'object', properties: {} } },
      },
      required: ['n'],
      additionalProperties: false,
    });
    expect(fitted?.schema).toEqual({
      type: 'object',
      properties: {
        n: { type: 'integer', description: 'how many' },
        s: { type: 'string', format: 'date' },
        odd: { type: 'string' },
        list: {
          type: 'array',
          items: { type: 'object', properties: {}, additionalProperties: false },
        },
      },
      required: ['n'],
      additionalProperties: false,
    });
    for (const word of ['minimum', 'maxLength', 'format', 'minItems', 'open objects']) {
      expect(fitted?.changed).toContain(word);
    }
  });

  test('is unchanged when it fits; the name of its dialect is no loss', () => {
    const schema = { type: 'object', properties: {}, additionalProperties: false };
    expect(fitStrictSchema({ $schema: 'x', ...schema })).toEqual({ schema });
  });

  test('a property that is called like a keyword is no keyword', () => {
    const schema = {
      type: 'object',
      properties: { minimum: { type: 'number' }, oneOf: { type: 'string' } },
      additionalProperties: false,
    };
    expect(fitStrictSchema(schema)).toEqual({ schema });
  });

  test('one that refers to itself cannot be one; shared definitions can', () => {
    const tree = { type: 'object', properties: { next: { $ref: '#/$defs/T' } } };
    expect(fitStrictSchema({ $ref: '#/$defs/T', $defs: { T: tree } })).toBeUndefined();
    const point = { type: 'object', properties: {}, additionalProperties: false };
    const twice = {
      type: 'array',
      items: { anyOf: [{ $ref: '#/$defs/P' }, { $ref: '#/$defs/P' }] },
    };
    expect(fitStrictSchema({ ...twice, $defs: { P: point } })).toBeDefined();
  });
});

test('closed means: every object requires all it names and nothing else', () => {
  const closed = {
    type: 'object',
    properties: { a: {} },
    required: ['a'],
    additionalProperties: false,
  };
  expect(isClosed(closed)).toBe(true);
  expect(isClosed({ ...closed, required: [] })).toBe(false);
  expect(isClosed({ type: 'array', items: { type: 'object' } })).toBe(false);
});
