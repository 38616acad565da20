/**
 * Server-sent events as text (WHATWG HTML, section 9.2 "Server-sent events"): text in pieces of any
 * size becomes events; an event becomes text.
 */
import { NOTHING, type Stage } from './stage.ts';

export interface SseEvent {
  /** The `event:` field, '' when there was none. */
  event: string;
  /** The `data:` lines, joined with a newline. */
  data: string;
}

/**
 * Text → events. Takes LF, CR and CRLF line ends, a BOM, comments, `data:` with or without a space,
 * several `data:` lines, and a last event that no blank line closes.
 */
export class SseParser implements Stage<string, SseEvent> {
  /** The unfinished last line; set when a piece ends within a line, taken by the next piece. */
  #rest = '';
  /** True when the last piece ended in CR: a LF that opens the next one belongs to it. */
  #afterCr = false;
  /** True until the first character was seen, which may be a BOM. */
  #atStart = true;
  /** The `event:` field of the open event; cleared when the event leaves. */
  #event = '';
  /** The data lines of the open event; undefined until the first one, cleared when it leaves. */
  #data: string | undefined;

  /** True between two events: nothing of the next one was seen. */
  get isBetween(): boolean {
    return this.#rest === '' && this.#data === undefined && this.#event === '' && !this.#afterCr;
  }

  push(piece: string): readonly SseEvent[] {
    if (piece === '') return NOTHING;
    const out: SseEvent[] = [];
    for (let from = 0; from < piece.length; ) from = this.read(piece, from, out);
    return out;
  }

  /** Takes a piece from `from` on up to the next blank line, or all of it; gives how far it came. */
  read(piece: string, from: number, out: SseEvent[]): number {
    let at = from;
    if (this.#atStart) {
      this.#atStart = false;
      if (piece.charCodeAt(at) === 0xfeff) at += 1;
    }
    if (this.#afterCr) {
      this.#afterCr = false;
      if (piece.charCodeAt(at) === 10) at += 1;
    }
    for (;;) {
      const lf = piece.indexOf('\n', at);
      let line = piece.slice(at, lf < 0 ? piece.length : lf);
      let next = lf + 1;
      const cr = line.indexOf('\r');
      if (cr >= 0) {
        line = line.slice(0, cr);
        next = at + cr + 1;
        if (next === piece.length) this.#afterCr = true;
        else if (piece.charCodeAt(next) === 10) next += 1;
      }
      if (next === 0) {
        this.#rest += line;
        return piece.length;
      }
      if (this.#rest !== '') line = this.#rest + line;
      this.#rest = '';
      this.#line(line, out);
      at = next;
      if (line === '' || at === piece.length) return at;
    }
  }

  end(): readonly SseEvent[] {
    const out: SseEvent[] = [];
    if (this.#rest !== '') this.#line(this.#rest, out);
    this.#rest = '';
    this.#line('', out);
    return out;
  }

  #line(line: string, out: SseEvent[]): void {
    if (line === '') {
      if (this.#data !== undefined) out.push({ event: this.#event, data: this.#data });
      this.#event = '';
      this.#data = undefined;
      return;
    }
    const colon = line.indexOf(':');
    if (colon === 0) return;
    const field = colon < 0 ? line : line.slice(0, colon);
    if (field !== 'data' && field !== 'event') return;
    const start = colon < 0 ? line.length : colon + (line.charCodeAt(colon + 1) === 32 ? 2 : 1);
    const value = line.slice(start);
    if (field === 'event') this.#event = value;
    else this.#data = this.#data === undefined ? value : `${this.#data}\n${value}`;
  }
}

/** One event as text. `data` must hold no line break, which JSON text never does. */
export function sseFrame(data: string, event?: string): string {
  return event === undefined ? `data: ${data}\n\n` : `event: ${event}\ndata: ${data}\n\n`;
}

/** Events that are alike but for a string in them, which needs no escape in JSON; made without one string each. */
export function alikeFrames(before: string, words: readonly string[], after: string): string {
  return `${before}"${words.join(`"${after}${before}"`)}"${after}`;
}

/** A comment line: seen by no client, keeps the connection alive. */
export const SSE_COMMENT = ': keep-alive\n\n';
