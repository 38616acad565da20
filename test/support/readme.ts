/** Reads the README: its sections, its tables, its commands. */
import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

/** The folder of the repository. */
export const ROOT = resolve(import.meta.dir, '../..');
export const README = readFileSync(join(ROOT, 'README.md'), 'utf8');
export const LINES = README.split('\n');
/** The address that every example has. */
export const SHOWN = 'http://127.0.0.1:4000';

/** What stands under a heading, up to the next one of its level or above. */
export function section(title: string): string {
  const start = LINES.findIndex((line) => line.replace(/^#+ /, '') === title && /^#/.test(line));
  if (start < 0) throw new Error(`the README has no heading "${title}"`);
  const level = /^#+/.exec(LINES[start] ?? '')?.[0].length ?? 0;
  const after = LINES.slice(start + 1);
  const end = after.findIndex((line) => new RegExp(`^#{1,${level}} `).test(line));
  return after.slice(0, end < 0 ? undefined : end).join('\n');
}

/** The cells of a table's rows, heads left out. */
export function rows(part: string): string[][] {
  const lines = part.split('\n').filter((line) => line.startsWith('| '));
  return lines.map((line) =>
    line
      .slice(1, -1)
      .split(/(?<!\\)\|/)
      .map((cell) => cell.trim()),
  );
}

/** What stands in backticks. */
export function codes(part: string): string[] {
  return [...part.matchAll(/`([^`\n]+)`/g)].map(([, inner = '']) => inner);
}

/** Everything in backticks in the first cells of a table. */
export function firstCodes(part: string): string[] {
  return rows(part).flatMap(([first = '']) => codes(first));
}

export function sorted(names: Iterable<string>): string[] {
  return [...new Set(names)].sort();
}

/** The commands of the blocks for a shell; a backslash joins lines, a comment ends one. */
export const SHELL = [...README.matchAll(/```sh\n([\s\S]*?)```/g)].flatMap(([, block = '']) =>
  block
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/\s+#.*$/, '').trim())
    .filter(Boolean),
);
