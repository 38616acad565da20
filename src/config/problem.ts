/** What is wrong with a configuration, where, and how it is told to a person. */
import type { Json } from '../json.ts';

/** Where a value stands: keys and list positions from the top. */
export type Path = readonly (string | number)[];

/** What a check found; `load.ts` adds the position and makes a `Problem` of it. */
export interface Finding {
  readonly at: Path;
  /** A sentence without its subject, which is the path: `must be a number, not "x"`. */
  readonly message: string;
  /** What stands there, short, never a secret. */
  readonly found?: string;
  readonly expected?: string;
  /** Names that may have been meant. */
  readonly near?: readonly string[];
  /** The key is at fault, not its value. */
  readonly onKey?: boolean;
}

/** Where checks put what they find. Warnings do not stand in the way of a configuration. */
export interface Check {
  problem(finding: Finding): void;
  warning(finding: Finding): void;
}

/** A finding as a person can use it. `path` is '' when the file as a whole is at fault. */
export interface Problem {
  readonly path: string;
  readonly message: string;
  readonly found?: string;
  readonly expected?: string;
  readonly near?: readonly string[];
  /** Where it came from: a file, or `--port`, or `PLEXUS_PORT`. */
  readonly source?: string;
  /** Both count from 1. */
  readonly line?: number;
  readonly column?: number;
  /** The line of the file around the fault, secrets masked; for text that is not of its language. */
  readonly excerpt?: Excerpt;
}

/** A piece of a line, and the column in it (from 1) that is meant. */
export interface Excerpt {
  readonly text: string;
  readonly column: number;
}

/** `providers.acme.models["gpt-4.1"]`: as one would write it, list positions as numbers. */
export function pathText(path: Path): string {
  let text = '';
  for (const key of path) {
    if (typeof key === 'number' || /^[\w$/@:+-]+$/.test(key)) text += text === '' ? key : `.${key}`;
    else text += `[${JSON.stringify(key)}]`;
  }
  return text;
}

/** A value as a message may show it: short, and groups only described. */
export function show(value: unknown): string {
  if (value === undefined) return 'nothing';
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'a list';
  if (typeof value === 'object') return 'an object';
  if (typeof value !== 'string') return String(value);
  return JSON.stringify(value.length > 60 ? `${value.slice(0, 57)}…` : value);
}

/** `a, b or c`. */
export function oneOfText(words: readonly string[]): string {
  return words.length < 2
    ? words.join('')
    : `${words.slice(0, -1).join(', ')} or ${words[words.length - 1]}`;
}

/** The same as JSON would spell it: `"a", "b" or "c"`. */
export function quotedList(values: readonly Json[]): string {
  return oneOfText(values.map((value) => JSON.stringify(value)));
}

/** Problems as a person reads them in a terminal, one paragraph each. */
export function formatProblems(
  problems: readonly Problem[],
  options: { readonly color?: boolean } = {},
): string {
  return problems.map((problem) => formatProblem(problem, options.color === true)).join('\n');
}

function formatProblem(problem: Problem, color: boolean): string {
  const paint = (code: number, text: string) => (color ? `\x1b[${code}m${text}\x1b[0m` : text);
  const place = [problem.source, problem.line, problem.column].filter((part) => part !== undefined);
  const head = [
    ...(place.length > 0 ? [paint(2, place.join(':'))] : []),
    ...(problem.path === '' ? [] : [paint(1, problem.path)]),
  ].join('  ');
  const near = problem.near ?? [];
  const hint = near.length > 0 ? ` Did you mean ${paint(36, quotedList(near))}?` : '';
  const lines = [head, `  ${problem.message}.${hint}`].filter((line) => line !== '');
  if (problem.excerpt !== undefined) {
    const { text, column } = problem.excerpt;
    lines.push(paint(2, `  | ${text}`), paint(31, `  | ${' '.repeat(column - 1)}^`));
  }
  return lines.join('\n');
}
