/**
 * JSON enters as `unknown` and is narrowed here. The readers throw a 400 that names the field, so a
 * format can read a client's body without a check at every line.
 */
import { invalid } from './errors.ts';

export type Json = string | number | boolean | null | JsonObject | Json[];
export interface JsonObject {
  [key: string]: unknown;
}

export function isObject(value: unknown): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The text of bytes in UTF-8, without a byte order mark. */
export function textOf(bytes: Buffer): string {
  const text = bytes.toString('utf8');
  return text.charCodeAt(0) === BYTE_ORDER_MARK ? text.slice(1) : text;
}
const BYTE_ORDER_MARK = 0xfeff;

/** Parses text; `undefined` when it is not JSON. */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The caller decides what text that is not JSON means; JSON has no `undefined`, so no clash.
    return undefined;
  }
}

/** Words a value for an error message, short and without its content. */
function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'an array';
  if (typeof value === 'object') return 'an object';
  return `a ${typeof value}`;
}

function wrong(path: string, expected: string, value: unknown): Error {
  return invalid(
    path,
    value === undefined ? `is required (${expected})` : `must be ${expected}, not ${kindOf(value)}`,
  );
}

/** `parent.key`, or `key` at the top. */
export function at(path: string, key: string | number): string {
  return path === '' ? String(key) : `${path}.${key}`;
}

/**
 * Readers of a client's body. `path` is where `object` stands ('' at the top). The plain readers
 * demand the field; the `optional` ones give `undefined` for a field that is absent or null.
 */
export function readString(object: JsonObject, key: string, path = ''): string {
  const value = object[key];
  if (typeof value !== 'string') throw wrong(at(path, key), 'a string', value);
  return value;
}
export function optionalString(object: JsonObject, key: string, path = ''): string | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') throw wrong(at(path, key), 'a string', value);
  return value;
}
export function optionalNumber(object: JsonObject, key: string, path = ''): number | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'number') throw wrong(at(path, key), 'a number', value);
  return value;
}
export function optionalBoolean(object: JsonObject, key: string, path = ''): boolean | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'boolean') throw wrong(at(path, key), 'true or false', value);
  return value;
}
export function readObject(object: JsonObject, key: string, path = ''): JsonObject {
  const value = object[key];
  if (!isObject(value)) throw wrong(at(path, key), 'an object', value);
  return value;
}
export function optionalObject(object: JsonObject, key: string, path = ''): JsonObject | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (!isObject(value)) throw wrong(at(path, key), 'an object', value);
  return value;
}
export function readArray(object: JsonObject, key: string, path = ''): unknown[] {
  const value = object[key];
  if (!Array.isArray(value)) throw wrong(at(path, key), 'an array', value);
  return value;
}
export function optionalArray(object: JsonObject, key: string, path = ''): unknown[] | undefined {
  const value = object[key];
  if (value === undefined || value === null) return undefined;
  if (!Array.isArray(value)) throw wrong(at(path, key), 'an array', value);
  return value;
}
/** An element of an array that must be an object. */
export function asObject(value: unknown, path: string): JsonObject {
  if (!isObject(value)) throw wrong(path, 'an object', value);
  return value;
}
export function asString(value: unknown, path: string): string {
  if (typeof value !== 'string') throw wrong(path, 'a string', value);
  return value;
}

/** Lenient readers for a provider's reply: what is missing or odd is `undefined`, never an error. */
export function text(value: unknown): string | undefined {
  return typeof value === 'string' ? value : undefined;
}
export function number(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
export function object(value: unknown): JsonObject | undefined {
  return isObject(value) ? value : undefined;
}
export function array(value: unknown): unknown[] {
  return Array.isArray(value) ? value : [];
}
