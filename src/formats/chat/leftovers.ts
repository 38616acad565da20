/** What a client sent and nothing reads. */
import type { JsonObject } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';

/** Reports the fields that are not among the known ones; null and [] say nothing and are no loss. */
export function dropUnknown(
  object: JsonObject,
  known: ReadonlySet<string>,
  path: string,
  ledger: Ledger,
): void {
  for (const key in object) {
    if (known.has(key)) continue;
    const value = object[key];
    if (value === undefined || value === null) continue;
    if (Array.isArray(value) && value.length === 0) continue;
    ledger.drop(`${path}.${key}`);
  }
}
