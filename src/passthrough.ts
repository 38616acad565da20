/**
 * Same format on both sides: bytes. In the request only the model's name is replaced, in the reply
 * only the name that the client asked for is put back; everything else stays as it came, unknown
 * fields, key order, number spelling and white space included. Texts here are UTF-8 bytes held as
 * latin1 strings where they come from the wire, so that nothing is decoded that is only forwarded.
 */
import type { Format, ProviderContext } from './formats/format.ts';
import { isObject, type JsonObject, parseJson, text } from './json.ts';
import { splice, topLevelSpans } from './json-span.ts';
import type { UnifiedChunk } from './unified.ts';

/**
 * The client's body for the provider. Chat providers are asked for usage in streams, without which
 * nobody could say what a stream cost; the extra chunk is taken out again for a client that did not ask.
 */
export function passthroughBody(
  body: string,
  parsed: JsonObject,
  format: Format,
  model: string,
): string {
  const askUsage = format.name === 'chat' && parsed['stream'] === true && !asksUsage(parsed);
  if (parsed['model'] === model && !askUsage) return body;
  const spans = topLevelSpans(body, ['model', 'stream_options']);
  const edits: { start: number; end: number; with: string }[] = [];
  const modelSpan = spans.get('model');
  if (modelSpan) edits.push({ ...modelSpan, with: JSON.stringify(model) });
  if (askUsage) {
    const optionsSpan = spans.get('stream_options');
    const options = { ...objectOrEmpty(parsed['stream_options']), include_usage: true };
    if (optionsSpan) edits.push({ ...optionsSpan, with: JSON.stringify(options) });
    else if (modelSpan) {
      // Behind the model's value, where a comma is certain to be right.
      const last = edits[edits.length - 1];
      if (last) last.with += `,"stream_options":${JSON.stringify(options)}`;
    }
  }
  return splice(body, edits);
}

/** True when a chat client asked for the usage chunk. */
export function asksUsage(body: JsonObject): boolean {
  const options = body['stream_options'];
  return isObject(options) && options['include_usage'] === true;
}

function objectOrEmpty(value: unknown): JsonObject {
  return isObject(value) ? value : {};
}

/** Where a format's replies name the model. */
function replyModel(format: Format, value: JsonObject): string | undefined {
  switch (format.name) {
    case 'gemini':
      return text(value['modelVersion']);
    case 'messages':
      return text(value['model']) ?? text(objectOrEmpty(value['message'])['model']);
    case 'responses':
      return text(value['model']) ?? text(objectOrEmpty(value['response'])['model']);
    default:
      return text(value['model']);
  }
}

/** A whole reply with the client's model name, byte for byte the rest. */
export function passthroughReply(
  body: string,
  parsed: JsonObject,
  format: Format,
  model: string,
): string {
  const key = format.name === 'gemini' ? 'modelVersion' : 'model';
  if (replyModel(format, parsed) === undefined || parsed[key] === model) return body;
  const span = topLevelSpans(body, [key]).get(key);
  return span ? splice(body, [{ ...span, with: JSON.stringify(model) }]) : body;
}

/** A piece of a stream on its way to the client. */
export interface Tapped {
  /** The bytes to forward, as latin1 text; '' when this piece is held back or hidden. */
  bytes: string;
  /** What it says, in the middle language. */
  chunks: readonly UnifiedChunk[];
}

/** A JSON string as its UTF-8 bytes held as latin1. */
function latin1Json(value: string): string {
  return Buffer.from(JSON.stringify(value), 'utf8').toString('latin1');
}

/**
 * Watches a same-format stream pass by, event by event: reads what it says, puts the client's model
 * name back, hides the usage chunk that only Plexus asked for.
 */
export class StreamTap {
  readonly #format: Format;
  readonly #decoder: ReturnType<Format['decoder']>;
  readonly #model: string;
  readonly #hideUsage: boolean;
  /** The bytes of an event that is not complete yet. */
  #rest = '';
  /** `"model":"…"` as the provider writes it → as the client shall see it; set by the first event with a model. */
  #rename: [from: string, to: string] | undefined;

  constructor(format: Format, context: ProviderContext, model: string, hideUsage: boolean) {
    this.#format = format;
    this.#decoder = format.decoder(context);
    this.#model = model;
    this.#hideUsage = hideUsage;
  }

  push(piece: Uint8Array): Tapped {
    const incoming = Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength);
    const text = this.#rest + incoming.toString('latin1');
    const end = endOfEvents(text);
    this.#rest = text.slice(end);
    return end === 0 ? { bytes: '', chunks: [] } : this.#events(text.slice(0, end));
  }

  /** The connection closed in good order; gives what was left. */
  end(): Tapped {
    const rest = this.#rest;
    this.#rest = '';
    const last = rest === '' ? { bytes: '', chunks: [] } : this.#events(rest);
    return { bytes: last.bytes, chunks: [...last.chunks, ...(this.#decoder.end?.() ?? [])] };
  }

  #events(text: string): Tapped {
    let bytes = '';
    const chunks: UnifiedChunk[] = [];
    for (let from = 0; from < text.length; ) {
      const to = endOfEvent(text, from);
      const frame = text.slice(from, to);
      from = to;
      const event = readFrame(frame);
      if (event === undefined) {
        bytes += frame;
        continue;
      }
      const said = this.#decoder.push(event);
      for (const chunk of said) chunks.push(chunk);
      if (this.#hideUsage && isUsageOnly(event.data)) continue;
      bytes += this.#renamed(frame, event.data);
    }
    return { bytes, chunks };
  }

  #renamed(frame: string, data: string): string {
    if (this.#rename === undefined) {
      const key = this.#format.name === 'gemini' ? '"modelVersion"' : '"model"';
      if (!frame.includes(key)) return frame;
      const value = parseJson(data);
      const name = isObject(value) ? replyModel(this.#format, value) : undefined;
      if (name === undefined) return frame;
      const found = spelling(frame, key, latin1Json(name));
      if (found === undefined) return frame;
      this.#rename = [found, found.slice(0, -latin1Json(name).length) + latin1Json(this.#model)];
    }
    const [from, to] = this.#rename;
    return frame.replace(from, () => to);
  }
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

const BLANK = /\r\n\r\n|\n\n|\r\r/g;

/** Offset behind the last complete event. */
function endOfEvents(text: string): number {
  const lf = text.lastIndexOf('\n\n');
  const crlf = text.lastIndexOf('\r\n\r\n');
  return Math.max(lf < 0 ? 0 : lf + 2, crlf < 0 ? 0 : crlf + 4);
}

/** Offset behind the event that starts at `from`. */
function endOfEvent(text: string, from: number): number {
  BLANK.lastIndex = from;
  const match = BLANK.exec(text);
  return match === null ? text.length : match.index + match[0].length;
}

/** The event of one frame; undefined for a frame without data (comments, blank lines). */
function readFrame(frame: string): { event: string; data: string } | undefined {
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
