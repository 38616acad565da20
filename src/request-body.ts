/** A client's body: read within bounds, unpacked, parsed. */
import { promisify } from 'node:util';
import { brotliDecompress, gunzip, inflate, zstdDecompress } from 'node:zlib';
import { GatewayError, invalid } from './errors.ts';
import { isObject, type JsonObject } from './json.ts';

export interface RequestBody {
  text: string;
  json: JsonObject;
}

type Unpack = (packed: Uint8Array, options: { maxOutputLength: number }) => Promise<Buffer>;
const UNPACK: Readonly<Record<string, Unpack>> = {
  gzip: promisify(gunzip),
  'x-gzip': promisify(gunzip),
  deflate: promisify(inflate),
  br: promisify(brotliDecompress),
  zstd: promisify(zstdDecompress),
};

/**
 * @param maxBytes bound of the body as it arrives and after unpacking
 * @throws GatewayError `too_large`, or `invalid_request` for a body that is not a JSON object
 */
export async function readRequestBody(request: Request, maxBytes: number): Promise<RequestBody> {
  const length = Number(request.headers.get('content-length') ?? 0);
  if (length > maxBytes) throw tooLarge(maxBytes);
  const coding = request.headers.get('content-encoding')?.trim().toLowerCase() ?? '';
  let text: string;
  if (coding === '' || coding === 'identity') {
    text = await read(() => request.text());
    // Characters are never more than bytes; the exact count is taken only near the bound.
    if (text.length > maxBytes / 3 && Buffer.byteLength(text) > maxBytes) throw tooLarge(maxBytes);
  } else {
    const packed = await read(() => request.bytes());
    if (packed.length > maxBytes) throw tooLarge(maxBytes);
    text = await unpack(packed, coding, maxBytes);
  }
  return { text, json: parseBody(text) };
}

async function read<T>(body: () => Promise<T>): Promise<T> {
  try {
    return await body();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : '';
    if (message.includes('maxRequestBodySize')) {
      throw new GatewayError('too_large', 'The request body is too large.', { cause });
    }
    throw new GatewayError('client_left', 'The request body did not arrive.', { cause });
  }
}

async function unpack(packed: Uint8Array, codings: string, maxBytes: number): Promise<string> {
  let bytes = packed;
  // Codings are listed in the order in which they were applied (RFC 9110, section 8.4).
  for (const coding of codings.split(',').toReversed()) {
    const name = coding.trim();
    if (name === 'identity' || name === '') continue;
    const unpackOne = UNPACK[name];
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
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
}

function isCode(cause: unknown, code: string): boolean {
  return typeof cause === 'object' && cause !== null && 'code' in cause && cause.code === code;
}

function tooLarge(maxBytes: number): GatewayError {
  const mb = Math.round(maxBytes / 1024 / 1024);
  return new GatewayError('too_large', `The request body is larger than ${mb} MB.`);
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
export function bodyModel(json: JsonObject): string {
  const { model } = json;
  if (typeof model !== 'string' || model === '') {
    throw invalid(
      'model',
      model === undefined ? 'is required' : 'must be a string that is not empty',
    );
  }
  return model;
}

/** The `stream` of a body. */
export function bodyStream(json: JsonObject): boolean {
  const { stream } = json;
  if (stream === undefined || stream === null) return false;
  if (typeof stream !== 'boolean') throw invalid('stream', 'must be true or false');
  return stream;
}
