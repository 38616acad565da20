/**
 * Keeps JSON lines for the log until the disk takes them. `push` only queues, so no request waits;
 * trouble with the disk is reported once, costs nothing but lines beyond a bound, and passes.
 */
import { type Batch, DayFile } from './day-file.ts';

export interface DayWriterOptions {
  /** Holds one file a day; made when it does not exist. */
  readonly dir: string;
  /** Unix milliseconds; dates a line that has no `timestamp` of its own. */
  readonly now: () => number;
  /** Hears of a trouble once when it begins, and once when it is over. */
  readonly onProblem: (message: string) => void;
  /** How long a line may wait for others. */
  readonly flushMs?: number;
  /** Wait before a failed write is tried again. */
  readonly retryMs?: number;
  /** Lines beyond so many characters in the queue are dropped and counted. */
  readonly maxQueuedChars?: number;
}

export interface DayWriter {
  /**
   * Queues a line for the file of its UTC day: that of its `timestamp` (ISO 8601, UTC) when it has
   * one. Never throws, never waits.
   */
  push(line: object): void;
  /** Resolves when all that was pushed before is written, or could not be. */
  flush(): Promise<void>;
  /** The same, and closes the file: for an orderly end. A later line opens it again. */
  drain(): Promise<void>;
  /** The same at once, for `process.on('exit')`; reports what it could not write. */
  drainSync(): void;
  /** Lines lost so far because the queue was full. */
  readonly dropped: number;
}

/** Characters of one write. */
const BATCH_CHARS = 1 << 20;
const TIMESTAMP = /^\d{4}-\d{2}-\d{2}T.*Z$/;

/** A writer of `dir/YYYY-MM-DD.jsonl`, safe beside other processes that write there the same way. */
export function createDayWriter(options: DayWriterOptions): DayWriter {
  const { dir, now, onProblem, flushMs = 25, retryMs = 1000 } = options;
  const maxQueuedChars = options.maxQueuedChars ?? 32 << 20;
  const file = new DayFile(dir);
  /** Lines of one day, as many as one write takes. */
  const queue: { readonly day: string; text: string }[] = [];
  let queuedChars = 0;
  /** The batch being written; stays set while it cannot be. */
  let current: Batch | undefined;
  /** The run of `writeQueued`; undefined when nobody writes. */
  let running: Promise<void> | undefined;
  /** Set while lines wait for company, or for the next try. */
  let timer: ReturnType<typeof setTimeout> | undefined;
  /** True from a failed write to the next good one. */
  let isFailing = false;
  let dropped = 0;
  /** `dropped` when the last trouble was over. */
  let reportedDropped = 0;

  function push(line: object): void {
    let text: string;
    try {
      text = `${JSON.stringify(line)}\n`;
    } catch (error) {
      onProblem(`a line for ${dir} cannot be written as JSON: ${String(error)}`);
      return;
    }
    if (queuedChars + text.length > maxQueuedChars) {
      if (dropped === reportedDropped) onProblem(`${dir}: the queue is full, lines are being lost`);
      dropped += 1;
      return;
    }
    enqueue(dayOf(line, now), text);
    queuedChars += text.length;
    if (running === undefined && timer === undefined) schedule(flushMs);
  }

  /** A line joins those of its day while they are one write. */
  function enqueue(day: string, text: string): void {
    const last = queue.at(-1);
    if (last?.day === day && last.text.length + text.length <= BATCH_CHARS) last.text += text;
    else queue.push({ day, text });
  }

  function schedule(ms: number): void {
    timer = setTimeout(start, ms);
    timer.unref();
  }

  function start(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    running ??= writeQueued().finally(() => {
      running = undefined;
      if (queue.length > 0 && timer === undefined) schedule(flushMs);
    });
    return running;
  }

  /** What was pushed while a write was on its way needs another one. */
  function flush(): Promise<void> {
    return running === undefined ? start() : running.then(start);
  }

  /**
   * Writes what is queued now. Lines that come meanwhile wait for company again: three turns of other
   * threads for each few lines are a tenth of a loaded gateway's CPU (bench: burst).
   */
  async function writeQueued(): Promise<void> {
    for (let left = queue.length + (current ? 1 : 0); left > 0; left -= 1) {
      current ??= takeBatch();
      const batch = current;
      if (batch === undefined) return;
      try {
        await file.append(batch);
      } catch (error) {
        if (!isFailing) onProblem(`cannot write ${file.path(batch.day)}: ${String(error)}`);
        isFailing = true;
        schedule(retryMs);
        return;
      }
      // Another batch stands there, or none, when `drainSync` came between.
      if (current === batch) current = undefined;
      reportRecovery();
    }
  }

  function takeBatch(): Batch | undefined {
    const next = queue.shift();
    if (next === undefined) return undefined;
    queuedChars -= next.text.length;
    return { day: next.day, bytes: Buffer.from(next.text), written: 0 };
  }

  function reportRecovery(): void {
    const isRelieved = dropped > reportedDropped && queuedChars < maxQueuedChars / 2;
    if (!isFailing && !isRelieved) return;
    const lost = dropped - reportedDropped;
    onProblem(`${dir} is written again${lost === 0 ? '' : `; ${lost} lines were lost`}`);
    isFailing = false;
    reportedDropped = dropped;
  }

  function drainSync(): void {
    for (;;) {
      current ??= takeBatch();
      if (current === undefined) return;
      try {
        file.appendSync(current);
      } catch (error) {
        onProblem(`cannot write ${file.path(current.day)}: ${String(error)}`);
        return;
      }
      current = undefined;
    }
  }

  return {
    push,
    flush,
    drain: async () => {
      do await flush();
      while (queue.length > 0 && !isFailing);
      if (running === undefined) await file.close();
    },
    drainSync,
    get dropped() {
      return dropped;
    },
  };
}

/** The UTC day of a line. */
function dayOf(line: object, now: () => number): string {
  const own = 'timestamp' in line ? line.timestamp : undefined;
  const text = typeof own === 'string' && TIMESTAMP.test(own) ? own : new Date(now()).toISOString();
  return text.slice(0, 10);
}
