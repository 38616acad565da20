/**
 * Long results of tools go to the provider as the client wrote them. They are most of what a coding
 * agent sends, and nobody on the way needs more of them than their first words; with all their quotes
 * and line breaks they cost more to read and to write anew than the rest of the request (bench: plain,
 * 100 KB, 32 connections, chat → messages: 5.5 → 4.6 times the floor). In the body that is read, a mark
 * stands for what follows the first words; in the body that is sent, the client's bytes for the mark.
 */
import { isUtf8 } from 'node:buffer';
import { isObject, type JsonObject, parseJson } from './json.ts';
import { COLON, endOfString, type Pieced, QUOTE, type Span } from './json-span.ts';
import type { UnifiedChatRequest, UnifiedMessage } from './unified.ts';

/** Where a format's clients write results of tools. */
export interface ResultPlaces {
  /** What bytes with results hold somewhere. */
  readonly sign: Buffer;
  /** Keys that they stand under, and how many brackets are open there. */
  readonly depths: ReadonlyMap<string, number>;
  /**
   * Visits the texts that stand under such a key at such a depth.
   * @param see is told which of them are results of which nobody needs more than the first words
   */
  visit(body: JsonObject, see: (holder: JsonObject, key: string, isResult: boolean) => void): void;
}

/** Bodies from this size on are worth the search. */
export const MIN_BODY = 16 * 1024;
/** A text of so many bytes costs more to read and write than its mark. */
const MIN_TEXT = 1024;
/** So many bytes of a text are always read; the cut behind them is searched in the next ones. */
const FIRST_WORDS = 64;
const CUT_WITHIN = 256;

/**
 * Begins a mark; its number and `END` follow. It cannot be guessed, and as JSON it has escapes, so
 * that a JSON text within a JSON text does not hold it.
 */
const MARK = `\u0001${crypto.randomUUID()}:`;
const END = '\u0001';
const WRITTEN_MARK = JSON.stringify(MARK).slice(1, -1);
const WRITTEN_END = JSON.stringify(END).slice(1, -1);

export class Verbatim {
  /** The body with marks in it. */
  readonly json: JsonObject;
  readonly #bytes: Buffer;
  /** What the marks stand for. */
  readonly #spans: readonly Span[];

  private constructor(json: JsonObject, bytes: Buffer, spans: readonly Span[]) {
    this.json = json;
    this.#bytes = bytes;
    this.#spans = spans;
  }

  /** @returns undefined for a body that has to be read as a whole, also for one that is not JSON */
  static of(bytes: Buffer, places: ResultPlaces): Verbatim | undefined {
    if (!bytes.includes(places.sign) || !isUtf8(bytes)) return undefined;
    const spans = restsOfLongTexts(bytes, places.depths);
    if (spans === undefined || spans.length === 0) return undefined;
    const json = parseJson(withMarks(bytes, spans));
    if (!isObject(json)) return undefined;
    const verbatim = new Verbatim(json, bytes, spans);
    return verbatim.#settle(places) ? verbatim : undefined;
  }

  /** Puts back what is no result; false when a mark is left somewhere else. */
  #settle(places: ResultPlaces): boolean {
    let open = this.#spans.length;
    let isReadable = true;
    places.visit(this.json, (holder, key, isResult) => {
      const text = holder[key];
      if (typeof text !== 'string' || !text.endsWith(END) || !text.includes(MARK)) return;
      const whole = isResult ? text : this.restored(text);
      if (whole === undefined) isReadable = false;
      else holder[key] = whole;
      open -= 1;
    });
    return isReadable && open === 0;
  }

  /**
   * The provider's body; undefined when a mark did not stay as it was.
   * @param text the body with marks in it
   */
  spell(text: string): Pieced | undefined {
    const pieces: (string | Span)[] = [];
    let from = 0;
    for (let at = text.indexOf(WRITTEN_MARK); at >= 0; at = text.indexOf(WRITTEN_MARK, from)) {
      const number = at + WRITTEN_MARK.length;
      const end = text.indexOf(WRITTEN_END, number);
      const span = end < 0 ? undefined : this.#spans[Number(text.slice(number, end))];
      // Behind another backslash it stands in a JSON text within the JSON text.
      if (span === undefined || text[at - 1] === '\\') return undefined;
      pieces.push(text.slice(from, at), span);
      from = end + WRITTEN_END.length;
    }
    pieces.push(text.slice(from));
    return new Spelled(this.#bytes, pieces);
  }

  /** The text that a text with a mark stands for; undefined when what the client wrote is not JSON. */
  restored(text: string): string | undefined {
    const written = this.#written(text);
    if (written === undefined) return text;
    const rest = parseJson(`"${written.rest}"`);
    return typeof rest === 'string' ? written.words + rest : undefined;
  }

  /** The first words of a text with a mark, and how the client wrote what follows them. */
  #written(text: string): { words: string; rest: string } | undefined {
    const at = text.indexOf(MARK);
    const span = at < 0 ? undefined : this.#spans[Number(text.slice(at + MARK.length, -1))];
    if (span === undefined) return undefined;
    const rest = this.#bytes.toString('utf8', span.start, span.end);
    return { words: text.slice(0, at), rest };
  }

  /** The request with all its texts. */
  whole(request: UnifiedChatRequest): UnifiedChatRequest {
    const messages = request.messages.map((message) =>
      message.role === 'tool' ? this.#wholeResult(message) : message,
    );
    return { ...request, messages };
  }

  #wholeResult(message: UnifiedMessage): UnifiedMessage {
    const { content } = message;
    // What is not JSON has its length all the same.
    const whole = (text: string): string =>
      this.restored(text) ?? this.#written(text)?.rest ?? text;
    if (typeof content === 'string') return { ...message, content: whole(content) };
    const parts = content?.map((part) =>
      part.type === 'text' ? { ...part, text: whole(part.text) } : part,
    );
    return parts === undefined ? message : { ...message, content: parts };
  }
}

