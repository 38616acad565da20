/**
 * The configuration with everything that belongs to it: a file or a value from a program, and the
 * user's own transformer files, whose names a `use` list may hold.
 */
import { existsSync, realpathSync } from 'node:fs';
import type { JsonObject } from '../json.ts';
import { KNOWN_TRANSFORMERS, loadTransformerFile } from '../transform/registry.ts';
import { checkConfig } from './check.ts';
import type { Environment } from './environment.ts';
import { type LoadResult, loadConfig, type Overrides } from './load.ts';
import { type Finding, type Problem, pathText } from './problem.ts';

export interface LoadAllOptions {
  /** A configuration as a value, or the path of a file; unset: looked for in the usual places. */
  readonly config?: string | JsonObject | undefined;
  readonly overrides?: Overrides;
  readonly cwd: string;
  readonly env: Environment;
}

/** What a user got wrong comes back as problems; nothing is thrown. Sees files as they are now. */
export async function loadAll(options: LoadAllOptions): Promise<LoadResult> {
  const { config, overrides, cwd, env } = options;
  if (typeof config === 'object') return checkValue(config, { cwd, env });
  return loadConfig({
    cwd,
    env,
    path: config,
    knownTransformers: KNOWN_TRANSFORMERS,
    transformerNames,
    ...(overrides === undefined ? {} : { overrides }),
  });
}

async function checkValue(
  raw: JsonObject,
  options: Pick<LoadAllOptions, 'cwd' | 'env'>,
): Promise<LoadResult> {
  const run = (userTransformers?: readonly string[]) =>
    checkConfig(raw, { ...options, knownTransformers: KNOWN_TRANSFORMERS, userTransformers });
  let checked = run();
  const files = checked.config?.transformers ?? [];
  if (files.length > 0) {
    const names: string[] = [];
    for (const [index, { path }] of files.entries()) {
      try {
        names.push(...(await transformerNames(path)));
      } catch (cause) {
        const message = `names ${path}, which cannot be used: ${messageOf(cause)}`;
        return { problems: [{ path: `transformers.${index}.path`, message }], warnings: [] };
      }
    }
    checked = run(names);
  }
  const warnings = checked.warnings.map(problemOf);
  if (checked.config !== undefined) return { config: checked.config, warnings };
  return { problems: checked.problems.map(problemOf), warnings };
}

function problemOf({ at, onKey: _, ...rest }: Finding): Problem {
  return { path: pathText(at), ...rest };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/**
 * The names that a transformer file brings. Bun keeps modules that it imported, by their real path;
 * without that entry the file is read as it is now (seen on 1.4.4).
 */
async function transformerNames(path: string): Promise<readonly string[]> {
  if (existsSync(path)) delete require.cache[realpathSync(path)];
  const [name] = await loadTransformerFile(path, {});
  return [name];
}
