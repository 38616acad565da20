/**
 * Gemini's `Schema` (a subset of OpenAPI 3.0 in protobuf JSON: upper-case types, `nullable`, 64-bit
 * counts as strings) → JSON Schema. ai.google.dev/api/caching#Schema
 */
import { isObject, type JsonObject } from '../../json.ts';
import { fieldName } from './proto.ts';

const COUNTS: ReadonlySet<string> = new Set([
  'minItems',
  'maxItems',
  'minLength',
  'maxLength',
  'minProperties',
  'maxProperties',
]);

/** The JSON Schema that says the same; unknown keywords stay. */
export function toJsonSchema(schema: JsonObject): JsonObject {
  const out: JsonObject = {};
  for (const [spelled, value] of Object.entries(schema)) {
    if (value === null || value === undefined) continue;
    const key = fieldName(spelled);
    if (key === 'type') {
      if (value !== 'TYPE_UNSPECIFIED') out['type'] = lowerType(value);
    } else if (key === 'properties') out['properties'] = eachSchema(value);
    else if (key === 'items' || key === 'additionalProperties') out[key] = oneSchema(value);
    else if (key === 'anyOf') out['anyOf'] = Array.isArray(value) ? value.map(oneSchema) : value;
    else if (key === 'example') out['examples'] = [value];
    else if (COUNTS.has(key)) out[key] = typeof value === 'string' ? Number(value) : value;
    else if (key === 'format' && value === 'enum') continue;
    else if (key !== 'nullable' && key !== 'propertyOrdering') out[key] = value;
  }
  orderProperties(out, schema['propertyOrdering'] ?? schema['property_ordering']);
  return schema['nullable'] === true ? nullable(out) : out;
}

function lowerType(type: unknown): unknown {
  if (Array.isArray(type)) return type.map(lowerType);
  return typeof type === 'string' ? type.toLowerCase() : type;
}

function oneSchema(value: unknown): unknown {
  return isObject(value) ? toJsonSchema(value) : value;
}

function eachSchema(value: unknown): unknown {
  if (!isObject(value)) return value;
  const out: JsonObject = {};
  for (const [name, schema] of Object.entries(value)) out[name] = oneSchema(schema);
  return out;
}

/** JSON Schema has no `propertyOrdering`; the order of the keys says it instead. */
function orderProperties(schema: JsonObject, ordering: unknown): void {
  const properties = schema['properties'];
  if (!Array.isArray(ordering) || !isObject(properties)) return;
  const ordered: JsonObject = {};
  for (const name of ordering) {
    if (typeof name === 'string' && name in properties) ordered[name] = properties[name];
  }
  schema['properties'] = { ...ordered, ...properties };
}

function nullable(schema: JsonObject): JsonObject {
  const { type, enum: values, anyOf } = schema;
  if (Array.isArray(anyOf)) return { ...schema, anyOf: [...anyOf, { type: 'null' }] };
  if (typeof type !== 'string') return schema;
  const out: JsonObject = { ...schema, type: [type, 'null'] };
  if (Array.isArray(values) && !values.includes(null)) out['enum'] = [...values, null];
  return out;
}
