/** Shapes that hold others: sections with fixed keys, maps with free names, lists. */
import { isObject, type JsonObject } from '../json.ts';
import { near } from './near.ts';
import { oneOfText } from './problem.ts';
import { type Defaulted, inside, mismatch, type Place, type Shape } from './shape.ts';

type Fields = Readonly<Record<string, Shape<unknown>>>;

/** What a section gives: every key is there; undefined where it is absent and has no default. */
export type Section<F extends Fields> = {
  readonly [K in keyof F]: F[K] extends Defaulted<infer T>
    ? T
    : F[K] extends Shape<infer T>
      ? T | undefined
      : never;
};

/** An object with these keys and no others. */
export function object<F extends Fields>(
  fields: F,
  required: readonly (keyof F & string)[] = [],
): Shape<Section<F>> {
  return {
    kinds: ['object'],
    expected: 'an object',
    schema: {
      type: 'object',
      properties: Object.fromEntries(Object.entries(fields).map(([key, s]) => [key, s.schema])),
      additionalProperties: false,
      ...(required.length > 0 ? { required: [...required] } : {}),
    },
    read(value, place) {
      if (!isObject(value)) return void mismatch(place, 'an object', value);
      for (const key of Object.keys(value)) {
        if (!Object.hasOwn(fields, key)) reportUnknownKey(key, fields, place);
      }
      for (const key of required) {
        if (value[key] === undefined)
          reportRequired(inside(place, key), fields[key]?.expected ?? '');
      }
      return readFields(fields, value, place);
    },
  };
}

/** A section that may be left out: every key of it has a default or may be absent. */
export function section<F extends Fields>(fields: F): Defaulted<Section<F>> {
  const shape = object(fields);
  const nowhere: Place = { path: [], env: {}, report: () => undefined };
  return { ...shape, fallback: readFields(fields, {}, nowhere) };
}

function readFields<F extends Fields>(fields: F, value: JsonObject, place: Place): Section<F> {
  const result: JsonObject = {};
  for (const [key, shape] of Object.entries(fields)) {
    const given = value[key];
    const read = given === undefined ? undefined : shape.read(given, inside(place, key));
    result[key] = read ?? ('fallback' in shape ? shape.fallback : undefined);
  }
  // Built key by key from `fields`, which the compiler cannot follow.
  return result as Section<F>;
}

function reportRequired(place: Place, expected: string): void {
  place.report({
    at: place.path,
    message: `is required (${expected})`,
    found: 'nothing',
    expected,
  });
}

function reportUnknownKey(key: string, fields: Fields, place: Place): void {
  const known = Object.keys(fields);
  place.report({
    at: [...place.path, key],
    onKey: true,
    message: `is not a key that is known here (known: ${oneOfText(known)})`,
    found: key,
    expected: oneOfText(known),
    near: [...near(key, known, 2), ...deeperKeys(key, fields)].slice(0, 2),
  });
}

/** The same key one level further in, for those who wrote it beside what it belongs to. */
function deeperKeys(key: string, fields: Fields): string[] {
  return Object.entries(fields).flatMap(([name, { schema }]) => {
    if (holdsKey(schema, key)) return [`${name}.${key}`];
    return holdsKey(schema['items'], key) ? [`${name}.0.${key}`] : [];
  });
}

function holdsKey(schema: unknown, key: string): boolean {
  if (!isObject(schema)) return false;
  const { properties, anyOf } = schema;
  if (isObject(properties) && Object.hasOwn(properties, key)) return true;
  return Array.isArray(anyOf) && anyOf.some((branch) => holdsKey(branch, key));
}

interface NameRule {
  /** What a name must be, as JSON Schema spells it, and what a message calls that. */
  readonly pattern?: string;
  readonly names?: readonly string[];
  readonly expected: string;
}

/** Any name that is not empty and does not begin or end with a space. */
export const ANY_NAME: NameRule = {
  pattern: '^\\S(.*\\S)?$',
  expected: 'a name without spaces around it',
};

/** An object whose keys are names that the user gives. Keeps their order. */
export function map<T>(
  shape: Shape<T>,
  rule: NameRule = ANY_NAME,
  min = 0,
): Shape<ReadonlyMap<string, T>> {
  const pattern = rule.pattern === undefined ? undefined : new RegExp(rule.pattern, 'u');
  const fits = (name: string) => pattern?.test(name) ?? rule.names?.includes(name) ?? true;
  return {
    kinds: ['object'],
    expected: 'an object',
    schema: {
      type: 'object',
      propertyNames: rule.names ? { enum: rule.names } : { pattern: rule.pattern },
      additionalProperties: shape.schema,
      ...(min > 0 ? { minProperties: min } : {}),
    },
    read(value, place) {
      if (!isObject(value)) return void mismatch(place, 'an object', value);
      const entries = Object.entries(value);
      if (entries.length < min) {
        place.report({ at: place.path, message: `must name at least ${min}`, found: '{}' });
      }
      const result = new Map<string, T>();
      for (const [name, given] of entries) {
        if (!fits(name)) {
          reportName(name, rule, place);
          continue;
        }
        const read = shape.read(given, inside(place, name));
        if (read !== undefined) result.set(name, read);
      }
      return result;
    },
  };
}

function reportName(name: string, rule: NameRule, place: Place): void {
  place.report({
    at: [...place.path, name],
    onKey: true,
    message: `is named ${JSON.stringify(name)}, which is not ${rule.expected}`,
    found: name,
    expected: rule.expected,
    near: near(name, rule.names ?? [], 1),
  });
}

/** A list; entries with a problem are left out. */
export function list<T>(shape: Shape<T>, min = 0): Shape<readonly T[]> {
  return {
    kinds: ['array'],
    expected: 'a list',
    schema: { type: 'array', items: shape.schema, ...(min > 0 ? { minItems: min } : {}) },
    read(value, place) {
      if (!Array.isArray(value)) return void mismatch(place, 'a list', value);
      if (value.length < min) {
        place.report({ at: place.path, message: `must have at least ${min} entry`, found: '[]' });
      }
      return value.flatMap((item: unknown, index) => {
        const read = shape.read(item, inside(place, index));
        return read === undefined ? [] : [read];
      });
    },
  };
}

/** A list of exactly two: `["name", { … }]`. */
export function pair<A, B>(first: Shape<A>, second: Shape<B>): Shape<readonly [A, B]> {
  const expected = `[${first.expected}, ${second.expected}]`;
  return {
    kinds: ['array'],
    expected,
    schema: {
      type: 'array',
      items: [first.schema, second.schema],
      minItems: 2,
      additionalItems: false,
    },
    read(value, place) {
      if (!Array.isArray(value) || value.length !== 2) return void mismatch(place, expected, value);
      const a = first.read(value[0], inside(place, 0));
      const b = second.read(value[1], inside(place, 1));
      return a === undefined || b === undefined ? undefined : [a, b];
    },
  };
}
