/** `transformers`: files of the user's own, and the names that a `use` list may hold. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import type { Config } from './config.ts';
import type { Check } from './problem.ts';
import type { Written } from './table.ts';
import { TRANSFORMER_NAMES } from './transformer-names.ts';

/** What is known of transformers outside the configuration. */
export interface TransformerOptions {
  /** Where Plexus was started: `dataDir` is seen from here. */
  readonly cwd: string;
  /** The folder of the file: `transformers` are seen from here. */
  readonly directory?: string;
  /** Names that `use` may hold; by default all that Plexus knows. */
  readonly knownTransformers?: readonly string[];
  /**
   * The names that the user's own files bring. While that is not known, and `transformers` lists a
   * file, a name that nobody knows is only a warning: it may be in there.
   */
  readonly userTransformers?: readonly string[] | undefined;
}

/** Names that a `use` list may hold, and whether files of the user may hold more. */
export interface KnownTransformers {
  readonly names: ReadonlySet<string>;
  readonly complete: boolean;
}

/** The files as absolute paths. */
export function checkTransformers(
  written: Written['transformers'],
  options: TransformerOptions,
  check: Check,
): Config['transformers'] {
  return written.flatMap(({ at, value }) => {
    if (value.path === undefined) return [];
    const path = resolve(options.directory ?? options.cwd, value.path);
    if (!existsSync(path)) {
      check.problem({
        at: [...at, 'path'],
        message: `names ${path}, which does not exist`,
        found: JSON.stringify(value.path),
        expected: 'a file, seen from the folder of the configuration',
      });
    }
    return [value.options === undefined ? { path } : { path, options: value.options }];
  });
}

/** The names that Plexus knows and the user's. */
export function knownTransformers(
  own: Config['transformers'],
  { knownTransformers: names = TRANSFORMER_NAMES, userTransformers }: TransformerOptions,
): KnownTransformers {
  return {
    names: new Set([...names, ...(userTransformers ?? [])]),
    complete: own.length === 0 || userTransformers !== undefined,
  };
}
