/**
 * Watches a same-format stream pass by: reads what it says, puts the client's model name back, hides
 * the usage chunk that only Plexus asked for. Bytes are held as latin1 text, one character a byte, so
 * that what is only forwarded is never decoded.
 *
 * Most events are pieces of text of which nothing has to be known but that they came. Those are
 * recognised without a parse: by the name of the event, or by being like the one before (`DeltaTemplate`).
 */
import type { Format, ProviderContext } from './formats/format.ts';
import { isObject, parseJson } from './json.ts';
import { modelKey, replyModel } from './passthrough.ts';
import { DeltaTemplate } from './stream/delta-template.ts';
import type { FormatName, UnifiedChunk } from './unified.ts';

/** A piece of a stream on its way to the client. */
export interface Tapped {
  /** The bytes to forward, as latin1 text; '' when this piece is held back or hidden. */
  bytes: string;
  /** What it says, in the middle language, as far as somebody has to know. */
  chunks: UnifiedChunk[];
  /** Characters of text in events that were not read. */
  quiet: number;
  /** True when the provider's own error event is among the bytes. */
  isTold: boolean;
}

/**
 * The event that ends a complete answer, where clients wait for it and a provider left it out. Chat
 * clients do without their `[DONE]`, which not all providers send.
 */
const LAST_EVENT: Readonly<Partial<Record<FormatName, string>>> = {
  messages: 'event: message_stop\ndata: {"type":"message_stop"}\n\n',
};

/** No event is larger than this; a provider that sends more without a blank line sends no events. */
const MAX_EVENT_BYTES = 64 * 1024 * 1024;

const BACKSLASH = 92;

export class StreamTap {
  readonly #format: Format;
  readonly #decoder: ReturnType<Format['decoder']>;
  readonly #model: string;
  readonly #hideUsage: boolean;
  /** What a frame of an event begins with that need not be read. */
  readonly #quietHeads: readonly string[];
  /** The pieces of an event that is not complete yet; joined once it is, as it may be a whole image. */
  #rest: string[] = [];
  #restLength = 0;
  /** True from the end of the answer on: what a provider says behind it is forwarded unread. */
  #isOver = false;
  /** True once a broken event was held back, behind which our own error follows: nothing else may. */
  #isShut = false;
  /** `"model":"…"` as the provider writes it → as the client shall see it; set by the first event with a model. */
  #rename: readonly [from: string, to: string] | undefined;
  /** True from the first text, reasoning or call on: before it every event is read. */
  #hasOutput = false;
  /** Set while the last event that was read was a plain text delta; `to` is its prefix with the client's model. */
  #template: { readonly from: DeltaTemplate; readonly to: string } | undefined;

  constructor(format: Format, context: ProviderContext, model: string, hideUsage: boolean) {
    this.#format = format;
    this.#decoder = format.decoder(context);
    this.#model = model;
    this.#hideUsage = hideUsage;
    this.#quietHeads = format.deltaEvents.map((name) => `event: ${name}\n`);
  }

