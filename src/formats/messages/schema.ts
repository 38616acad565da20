/** JSON Schemas brought into what this format takes, for tools and for structured output. */
import type { Tool } from '@anthropic-ai/sdk/resources/messages';
import { array, isObject, type JsonObject, object } from '../../json.ts';

/** A schema and what it cost to make. */
export interface Fitted<T> {
  schema: T;
  /** What was changed, in words; undefined when nothing was. */
  changed?: string;
}

const UNIONS = ['anyOf', 'oneOf', 'allOf'] as const;

/**
 * A tool's `input_schema`: an object at the top, without a union there ("input_schema does not
 * support oneOf, allOf, or anyOf at the top level"). A union of objects becomes one object: all
 * their properties, required where every variant requires them.
 */
export function fitToolSchema(parameters: JsonObject | undefined): Fitted<Tool.InputSchema> {
  if (!parameters) return { schema: { type: 'object', properties: {} } };
  const resolved = resolveTopRef(parameters);
  if (!UNIONS.some((key) => key in resolved)) return { schema: asObjectSchema(resolved) };
  return { schema: mergeUnions(resolved), changed: 'its union at the top as one object' };
}

function asObjectSchema(schema: JsonObject): Tool.InputSchema {
  return { ...schema, type: 'object' };
}

function strings(value: unknown): string[] | undefined {
  return Array.isArray(value) ? value.filter((each) => typeof each === 'string') : undefined;
}

/** `{ $ref: "#/$defs/Args", $defs }` as the object it points to. */
function resolveTopRef(schema: JsonObject): JsonObject {
  const target = typeof schema['$ref'] === 'string' ? lookUp(schema['$ref'], schema) : undefined;
  if (!target) return schema;
  const { $ref: _, ...rest } = schema;
  return { ...target, ...rest };
}

function lookUp(ref: string, root: JsonObject): JsonObject | undefined {
  if (!ref.startsWith('#/')) return undefined;
  let here: unknown = root;
  for (const step of ref.slice(2).split('/')) {
    const key = step.replaceAll('~1', '/').replaceAll('~0', '~');
    here = isObject(here) ? here[key] : undefined;
  }
  return object(here);
}

function mergeUnions(schema: JsonObject): Tool.InputSchema {
  const { anyOf, oneOf, allOf, ...rest } = schema;
  const properties: JsonObject = { ...object(rest['properties']) };
  const required = new Set(strings(rest['required']));
  const variantsOf = (union: unknown) =>
    array(union)
      .filter(isObject)
      .map((each) => resolveTopRef({ ...definitions(schema), ...each }));
  for (const variant of variantsOf(allOf)) {
    addProperties(properties, variant);
    for (const name of strings(variant['required']) ?? []) required.add(name);
  }
  for (const union of [anyOf, oneOf]) {
    const variants = variantsOf(union);
    for (const variant of variants) addProperties(properties, variant);
    const [first, ...others] = variants.map((each) => strings(each['required']) ?? []);
    for (const name of first ?? []) {
      if (others.every((names) => names.includes(name))) required.add(name);
    }
  }
  return { ...rest, type: 'object', properties, required: [...required] };
}

function definitions(schema: JsonObject): JsonObject {
  const kept: JsonObject = {};
  for (const key of ['$defs', 'definitions']) if (key in schema) kept[key] = schema[key];
  return kept;
}

/** A property that two variants describe differently may be either. */
function addProperties(into: JsonObject, variant: JsonObject): void {
  for (const [name, schema] of Object.entries(object(variant['properties']) ?? {})) {
    const known = into[name];
    if (known === undefined || Bun.deepEquals(known, schema)) into[name] = schema;
    else into[name] = { anyOf: [known, schema] };
  }
}

/**
 * What constrained decoding takes (docs: build-with-claude/structured-outputs, "JSON Schema
 * limitations"). Everything else in a schema is refused with a 400.
 */
const KEYWORDS = new Set([
  '$defs',
  '$ref',
  'additionalProperties',
  'allOf',
  'anyOf',
  'const',
  'default',
  'definitions',
  'description',
  'enum',
  'format',
  'items',
  'minItems',
  'pattern',
  'properties',
  'required',
  'title',
  'type',
]);
const FORMATS = new Set([
  'date',
  'date-time',
  'duration',
  'email',
  'hostname',
  'ipv4',
  'ipv6',
  'time',
  'uri',
  'uuid',
]);
/** Keywords that constrain nothing, so that leaving them out changes nothing. */
const SILENT = new Set(['$schema', '$id', '$comment', 'examples', 'deprecated', 'readOnly']);

