/**
 * What a provider's format has no place for, and why: each must be reported by its path, never lost
 * in silence. The matrix holds the gateway to it; the table of the README prints it.
 */
import type { FormatName } from '../../src/unified.ts';

export interface NotCarried {
  /** In words, for the table. */
  what: string;
  /** The lines of an outline that are lost. */
  line: RegExp;
  providers: readonly FormatName[];
  /** The path that is reported, by the client's format. */
  path: Partial<Record<FormatName, string>>;
  /** Who says so. */
  why: string;
}

export const NOT_CARRIED: readonly NotCarried[] = [];

/** The path under which the loss of a line must be reported; undefined when it must not be lost. */
export function reportOf(
  line: string,
  client: FormatName,
  provider: FormatName,
): string | undefined {
  const entry = NOT_CARRIED.find(
    ({ line: pattern, providers }) => pattern.test(line) && providers.includes(provider),
  );
  return entry?.path[client];
}
