/** What a command has of the world outside: where it runs, what it reads, where it prints. */
import { homedir } from 'node:os';
import type { Environment } from '../config/environment.ts';
import { print } from '../log.ts';

export interface Terminal {
  readonly cwd: string;
  readonly env: Environment;
  /** The user's home folder. */
  readonly home: string;
  /** True when a person reads it and has not asked for plain text. */
  readonly color: boolean;
  out(text: string): void;
  err(text: string): void;
  /** All of standard input. */
  readInput(): Promise<string>;
}

/** This process's own. Colour only where both outputs are a terminal, and without NO_COLOR (no-color.org). */
export function processTerminal(): Terminal {
  return {
    cwd: process.cwd(),
    env: process.env,
    home: process.env['HOME'] || homedir(),
    color:
      process.stdout.isTTY === true && process.stderr.isTTY === true && !process.env['NO_COLOR'],
    out: print,
    err: (text) => void process.stderr.write(text),
    readInput: () => Bun.stdin.text(),
  };
}

const CODES = { bold: 1, dim: 2, red: 31, green: 32, yellow: 33, cyan: 36 } as const;

/** The text in a colour, where colours are wanted. */
export function paint(terminal: Terminal, color: keyof typeof CODES, text: string): string {
  return terminal.color && text !== '' ? `\x1b[${CODES[color]}m${text}\x1b[0m` : text;
}

/** Rows below each other, each column as wide as its widest cell; a line each, indented. */
export function columns(rows: readonly (readonly string[])[], indent = 2): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [index, cell] of row.entries()) {
      widths[index] = Math.max(widths[index] ?? 0, Bun.stringWidth(cell));
    }
  }
  return rows
    .map((row) => {
      const cells = row.map(
        (cell, index) => cell + ' '.repeat((widths[index] ?? 0) - Bun.stringWidth(cell)),
      );
      return `${' '.repeat(indent)}${cells.join('  ').trimEnd()}\n`;
    })
    .join('');
}
