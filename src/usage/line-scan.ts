/**
 * Reads day files (`YYYY-MM-DD.jsonl`) line by line, in blocks, while other processes append to
 * them. What the caller is not looking for is skipped before it is parsed.
 */
import { type FileHandle, open, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { isObject, type JsonObject, parseJson } from '../json.ts';

/** A line that was read: its value, its text, and where in its file it begins. */
export interface Line {
  readonly value: JsonObject;
  readonly text: string;
  readonly offset: number;
}

/** The lines of one block that may be meant. */
export interface Batch {
  readonly lines: readonly Line[];
  /** Everything on this side of the offset has been read: behind it, or before it going forward. */
  readonly reached: number;
}

export interface Scan {
  readonly path: string;
  /** Only lines that contain all of these can be meant; as they stand in the JSON text. */
  readonly needles: readonly string[];
  /** The same, but upper and lower case of ASCII letters are one. */
  readonly looseNeedle?: string | undefined;
  /** Bytes of a block; for tests. */
  readonly blockBytes?: number;
}

const BLOCK = 256 * 1024;
/** A longer line is none of ours: a hole of NUL bytes, or another program's doing. */
const MAX_LINE = 16 * 1024 * 1024;
const DAY_FILE = /^(\d{4}-\d{2}-\d{2})\.jsonl$/;

/** The days of which `dir` holds a file, the newest first. */
export async function listDays(dir: string): Promise<string[]> {
  const names = await readdir(dir).catch(nothingThere);
  return names
    .map((name) => DAY_FILE.exec(name)?.[1])
    .filter((day) => day !== undefined)
    .sort()
    .reverse();
}

export function dayPath(dir: string, day: string): string {
  return join(dir, `${day}.jsonl`);
}

/** What is absent is empty. */
export function nothingThere(error: unknown): [] {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
  throw error;
}

/**
 * The lines before `end` (by default the end of the file as it is now), the last first, in
 * batches of one block each. Torn lines are skipped; an absent file has no lines.
 */
export async function* scanBackward(scan: Scan, end?: number): AsyncGenerator<Batch, void> {
  const file = await openToRead(scan.path);
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    const blockBytes = scan.blockBytes ?? BLOCK;
    let from = Math.min(end ?? size, size);
    /** The beginning of the block after, up to its first newline: the rest of a line of this one. */
    let rest = '';
    while (from > 0) {
      const start = Math.max(0, from - blockBytes);
      const text = (await readBlock(file, start, from - start)) + rest;
      // The first line may begin in the block before.
      const first = start === 0 ? 0 : text.indexOf('\n') + 1;
      if (start > 0 && first === 0) {
        rest = text.length > MAX_LINE ? '' : text;
      } else {
        rest = text.slice(0, first);
        yield { lines: linesOf(text, first, start, scan).reverse(), reached: start + first };
      }
      from = start;
    }
  } finally {
    await file.close();
  }
}

/**
 * The lines from `start` on in the order of the file, in batches of one block each. `reached` is
 * never within a line: one that has no end yet is given when it can be read, but not passed.
 */
export async function* scanForward(scan: Scan, start = 0): AsyncGenerator<Batch, void> {
  const file = await openToRead(scan.path);
  if (file === undefined) return;
  try {
    const { size } = await file.stat();
    const blockBytes = scan.blockBytes ?? BLOCK;
    /** A line whose end is in the next block. */
    let rest = '';
    for (let from = start; from < size; ) {
      const block = await readBlock(file, from, Math.min(blockBytes, size - from));
      if (block === '') return;
      const text = rest + block;
      const base = from - rest.length;
      from += block.length;
      const end = text.lastIndexOf('\n') + 1;
      rest = text.length - end > MAX_LINE ? '' : text.slice(end);
      const whole = from >= size ? text : text.slice(0, end);
      yield { lines: linesOf(whole, 0, base, scan), reached: base + end };
    }
  } finally {
    await file.close();
  }
}

async function openToRead(path: string): Promise<FileHandle | undefined> {
  try {
    return await open(path, 'r');
  } catch (error) {
    nothingThere(error);
    return undefined;
  }
}

/** Bytes as latin1 text: positions are bytes, and what is skipped is never decoded. */
async function readBlock(file: FileHandle, start: number, length: number): Promise<string> {
  const buffer = Buffer.allocUnsafe(length);
  const { bytesRead } = await file.read(buffer, 0, length, start);
  return buffer.toString('latin1', 0, bytesRead);
}

/** The lines of a piece of a file that contain what is looked for. `base` is where the piece begins. */
function linesOf(text: string, from: number, base: number, scan: Scan): Line[] {
  const needles = scan.needles.map(latin1);
  const loose = scan.looseNeedle === undefined ? undefined : latin1(scan.looseNeedle).toLowerCase();
  const folded = loose === undefined ? '' : text.toLowerCase();
  const [first = '\n'] = needles;
  const lines: Line[] = [];
  for (let at = from; at < text.length; ) {
    // Jumping from find to find passes over other lines at the speed of memory.
    const hit = loose === undefined ? text.indexOf(first, at) : folded.indexOf(loose, at);
    if (hit < 0 && (loose !== undefined || needles.length > 0)) break;
    const start = needles.length === 0 && loose === undefined ? at : lineStart(text, hit, at);
    const newline = text.indexOf('\n', Math.max(hit, start));
    const end = newline < 0 ? text.length : newline;
    at = end + 1;
    const raw = text.slice(start, end);
    if (raw === '' || !needles.every((needle) => raw.includes(needle))) continue;
    const decoded = utf8(raw);
    const value = parseJson(decoded);
    if (isObject(value)) lines.push({ value, text: decoded, offset: base + start });
  }
  return lines;
}

function lineStart(text: string, hit: number, from: number): number {
  return hit === 0 ? from : Math.max(from, text.lastIndexOf('\n', hit - 1) + 1);
}

/** UTF-8 bytes held as latin1. */
function latin1(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'utf8').toString('latin1') : text;
}

function utf8(text: string): string {
  return NOT_ASCII.test(text) ? Buffer.from(text, 'latin1').toString('utf8') : text;
}
// biome-ignore lint/suspicious/noControlCharactersInRegex: the range is that of ASCII
const NOT_ASCII = /[^\x00-\x7f]/;
