/**
 * Finds, reads and checks the configuration. What a user got wrong comes back as problems, all of
 * them; nothing is thrown. May be called again at any time and sees the file as it is then.
 */
import { existsSync, statSync } from 'node:fs';
import { dirname, join, relative, resolve } from 'node:path';
import shipped from '../../config/plexus.json' with { type: 'json' };
import { isObject } from '../json.ts';
import { type CheckOptions, checkConfig } from './check.ts';
import type { Config } from './config.ts';
import { type Finding, type Problem, pathText } from './problem.ts';
import { readSource, type Source } from './source.ts';

/** Settings from the command line, as they were typed. */
export interface Overrides {
  readonly host?: string | undefined;
  readonly port?: string | undefined;
  readonly logLevel?: string | undefined;
  readonly dataDir?: string | undefined;
}

/** Where to look, and what wins over the file. */
export interface LoadOptions extends Pick<CheckOptions, 'cwd' | 'env' | 'knownTransformers'> {
  /**
   * Names that a user's own transformer file brings, by its absolute path; what it throws becomes a
   * problem of that file. Without it, names that nobody knows are warnings when there are files.
   */
  readonly transformerNames?: (path: string) => Promise<readonly string[]>;
  /** The file that `--config` names. Else `PLEXUS_CONFIG`, else the usual places in `cwd`. */
  readonly path?: string | undefined;
  readonly overrides?: Overrides;
}

/** Either a configuration, frozen, or what is wrong. Warnings come with both. */
export type LoadResult =
  | {
      readonly config: Config;
      readonly problems?: undefined;
      readonly warnings: readonly Problem[];
    }
  | {
      readonly config?: undefined;
      readonly problems: readonly Problem[];
      readonly warnings: readonly Problem[];
    };

/** Loads the configuration as it is now. */
export async function loadConfig(options: LoadOptions): Promise<LoadResult> {
  const { cwd, env } = options;
  const named = options.path ?? (env['PLEXUS_CONFIG'] || undefined);
  const found = named === undefined ? findConfig(cwd) : resolve(cwd, named);
  if (found === undefined) {
    return check({ value: shipped, scan: undefined }, undefined, BUILT_IN, options);
  }
  if (!isFile(found)) {
    const source = options.path === undefined ? 'PLEXUS_CONFIG' : '--config';
    const wrong = existsSync(found) ? 'is not a file' : 'does not exist';
    const message = `names ${found}, which ${wrong}`;
    return { problems: [{ path: '', source, message }], warnings: [] };
  }
  const shown = shownPath(found, cwd);
  const { source, problems } = await readSource(found, shown);
  if (source === undefined) return { problems, warnings: [] };
  return check(source, found, shown, options);
}

/** How messages call the configuration that is used when there is no file. */
const BUILT_IN = 'the built-in configuration';

/** Where a configuration is looked for, the first that exists counts. */
export const CONFIG_PLACES: readonly string[] = ['config', '.'].flatMap((folder) =>
  ['json', 'jsonc', 'json5', 'yaml', 'yml', 'toml'].map((type) => join(folder, `plexus.${type}`)),
);

/** The file in one of the usual places of `cwd`. */
export function findConfig(cwd: string): string | undefined {
  return CONFIG_PLACES.map((place) => resolve(cwd, place)).find(isFile);
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() === true;
}

function shownPath(path: string, cwd: string): string {
  const short = relative(cwd, path);
  return short.startsWith('..') ? path : short;
}

// ------------------------------------------------------------------------------ check

