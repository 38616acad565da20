/** What a client sent and nothing reads. */
import { at, type JsonObject } from './json.ts';
import type { Ledger } from './ledger.ts';

/** True for a value that asks for nothing, so that leaving it out is no loss. */
export function saysNothing(value: unknown): boolean {
  return value === undefined || value === null || (Array.isArray(value) && value.length === 0);
}

/** Reports the fields of an object that are not among the known ones. */
export function dropUnknown(
  object: JsonObject,
  known: ReadonlySet<string>,
  path: string,
  ledger: Ledger,
): void {
  for (const key in object) {
    if (!known.has(key) && !saysNothing(object[key])) ledger.drop(at(path, key));
  }
}
