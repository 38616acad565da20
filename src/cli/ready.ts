/** Tells a waiting parent that the gateway listens. */
import { closeSync, writeSync } from 'node:fs';

/**
 * Writes a line to an inherited descriptor and closes it, so that reading to its end suffices;
 * standard output and standard error stay open.
 * @returns why it could not be told
 */
export function tellReady(descriptor: number, line: string): string | undefined {
  try {
    writeSync(descriptor, line);
    if (descriptor !== 1 && descriptor !== 2) closeSync(descriptor);
    return undefined;
  } catch (cause) {
    return cause instanceof Error ? cause.message : String(cause);
  }
}
