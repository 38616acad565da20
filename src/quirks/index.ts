/** The quirks of providers: one line each. */
import type { Quirk } from './quirk.ts';

export const QUIRKS: ReadonlyMap<string, Quirk> = new Map(
  ([] satisfies Quirk[]).map((quirk: Quirk) => [quirk.name, quirk]),
);
