/**
 * Watches a same-format stream pass by: reads what it says, puts the client's model name back, hides
 * the usage chunk that only Plexus asked for. What is only forwarded stays the bytes that came; an
 * event that is read is held as latin1 text, one character a byte.
 *
 * Most events are pieces of text of which nothing has to be known but that they came. Those are
 * recognised without a parse: by the name of the event, or by being like the one before (`ByteFrame`).
 */
import { isAscii } from 'node:buffer';
import type { Format, ProviderContext } from './formats/format.ts';
import { giveBack } from './give-back.ts';
import { isObject, parseJson } from './json.ts';
import { modelKey, replyModel } from './passthrough.ts';
import { ByteFrame, type Bytes, joined, standsAt } from './stream/byte-run.ts';
import { DeltaTemplate } from './stream/delta-template.ts';
import { endOfEvent, endOfEvents, OpenEvent } from './stream/frames.ts';
import { isBehindKey, type QuietEvent, wordsLength } from './stream/quiet-event.ts';
import type { FormatName, UnifiedChunk } from './unified.ts';

/** A piece of a stream on its way to the client. */
export class Tapped {
  /** What it says, in the middle language, as far as somebody has to know. */
  chunks: UnifiedChunk[] = [];
  /** Bytes of text in events that were not read; undefined when there were none with text. */
  quiet: number | undefined;
  /** True when the provider's own error event is among the bytes. */
  isTold = false;
  /** Bytes to forward; none when the piece is held back or hidden. */
  length = 0;
  #parts: Bytes[] = [];
  /** What the parts lie in, where it may be given back once they are put together. */
  #piece: Buffer | undefined;

  forward(part: Bytes): void {
    if (part.length === 0) return;
    this.#parts.push(part);
    this.length += part.length;
  }

  /** Nothing but the parts needs the piece any more. */
  own(piece: Buffer): void {
    this.#piece = piece;
  }

  /** For the socket: one or two pieces; what is long and came like that is not copied. */
  spell(): readonly Buffer[] {
    let out: Buffer[] = [];
    let short: Bytes[] = [];
    for (const part of this.#parts) {
      if (!(part instanceof Buffer) || part.length < MIN_LONG_BYTES) {
        short.push(part);
        continue;
      }
      if (short.length > 0) out.push(joined(short));
      short = [];
      out.push(part);
    }
    if (short.length > 0) out.push(joined(short));
    if (out.length > 2) out = [joined(out)];
    this.#parts = out;
    const piece = this.#piece;
    if (piece !== undefined && out.every(({ buffer }) => buffer !== piece.buffer)) giveBack(piece);
    return out;
  }

  get text(): string {
    return joined(this.#parts).toString('utf8');
  }
}

const MIN_LONG_BYTES = 4096;

const LF = 10;
/** How the line begins that names an event. */
const NAME = Buffer.from('event: ');

/** Up to `end` the events are dealt with; `told` is what goes out for them, undefined: they themselves. */
interface Step {
  readonly end: number;
  readonly told: Bytes | undefined;
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

export class StreamTap {
  readonly #format: Format;
  readonly #decoder: ReturnType<Format['decoder']>;
  readonly #model: string;
  readonly #hideUsage: boolean;
  /** The events that need not be read which came last. */
  #lastQuiet: QuietEvent | undefined;
  /** Where the words began in the last one of them, from behind its head. */
  #wordsAt = 0;
  /** An event that is not complete yet. */
  readonly #open = new OpenEvent();
  /** True from the end of the answer on: what a provider says behind it is forwarded unread. */
  #isOver = false;
  /** True once a broken event was held back, behind which our own error follows: nothing else may. */
  #isShut = false;
  /** `"model":"…"` as the provider writes it → as the client shall see it; set by the first event with a model. */
  #rename: readonly [from: string, to: string] | undefined;
  /** True from the first text, reasoning or call on: before it every event is read. */
  #hasOutput = false;
  /**
   * Set while the last event that was read was a plain text delta: such an event as the provider
   * spells it, and with the client's model; the same one when it names none.
   */
  #delta: { readonly from: ByteFrame; readonly to: ByteFrame } | undefined;

