import { expect, test } from 'bun:test';
import { isClosedSchema } from '../src/closed-schema.ts';

const closed = {
  type: 'object',
  properties: { a: {} },
  required: ['a'],
  additionalProperties: false,
};

test('closed means: every object requires all it names and nothing else', () => {
  expect(isClosedSchema(closed)).toBe(true);
  expect(isClosedSchema({ ...closed, required: [] })).toBe(false);
  expect(isClosedSchema({ type: 'array', items: { type: 'object' } })).toBe(false);
  expect(isClosedSchema({ anyOf: [closed, { type: ['object', 'null'] }] })).toBe(false);
});

test('what is data or a name is not read as a schema', () => {
  const properties = { properties: { type: 'string' }, type: { type: 'string' } };
  const named = { ...closed, properties, required: ['properties', 'type'] };
  expect(isClosedSchema(named)).toBe(true);
  expect(isClosedSchema({ ...closed, default: { type: 'object' } })).toBe(true);
});
