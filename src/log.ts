/**
 * The only place that prints. Messages go to standard error, as text for people or as JSON for
 * machines; standard output is for what a start says (`print`).
 */

export type LogLevel = 'silent' | 'error' | 'warn' | 'info' | 'debug';
const RANK: Record<LogLevel, number> = { silent: 0, error: 1, warn: 2, info: 3, debug: 4 };

export type LogFields = Readonly<Record<string, unknown>>;
/** What a message may come with; a function is called only when the message is written. */
export type LazyFields = LogFields | (() => LogFields);
type Write = (message: string, fields?: LazyFields) => void;

export interface Log {
  readonly error: Write;
  readonly warn: Write;
  readonly info: Write;
  readonly debug: Write;
  isOn(level: LogLevel): boolean;
}

export interface LogOptions {
  readonly level: LogLevel;
  readonly format: 'text' | 'json';
  /** Takes whole lines; standard error by default. */
  readonly write?: (text: string) => void;
  readonly color?: boolean;
  /** Values that must never be printed, asked at each line so that a new configuration counts. */
  readonly secrets?: () => Iterable<string>;
  /** Unix milliseconds. */
  readonly now?: () => number;
}

/** A log that writes what is at or above its level and never throws. */
export function createLog(options: LogOptions): Log {
  const { format, write = printError, color = false, secrets, now = Date.now } = options;
  const rank = RANK[options.level];
  const at = (level: Exclude<LogLevel, 'silent'>): Write => {
    if (RANK[level] > rank) return () => {};
    return (message, fields) => {
      const line: Line = { level, message, fields: evaluate(fields), time: new Date(now()) };
      const text = format === 'json' ? jsonLine(line) : textLine(line, color);
      write(`${secrets === undefined ? text : mask(text, secrets())}\n`);
    };
  };
  return {
    error: at('error'),
    warn: at('warn'),
    info: at('info'),
    debug: at('debug'),
    isOn: (level) => RANK[level] <= rank,
  };
}

/** Writes to standard output, as it is. */
export function print(text: string): void {
  process.stdout.write(text);
}

function printError(text: string): void {
  process.stderr.write(text);
}

interface Line {
  readonly level: Exclude<LogLevel, 'silent'>;
  readonly message: string;
  readonly fields: LogFields | undefined;
  readonly time: Date;
}

function evaluate(fields: LazyFields | undefined): LogFields | undefined {
  if (typeof fields !== 'function') return fields;
  try {
    return fields();
  } catch (error) {
    // A message must not fail a request because its fields do; the message then says so.
    return { fieldsFailed: String(error) };
  }
}

function jsonLine({ level, message, fields, time }: Line): string {
  const head = { time: time.toISOString(), level, message };
  return serialize({ ...fields, ...head }) ?? JSON.stringify(head);
}

const COLOR = { error: '\x1b[31m', warn: '\x1b[33m', info: '\x1b[32m', debug: '\x1b[90m' };
const DIM = '\x1b[2m';
const RESET = '\x1b[0m';

function textLine({ level, message, fields, time }: Line, color: boolean): string {
  const clock = time.toTimeString().slice(0, 8);
  const stamp = color ? `${DIM}${clock}${RESET}` : clock;
  const name = level.padEnd(5);
  let line = `${stamp} ${color ? `${COLOR[level]}${name}${RESET}` : name} ${harmless(message)}`;
  for (const [key, value] of Object.entries(fields ?? {})) {
    if (value === undefined) continue;
    line += color ? ` ${DIM}${key}=${RESET}${fieldText(value)}` : ` ${key}=${fieldText(value)}`;
  }
  return line;
}

/** A string that needs no quotes goes without. */
const PLAIN = /^[\w./:@+*-]+$/;

function fieldText(value: unknown): string {
  if (typeof value === 'string' && PLAIN.test(value)) return value;
  if (value instanceof Error) return harmless(JSON.stringify(errorText(value)));
  return harmless(serialize(value) ?? String(value));
}

/** JSON text, with errors as their message; undefined for what JSON cannot say. */
function serialize(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, (_key, inner: unknown) => {
      if (inner instanceof Error) return errorText(inner);
      return typeof inner === 'bigint' ? String(inner) : inner;
    });
  } catch {
    // A cycle: the caller falls back to something shorter.
    return undefined;
  }
}

function errorText(error: Error): string {
  const { cause } = error;
  return cause instanceof Error ? `${error.message} (${cause.message})` : error.message;
}

/**
 * Text of others cannot forge a line or drive the terminal: further lines are indented, control
 * characters are shown as escapes.
 */
function harmless(text: string): string {
  return text
    .replaceAll(/\r?\n/g, '\n    ')
    .replaceAll(
      CONTROL,
      (character) => `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: finding them is its purpose
const CONTROL = /[\x00-\x08\x0b-\x1f\x7f-\x9f]/g;

/** Shorter ones would mask ordinary words and protect nothing. */
const SECRET_MIN = 4;

/** `text` without the secrets, in the spellings that JSON and URLs give them as well. */
export function mask(text: string, secrets: Iterable<string>): string {
  const spellings = new Set<string>();
  for (const secret of secrets) {
    if (secret.length < SECRET_MIN) continue;
    spellings.add(secret);
    spellings.add(JSON.stringify(secret).slice(1, -1));
    if (secret.isWellFormed()) spellings.add(encodeURIComponent(secret));
  }
  let masked = text;
  // The longest first, so that a secret within another does not leave the other's rest standing.
  for (const spelling of [...spellings].sort((a, b) => b.length - a.length)) {
    masked = masked.replaceAll(spelling, '***');
  }
  return masked;
}