  constructor(format: Format, context: ProviderContext, model: string, hideUsage: boolean) {
    this.#format = format;
    this.#decoder = format.decoder(context);
    this.#model = model;
    this.#hideUsage = hideUsage;
  }

  /** @param isOwn the piece's memory may be given back */
  push(piece: Uint8Array, isOwn = false): Tapped {
    const bytes = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const out = new Tapped();
    let from = 0;
    if (this.#open.length > 0) {
      from = this.#open.endIn(bytes);
      if (from === 0) {
        this.#hold(bytes, out);
        return out;
      }
      const event = this.#open.release(bytes.subarray(0, from));
      this.#events(event, 0, event.length, out);
    }
    const to = endOfEvents(bytes, from);
    if (to > from) this.#events(bytes, from, to, out);
    if (to < bytes.length) this.#hold(bytes.subarray(to), out);
    else if (isOwn) out.own(bytes);
    return out;
  }

  #hold(bytes: Buffer, out: Tapped): void {
    this.#open.hold(bytes);
    if (this.#open.length <= MAX_EVENT_BYTES) return;
    this.#open.release();
    const message = 'The provider sent something that is no stream of events.';
    out.chunks.push({ type: 'error', error: { message, status: 502 } });
  }

  /** The connection closed in good order; gives what was left. */
  end(): Tapped {
    const out = new Tapped();
    const rest = this.#open.release();
    const text = rest.toString('latin1');
    // Half an event is nobody's; one that lacks only its blank line gets it.
    if (isWhole(text)) {
      this.#events(rest, 0, rest.length, out);
      if (out.length > 0) out.forward(Buffer.from(text.endsWith('\n') ? '\n' : '\n\n'));
    }
    for (const chunk of this.#decoder.end?.() ?? []) {
      out.chunks.push(chunk);
      // The answer was complete, only its last event is missing, which clients wait for.
      if (chunk.type === 'done') out.forward(Buffer.from(LAST_EVENT[this.#format.name] ?? ''));
    }
    return out;
  }

  /** Whole events, one after the other; runs of those that need not be read at once. */
  #events(bytes: Buffer, from: number, to: number, out: Tapped): void {
    /** Up to here all is forwarded. */
    let done = from;
    let at = from;
    while (at < to && !this.#isOver) {
      const { end, told } =
        this.#alike(bytes, at, out) ??
        this.#quiet(bytes, at, to, out) ??
        this.#event(bytes, at, endOfEvent(bytes, at) || to, out);
      if (told !== undefined) {
        out.forward(bytes.subarray(done, at));
        out.forward(told);
        done = end;
      }
      at = end;
    }
    // Behind the end everything is forwarded unread, unless our own error follows.
    out.forward(bytes.subarray(done, this.#isShut ? at : to));
  }

  /** The run of events from `from` on that are like the last text delta but for their words. */
  #alike(bytes: Buffer, from: number, out: Tapped): Step | undefined {
    const delta = this.#delta;
    const run = delta?.from.runAt(bytes, from);
    if (delta === undefined || run === undefined) return undefined;
    out.quiet = (out.quiet ?? 0) + run.length;
    return { end: run.end, told: delta.to === delta.from ? undefined : delta.to.spell(bytes, run) };
  }

  /** The run of events from `from` on whose names say that they need not be read. */
  #quiet(bytes: Buffer, from: number, to: number, out: Tapped): Step | undefined {
    if (!this.#hasOutput) return undefined;
    let words: number | undefined;
    let end = from;
    while (end < to) {
      const quiet = this.#quietEvent(bytes, end);
      if (quiet === undefined) break;
      const data = end + quiet.head.length;
      // Behind the line of the name the event ends at the first blank line, or at once.
      end = bytes[data] === LF ? data + 1 : endOfEvent(bytes, data) || to;
      if (quiet.isPiece) words = (words ?? 0) + this.#words(quiet, bytes, data, end);
    }
    if (words !== undefined) {
      out.quiet = (out.quiet ?? 0) + words;
      this.#decoder.skipped?.();
    }
    return end === from ? undefined : { end, told: undefined };
  }

  /** Bytes of the words of such an event; they begin mostly where they began in the one before. */
  #words(quiet: QuietEvent, bytes: Buffer, from: number, to: number): number {
    let start = from + this.#wordsAt;
    if (!isBehindKey(bytes, start)) {
      start = quiet.wordsAt(bytes, from, to);
      this.#wordsAt = start - from;
    }
    return wordsLength(bytes, start, to);
  }

  /** An event that has to be read. */
  #event(bytes: Buffer, from: number, end: number, out: Tapped): Step {
    const frame = bytes.toString('latin1', from, end);
    const told = this.#read(frame, isAscii(bytes.subarray(from, end)), out);
    return { end, told: told === frame ? undefined : Buffer.from(told, 'latin1') };
  }

  /** Reads one event; gives what the client gets of it. */
  #read(frame: string, inAscii: boolean, out: Tapped): string {
    const event = readFrame(frame, inAscii);
    if (event === undefined) return frame;
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
      if (this.#isShut) return '';
    }
    if (this.#hideUsage && isUsageOnly(event.data)) return '';
    const renamed = this.#renamed(frame, event.data);
    this.#learn(frame, chunks);
    return renamed;
  }

  #quietEvent(bytes: Buffer, at: number): QuietEvent | undefined {
    // Most are of the same name as the one before.
    const last = this.#lastQuiet;
    if (last !== undefined && standsAt(bytes, at, last.head)) return last;
    if (!standsAt(bytes, at, NAME)) return undefined;
    const name = bytes.toString('latin1', at + NAME.length, bytes.indexOf(LF, at));
    this.#lastQuiet = this.#format.quietEvents.get(name);
    return this.#lastQuiet;
  }

