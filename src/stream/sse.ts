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

  push(piece: string): readonly SseEvent[] {
    if (piece === '') return NOTHING;
    const out: SseEvent[] = [];
    let from = 0;
    if (this.#atStart) {
      this.#atStart = false;
      if (piece.charCodeAt(0) === 0xfeff) from = 1;
    }
    if (this.#afterCr) {
      this.#afterCr = false;
      if (piece.charCodeAt(from) === 10) from += 1;
    }
    // Most streams never use CR; then one search per line is enough.
    const hasCr = piece.includes('\r', from);
    for (;;) {
      let end = piece.indexOf('\n', from);
      let next = end + 1;
      if (hasCr) {
        const cr = piece.indexOf('\r', from);
        if (cr >= 0 && (end < 0 || cr < end)) {
          end = cr;
          next = cr + 1;
          if (next === piece.length) this.#afterCr = true;
          else if (piece.charCodeAt(next) === 10) next += 1;
        }
      }
      if (end < 0) break;
      const line = piece.slice(from, end);
      this.#line(this.#rest === '' ? line : this.#rest + line, out);
      this.#rest = '';
      from = next;
    }
    if (from < piece.length) this.#rest += piece.slice(from);
    return out;
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

/** A comment line: seen by no client, keeps the connection alive. */
export const SSE_COMMENT = ': keep-alive\n\n';
