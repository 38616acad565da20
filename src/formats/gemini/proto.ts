/**
 * Reading the JSON form of Google's protocol buffers: every field may be spelled in camelCase or in
 * snake_case, a number may come as a string (int64), and Google's own servers and documentation
 * take one value where a list is meant (`"parts": {"text": "…"}`).
 */
import { invalid } from '../../errors.ts';
import {
  asObject,
  at,
  type JsonObject,
  optionalBoolean,
  optionalObject,
  optionalString,
} from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type { Rest } from '../../unified.ts';

const SNAKE = new Map<string, string>();

function snakeCase(name: string): string {
  let snake = SNAKE.get(name);
  if (snake === undefined) {
    snake = name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
    SNAKE.set(name, snake);
  }
  return snake;
}

function camelCase(name: string): string {
  return name.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

/** The key under which `object` holds the field; `name` is its camelCase spelling. */
export function keyOf(object: JsonObject, name: string): string {
  if (object[name] !== undefined) return name;
  const snake = snakeCase(name);
  return object[snake] !== undefined ? snake : name;
}

/** The field's value, spelled either way; null counts as absent. */
export function field(object: JsonObject, name: string): unknown {
  return object[name] ?? object[snakeCase(name)] ?? undefined;
}

/** The readers of `json.ts`, for either spelling; the error names the field as the client spelled it. */
export function stringField(object: JsonObject, name: string, path: string): string | undefined {
  return optionalString(object, keyOf(object, name), path);
}

/** As `stringField`. */
export function booleanField(object: JsonObject, name: string, path: string): boolean | undefined {
  return optionalBoolean(object, keyOf(object, name), path);
}

/** As `stringField`. */
export function objectField(
  object: JsonObject,
  name: string,
  path: string,
): JsonObject | undefined {
  return optionalObject(object, keyOf(object, name), path);
}

/** As `stringField`; text that is a number counts as one. */
export function numberField(object: JsonObject, name: string, path: string): number | undefined {
  const value = field(object, name);
  if (value === undefined) return undefined;
  const number = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof number !== 'number' || Number.isNaN(number)) {
    throw invalid(at(path, keyOf(object, name)), 'must be a number');
  }
  return number;
}

/** A repeated field; a single value stands for a list of one. */
export function listField(object: JsonObject, name: string): unknown[] {
  const value = field(object, name);
  if (value === undefined) return [];
  return Array.isArray(value) ? value : [value];
}

/** A repeated field of messages, each with its path. */
export function objectList(
  object: JsonObject,
  name: string,
  path: string,
): { value: JsonObject; path: string }[] {
  const list = field(object, name);
  const base = at(path, keyOf(object, name));
  if (!Array.isArray(list)) {
    return list === undefined ? [] : [{ value: asObject(list, base), path: base }];
  }
  return list.map((value, index) => {
    const place = at(base, index);
    return { value: asObject(value, place), path: place };
  });
}

/** A repeated field of strings; undefined when it is absent. */
export function stringList(object: JsonObject, name: string, path: string): string[] | undefined {
  if (field(object, name) === undefined) return undefined;
  const base = at(path, keyOf(object, name));
  return listField(object, name).map((value, index) => {
    if (typeof value !== 'string') throw invalid(at(base, index), 'must be a string');
    return value;
  });
}

/** Reports every field of `object` that is not in `known` (camelCase names) as dropped. */
export function dropUnknown(
  object: JsonObject,
  known: ReadonlySet<string>,
  path: string,
  ledger: Ledger,
): void {
  for (const key in object) {
    if (known.has(key) || object[key] === null || object[key] === undefined) continue;
    if (!known.has(camelCase(key))) ledger.drop(at(path, key));
  }
}

/** The fields of `object` that are not in `known`, for a provider of this format. */
export function restOf(
  object: JsonObject,
  known: ReadonlySet<string>,
  path: string,
): { rest?: Rest } {
  const fields: JsonObject = {};
  for (const key in object) {
    const value = object[key];
    if (value !== null && value !== undefined && !known.has(fieldName(key))) fields[key] = value;
  }
  return Object.keys(fields).length === 0 ? {} : { rest: { format: 'gemini', path, fields } };
}

/** The camelCase name of a key as a client spelled it. */
export function fieldName(key: string): string {
  return key.includes('_') ? camelCase(key) : key;
}
