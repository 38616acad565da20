/**
 * The envelope in which a provider's token (a thinking signature, `encrypted_content`, a
 * `thoughtSignature`) travels through a client of another format and comes back.
 *
 * The clients are the reason for its spelling: every sealed text consists of [A-Za-z0-9] only and its
 * length is a multiple of four. So it is legal inside a tool call's id, and it is the same text in
 * every dialect of base64. Google's Go SDK decodes `thoughtSignature` with the strict standard
 * alphabet (googleapis/go-genai#711), the Python SDK gives `+/` back as `-_`
 * (googleapis/python-genai#2105): both leave this text as it is.
 *
 *     plexusV1 · base64 of: flags (1) · HMAC-SHA-256, first half (16) · payload
 *
 * where the payload is JSON, deflated when that is shorter. Half of the MAC is what RFC 2104,
 * section 5, allows at the least.
 */
import type { Envelope } from '../formats/format.ts';
import { parseJson } from '../json.ts';
import { FORMAT_NAMES, type FormatName, type Opaque } from '../unified.ts';
import { zlib } from '../zlib.ts';

/** What every version begins with; eight characters, so that base64 groups stay whole. */
const SEALED_FAMILY = 'plexusV';
/** As bytes: a search for them costs a twentieth of one for text (0.05 µs in 1 KB). */
const SEALED_BYTES = Buffer.from(SEALED_FAMILY);
const PREFIX = `${SEALED_FAMILY}1`;
/** Between a call's id and the token behind it. */
const SEPARATOR = '_';
const MAC_BYTES = 16;
/** Above this many bytes a payload is not ours; the largest tokens seen are some hundred kilobytes. */
const MAX_PAYLOAD = 16 * 1024 * 1024;
/** Below this, deflating costs time and saves nothing. */
const WORTH_DEFLATING = 64;

const FLAG_DEFLATED = 1;
/** The text belongs to the token: it must come back unchanged. */
const FLAG_BOUND = 2;

/** True when a body may hold a token that only we can open. */
export function mayHoldSealed(body: Buffer): boolean {
  return body.includes(SEALED_BYTES);
}

/** Makes envelopes that only the holder of the same secret can open. */
export function createEnvelope(secret: Uint8Array | string): Envelope {
  const mac = (flags: number, payload: Uint8Array, text: string): Buffer => {
    // Bun's own hasher with a key throws once after a key failed to import anywhere in the process.
    const hasher = process.getBuiltinModule('node:crypto').createHmac('sha256', secret);
    // The length tells the payload from the text that follows it.
    hasher.update(`${PREFIX} ${flags} ${payload.length} `);
    hasher.update(payload);
    hasher.update(text);
    return hasher.digest().subarray(0, MAC_BYTES);
  };

  const seal = (opaque: Opaque, text?: string, carry = false): string => {
    const carried = carry && text !== undefined;
    const plain = Buffer.from(writePayload(opaque, carried ? text : undefined));
    const deflated = plain.length < WORTH_DEFLATING ? plain : zlib().deflateRawSync(plain);
    const isShorter = deflated.length < plain.length;
    const payload = isShorter ? deflated : plain;
    const isBound = text !== undefined && !carried;
    const flags = (isShorter ? FLAG_DEFLATED : 0) | (isBound ? FLAG_BOUND : 0);
    const check = mac(flags, payload, isBound ? text : '');
    return PREFIX + toAlphanumeric(Buffer.concat([Buffer.of(flags), check, payload]));
  };

  const open = (sealed: string, text = ''): { opaque: Opaque; text?: string } | undefined => {
    if (!sealed.startsWith(PREFIX)) return undefined;
    const bytes = fromAlphanumeric(sealed.slice(PREFIX.length));
    const flags = bytes?.[0];
    if (bytes === undefined || flags === undefined || bytes.length < 1 + MAC_BYTES)
      return undefined;
    const payload = bytes.subarray(1 + MAC_BYTES);
    const isBound = (flags & FLAG_BOUND) !== 0;
    const expected = mac(flags, payload, isBound ? text : '');
    if (!crypto.timingSafeEqual(expected, bytes.subarray(1, 1 + MAC_BYTES))) return undefined;
    return readPayload((flags & FLAG_DEFLATED) === 0 ? payload : inflate(payload));
  };

  return {
    seal,
    open,
    isSealed: (value) => value.startsWith(SEALED_FAMILY),
    attach: (id, opaque) => id + SEPARATOR + seal(opaque, id),
    detach: (attached) => {
      const at = attached.lastIndexOf(SEPARATOR + SEALED_FAMILY);
      if (at < 0) return { id: attached };
      const id = attached.slice(0, at);
      const opened = open(attached.slice(at + SEPARATOR.length), id);
      return opened === undefined ? { id } : { id, opaque: opened.opaque };
    },
  };
}

function writePayload(opaque: Opaque, carried: string | undefined): string {
  const { format, provider = null, model = null, value } = opaque;
  return JSON.stringify(
    carried === undefined
      ? [format, provider, model, value]
      : [format, provider, model, value, carried],
  );
}

/** The payload has passed the MAC, so it is ours; it may still be of a later version's shape. */
function readPayload(bytes: Buffer | undefined): { opaque: Opaque; text?: string } | undefined {
  const fields = bytes === undefined ? undefined : parseJson(bytes.toString());
  if (!Array.isArray(fields)) return undefined;
  const [format, provider, model, value, text]: unknown[] = fields;
  if (!isFormatName(format) || typeof value !== 'string') return undefined;
  const opaque: Opaque = { value, format };
  if (typeof provider === 'string') opaque.provider = provider;
  if (typeof model === 'string') opaque.model = model;
  return typeof text === 'string' ? { opaque, text } : { opaque };
}

function isFormatName(value: unknown): value is FormatName {
  return FORMAT_NAMES.some((name) => name === value);
}

function inflate(bytes: Buffer): Buffer | undefined {
  try {
    return zlib().inflateRawSync(bytes, { maxOutputLength: MAX_PAYLOAD });
  } catch {
    // Not deflated, or too much: either way not an envelope of ours.
    return undefined;
  }
}

/*
 * Base64 without its two last letters and without padding: `Z` escapes. `Z0` is `Z` itself, `Z1` is
 * `-`, `Z2` is `_`, and a run of `Z` at the end fills the last group of four.
 */
const ESCAPES: Record<string, string> = { Z: 'Z0', '-': 'Z1', _: 'Z2' };
const LETTERS: Record<string, string> = { Z0: 'Z', Z1: '-', Z2: '_' };

function toAlphanumeric(bytes: Buffer): string {
  const body = bytes.toString('base64url').replace(/[Z_-]/g, (letter) => ESCAPES[letter] ?? letter);
  return body + 'Z'.repeat((4 - (body.length % 4)) % 4);
}

/** Undefined unless `toAlphanumeric` could have written just this text. */
function fromAlphanumeric(text: string): Buffer | undefined {
  if (!/^[A-Za-z0-9]*$/.test(text) || text.length % 4 !== 0) return undefined;
  const body = text.replace(/Z{1,3}$/, '');
  const bytes = Buffer.from(
    body.replace(/Z./g, (pair) => LETTERS[pair] ?? pair),
    'base64url',
  );
  return toAlphanumeric(bytes) === text ? bytes : undefined;
}
