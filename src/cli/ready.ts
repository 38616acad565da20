/** Says that the gateway listens: to people, and to a waiting parent. */
import { closeSync, writeSync } from 'node:fs';
import type { Log } from '../log.ts';
import { VERSION } from '../version.ts';
import type { Given } from './arguments.ts';
import type { Terminal } from './terminal.ts';

/** Where it listens. */
export type Place = { readonly url: string; readonly port: number | undefined } | { unix: string };

export interface Ready {
  readonly place: Place;
  /** For people. */
  readonly lines: string;
  /** `logging.format` of the configuration. */
  readonly format: 'text' | 'json';
  /** How many processes serve. */
  readonly workers?: number;
}

/** Says it on standard output and to the descriptor of `--ready-fd`, as far as that is wanted. */
export function sayReady(ready: Ready, given: Given, terminal: Terminal, log: Log): void {
  const { values, switches } = given;
  const { place, lines, format, workers } = ready;
  const facts = {
    event: 'ready',
    version: VERSION,
    pid: process.pid,
    ...place,
    ...(workers === undefined ? {} : { workers }),
  };
  if (!switches.has('quiet')) {
    const isJson = (values.get('log-format') ?? format) === 'json';
    terminal.out(isJson ? `${JSON.stringify(facts)}\n` : lines);
  }
  const descriptor = values.get('ready-fd');
  if (descriptor === undefined) return;
  const problem = tellReady(Number(descriptor), `${JSON.stringify(facts)}\n`);
  if (problem !== undefined) log.warn(`descriptor ${descriptor} could not be told`, { problem });
}

/**
 * Writes a line to an inherited descriptor and closes it, so that reading to its end suffices;
 * standard output and standard error stay open.
 * @returns why it could not be told
 */
function tellReady(descriptor: number, line: string): string | undefined {
  try {
    writeSync(descriptor, line);
    if (descriptor !== 1 && descriptor !== 2) closeSync(descriptor);
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
