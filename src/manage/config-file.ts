/** The configuration's file, as the management API shows and replaces it. */

import { realpathSync } from 'node:fs';
import {
  chmod,
  mkdir,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import shipped from '../../config/plexus.json' with { type: 'json' };
import type { LoadResult } from '../config/load.ts';
import { type Problem, pathText } from '../config/problem.ts';
import { readSource } from '../config/source.ts';
import { GatewayError } from '../errors.ts';
import { isObject } from '../json.ts';
import { maskConfig, unmaskConfig } from './mask-config.ts';

export interface ConfigFileOptions {
  /** The file in force; undefined when the configuration is from nowhere else. */
  readonly path: () => string | undefined;
  /** What is in force while there is no file: a program's own value; unset: the built-in one. */
  readonly value?: () => unknown;
  /** Where a first file is written; undefined: nowhere, as it would not be read. */
  readonly firstPath: () => string | undefined;
  /** Loads a file as a start would, and gives what is wrong with it. */
  readonly check: (path: string) => Promise<LoadResult>;
  /** Values that must not be shown wherever they stand. */
  readonly secrets: () => Iterable<string>;
  /** Unix ms. */
  readonly now: () => number;
}

/** A configuration's file as it is shown. */
export interface ShownConfig {
  /** Parsed; references as they are written, secrets masked. Null when the file cannot be read. */
  readonly config: unknown;
  /** Null: the built-in one. */
  readonly path: string | null;
  /** Of the file's bytes. */
  readonly checksum: string;
  readonly lastModified: string | null;
  readonly problems: readonly Problem[];
  readonly warnings: readonly Problem[];
}

export interface ConfigChange {
  /** An object, or the text of the file in its own language. */
  readonly config: unknown;
  /** The checksum that the change was made upon. */
  readonly expected?: string | undefined;
  /** Only say what would be wrong. */
  readonly dryRun?: boolean;
}

export interface ChangedConfig {
  readonly path: string;
  readonly checksum: string;
  readonly previousChecksum: string;
  /** The former file; null when there was none. */
  readonly backup: string | null;
  readonly written: boolean;
  readonly warnings: readonly Problem[];
}

export interface ConfigFile {
  read(): Promise<ShownConfig>;
  /** @throws GatewayError 409 when the file is another by now, 400 with `problems` when it is not valid */
  write(change: ConfigChange): Promise<ChangedConfig>;
}

/** Former files that are kept. */
const MAX_BACKUPS = 10;
const BUILT_IN = `${JSON.stringify(shipped, null, 2)}\n`;

export function createConfigFile(options: ConfigFileOptions): ConfigFile {
  /** The last change; each waits for the one before. */
  let last: Promise<unknown> = Promise.resolve();

  function change(request: ConfigChange): Promise<ChangedConfig> {
    const next = last.then(() => replace(request));
    // A change that failed does not stand in the way of the next.
    last = next.catch(() => undefined);
    return next;
  }

  async function replace({ config, expected, dryRun }: ConfigChange): Promise<ChangedConfig> {
    const running = options.path();
    const path = running === undefined ? options.firstPath() : realPath(running);
    if (path === undefined) throw notFromFile();
    const before = await currentBytes(path, running);
    const previousChecksum = checksumOf(before ?? BUILT_IN);
    if (expected !== undefined && expected !== '*' && bare(expected) !== bare(previousChecksum)) {
      throw stale(previousChecksum);
    }
    const text = await newText(config, path, before, [...options.secrets()]);
    await mkdir(dirname(path), { recursive: true });
    const draft = join(dirname(path), `.plexus-${crypto.randomUUID()}${extname(path)}`);
    try {
      await writeDurably(draft, text, before === undefined ? undefined : path);
      const { problems, warnings } = await options.check(draft);
      if (problems) throw refused(renamed(problems, draft, path));
      const common = { path, previousChecksum, warnings: renamed(warnings, draft, path) };
      const checksum = checksumOf(text);
      if (dryRun) return { ...common, checksum, backup: null, written: false };
      // Somebody may have written while the draft was checked.
      const now = await currentBytes(path, running);
      if (checksumOf(now ?? BUILT_IN) !== previousChecksum)
        throw stale(checksumOf(now ?? BUILT_IN));
      const backup = before === undefined ? null : await keepBackup(path, before, options.now());
      await putInPlace(draft, path, text);
      return { ...common, checksum, backup, written: true };
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause;
      throw new GatewayError('internal', `cannot write ${path}: ${messageOf(cause)}`, { cause });
    } finally {
      await rm(draft, { force: true });
    }
  }

  return {
    async read() {
      const path = options.path();
      const bytes = path === undefined ? undefined : await currentBytes(path, path);
      if (path === undefined || bytes === undefined) {
        const value = options.value?.() ?? shipped;
        const checksum = checksumOf(value === shipped ? BUILT_IN : JSON.stringify(value));
        const config = maskConfig(value, [...options.secrets()]);
        return { config, path: null, checksum, lastModified: null, problems: [], warnings: [] };
      }
      const { source } = await readSource(path, path);
      const { problems, warnings } = await options.check(path);
      const { mtime } = await stat(path);
      return {
        config: source === undefined ? null : maskConfig(source.value, [...options.secrets()]),
        path,
        checksum: checksumOf(bytes),
        lastModified: mtime.toISOString(),
        problems: problems ?? [],
        warnings,
      };
    },
    write: change,
  };
}

/** `sha256:` and the digest of the bytes. */
export function checksumOf(bytes: string | Uint8Array): string {
  return `sha256:${new Bun.CryptoHasher('sha256').update(bytes).digest('hex')}`;
}

/** As it is compared: an entity tag has quotes, a weak one a mark before them. */
function bare(checksum: string): string {
  return checksum
    .replace(/^W\//, '')
    .replace(/^"(.*)"$/, '$1')
    .replace(/^sha256:/, '')
    .toLowerCase();
}

/** Where a link leads: the link itself is to stay. */
function realPath(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    // It was deleted while running: it is written anew where it was.
    return path;
  }
}

/** The bytes of the file; undefined when there is none. */
async function currentBytes(
  path: string,
  running: string | undefined,
): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (cause instanceof Error && 'code' in cause && cause.code === 'ENOENT') return undefined;
    throw new GatewayError('internal', `cannot read ${running ?? path}: ${messageOf(cause)}`, {
      cause,
    });
  }
}

