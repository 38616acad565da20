/**
 * Makes a plausible value from a JSON Schema: what a model would answer that knows nothing but the
 * schema and the user's last words. The same schema and words always give the same value.
 */
import { array, isObject, type JsonObject, number, text } from '../json.ts';

/** Deeper values are cut off, so that a schema that contains itself comes to an end. */
const MAX_DEPTH = 8;
/** The same for breadth: references that multiply at each step. */
const MAX_STEPS = 2000;
const MAX_ITEMS = 8;
const MAX_TEXT = 200;

/**
 * Properties that a client may execute or write to: they get the property's name, never the words
 * of a user, who did not mean them as a command.
 */
const ACTED_UPON =
  /cmd|command|code|(?<!de)script|shell|sql|path|file|dir|url|uri|patch|diff|(^|_)id$/i;

/** A value of the schema: required properties only, words of the user where a text is wanted. */
export function fromSchema(schema: JsonObject, words: string): unknown {
  return new Maker(schema, words).make(schema, '', 0);
}

class Maker {
  readonly #root: JsonObject;
  readonly #words: string;
  /** Schemas looked at so far. */
  #steps = 0;

  constructor(root: JsonObject, words: string) {
    this.#root = root;
    this.#words = words;
  }

  /** @param name the property that the value is for; '' at the top */
  make(given: unknown, name: string, depth: number): unknown {
    const schema = this.#resolve(given, depth);
    if ('const' in schema) return schema['const'];
    const [firstOfEnum] = array(schema['enum']);
    if (firstOfEnum !== undefined) return firstOfEnum;
    if (schema['default'] !== undefined) return schema['default'];
    switch (typeOf(schema)) {
      case 'object':
        return this.#object(schema, depth);
      case 'array':
        return this.#array(schema, name, depth);
      case 'number':
      case 'integer':
        return numberWithin(schema);
      case 'boolean':
        return true;
      case 'null':
        return null;
      default:
        return this.#string(schema, name);
    }
  }

  /** Follows `$ref`, takes the first alternative that is not null, joins `allOf`. */
  #resolve(given: unknown, depth: number): JsonObject {
    this.#steps += 1;
    if (!isObject(given) || depth > 2 * MAX_DEPTH || this.#steps > MAX_STEPS) return {};
    const ref = text(given['$ref']);
    if (ref !== undefined) {
      const { $ref: _, ...beside } = given;
      return { ...this.#resolve(this.#find(ref), depth + 1), ...beside };
    }
    const alternatives = [...array(given['anyOf']), ...array(given['oneOf'])];
    const alternative = alternatives.find((one) => isObject(one) && one['type'] !== 'null');
    if (alternative !== undefined) {
      const { anyOf: _, oneOf: __, ...beside } = given;
      return { ...beside, ...this.#resolve(alternative, depth + 1) };
    }
    const all = array(given['allOf']);
    if (all.length === 0) return given;
    const { allOf: _, ...beside } = given;
    return [beside, ...all.map((one) => this.#resolve(one, depth + 1))].reduce(join, {});
  }

  /** The target of a reference within the schema (RFC 6901); undefined when there is none. */
  #find(ref: string): unknown {
    if (!ref.startsWith('#')) return undefined;
    let value: unknown = this.#root;
    for (const step of ref.split('/').slice(1)) {
      const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
      value = isObject(value) ? value[key] : Array.isArray(value) ? value[Number(key)] : undefined;
    }
    return value;
  }

  #object(schema: JsonObject, depth: number): JsonObject {
    const properties = isObject(schema['properties']) ? schema['properties'] : {};
    const made: JsonObject = {};
    if (depth >= MAX_DEPTH) return made;
    for (const key of array(schema['required'])) {
      if (typeof key === 'string') made[key] = this.make(properties[key], key, depth + 1);
    }
    return made;
  }

  #array(schema: JsonObject, name: string, depth: number): unknown[] {
    if (depth >= MAX_DEPTH) return [];
    const tuple = array(schema['prefixItems']);
    const least = Math.max(number(schema['minItems']) ?? 1, tuple.length, 1);
    const length = Math.min(least, number(schema['maxItems']) ?? least, MAX_ITEMS);
    return Array.from({ length }, (_, index) =>
      this.make(tuple[index] ?? schema['items'], name, depth + 1),
    );
  }

  #string(schema: JsonObject, name: string): string {
    const known = FORMATTED[text(schema['format']) ?? ''];
    if (known !== undefined) return known;
    const words = ACTED_UPON.test(name) ? '' : this.#words;
    const made = cut(
      words || name || 'text',
      Math.min(number(schema['maxLength']) ?? MAX_TEXT, MAX_TEXT),
    );
    return made.padEnd(Math.min(number(schema['minLength']) ?? 0, MAX_TEXT), '.');
  }
}

/** Values of the string formats that a client may check. */
const FORMATTED: Readonly<Record<string, string>> = {
  date: '2025-01-01',
  time: '12:00:00Z',
  'date-time': '2025-01-01T12:00:00Z',
  duration: 'PT1H',
  email: 'demo@example.com',
  hostname: 'example.com',
  ipv4: '192.0.2.1',
  ipv6: '2001:db8::1',
  uri: 'https://example.com/',
  uuid: '00000000-0000-4000-8000-000000000000',
};

/** The first type that is not null, in small letters (Gemini writes `STRING`). */
function typeOf(schema: JsonObject): string | undefined {
  const { type } = schema;
  const types = (Array.isArray(type) ? type : [type]).filter((one) => typeof one === 'string');
  const first = types.find((one) => one.toLowerCase() !== 'null') ?? types[0];
  if (first !== undefined) return first.toLowerCase();
  if (isObject(schema['properties'])) return 'object';
  return schema['items'] === undefined ? undefined : 'array';
}

/** 1, or what bounds and steps leave nearest to it. */
function numberWithin(schema: JsonObject): number {
  const step = number(schema['multipleOf']) ?? (typeOf(schema) === 'integer' ? 1 : 0);
  const above = number(schema['exclusiveMinimum']);
  const below = number(schema['exclusiveMaximum']);
  const gap = step || 0.5;
  const least = Math.max(number(schema['minimum']) ?? -Infinity, (above ?? -Infinity) + gap);
  const most = Math.min(number(schema['maximum']) ?? Infinity, (below ?? Infinity) - gap);
  const value = Math.min(Math.max(1, least), most);
  return step > 0 ? Math.ceil(Math.min(value, most) / step) * step : value;
}

/** Two schemas that both hold, as one. */
function join(first: JsonObject, second: JsonObject): JsonObject {
  const joined: JsonObject = { ...first, ...second };
  if (isObject(first['properties']) && isObject(second['properties'])) {
    joined['properties'] = { ...first['properties'], ...second['properties'] };
  }
  const required = [...array(first['required']), ...array(second['required'])];
  if (required.length > 0) joined['required'] = required;
  return joined;
}

/** At most `length` UTF-16 units of a text, and no half of a surrogate pair. */
export function cut(whole: string, length: number): string {
  const head = whole.slice(0, Math.max(0, length));
  return head.length < whole.length && /[\ud800-\udbff]$/.test(head) ? head.slice(0, -1) : head;
}
