/**
 * What a value of the configuration may look like. One table of shapes (`table.ts`) is read three
 * ways: it checks what a person wrote, it types what the program gets, and it is published as JSON
 * Schema for editors. So the three cannot disagree.
 */
import type { JsonObject } from '../json.ts';
import { type Environment, expand, hasReference, REFERENCE } from './environment.ts';
import { near } from './near.ts';
import { type Finding, oneOfText, type Path, quotedList, show } from './problem.ts';

/** Where a value stands, and whom to tell what is wrong with it. */
export interface Place {
  readonly path: Path;
  readonly env: Environment;
  readonly report: (finding: Finding) => void;
  /** Collects variables that are not set; without it each is a problem. */
  readonly missing?: Set<string> | undefined;
}

/** JSON's kinds; `reference` is a string that takes something from the environment. */
export type Kind = 'string' | 'reference' | 'number' | 'boolean' | 'array' | 'object' | 'null';

export interface Shape<T> {
  /** The kinds of value it can make something of, and how a message calls what it expects. */
  readonly kinds: readonly Kind[];
  readonly expected: string;
  readonly schema: JsonObject;
  /** The value; undefined after something was reported, or when a variable is missing. */
  read(value: unknown, place: Place): T | undefined;
}

/** A shape whose absence means something. */
export interface Defaulted<T> extends Shape<T> {
  readonly fallback: T;
}

/** What a shape gives. */
export type Infer<S> = S extends Shape<infer T> ? T : never;

/** What JSON would call the value. */
export function kindOf(value: unknown): Kind {
  if (typeof value === 'string') return hasReference(value) ? 'reference' : 'string';
  if (typeof value === 'number') return 'number';
  if (typeof value === 'boolean') return 'boolean';
  if (Array.isArray(value)) return 'array';
  return typeof value === 'object' && value !== null ? 'object' : 'null';
}

/** The place of something inside. */
export function inside(place: Place, ...keys: Path): Place {
  return { ...place, path: [...place.path, ...keys] };
}

/** Tells that something else was expected. `found` is what may be shown of the value. */
export function mismatch(
  place: Place,
  expected: string,
  value: unknown,
  found: string = show(value),
): void {
  place.report({
    at: place.path,
    message: `must be ${expected}, not ${found}`,
    found,
    expected,
  });
}

/** The same shape with a line for the person who edits the file. */
export function describe<S extends Shape<unknown>>(shape: S, description: string): S {
  return { ...shape, schema: { ...shape.schema, description } };
}

/** The same shape with what its absence means; editors are told where it is a plain value. */
export function orElse<T>(shape: Shape<T>, fallback: T): Defaulted<T> {
  const isPlain = typeof fallback !== 'object' || Array.isArray(fallback);
  const schema = isPlain ? { ...shape.schema, default: fallback } : shape.schema;
  return { ...shape, schema, fallback };
}

/** The same shape; editors are told of a default that is filled in elsewhere. */
export function defaultTold<S extends Shape<unknown>>(shape: S, fallback: unknown): S {
  if (fallback === undefined) return shape;
  return { ...shape, schema: { ...shape.schema, default: fallback } };
}

/** The same shape with its value made into another. */
export function mapped<T, U>(shape: Shape<T>, change: (value: T) => U): Shape<U> {
  return {
    ...shape,
    read(value, place) {
      const result = shape.read(value, place);
      return result === undefined ? undefined : change(result);
    },
  };
}

/** The same shape with a rule that a schema cannot say; `rule` reports what it finds. */
export function ruled<T>(shape: Shape<T>, rule: (value: T, place: Place) => boolean): Shape<T> {
  return {
    ...shape,
    read(value, place) {
      const result = shape.read(value, place);
      return result === undefined || !rule(result, place) ? undefined : result;
    },
  };
}

/** The value together with where it stood, for rules between distant parts of the file. */
export interface Located<T> {
  readonly at: Path;
  readonly value: T;
}
/** Adds where the value stood. */
export function located<T>(shape: Shape<T>): Shape<Located<T>> {
  return {
    ...shape,
    read(value, place) {
      const result = shape.read(value, place);
      return result === undefined ? undefined : { at: place.path, value: result };
    },
  };
}

