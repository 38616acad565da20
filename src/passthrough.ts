/**
 * Same format on both sides: bytes. In the request only the model's name is replaced, in the reply
 * only the name that the client asked for is put back; everything else stays as it came, unknown
 * fields, key order, number spelling and white space included.
 */
import type { Format } from './formats/format.ts';
import { isObject, type JsonObject, text } from './json.ts';
import { type Edit, Edited, type Span, splice, topLevelSpans } from './json-span.ts';
import type { RequestBody } from './request-body.ts';

/**
 * The client's body for the provider. Chat providers are asked for usage in streams, without which
 * nobody could say what a stream cost; the extra chunk is taken out again for a client that did not ask.
 */
export function passthroughBody(
  body: RequestBody,
  format: Format,
  model: string,
  stream: boolean,
): Edited {
  // Gemini names the model in the URL; what its body says of one is none of ours.
  const modelSpan = format.name === 'gemini' ? undefined : body.span('model');
  if (modelSpan === undefined) return new Edited(body.bytes, []);
  const { start, end } = modelSpan;
  const edit = { start, end, with: JSON.stringify(model) };
  const edits: Edit[] = [edit];
  if (format.name === 'chat' && stream && !asksUsage(body)) {
    const asked = body.value('stream_options');
    const options = JSON.stringify({ ...(isObject(asked) ? asked : {}), include_usage: true });
    const span = body.span('stream_options');
    if (span) edits.push({ ...span, with: options });
    // Behind the model's value, where a comma is certain to be right.
    else edit.with += `,"stream_options":${options}`;
  }
  return new Edited(body.bytes, edits);
}

/** True when a chat client asked for the usage chunk. */
export function asksUsage(body: RequestBody): boolean {
  const options = body.value('stream_options');
  return isObject(options) && options['include_usage'] === true;
}

/** Where a format's replies name the model. */
export function replyModel(format: Format, value: JsonObject): string | undefined {
  switch (format.name) {
    case 'gemini':
      return text(value['modelVersion']);
    case 'messages':
      return text(value['model']) ?? nestedModel(value['message']);
    case 'responses':
      return text(value['model']) ?? nestedModel(value['response']);
    default:
      return text(value['model']);
  }
}

function nestedModel(holder: unknown): string | undefined {
  return isObject(holder) ? text(holder['model']) : undefined;
}

/** The key under which a format's replies name the model. */
export function modelKey(format: Format): string {
  return format.name === 'gemini' ? 'modelVersion' : 'model';
}

/**
 * A whole reply with the client's model name, byte for byte the rest.
 * @param parsed its value, where it was read
 */
export function passthroughReply(
  bytes: Buffer,
  format: Format,
  model: string,
  parsed: JsonObject | undefined,
): Buffer {
  const key = modelKey(format);
  const name = parsed?.[key];
  if (parsed !== undefined && (typeof name !== 'string' || name === model)) return bytes;
  const span = soleSpan(bytes, key, name) ?? topLevelSpans(bytes, [key])?.get(key);
  if (span === undefined || bytes[span.start] !== QUOTE) return bytes;
  return splice(bytes, [{ ...span, with: JSON.stringify(model) }]);
}

/** As bytes: a search for text costs twenty times as much. */
const MODEL_KEY = Buffer.from('"model"');
const MODEL_VERSION_KEY = Buffer.from('"modelVersion"');
const SPACE = 32;
const COLON = 58;
const QUOTE = 34;
const BACKSLASH = 92;
const OPEN_BRACE = 123;
const OPEN_BRACKET = 91;

/**
 * Where the value stands when the key is written as usual and stands nowhere else: a few searches
 * instead of a look at every top-level key (measured: 0.4 µs instead of 2.4 µs).
 * @param name what the top level holds under the key; where that is not known, nothing that holds
 * others may stand before the key
 */
function soleSpan(bytes: Buffer, key: string, name: unknown): Span | undefined {
  const quoted = key === 'model' ? MODEL_KEY : MODEL_VERSION_KEY;
  const at = bytes.indexOf(quoted);
  const colon = at + quoted.length;
  const start = bytes[colon + 1] === SPACE ? colon + 2 : colon + 1;
  if (at < 0 || bytes[colon] !== COLON || bytes[start] !== QUOTE) return undefined;
  if (bytes.indexOf(quoted, start) >= 0) return undefined;
  const end = bytes.indexOf(QUOTE, start + 1) + 1;
  if (end === 0 || bytes[end - 2] === BACKSLASH) return undefined;
  const isTopLevel =
    name === undefined
      ? !stands(bytes, OPEN_BRACE, at) && !stands(bytes, OPEN_BRACKET, at)
      : bytes.toString('utf8', start + 1, end - 1) === name;
  return isTopLevel ? { start, end } : undefined;
}

/** True when the byte stands before an offset, not counting the brace that begins the reply. */
function stands(bytes: Buffer, byte: number, before: number): boolean {
  const at = bytes.indexOf(byte, 1);
  return at >= 0 && at < before;
}
