/**
 * Fields inside a message, a tool or a parameter that only this format knows. They travel in
 * `request.extra` under their path (`tools.2.defer_loading`), so that an encoder of this format puts
 * them back where they stood and every other one has them reported as dropped.
 */
import type { JsonObject } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import type { UnifiedChatRequest } from '../../unified.ts';

/** Keeps each field of `object` that is not among `known`. */
export function keepLeftovers(
  object: JsonObject,
  known: ReadonlySet<string>,
  path: string,
  extra: JsonObject,
): void {
  for (const key in object) {
    const value = object[key];
    if (!known.has(key) && value !== null && value !== undefined) extra[`${path}.${key}`] = value;
  }
}

/** What was kept: top-level fields by name, and the fields of each thing by its path. */
export class Leftovers {
  readonly topLevel: JsonObject = {};
  readonly #inside = new Map<string, JsonObject>();
  /** Paths that no one has asked for yet. */
  readonly #unused = new Set<string>();

  constructor(extra: UnifiedChatRequest['extra']) {
    if (extra?.format !== 'messages') return;
    for (const [key, value] of Object.entries(extra.fields)) {
      const dot = key.lastIndexOf('.');
      if (dot < 0) this.topLevel[key] = value;
      else this.#set(key.slice(0, dot), key.slice(dot + 1), value);
    }
  }

  /** The fields that stood in the thing at `path`. */
  of(path: string | undefined): JsonObject | undefined {
    if (path === undefined || this.#inside.size === 0) return undefined;
    this.#unused.delete(path);
    return this.#inside.get(path);
  }

  /** Reports what was not put back because the thing it belonged to is gone. */
  report(ledger: Ledger): void {
    for (const path of this.#unused) {
      for (const key in this.#inside.get(path)) ledger.drop(`${path}.${key}`);
    }
  }

  #set(path: string, key: string, value: unknown): void {
    const known = this.#inside.get(path);
    if (known) known[key] = value;
    else this.#inside.set(path, { [key]: value });
    this.#unused.add(path);
  }
}