  push(piece: Uint8Array): Tapped {
    const incoming = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength).toString(
      'latin1',
    );
    const out: Tapped = { bytes: '', chunks: [], quiet: 0, isTold: false };
    if (this.#restLength === 0) {
      this.#take(incoming, out);
    } else {
      const tail = this.#rest.at(-1)?.slice(-3) ?? '';
      this.#hold(incoming, out);
      if (endOfEvents(tail + incoming) > 0) this.#take(this.#release(), out);
    }
    return out;
  }

  /** Forwards the whole events of a text, holds what is left. */
  #take(text: string, out: Tapped): void {
    const end = endOfEvents(text);
    if (end < text.length) this.#hold(text.slice(end), out);
    if (end > 0) this.#events(end === text.length ? text : text.slice(0, end), out);
  }

  #hold(text: string, out: Tapped): void {
    this.#rest.push(text);
    this.#restLength += text.length;
    if (this.#restLength <= MAX_EVENT_BYTES) return;
    this.#release();
    const message = 'The provider sent something that is no stream of events.';
    out.chunks.push({ type: 'error', error: { message, status: 502 } });
  }

  #release(): string {
    const text = this.#rest.length === 1 ? (this.#rest[0] ?? '') : this.#rest.join('');
    this.#rest = [];
    this.#restLength = 0;
    return text;
  }

  /** The connection closed in good order; gives what was left. */
  end(): Tapped {
    const out: Tapped = { bytes: '', chunks: [], quiet: 0, isTold: false };
    const rest = this.#release();
    // Half an event is nobody's; one that lacks only its blank line gets it.
    if (isWhole(rest)) this.#events(rest, out);
    if (out.bytes !== '' && endOfEvents(out.bytes) < out.bytes.length) {
      out.bytes += out.bytes.endsWith('\n') ? '\n' : '\n\n';
    }
    for (const chunk of this.#decoder.end?.() ?? []) {
      out.chunks.push(chunk);
      // The answer was complete, only its last event is missing, which clients wait for.
      if (chunk.type === 'done') out.bytes += LAST_EVENT[this.#format.name] ?? '';
    }
    return out;
  }

  /** Whole events, one after the other; runs of alike ones at once. */
  #events(text: string, out: Tapped): void {
    const hasCr = text.includes('\r');
    for (let from = 0; from < text.length && !this.#isShut; ) {
      if (this.#isOver) {
        out.bytes += text.slice(from);
        return;
      }
      const behind = this.#alike(text, from, out);
      if (behind > from) {
        from = behind;
        continue;
      }
      const to = endOfEvent(text, from, hasCr);
      this.#event(from === 0 && to === text.length ? text : text.slice(from, to), out);
      from = to;
    }
  }

  /** Forwards the run of events from `from` on that are like the template; gives where it ends. */
  #alike(text: string, from: number, out: Tapped): number {
    const template = this.#template;
    if (template === undefined) return from;
    const { prefix, suffix } = template.from;
    let at = from;
    let bytes = '';
    while (text.startsWith(prefix, at)) {
      const start = at + prefix.length;
      const quote = text.indexOf('"', start);
      // An escaped quote is not the end of the words; a parser has to read those.
      if (quote < 0 || text.charCodeAt(quote - 1) === BACKSLASH) break;
      if (!text.startsWith(suffix, quote)) break;
      bytes += template.to + text.slice(start, quote) + suffix;
      out.quiet += quote - start;
      at = quote + suffix.length;
    }
    out.bytes += bytes;
    return at;
  }

  #event(frame: string, out: Tapped): void {
    if (this.#hasOutput && this.#isQuiet(frame)) {
      out.bytes += frame;
      out.quiet += frame.length;
      return;
    }
    const event = readFrame(frame);
    if (event === undefined) {
      out.bytes += frame;
      return;
    }
    const chunks = this.#decoder.push(event);
    let isBroken = false;
    for (const chunk of chunks) {
      out.chunks.push(chunk);
      if (chunk.type === 'done') this.#isOver = true;
      else if (chunk.type === 'error') isBroken = true;
      if (chunk.type === 'text' || chunk.type === 'reasoning' || chunk.type === 'call') {
        this.#hasOutput = true;
      }
    }
    if (isBroken) {
      this.#isOver = true;
      out.isTold = isOwnError(this.#format, event.data);
      // What is no event of the format is not for its clients; the format's error follows.
      this.#isShut = !out.isTold;
      if (this.#isShut) return;
    }
    if (this.#hideUsage && isUsageOnly(event.data)) return;
    const renamed = this.#renamed(frame, event.data);
    out.bytes += renamed;
    this.#learn(frame, chunks);
  }

  /** True for a frame whose name says that it holds a piece of text. It names no model either. */
  #isQuiet(frame: string): boolean {
    for (const head of this.#quietHeads) if (frame.startsWith(head)) return true;
    return false;
  }

  #learn(frame: string, chunks: readonly UnifiedChunk[]): void {
    this.#template = undefined;
    const [only] = chunks;
    if (!this.#format.skimmable || chunks.length !== 1 || only?.type !== 'text') return;
    const from = DeltaTemplate.learn(frame, latin1Json(only.text));
    if (from === undefined) return;
    const [name, ours] = this.#rename ?? ['', ''];
    const inSuffix = name !== '' && from.suffix.includes(name);
    // A model that stands behind the words would have to be replaced there; such streams are read.
    if (!inSuffix) this.#template = { from, to: from.prefix.replace(name, () => ours) };
  }

  #renamed(frame: string, data: string): string {
    if (this.#rename === undefined) {
      const key = `"${modelKey(this.#format)}"`;
      if (!frame.includes(key)) return frame;
      const value = parseJson(data);
      const name = isObject(value) ? replyModel(this.#format, value) : undefined;
      if (name === undefined) return frame;
      const json = latin1Json(name);
      const found = spelling(frame, key, json);
      if (found === undefined) return frame;
      this.#rename = [found, found.slice(0, -json.length) + latin1Json(this.#model)];
    }
    const [from, to] = this.#rename;
    return frame.replace(from, () => to);
  }
}

/** A JSON string as its UTF-8 bytes held as latin1. */
function latin1Json(value: string): string {
  const json = JSON.stringify(value);
  for (let i = 0; i < json.length; i += 1) {
    if (json.charCodeAt(i) > 127) return Buffer.from(json, 'utf8').toString('latin1');
  }
  return json;
}

/** `"model":"x"` just as it stands in the text: the key, any white space, and the value. */
function spelling(text: string, key: string, value: string): string | undefined {
  for (let at = text.indexOf(key); at >= 0; at = text.indexOf(key, at + 1)) {
    const match = /^\s*:\s*/.exec(text.slice(at + key.length, at + key.length + 20));
    if (match === null) continue;
    const start = at + key.length + match[0].length;
    if (text.startsWith(value, start)) return text.slice(at, start + value.length);
  }
  return undefined;
}

/** Offset behind the last complete event. */
function endOfEvents(text: string): number {
  if (text.endsWith('\n\n')) return text.length;
  const lf = text.lastIndexOf('\n\n');
  const crlf = text.lastIndexOf('\r\n\r\n');
  return Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 4);
}

