/** The one question that several formats ask of a JSON Schema. */
import { array, isObject, object } from './json.ts';

/** Keywords whose values are data, not schemas. */
const LITERALS: ReadonlySet<string> = new Set(['enum', 'const', 'default', 'examples', 'required']);
/** Keywords whose values are named schemas. */
const MAPS: ReadonlySet<string> = new Set([
  'properties',
  '$defs',
  'definitions',
  'patternProperties',
]);

/** True when every object is closed and requires all that it names: what OpenAI's strict mode takes. */
export function isClosedSchema(schema: unknown): boolean {
  if (Array.isArray(schema)) return schema.every(isClosedSchema);
  if (!isObject(schema)) return true;
  const { type } = schema;
  const properties = object(schema['properties']);
  if (type === 'object' || array(type).includes('object') || properties) {
    const required = array(schema['required']);
    if (schema['additionalProperties'] !== false) return false;
    if (!Object.keys(properties ?? {}).every((name) => required.includes(name))) return false;
  }
  return Object.entries(schema).every(([key, value]) => {
    if (LITERALS.has(key)) return true;
    return isClosedSchema(isObject(value) && MAPS.has(key) ? Object.values(value) : value);
  });
}