/** A value in which variables may be missing without harm to the rest: it cannot be used then. */
export interface Configurable<T> extends Located<T> {
  readonly missing: readonly string[];
}
/** Adds where it stood and which variables it lacks, which are then no problem of the file. */
export function configurable<T>(shape: Shape<T>): Shape<Configurable<T>> {
  return {
    ...shape,
    read(value, place) {
      const missing = new Set<string>();
      const result = shape.read(value, { ...place, missing });
      return result && { at: place.path, value: result, missing: [...missing] };
    },
  };
}

// ------------------------------------------------------------------------------ single values

interface TextOptions {
  /** What the whole text must match, as JSON Schema spells it, and what a message calls that. */
  readonly pattern?: string;
  readonly expected?: string;
  readonly examples?: readonly string[];
  /** What a message may show of it, where that is not all. */
  readonly shown?: (value: string) => string;
}

/** A text that is not empty. */
export function text(options: TextOptions = {}): Shape<string> {
  const { pattern, expected = 'a string', shown = (value: string) => show(value) } = options;
  const matches = pattern === undefined ? undefined : new RegExp(pattern, 'u');
  const plain = { type: 'string', minLength: 1, ...(pattern === undefined ? {} : { pattern }) };
  const examples = options.examples === undefined ? {} : { examples: options.examples };
  return {
    kinds: ['string', 'reference'],
    expected,
    schema: { ...(pattern === undefined ? plain : orReference(plain)), ...examples },
    read(value, place) {
      if (typeof value !== 'string') return void mismatch(place, expected, value);
      const result = resolve(value, place);
      if (result === undefined) return undefined;
      if (result === '' || matches?.test(result) === false) {
        // The file's own spelling is shown, not what the environment made of it.
        const wanted = result === '' ? `${expected} that is not empty` : expected;
        return void mismatch(place, wanted, value, shown(value));
      }
      return result;
    },
  };
}

/** One of some words. `synonyms` are what people call them elsewhere, for the hint. */
export function choice<const V extends string>(
  values: readonly V[],
  synonyms: Readonly<Record<string, V>> = {},
): Shape<V> {
  const expected = quotedList(values);
  const meant = (word: string): readonly string[] => {
    const [nearest] = near(word, [...values, ...Object.keys(synonyms)], 1);
    const name = Object.hasOwn(synonyms, word) ? word : nearest;
    return name === undefined ? [] : [synonyms[name] ?? name];
  };
  return {
    kinds: ['string', 'reference'],
    expected,
    schema: orReference({ enum: values }),
    read(value, place) {
      const word = typeof value === 'string' ? resolve(value, place) : value;
      if (word === undefined) return undefined;
      const known = values.find((candidate) => candidate === word);
      if (known !== undefined) return known;
      place.report({
        at: place.path,
        message: `must be ${expected}, not ${show(value)}`,
        found: show(value),
        expected,
        near: typeof word === 'string' ? meant(word) : [],
      });
      return undefined;
    },
  };
}

interface NumberOptions {
  readonly min?: number;
  readonly max?: number;
  /** `min` itself is too small. */
  readonly above?: boolean;
  readonly integer?: boolean;
}

/** A number in bounds. A reference to the environment may stand for it. */
export function number(options: NumberOptions = {}): Shape<number> {
  const { min, max, above = false, integer = false } = options;
  const expected = boundsText(options);
  const fits = (value: number) =>
    Number.isFinite(value) &&
    (!integer || Number.isInteger(value)) &&
    (min === undefined || (above ? value > min : value >= min)) &&
    (max === undefined || value <= max);
  return {
    kinds: ['number', 'reference'],
    expected,
    schema: orReference({
      type: integer ? 'integer' : 'number',
      ...(min === undefined ? {} : { [above ? 'exclusiveMinimum' : 'minimum']: min }),
      ...(max === undefined ? {} : { maximum: max }),
    }),
    read(value, place) {
      let result = value;
      if (typeof value === 'string' && hasReference(value)) {
        const resolved = resolve(value, place);
        if (resolved === undefined) return undefined;
        result = /^\s*-?[\d.]+(e[+-]?\d+)?\s*$/i.test(resolved) ? Number(resolved) : resolved;
      }
      if (typeof result === 'number' && fits(result)) return result;
      return void mismatch(place, expected, value);
    },
  };
}