/** Offset behind the event that starts at `from`. */
function endOfEvent(text: string, from: number, hasCr: boolean): number {
  const lf = text.indexOf('\n\n', from);
  const crlf = hasCr ? text.indexOf('\r\n\r\n', from) : -1;
  if (crlf >= 0 && (lf < 0 || crlf < lf)) return crlf + 4;
  return lf < 0 ? text.length : lf + 2;
}

/** The event of one frame; undefined for a frame without data (comments, blank lines). */
function readFrame(frame: string): { event: string; data: string } | undefined {
  // The commonest frame: one line of data.
  if (frame.startsWith('data: ') && frame.indexOf('\n') === frame.length - 2) {
    return { event: '', data: utf8(frame.slice(6, -2)) };
  }
  let event = '';
  let data: string | undefined;
  for (const line of frame.split(/\r\n|\n|\r/)) {
    if (line.startsWith('data:')) {
      const value = line.slice(line.charCodeAt(5) === 32 ? 6 : 5);
      data = data === undefined ? value : `${data}\n${value}`;
    } else if (line.startsWith('event:')) event = line.slice(6).trim();
  }
  return data === undefined ? undefined : { event, data: utf8(data) };
}

/** True for an event that lacks only what closes it. */
function isWhole(frame: string): boolean {
  const event = readFrame(frame);
  if (event === undefined) return false;
  return event.data.trim() === '[DONE]' || parseJson(event.data) !== undefined;
}

/** True for an event in which a provider says of itself that it failed, as clients of its format know it. */
function isOwnError(format: Format, data: string): boolean {
  const value = parseJson(data);
  if (!isObject(value)) return false;
  switch (format.name) {
    case 'messages':
      return value['type'] === 'error';
    case 'responses':
      // Codex does not know the bare `error` event.
      return value['type'] === 'response.failed';
    default:
      return isObject(value['error']);
  }
}

/** Bytes held as latin1 → text. */
function utf8(bytes: string): string {
  for (let i = 0; i < bytes.length; i += 1) {
    if (bytes.charCodeAt(i) > 127) return Buffer.from(bytes, 'latin1').toString('utf8');
  }
  return bytes;
}

/** The chunk that `stream_options.include_usage` adds: no choices, only usage. */
function isUsageOnly(data: string): boolean {
  if (!data.includes('"usage"') || !data.includes('"choices"')) return false;
  const value = parseJson(data);
  return (
    isObject(value) &&
    isObject(value['usage']) &&
    Array.isArray(value['choices']) &&
    value['choices'].length === 0
  );
}
