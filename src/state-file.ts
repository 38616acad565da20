/**
 * Small state that outlives a restart: a JSON file in the data folder, replaced as a whole, so that a
 * process that is killed leaves the old one or the new one. Written shortly after a change; no request
 * waits for it.
 */
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { parseJson } from './json.ts';

export interface StateFile {
  /** Asks for a writing soon. */
  touch(): void;
  /** Writes what is still to be written. */
  flush(): void;
}

export interface StateFileOptions {
  readonly path: string;
  /** How long a change waits for others, ms: what a killed process forgets at most. */
  readonly delayMs: number;
  /** What is to be written, as JSON. */
  readonly save: () => string;
  /** What a file that cannot be written means, as the end of a sentence. */
  readonly consequence: string;
  /** Hears of trouble with the file, once when it begins. */
  readonly onProblem: (message: string) => void;
  /** Called around each writing. */
  readonly beforeWrite?: () => void;
  readonly afterWrite?: () => void;
}

export function keepStateFile(options: StateFileOptions): StateFile {
  const { path, delayMs, save, consequence, onProblem } = options;
  let timer: ReturnType<typeof setTimeout> | undefined;
  let isFailing = false;

  function write(): void {
    timer = undefined;
    options.beforeWrite?.();
    const code = replaceFile(path, `${save()}\n`);
    if (code !== undefined && !isFailing) {
      onProblem(`${path} cannot be written (${code}): ${consequence}`);
    }
    isFailing = code !== undefined;
    options.afterWrite?.();
  }

  return {
    touch() {
      if (timer !== undefined) return;
      timer = setTimeout(write, delayMs);
      timer.unref();
    },
    flush() {
      if (timer === undefined) return;
      clearTimeout(timer);
      write();
    },
  };
}

/** What the file holds; `{}` when there is none. */
export function loadStateFile(path: string): { value?: unknown; failure?: string } {
  try {
    return { value: parseJson(readFileSync(path, 'utf8')) };
  } catch (cause) {
    const code = codeOf(cause);
    return code === 'ENOENT' ? {} : { failure: code };
  }
}

/** @returns the code of what went wrong */
function replaceFile(path: string, content: string): string | undefined {
  const own = `${path}.${process.pid}.tmp`;
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(own, content);
    renameSync(own, path);
    return undefined;
  } catch (cause) {
    return codeOf(cause);
  }
}

function codeOf(cause: unknown): string {
  return typeof cause === 'object' && cause !== null && 'code' in cause
    ? String(cause.code)
    : 'unknown';
}