async function check(
  source: Source,
  path: string | undefined,
  shown: string,
  options: LoadOptions,
): Promise<LoadResult> {
  const { value, origins } = override(source.value, settings(options));
  const directory = path === undefined ? options.cwd : dirname(path);
  const run = (userTransformers?: readonly string[]) =>
    checkConfig(value, { ...options, path, directory, userTransformers });
  const place = (findings: readonly Finding[]) =>
    findings.map((finding) => placed(finding, source, shown, origins)).sort(byPosition);
  let checked = run();
  const files = checked.config?.transformers ?? [];
  if (options.transformerNames !== undefined && files.length > 0) {
    const { names, problems } = await namesIn(files, options.transformerNames);
    if (problems.length > 0) return { problems: place(problems), warnings: [] };
    checked = run(names);
  }
  const warnings = place(checked.warnings);
  if (checked.config !== undefined) return { config: checked.config, warnings };
  return { problems: place(checked.problems), warnings };
}

/** What the user's own files bring. They hold the user's code, so anything may be thrown. */
async function namesIn(
  files: Config['transformers'],
  transformerNames: (path: string) => Promise<readonly string[]>,
): Promise<{ names: readonly string[]; problems: readonly Finding[] }> {
  const names: string[] = [];
  const problems: Finding[] = [];
  for (const [index, { path }] of files.entries()) {
    try {
      names.push(...(await transformerNames(path)));
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      problems.push({
        at: ['transformers', index, 'path'],
        message: `names ${path}, which cannot be used: ${reason}`,
      });
    }
  }
  return { names, problems };
}

function byPosition(a: Problem, b: Problem): number {
  return (a.line ?? 0) - (b.line ?? 0) || (a.column ?? 0) - (b.column ?? 0);
}

/** The finding with the place where a person can mend it. */
function placed(
  { at, onKey, ...rest }: Finding,
  { scan }: Source,
  shown: string,
  origins: ReadonlyMap<string, string>,
): Problem {
  const path = pathText(at);
  const origin = origins.get(path);
  const position = origin === undefined ? scan?.locate(at, onKey) : undefined;
  return { path, source: origin ?? shown, ...position, ...rest };
}

// ------------------------------------------------------------------------------ overrides

/** A setting from outside the file: where it goes, its text, and who said it. */
interface Setting {
  readonly section: string | undefined;
  readonly key: string;
  readonly value: string | undefined;
  readonly origin: string;
}

/** Arguments win over the environment, the environment over the file. */
function settings({ env, overrides = {} }: LoadOptions): Setting[] {
  const both = (
    section: string | undefined,
    key: string,
    [variable, argument]: readonly [string, string],
    given: string | undefined,
  ): Setting => ({
    section,
    key,
    value: given ?? (env[variable] || undefined),
    origin: given === undefined ? variable : argument,
  });
  return [
    both('server', 'host', ['PLEXUS_HOST', '--host'], overrides.host),
    both('server', 'port', ['PLEXUS_PORT', '--port'], overrides.port),
    both('logging', 'level', ['PLEXUS_LOG_LEVEL', '--log-level'], overrides.logLevel),
    both(undefined, 'dataDir', ['PLEXUS_DATA_DIR', '--data-dir'], overrides.dataDir),
  ].filter((setting) => setting.value !== undefined);
}

/** The file's value with the settings put in, and by path who said each of them. */
function override(
  value: unknown,
  given: readonly Setting[],
): { value: unknown; origins: ReadonlyMap<string, string> } {
  const origins = new Map<string, string>();
  if (!isObject(value)) return { value, origins };
  const result = { ...value };
  for (const { section, key, value: text = '', origin } of given) {
    // A `$` in an argument is meant as it stands.
    const setting =
      key === 'port' && /^\d+$/.test(text) ? Number(text) : text.replaceAll('${', () => '$${');
    if (section === undefined) result[key] = setting;
    else {
      const inner = result[section] ?? {};
      if (!isObject(inner)) continue;
      // An address given outside the file is meant to be listened on, also where that has a socket.
      const { unix, ...rest } = inner;
      result[section] = { ...(section === 'server' ? rest : inner), [key]: setting };
    }
    origins.set(pathText(section === undefined ? [key] : [section, key]), origin);
  }
  return { value: result, origins };
}