// ------------------------------------------------------------------------------ new text

/** The text to write. Values that came back masked are put in again. */
async function newText(
  config: unknown,
  path: string,
  before: Buffer | undefined,
  known: readonly string[],
): Promise<string> {
  const { source } =
    before === undefined ? { source: { value: shipped } } : await readSource(path, path);
  if (typeof config === 'string') {
    if (config.includes('***')) throw masked([]);
    return config;
  }
  if (!isObject(config)) {
    throw new GatewayError(
      'invalid_request',
      'config: must be an object, or the text of the file',
      {
        field: 'config',
      },
    );
  }
  if (/\.toml$/i.test(path)) {
    throw new GatewayError(
      'invalid_request',
      `config: ${basename(path)} is TOML, which is written only from text; send "config" as a string`,
      { field: 'config' },
    );
  }
  const { value, lost } = unmaskConfig(config, source?.value, known);
  if (lost.length > 0) throw masked(lost.map(pathText));
  // JSON is also JSONC, JSON5 and YAML; their comments are in the backup.
  return `${JSON.stringify(value, null, 2)}\n`;
}

function masked(paths: readonly string[]): GatewayError {
  const where = paths.length === 0 ? 'config' : paths.join(', ');
  return new GatewayError(
    'invalid_request',
    `${where}: "***" stands for a value that is not known here; write the value, or "\${NAME}" for a variable`,
    { field: paths[0] ?? 'config', code: 'masked_value' },
  );
}

function notFromFile(): GatewayError {
  return new GatewayError(
    'unsupported',
    'The configuration is a value of the program that holds this gateway; it is changed there.',
    { status: 409, code: 'not_from_file' },
  );
}

function stale(checksum: string): GatewayError {
  return new GatewayError(
    'invalid_request',
    `The configuration was changed in the meantime; its checksum is ${checksum} now.`,
    { status: 409, code: 'stale_checksum' },
  );
}

/** The refusal of a configuration, with all that is wrong with it. */
function refused(problems: readonly Problem[]): GatewayError {
  const [first] = problems;
  const message = `The configuration is not valid: ${problems
    .map(({ path, message }) => `${path === '' ? '' : `${path} `}${message}`)
    .join('; ')}`;
  const error = {
    message,
    type: 'invalid_request_error',
    param: first?.path || null,
    code: 'invalid_config',
  };
  return new GatewayError('invalid_request', message, {
    body: JSON.stringify({ error, problems }),
    code: 'invalid_config',
  });
}

/** Problems that name the draft name the file instead. */
function renamed(problems: readonly Problem[], draft: string, path: string): Problem[] {
  const short = basename(draft);
  return problems.map((problem) =>
    problem.source?.endsWith(short) ? { ...problem, source: basename(path) } : problem,
  );
}

// ------------------------------------------------------------------------------ disk

/** The bytes are on the disk when this resolves. @param like a file whose permissions it gets */
async function writeDurably(path: string, text: string, like: string | undefined): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(text);
    await file.sync();
  } finally {
    await file.close();
  }
  if (like !== undefined) await chmod(path, (await stat(like)).mode & 0o777);
}

/** One step, so that a reader sees the old file or the new one. */
async function putInPlace(draft: string, path: string, text: string): Promise<void> {
  try {
    await rename(draft, path);
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? cause.code : undefined;
    // A file that is itself a mount point, as a container's, cannot be replaced; the backup stands by.
    if (code !== 'EBUSY' && code !== 'EXDEV') throw cause;
    await writeFile(path, text);
  }
}

async function keepBackup(path: string, bytes: Buffer, now: number): Promise<string> {
  const stamp = new Date(now).toISOString().replace(/[:.]/g, '-');
  const backup = `${path}.${stamp}.bak`;
  await writeFile(backup, bytes, { mode: (await stat(path)).mode & 0o777 });
  const start = `${basename(path)}.`;
  const kept = (await readdir(dirname(path)))
    .filter((name) => name.startsWith(start) && BACKUP.test(name.slice(start.length)))
    .sort();
  for (const name of kept.slice(0, -MAX_BACKUPS))
    await rm(join(dirname(path), name), { force: true });
  return backup;
}
const BACKUP = /^\d{4}-\d{2}-\d{2}T\d{2}-\d{2}-\d{2}-\d{3}Z\.bak$/;

function messageOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}
