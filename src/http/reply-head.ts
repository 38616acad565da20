/** The head of an HTTP/1.1 reply: status line and fields (RFC 9112, sections 4 to 6). */
import type { HttpHeaders } from './reply.ts';
import { trimmed } from './white-space.ts';

export interface ReplyHead {
  readonly status: number;
  readonly headers: ReplyFields;
  readonly framing: Framing;
  /** How long the connection may wait for another request when the body was read to its end, ms; 0: not at all. */
  readonly idleMs: number;
}

/** How the end of a body is told: after so many bytes, by the last chunk, by the connection's end. */
export type Framing = number | 'chunked' | 'close';

/** What came is no HTTP/1.1 reply. */
export class MalformedReply extends Error {
  readonly code = 'MALFORMED_HTTP_REPLY';
}

/** Fields of a head; names in lower case. */
export class ReplyFields implements HttpHeaders {
  readonly #values: Readonly<Record<string, string>>;

  constructor(values: Readonly<Record<string, string>>) {
    this.#values = values;
  }

  get(name: string): string | null {
    return this.#values[name] ?? null;
  }

  toJSON(): Readonly<Record<string, string>> {
    return this.#values;
  }

  without(...names: readonly string[]): ReplyFields {
    const values: Record<string, string> = Object.assign(Object.create(null), this.#values);
    for (const name of names) delete values[name];
    return new ReplyFields(values);
  }
}

/** A head longer than this is no head. */
export const MAX_HEAD_BYTES = 64 * 1024;

/** As bytes: a search for text costs four times as much. */
const LF_CRLF = Buffer.from('\n\r\n');
const LF_LF = Buffer.from('\n\n');

/** Where the head's last line ends and where the body begins; undefined when the head is not all there. */
export function endOfHead(bytes: Buffer): { end: number; body: number } | undefined {
  const crlf = bytes.indexOf(LF_CRLF);
  // RFC 9112 2.2: a line may end in a bare LF. What stands behind the head is not looked at.
  const isLf = bytes.lastIndexOf(LF_LF, crlf < 0 ? bytes.length : crlf) >= 0;
  const end = isLf ? bytes.indexOf(LF_LF) : crlf;
  if ((end < 0 ? bytes.length : end) > MAX_HEAD_BYTES) {
    throw new MalformedReply('the head of the reply has no end');
  }
  return end < 0 ? undefined : { end, body: end + (isLf ? 2 : 3) };
}

/**
 * @param text the head without the empty line behind it, a character a byte
 * @throws MalformedReply
 */
export function parseHead(text: string): ReplyHead {
  if (NO_TEXT.test(text)) throw new MalformedReply('the head holds a control character');
  const lineEnd = text.indexOf('\n');
  const statusLine = lineEnd < 0 ? text : text.slice(0, lineEnd);
  const match = STATUS_LINE.exec(statusLine);
  if (match === null) throw new MalformedReply('the reply does not begin like HTTP/1.1');
  const status = Number(match[2]);
  const fields = lineEnd < 0 ? EMPTY : parseFields(text, lineEnd + 1);
  const framing = framingOf(status, fields);
  const connection = fields['connection']?.toLowerCase() ?? '';
  const isKept = match[1] === '1' ? !connection.includes('close') : /keep-alive/.test(connection);
  // RFC 9112 6.3: with both lengths somebody on the way has erred; such a connection is not used again.
  const isClear = !('transfer-encoding' in fields && 'content-length' in fields);
  return {
    status,
    headers: new ReplyFields(fields),
    framing,
    idleMs: isKept && isClear && framing !== 'close' ? idleTime(fields['keep-alive']) : 0,
  };
}

/** A provider closes what is idle for longer sooner or later, ms. */
const MAX_IDLE_MS = 60_000;
/** It may be about to close what has been idle for nearly as long as it says. */
const MARGIN_MS = 1000;

/** @param said as in `timeout=5, max=100` (RFC 2068 19.7.1.1) */
function idleTime(said: string | undefined): number {
  const seconds = said === undefined ? undefined : /\btimeout=(\d+)/i.exec(said)?.[1];
  if (seconds === undefined) return MAX_IDLE_MS;
  return Math.max(0, Math.min(MAX_IDLE_MS, Number(seconds) * 1000 - MARGIN_MS));
}

const STATUS_LINE = /^HTTP\/1\.([01]) ([1-9]\d\d)(?: [^\r]*)?\r?$/;
const EMPTY: Readonly<Record<string, string>> = Object.freeze(Object.create(null));

function parseFields(text: string, from: number): Readonly<Record<string, string>> {
  // Without a prototype: the names are the provider's.
  const fields: Record<string, string> = Object.create(null);
  let name = '';
  for (let at = from; at < text.length; ) {
    const lf = text.indexOf('\n', at);
    const next = lf < 0 ? text.length : lf;
    if (isFolded(text.charCodeAt(at))) {
      // A value on several lines (RFC 9112 5.2).
      if (name === '') throw new MalformedReply('the first header has no name');
      fields[name] = `${fields[name]} ${trimmed(text, at, next)}`;
    } else {
      const colon = text.indexOf(':', at);
      if (colon <= at || colon > next) throw new MalformedReply('a header has no name');
      name = fieldName(text.slice(at, colon));
      const value = trimmed(text, colon + 1, next);
      const before = fields[name];
      fields[name] = before === undefined ? value : `${before}, ${value}`;
    }
    at = next + 1;
  }
  return fields;
}

/** A line that begins so goes on with the value before it. */
function isFolded(first: number): boolean {
  return first === 32 || first === 9;
}

/** Names as providers write them, by their lower case; the same few come with each reply. */
const names = new Map<string, string>();
const MAX_NAMES = 500;

/** In lower case. */
function fieldName(written: string): string {
  const known = names.get(written);
  if (known !== undefined) return known;
  const name = written.toLowerCase();
  // RFC 9112 5.1: white space before the colon has been used to smuggle fields.
  if (!NAME.test(name)) throw new MalformedReply('the name of a header is none');
  if (names.size < MAX_NAMES) names.set(written, name);
  return name;
}

const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
/** What no head holds (RFC 9110 5.5), and no header of a reply to our client could. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for
const NO_TEXT = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]|\r(?!\n|$)/;

/** RFC 9112 6.3, for the reply to a POST. */
function framingOf(status: number, fields: Readonly<Record<string, string>>): Framing {
  if (status < 200 || status === 204 || status === 304) return 0;
  const coding = fields['transfer-encoding']?.toLowerCase();
  if (coding === 'chunked') return 'chunked';
  // Of RFC 2616; some servers still say so.
  if (coding !== undefined && coding !== 'identity') {
    throw new MalformedReply('the reply has an unknown transfer encoding');
  }
  const length = fields['content-length'];
  if (length === undefined) return 'close';
  if (DIGITS.test(length)) return Number(length);
  // The same length more than once is that length.
  const [first = '', ...more] = length.split(',').map((part) => part.trim());
  if (DIGITS.test(first) && more.every((part) => part === first)) return Number(first);
  throw new MalformedReply('the length of the reply is no number');
}
const DIGITS = /^\d{1,15}$/;
