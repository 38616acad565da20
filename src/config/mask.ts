/** A line of a configuration that could not be read, made fit to be shown. */
import type { Position } from './position-tree.ts';
import type { Excerpt } from './problem.ts';

/** What a key or the line before a value is called when the value may be a secret. */
const SECRET_WORD = /key|secret|token|passw|auth|cookie|bearer|credential|header/i;
/** Characters that a secret is made of: everything but white space and the marks of JSON. */
const RUN = /\$\{[^}]*\}?|[^\s"'`{}[\],]+/g;

/**
 * One line of `text` (counted from 1) with anything that looks like a secret replaced by `…`. On a
 * line that speaks of keys every value goes; elsewhere what is long and random-looking. The masks
 * are as long as what they hide, so that a column still points at the right place.
 */
export function maskSecrets(text: string, line: number): string {
  const lines = text.split(/\r\n|\n|\r/);
  const own = lines[line - 1] ?? '';
  const before = lines[line - 2] ?? '';
  const speaksOfKeys =
    SECRET_WORD.test(own) ||
    (SECRET_WORD.test(before) && /[:=]\s*([|>][-+\d]*|"""|''')?\s*$/.test(before));
  return own.replace(RUN, (run, offset: number) => {
    const isKey = /^["'`]?\s*[:=]/.test(own.slice(offset + run.length));
    if (isKey && run.length < 40) return run;
    if (/^\$\{\w*\}$/.test(run)) return run;
    return (speaksOfKeys && run.length > 3) || looksSecret(run) ? '…'.repeat(run.length) : run;
  });
}

/** How much of a line is shown on each side of the fault. */
const AROUND = 60;

/** What stands around a position, secrets masked; a minified file must not fill the screen. */
export function maskedExcerpt(text: string, { line, column }: Position): Excerpt {
  const masked = maskSecrets(text, line).replaceAll('\t', ' ');
  const start = masked.length <= 2 * AROUND ? 0 : Math.max(0, column - 1 - AROUND);
  return { text: masked.slice(start, start + 2 * AROUND), column: Math.max(1, column - start) };
}

/** Text of another's making with what looks like a secret masked. */
export function maskRandom(text: string): string {
  return text.replace(RUN, (run) => (looksSecret(run) ? '…' : run));
}

function looksSecret(run: string): boolean {
  if (run.startsWith('${')) return run.includes(':-');
  if (/:\/\/[^/]*@|[?&]\w*(key|token|sig)\w*=/i.test(run)) return true;
  if (/^(sk|pk|rk|gsk|xai|hf|r8|ghp|glpat|AIza|AKIA|eyJ)[-_A-Za-z0-9]{6,}/.test(run)) return true;
  return /^[A-Za-z0-9+/_=-]{20,}$/.test(run) && /\d/.test(run) && /[A-Za-z]/.test(run);
}
