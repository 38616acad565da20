/**
 * One file a day that several processes append to. Bun's own file writers overwrite, pad or wipe a
 * log that is appended to; `fs.write` on a descriptor opened for appending does not, but it may
 * write short on a full disk.
 */
import fs from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

/** Whole lines of one day, in one piece for one write. */
export interface Batch {
  /** `YYYY-MM-DD` */
  readonly day: string;
  readonly bytes: Buffer;
  /** How much is written; anything between 0 and all only after a short write. */
  written: number;
}

interface OpenFile {
  readonly fd: number;
  readonly day: string;
  readonly ino: number;
  readonly dev: number;
  /** The size after our last write; any other size means that somebody else wrote since. */
  end: number;
}

const open = promisify(fs.open);
const close = promisify(fs.close);
const stat = promisify(fs.stat);
const fstat = promisify(fs.fstat);
const read = promisify(fs.read);
const write = promisify(fs.write);
const mkdir = promisify(fs.mkdir);

const NEWLINE = 10;
const NEWLINE_BYTES = Buffer.from('\n');
/**
 * A file's size grows while another process's write is under way, so that a whole line can look
 * torn; after this time it is.
 */
const SETTLE_MS = 5;
/** How long an exit waits for a write that another thread has begun. */
const EXIT_WAIT_MS = 250;

/** Appends batches, one after the other, to `dir/YYYY-MM-DD.jsonl`. */
export class DayFile {
  readonly #dir: string;
  /** The open file; set by the first batch of a day, cleared by `close`. */
  #file: OpenFile | undefined;
  /** The write that is on its way and where in the file it began; cleared when it has ended. */
  #inFlight: { batch: Batch; bytes: Buffer; from: number } | undefined;

  constructor(dir: string) {
    this.#dir = dir;
  }

  path(day: string): string {
    return join(this.#dir, `${day}.jsonl`);
  }

  /**
   * Writes what is not yet written of a batch. Once it has thrown, the same batch may be given
   * again: `batch.written` says how far it came.
   */
  async append(batch: Batch): Promise<void> {
    while (batch.written < batch.bytes.length) {
      const file = await this.#openFor(batch);
      const { size } = await fstat(file.fd);
      if (size !== file.end) {
        // Somebody wrote behind a line of which we wrote a part: that line goes out again, whole.
        rewindToLine(batch);
        if (size > 0 && !(await endsInNewline(file.fd, size))) {
          await Bun.sleep(SETTLE_MS);
          const { size: later } = await fstat(file.fd);
          if (later === size) await write(file.fd, NEWLINE_BYTES, 0, 1, null);
          continue;
        }
      }
      const bytes = batch.bytes.subarray(batch.written);
      this.#inFlight = { batch, bytes, from: size };
      const { bytesWritten } = await write(file.fd, bytes, 0, bytes.length, null).finally(() => {
        this.#inFlight = undefined;
      });
      if (bytesWritten === 0) throw new Error('nothing was written');
      file.end = size + bytesWritten;
      batch.written += bytesWritten;
    }
  }

  /** The same at once, for the end of the process. A write that is on its way is not repeated. */
  appendSync(batch: Batch): void {
    if (this.#inFlight?.batch === batch && this.#arrives()) batch.written = batch.bytes.length;
    if (batch.written === batch.bytes.length) return;
    fs.mkdirSync(this.#dir, { recursive: true });
    const fd = fs.openSync(this.path(batch.day), 'a+', MODE);
    try {
      if (!this.#endsWhereWeLeft(fd)) {
        rewindToLine(batch);
        if (isTornSync(fd)) fs.writeSync(fd, NEWLINE_BYTES);
      }
      while (batch.written < batch.bytes.length) {
        const count = fs.writeSync(fd, batch.bytes, batch.written);
        if (count === 0) throw new Error('nothing was written');
        batch.written += count;
      }
    } finally {
      fs.closeSync(fd);
    }
  }

  async close(): Promise<void> {
    const file = this.#file;
    this.#file = undefined;
    if (file !== undefined) await close(file.fd);
  }

  /** The file of the batch's day; opened anew when the day changed, or it was renamed or deleted. */
  async #openFor(batch: Batch): Promise<OpenFile> {
    const { day } = batch;
    const path = this.path(day);
    if (this.#file?.day === day) {
      const there = await stat(path).catch(absent);
      if (there?.ino === this.#file.ino && there.dev === this.#file.dev) return this.#file;
    }
    await this.close();
    await mkdir(this.#dir, { recursive: true });
    const fd = await open(path, 'a+', MODE);
    const { ino, dev } = await fstat(fd);
    rewindToLine(batch);
    this.#file = { fd, day, ino, dev, end: -1 };
    return this.#file;
  }

  /** True when nobody wrote to the file of `fd` since we did. */
  #endsWhereWeLeft(fd: number): boolean {
    const { size, ino, dev } = fs.fstatSync(fd);
    const file = this.#file;
    return file?.ino === ino && file.dev === dev && file.end === size;
  }

  /** Waits, blocking, until the bytes on their way stand in the file. */
  #arrives(): boolean {
    if (this.#inFlight === undefined || this.#file === undefined) return false;
    const { bytes, from } = this.#inFlight;
    const { fd } = this.#file;
    for (let waited = 0; waited < EXIT_WAIT_MS; waited += 1) {
      const length = fs.fstatSync(fd).size - from;
      if (length >= bytes.length) {
        const tail = Buffer.alloc(length);
        fs.readSync(fd, tail, 0, length, from);
        if (tail.includes(bytes)) return true;
      }
      Bun.sleepSync(1);
    }
    return false;
  }
}

/** Records name client addresses: not for everybody on the machine. */
const MODE = 0o640;

/** Back to the start of the line that was written in part. */
function rewindToLine(batch: Batch): void {
  if (batch.written === 0) return;
  batch.written = batch.bytes.lastIndexOf(NEWLINE, batch.written - 1) + 1;
}

async function endsInNewline(fd: number, size: number): Promise<boolean> {
  const last = Buffer.alloc(1);
  const { bytesRead } = await read(fd, last, 0, 1, size - 1);
  return bytesRead === 0 || last[0] === NEWLINE;
}

/** True when the file ends within a line, and nobody is about to write the rest. */
function isTornSync(fd: number): boolean {
  const last = Buffer.alloc(1);
  for (;;) {
    const { size } = fs.fstatSync(fd);
    if (size === 0 || fs.readSync(fd, last, 0, 1, size - 1) === 0) return false;
    if (last[0] === NEWLINE) return false;
    Bun.sleepSync(SETTLE_MS);
    if (fs.fstatSync(fd).size === size) return true;
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}
