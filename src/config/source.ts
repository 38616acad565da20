/** A configuration file → its value, through Bun's own importers, and where things stand in it. */
import { realpathSync } from 'node:fs';
import { extname } from 'node:path';
import { isObject } from '../json.ts';
import { maskedExcerpt, maskRandom } from './mask.ts';
import { type Dialect, scanPositions } from './position.ts';
import { locateToml } from './position-toml.ts';
import type { Locator, Position } from './position-tree.ts';
import { locateYaml } from './position-yaml.ts';
import { type Problem, pathText } from './problem.ts';

/** How Bun is told to read a file, by its extension; a file of any other name is taken for JSON. */
const LOADERS: Readonly<Record<string, 'jsonc' | 'json5' | 'yaml' | 'toml'>> = {
  '.jsonc': 'jsonc',
  '.json5': 'json5',
  '.yaml': 'yaml',
  '.yml': 'yaml',
  '.toml': 'toml',
};

/** A file that could be read: its value, and where things stand in it. */
export interface Source {
  readonly value: unknown;
  readonly scan: Locator | undefined;
}
export type SourceResult =
  | { readonly source: Source; readonly problems?: undefined }
  | { readonly source?: undefined; readonly problems: readonly Problem[] };

/** Reads a file as it is now, however often it is asked. `shown` is how messages call the file. */
export async function readSource(path: string, shown: string): Promise<SourceResult> {
  const fail = (message: string, more: Partial<Problem> = {}): SourceResult => ({
    problems: [{ path: '', source: shown, message, ...more }],
  });
  if (path.includes('?')) return fail('cannot be read, because its path holds a "?"');
  const loader = LOADERS[extname(path).toLowerCase()] ?? 'json';
  try {
    // The text is for positions only. It is read before and after, so that they are the value's own.
    for (let attempt = 0; ; attempt++) {
      const text = await Bun.file(path).text();
      const imported = await importFresh(path, loader);
      if (attempt < 3 && text !== (await Bun.file(path).text())) continue;
      return judge(text, loader, imported, shown);
    }
  } catch (cause) {
    return fail(`cannot be read: ${cause instanceof Error ? cause.message : String(cause)}`);
  }
}

type Imported = { readonly value: unknown } | { readonly cause: unknown };

/**
 * Bun keeps what it imported, and where a link led. Deleting the entry of the real path and
 * importing that gives the file's present content in every case, and does not leak as `?v=2` does.
 */
async function importFresh(path: string, type: string): Promise<Imported> {
  const real = realpathSync(path);
  delete require.cache[real];
  try {
    const module: unknown = await import(real, { with: { type } });
    return { value: isObject(module) ? module['default'] : undefined };
  } catch (cause) {
    // Whatever it is, it is about the text: the file was just read.
    return { cause };
  }
}

function judge(text: string, loader: string, imported: Imported, shown: string): SourceResult {
  const dialect = dialectOf(loader);
  const scan = dialect && scanPositions(text, dialect);
  const problems: Problem[] = [];
  const cause = 'cause' in imported ? imported.cause : undefined;
  if (scan?.error !== undefined) {
    problems.push(syntaxProblem(text, scan.error.message, scan.error.position, shown));
  } else if ('cause' in imported || text.trim() === '') {
    const message = text.trim() === '' ? 'the file is empty' : messageOf(cause);
    problems.push(syntaxProblem(text, message, buildPosition(cause), shown));
  }
  for (const { path, position } of scan?.duplicates ?? []) {
    problems.push({
      path: pathText(path),
      source: shown,
      ...position,
      message: 'stands twice in the same object; only the last one would count',
      found: JSON.stringify(path[path.length - 1]),
    });
  }
  if (problems.length > 0 || !('value' in imported)) return { problems };
  const { value } = imported;
  if (loader === 'yaml') return { source: { value, scan: locateYaml(text, value) } };
  if (loader === 'toml') return { source: { value, scan: locateToml(text, value) } };
  return { source: { value, scan } };
}

function dialectOf(loader: string): Dialect | undefined {
  return loader === 'json' || loader === 'jsonc' || loader === 'json5' ? loader : undefined;
}

function syntaxProblem(
  text: string,
  message: string,
  position: Position | undefined,
  shown: string,
): Problem {
  const problem = { path: '', source: shown, message: maskRandom(message), ...position };
  return position === undefined ? problem : { ...problem, excerpt: maskedExcerpt(text, position) };
}

function messageOf(cause: unknown): string {
  return cause instanceof Error || isObject(cause)
    ? String(Reflect.get(cause, 'message'))
    : String(cause);
}

/** The position that Bun's YAML and TOML readers give with an error. */
function buildPosition(cause: unknown): Position | undefined {
  if (typeof cause !== 'object' || cause === null) return undefined;
  const position: unknown = Reflect.get(cause, 'position');
  if (!isObject(position)) return undefined;
  const { line, column } = position;
  return typeof line === 'number' && typeof column === 'number' ? { line, column } : undefined;
}