/** Texts, and spans of bytes between them. */
class Spelled implements Pieced {
  readonly #bytes: Buffer;
  readonly #pieces: readonly (string | Span)[];
  readonly length: number;

  constructor(bytes: Buffer, pieces: readonly (string | Span)[]) {
    this.#bytes = bytes;
    this.#pieces = pieces;
    let length = 0;
    for (const piece of pieces) {
      length += typeof piece === 'string' ? Buffer.byteLength(piece) : piece.end - piece.start;
    }
    this.length = length;
  }

  copyTo(target: Buffer, start: number): void {
    let at = start;
    for (const piece of this.#pieces) {
      if (typeof piece === 'string') at += target.write(piece, at);
      else at += this.#bytes.copy(target, at, piece.start, piece.end);
    }
  }

  copy(): Buffer {
    const out = Buffer.allocUnsafe(this.length);
    this.copyTo(out, 0);
    return out;
  }

  borrow(): Buffer {
    return this.copy();
  }

  giveBack(): void {
    // It was a copy.
  }
}

/**
 * What follows the first words of long texts under such keys, in order; undefined for what is no
 * JSON. Brackets and quotes are looked at, nothing else.
 */
function restsOfLongTexts(bytes: Buffer, depths: ResultPlaces['depths']): Span[] | undefined {
  const spans: Span[] = [];
  const holdsControl = controlFinder(bytes);
  let depth = 0;
  let keyStart = 0;
  let behind = 0;
  for (let i = 0; i < bytes.length; i += 1) {
    const c = bytes[i] ?? 0;
    if (c !== QUOTE) {
      depth += BRACKETS[c] ?? 0;
      continue;
    }
    const end = endOfString(bytes, i);
    if (end < 0) return undefined;
    if (end - i > MIN_TEXT && isValue(bytes, behind, i)) {
      const isPlace = depth === depths.get(bytes.toString('latin1', keyStart, behind - 1));
      const start = isPlace ? cutIn(bytes, i + 1 + FIRST_WORDS) : -1;
      // A parser would refuse it, so it is left to one.
      if (start > 0 && holdsControl(start, end)) return undefined;
      if (start > 0) spans.push({ start, end: end - 1 });
    }
    keyStart = i + 1;
    behind = end;
    i = end - 1;
  }
  return spans;
}

/** What opens adds one, what closes takes one away. */
const BRACKETS = new Int8Array(256);
for (const opening of '{[') BRACKETS[opening.charCodeAt(0)] = 1;
for (const closing of '}]') BRACKETS[closing.charCodeAt(0)] = -1;

/** True when the string at `open` is the value of the one that ends at `behind`. */
function isValue(bytes: Buffer, behind: number, open: number): boolean {
  return open - behind < 3 && bytes[behind] === COLON;
}

/** Plain characters and two letters: no escape lies across the place between these, no letter of several bytes. */
const BETWEEN_LETTERS = /[!-[\]-~ ]{5}[A-Za-z](?=[A-Za-z])/;

/** A place to cut a string of JSON, behind `from`; -1 when there is none nearby. */
function cutIn(bytes: Buffer, from: number): number {
  const found = BETWEEN_LETTERS.exec(bytes.toString('latin1', from, from + CUT_WITHIN));
  return found === null ? -1 : from + found.index + found[0].length;
}

/** Control characters that people forget to escape: tab, line feed, carriage return. */
const CONTROLS = [9, 10, 13];

/** Tells whether one stands between two places, which are asked for in order. */
function controlFinder(bytes: Buffer): (start: number, end: number) => boolean {
  const next = CONTROLS.map(() => -1);
  return (start, end) =>
    CONTROLS.some((control, i) => {
      if ((next[i] ?? -1) < start) {
        const found = bytes.indexOf(control, start);
        next[i] = found < 0 ? bytes.length : found;
      }
      return (next[i] ?? 0) < end;
    });
}

/** The body with a mark in the place of each span. */
function withMarks(bytes: Buffer, spans: readonly Span[]): string {
  let out = '';
  let from = 0;
  spans.forEach(({ start, end }, i) => {
    out += `${bytes.toString('utf8', from, start)}${WRITTEN_MARK}${i}${WRITTEN_END}`;
    from = end;
  });
  return out + bytes.toString('utf8', from);
}