function boundsText({ min, max, above, integer }: NumberOptions): string {
  const noun = integer === true ? 'a whole number' : 'a number';
  if (min !== undefined && max !== undefined) {
    return `${noun} ${above === true ? 'above' : 'from'} ${min} ${above === true ? 'and up ' : ''}to ${max}`;
  }
  if (min !== undefined)
    return above === true ? `${noun} above ${min}` : `${noun} of ${min} or more`;
  return noun;
}

/** A whole number. */
export function integer(options: Omit<NumberOptions, 'integer'> = {}): Shape<number> {
  return number({ ...options, integer: true });
}

/** True or false. A reference to the environment may stand for it. */
export function flag(): Shape<boolean> {
  const expected = 'true or false';
  return {
    kinds: ['boolean', 'reference'],
    expected,
    schema: orReference({ type: 'boolean' }),
    read(value, place) {
      if (typeof value === 'boolean') return value;
      if (typeof value === 'string' && hasReference(value)) {
        const word = resolve(value, place);
        if (word === undefined) return undefined;
        if (word === 'true' || word === 'false') return word === 'true';
      }
      return void mismatch(place, expected, value);
    },
  };
}

/** Exactly this value. */
export function exactly<const V extends boolean>(only: V): Shape<V> {
  return {
    kinds: ['boolean'],
    expected: String(only),
    schema: { const: only },
    read(value, place) {
      return value === only ? only : void mismatch(place, String(only), value);
    },
  };
}

/** Any JSON object; its strings, however deep, may refer to the environment. */
export function anyObject(): Shape<JsonObject> {
  return {
    kinds: ['object'],
    expected: 'an object',
    schema: { type: 'object' },
    read(value, place) {
      if (kindOf(value) !== 'object') return void mismatch(place, 'an object', value);
      const result = resolveDeep(value, place);
      return isRecord(result) ? result : undefined;
    },
  };
}

/** The first of several shapes that can make something of this kind of value. */
export function either<S extends readonly Shape<unknown>[]>(...shapes: S): Shape<Infer<S[number]>>;
export function either(...shapes: readonly Shape<unknown>[]): Shape<unknown> {
  const expected = oneOfText(shapes.map((shape) => shape.expected));
  return {
    kinds: shapes.flatMap((shape) => shape.kinds),
    expected,
    schema: { anyOf: shapes.map((shape) => shape.schema) },
    read(value, place) {
      const kind = kindOf(value);
      const fit = shapes.find((shape) => shape.kinds.includes(kind));
      return fit === undefined ? void mismatch(place, expected, value) : fit.read(value, place);
    },
  };
}

// ------------------------------------------------------------------------------ environment

function orReference(schema: JsonObject): JsonObject {
  return { anyOf: [schema, { $ref: '#/definitions/reference' }] };
}

/** What `$ref: reference` stands for. */
export const REFERENCE_SCHEMA: JsonObject = {
  type: 'string',
  pattern: REFERENCE,
  description: `Taken from the environment: "\${NAME}" or "\${NAME:-default}".`,
};

/** Text with its variables put in; undefined, and told, when one is missing or none at all. */
function resolve(value: string, place: Place): string | undefined {
  const { text: result, missing, malformed } = expand(value, place.env);
  if (malformed !== undefined) {
    const expected = `"\${NAME}" or "\${NAME:-default}" (or "$\${" for the characters themselves)`;
    place.report({
      at: place.path,
      message: `holds ${JSON.stringify(malformed.slice(0, 12))}, which is not ${expected}`,
      expected,
    });
    return undefined;
  }
  if (missing.length === 0) return result;
  if (place.missing !== undefined) for (const name of missing) place.missing.add(name);
  else {
    const names = oneOfText(missing);
    place.report({
      at: place.path,
      message: `needs the environment variable ${names}, which is not set (or write a default: \${${missing[0]}:-…})`,
      expected: `environment variable ${names}`,
    });
  }
  return undefined;
}

function resolveDeep(value: unknown, place: Place): unknown {
  if (typeof value === 'string') return resolve(value, place);
  if (Array.isArray(value)) return value.map((item, i) => resolveDeep(item, inside(place, i)));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, item]) => [key, resolveDeep(item, inside(place, key))]),
  );
}

function isRecord(value: unknown): value is JsonObject {
  return kindOf(value) === 'object';
}