/**
 * A schema for `output_config.format` or a strict tool; undefined when it cannot be one, which is a
 * schema that refers to itself. `changed` names the keywords that were left out.
 */
export function fitStrictSchema(schema: JsonObject): Fitted<JsonObject> | undefined {
  if (isRecursive(schema)) return undefined;
  const lost = new Set<string>();
  const fitted = fitNode(schema, lost);
  if (lost.size === 0) return { schema: fitted };
  return { schema: fitted, changed: `without ${[...lost].join(', ')}` };
}

function fitNode(node: JsonObject, lost: Set<string>): JsonObject {
  const out: JsonObject = {};
  for (const [key, value] of Object.entries(withoutPlaces(node, lost))) {
    const name = key === 'oneOf' ? 'anyOf' : key;
    if (name !== key) lost.add(key);
    if (!KEYWORDS.has(name)) {
      if (!SILENT.has(key)) lost.add(key);
    } else if (keeps(name, value)) {
      out[name] = fitValue(name, value, lost);
    } else {
      lost.add(key);
    }
  }
  if (describesObject(node)) {
    if (node['additionalProperties'] !== false) lost.add('open objects');
    out['additionalProperties'] = false;
  }
  return out;
}

/**
 * An array whose places have schemas of their own (`prefixItems`, once `items` as a list) as one whose
 * items may each be what any of the places takes. `items` beside them speaks of the further ones only,
 * so that it would mean something else without them.
 */
function withoutPlaces(node: JsonObject, lost: Set<string>): JsonObject {
  const isList = Array.isArray(node['items']);
  const places = array(isList ? node['items'] : node['prefixItems']);
  if (places.length === 0) return node;
  lost.add('prefixItems');
  const { prefixItems: _, items, additionalItems, ...rest } = node;
  const further = isList ? additionalItems : items;
  const most = node['maxItems'];
  const isFull = further === false || (typeof most === 'number' && most <= places.length);
  if (!isFull && !isObject(further)) return rest;
  const kinds: unknown[] = [];
  for (const kind of isFull ? places : [...places, further]) {
    if (!kinds.some((known) => Bun.deepEquals(known, kind))) kinds.push(kind);
  }
  return { ...rest, items: kinds.length === 1 ? kinds[0] : { anyOf: kinds } };
}

function keeps(key: string, value: unknown): boolean {
  if (key === 'format') return typeof value === 'string' && FORMATS.has(value);
  if (key === 'minItems') return value === 0 || value === 1;
  return true;
}

function fitValue(key: string, value: unknown, lost: Set<string>): unknown {
  if (key === 'properties' || key === '$defs' || key === 'definitions') {
    return Object.fromEntries(
      Object.entries(object(value) ?? {}).map(([name, each]) => [
        name,
        isObject(each) ? fitNode(each, lost) : each,
      ]),
    );
  }
  if (key === 'items') return isObject(value) ? fitNode(value, lost) : value;
  if (key === 'anyOf' || key === 'allOf') {
    return array(value).map((each) => (isObject(each) ? fitNode(each, lost) : each));
  }
  return value;
}

function describesObject(node: JsonObject): boolean {
  const type = node['type'];
  return (
    type === 'object' || (Array.isArray(type) && type.includes('object')) || 'properties' in node
  );
}

/** True when a schema goes through itself: "Recursive schemas are not supported". */
function isRecursive(root: JsonObject): boolean {
  /** References that are known to come to an end: each is followed once. */
  const ending = new Set<string>();
  const walk = (node: unknown, within: readonly string[]): boolean => {
    if (Array.isArray(node)) return node.some((each) => walk(each, within));
    if (!isObject(node)) return false;
    const ref = node['$ref'];
    if (typeof ref === 'string' && !ending.has(ref)) {
      if (ref === '#' || within.includes(ref)) return true;
      const target = lookUp(ref, root);
      if (target && walk(target, [...within, ref])) return true;
      ending.add(ref);
    }
    return Object.entries(node).some(
      ([key, value]) => key !== '$defs' && key !== 'definitions' && walk(value, within),
    );
  };
  return walk(root, []);
}
