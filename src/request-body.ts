/**
 * A client's body: read within bounds and unpacked. It is parsed only when somebody needs its values;
 * for the model's name and the way of answering a look at the top level is enough.
 */
import { promisify } from 'node:util';
import { GatewayError, invalid } from './errors.ts';
import { giveBack } from './give-back.ts';
import { isObject, type JsonObject, textOf } from './json.ts';
import { Edges, type Span, topLevelSpans } from './json-span.ts';
import { readBytes, tooLarge } from './limits/body.ts';
import { zlib } from './zlib.ts';

/** Top-level fields that the gateway itself reads, by what bodies hold that have them. */
const SIGNS = {
  model: Buffer.from('"model"'),
  stream: Buffer.from('"stream"'),
  stream_options: Buffer.from('"stream_options"'),
  store: Buffer.from('"store"'),
};
type ReadField = keyof typeof SIGNS;
const READ = Object.keys(SIGNS);
/** Below this the searches cost as much as they save. */
const LARGE = 8 * 1024;

export class RequestBody {
  readonly bytes: Buffer;
  #json: JsonObject | undefined;
  #spans: Map<string, Span> | undefined;
  /** Of a large body; null when it has none. */
  #edges: Edges | null | undefined;

  constructor(bytes: Buffer) {
    this.bytes = bytes;
  }

  /** @throws GatewayError `invalid_request` for a body that is not a JSON object */
  get json(): JsonObject {
    this.#json ??= parseBody(textOf(this.bytes));
    return this.#json;
  }

  /** True once somebody has read it as JSON. */
  get isParsed(): boolean {
    return this.#json !== undefined;
  }

  /** The same; empty for a body that is none and went up byte by byte: then its provider says so. */
  get readable(): JsonObject {
    try {
      return this.json;
    } catch {
      return {};
    }
  }

  /** Where the value of a field stands; undefined when there is no such field. */
  span(field: ReadField): Span | undefined {
    if (this.#spans === undefined && this.bytes.length >= LARGE) {
      this.#edges ??= Edges.of(this.bytes, READ) ?? null;
      const span = this.#edges?.span(field, SIGNS[field]);
      if (span !== undefined) return span ?? undefined;
    }
    this.#spans ??= this.#look();
    return this.#spans.get(field);
  }

  /** The value of a field; undefined when there is none. */
  value(field: ReadField): unknown {
    const span = this.span(field);
    if (span === undefined) return undefined;
    try {
      return JSON.parse(this.bytes.toString('utf8', span.start, span.end));
    } catch {
      // Not JSON, then neither is the whole, whose parser says what is wrong.
      return this.json[field];
    }
  }

  /** Gives its memory back: only what was parsed before may be asked for afterwards. */
  release(): void {
    const { buffer, byteLength } = this.bytes;
    if (buffer.byteLength === byteLength) giveBack(this.bytes);
  }

  #look(): Map<string, Span> {
    const spans = topLevelSpans(this.bytes, READ);
    if (spans) return spans;
    void this.json;
    throw new GatewayError('invalid_request', 'The body is not valid JSON.');
  }
}

type Unpack = (packed: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>;
function unpackerOf(coding: string): Unpack | undefined {
  switch (coding) {
    case 'gzip':
    case 'x-gzip':
      return promisify(zlib().gunzip);
    case 'deflate':
      return promisify(zlib().inflate);
    case 'br':
      return promisify(zlib().brotliDecompress);
    case 'zstd':
      return promisify(zlib().zstdDecompress);
    default:
      return undefined;
  }
}

/**
 * @param maxBytes bound of the body as it arrives and after unpacking
 * @throws GatewayError `too_large`, or `invalid_request` for a coding that is not known or damaged
 */
export function readRequestBody(request: Request, maxBytes: number): Promise<RequestBody> {
  const { headers } = request;
  const length = headers.get('content-length');
  const coding = headers.get('content-encoding');
  const bounds = { length: length === null ? undefined : Number(length), maxBytes };
  if (coding === null) return readBytes(request, bounds, bodyOf);
  return readBytes(request, bounds, (packed) => unpack(packed, coding, maxBytes)).then(bodyOf);
}

function bodyOf(bytes: Buffer): RequestBody {
  return new RequestBody(bytes);
}

async function unpack(packed: Buffer, codings: string, maxBytes: number): Promise<Buffer> {
  let bytes = packed;
  // Codings are listed in the order in which they were applied (RFC 9110, section 8.4).
  for (const coding of codings.toLowerCase().split(',').toReversed()) {
    const name = coding.trim();
    if (name === 'identity' || name === '') continue;
    const unpackOne = unpackerOf(name);
    if (unpackOne === undefined) {
      throw new GatewayError(
        'invalid_request',
        `content-encoding: "${name}" is not known; gzip, deflate, br and zstd are.`,
        { status: 415, field: 'content-encoding' },
      );
    }
    try {
      bytes = await unpackOne(bytes, { maxOutputLength: maxBytes });
    } catch (cause) {
      if (isCode(cause, 'ERR_BUFFER_TOO_LARGE')) throw tooLarge(maxBytes);
      throw new GatewayError('invalid_request', `The body is not valid ${name} data.`, {
        field: 'content-encoding',
        cause,
      });
    }
  }
  return bytes;
}

function isCode(cause: unknown, code: string): boolean {
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === code;
}

function parseBody(text: string): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message.replace(/^JSON Parse error: /, '') : '';
    throw new GatewayError(
      'invalid_request',
      text.trim() === ''
        ? 'The request has no body; a JSON object is expected.'
        : `The body is not valid JSON: ${reason.slice(0, 100)}`,
      { cause },
    );
  }
  if (!isObject(value)) {
    throw new GatewayError('invalid_request', 'The body must be a JSON object.');
  }
  return value;
}

/** The `model` of a body. */
export function bodyModel(body: RequestBody): string {
  const model = body.value('model');
  if (typeof model !== 'string' || model === '') {
    throw invalid(
      'model',
      model === undefined ? 'is required' : 'must be a string that is not empty',
    );
  }
  return model;
}

/** The `stream` of a body. */
export function bodyStream(body: RequestBody): boolean {
  const stream = body.value('stream');
  if (stream === undefined || stream === null) return false;
  if (typeof stream !== 'boolean') throw invalid('stream', 'must be true or false');
  return stream;
}