  #learn(frame: string, chunks: readonly UnifiedChunk[]): void {
    this.#delta = undefined;
    const [only] = chunks;
    if (!this.#format.skimmable || chunks.length !== 1 || only?.type !== 'text') return;
    const learnt = DeltaTemplate.learn(frame, latin1Json(only.text));
    if (learnt === undefined) return;
    const { prefix, suffix } = learnt;
    const rename = this.#rename;
    // A model that stands behind the words would have to be replaced there; such streams are read.
    if (rename && suffix.includes(rename[0])) return;
    const from = byteFrame(prefix, suffix);
    const renamed = rename ? replaced(prefix, rename) : prefix;
    this.#delta = { from, to: renamed === prefix ? from : byteFrame(renamed, suffix) };
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
    return replaced(frame, this.#rename);
  }
}

/** A text in which the first such name was replaced. */
function replaced(text: string, [from, to]: readonly [from: string, to: string]): string {
  const at = text.indexOf(from);
  return at < 0 ? text : text.slice(0, at) + to + text.slice(at + from.length);
}

/** Both parts as bytes held as latin1. */
function byteFrame(prefix: string, suffix: string): ByteFrame {
  return new ByteFrame(Buffer.from(prefix, 'latin1'), Buffer.from(suffix, 'latin1'));
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

/**
 * The event of one frame; undefined for a frame without data (comments, blank lines).
 * @param inAscii true when it is known to be, so that its text is its bytes
 */
function readFrame(frame: string, inAscii: boolean): { event: string; data: string } | undefined {
  const shown = inAscii ? (data: string): string => data : utf8;
  // The commonest frames: a line of data, with or without one that names the event before it.
  const named = frame.startsWith('event: ') ? frame.indexOf('\n') : -1;
  if (
    frame.startsWith('data: ', named + 1) &&
    frame.indexOf('\n', named + 1) === frame.length - 2
  ) {
    const data = shown(frame.slice(named + 7, -2));
    return { event: named < 0 ? '' : frame.slice(7, named).trim(), data };
  }
  let event = '';
  let data: string | undefined;
  for (const line of frame.split(/\r\n|\n|\r/)) {
    if (line.startsWith('data:')) {
      const value = line.slice(line.charCodeAt(5) === 32 ? 6 : 5);
      data = data === undefined ? value : `${data}\n${value}`;
    } else if (line.startsWith('event:')) event = line.slice(6).trim();
  }
  return data === undefined ? undefined : { event, data: shown(data) };
}

/** True for an event that lacks only what closes it. */
function isWhole(frame: string): boolean {
  const event = readFrame(frame, false);
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
  return Buffer.from(bytes, 'latin1').toString('utf8');
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
