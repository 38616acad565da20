/** A log whose warnings and errors are heard elsewhere too. */
import { type LazyFields, type Log, type LogFields, mask } from '../log.ts';

/** A warning or an error as listeners get it. */
export interface LogEvent {
  readonly time: string;
  readonly level: 'warn' | 'error';
  readonly message: string;
  readonly fields?: LogFields;
}

export interface HeardLogOptions {
  /** Hears of warnings and errors, secrets masked, whatever the log's level. */
  readonly hear: (event: LogEvent) => void;
  readonly secrets: () => Iterable<string>;
  /** Unix ms. */
  readonly now: () => number;
}

export function heardLog(log: Log, { hear, secrets, now }: HeardLogOptions): Log {
  function tell(level: 'warn' | 'error', message: string, fields: LazyFields | undefined): void {
    const known = [...secrets()];
    const shown = maskFields(evaluate(fields), known);
    const time = new Date(now()).toISOString();
    hear({ time, level, message: mask(message, known), ...(shown && { fields: shown }) });
  }
  return {
    error(message, fields) {
      log.error(message, fields);
      tell('error', message, fields);
    },
    warn(message, fields) {
      log.warn(message, fields);
      tell('warn', message, fields);
    },
    info: (message, fields) => log.info(message, fields),
    debug: (message, fields) => log.debug(message, fields),
    isOn: (level) => log.isOn(level),
  };
}

function evaluate(fields: LazyFields | undefined): LogFields | undefined {
  if (typeof fields !== 'function') return fields;
  try {
    return fields();
  } catch {
    // The log itself has said so.
    return undefined;
  }
}

/** Simple values only: anything else may hold anything. Of a stack the first line. */
function maskFields(
  fields: LogFields | undefined,
  known: readonly string[],
): LogFields | undefined {
  if (fields === undefined) return undefined;
  const shown = Object.entries(fields).flatMap(([key, value]) => {
    if (typeof value === 'string') return [[key, mask(value.split('\n', 1)[0] ?? '', known)]];
    return typeof value === 'number' || typeof value === 'boolean' ? [[key, value]] : [];
  });
  return Object.fromEntries(shown);
}
