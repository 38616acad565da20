import { describe, expect, test } from 'bun:test';
import { fitStrictSchema, fitToolSchema } from '../../../src/formats/messages/schema.ts';

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

  test('places of an array become what any of its items may be, and no legal value is lost', () => {
    const kinds = [{ type: 'string' }, { type: 'number' }, { type: 'string' }];
    const union = { type: 'array', items: { anyOf: [{ type: 'string' }, { type: 'number' }] } };
    const fit = (array: object) => fitStrictSchema({ type: 'array', ...array });
    // `items: false` alone would allow the empty array only.
    const closed = fit({ prefixItems: kinds, items: false });
    expect(closed).toEqual({ schema: union, changed: 'without prefixItems' });
    expect(fit({ prefixItems: kinds, maxItems: 3 })?.schema).toEqual(union);
    expect(fit({ items: kinds, additionalItems: false })?.schema).toEqual(union);
    expect(fit({ prefixItems: [kinds[0]], items: kinds[1] })?.schema).toEqual(union);
    expect(fit({ prefixItems: [kinds[0]], items: false })?.schema).toEqual({
      type: 'array',
      items: { type: 'string' },
    });
    // Further items may be anything.
    expect(fit({ prefixItems: kinds })?.schema).toEqual({ type: 'array' });
  });

  test('definitions that name the next one twice are read once each', () => {
    const $defs = Object.fromEntries(
      Array.from({ length: 60 }, (_, index) => [
        `D${index}`,
        { anyOf: [{ $ref: `#/$defs/D${index + 1}` }, { $ref: `#/$defs/D${index + 1}` }] },
      ]),
    );
    const leaf = { D60: { type: 'string' } };
    const schema = { $ref: '#/$defs/D0', $defs: { ...$defs, ...leaf } };
    expect(fitStrictSchema(schema)).toEqual({ schema });
    const knot = { D60: { $ref: '#/$defs/D30' } };
    expect(fitStrictSchema({ ...schema, $defs: { ...$defs, ...knot } })).toBeUndefined();
  });
});
