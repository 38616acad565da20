/**
 * `thoughtSignature` between us and a Gemini client. Gemini's own tokens pass as they are. A token
 * of another format goes in our envelope, which is the same text in every dialect of base64: the
 * field is `bytes`, and some SDKs decode it and encode it again.
 */
import type { Opaque } from '../../unified.ts';
import type { Envelope } from '../format.ts';

/** Stands for the text of a block that is all token, so that it comes back as one. */
const REDACTED = '\u0000redacted';

/**
 * Signatures that Google documents for calls it did not make ("FAQs" of
 * ai.google.dev/gemini-api/docs/thought-signatures). They carry nothing.
 */
const DUMMIES: ReadonlySet<string> = new Set([
  'skip_thought_signature_validator',
  'context_engineering_is_the_way_to_go',
]);

/** The signature to put on a call that has none: the documented one, never an invented one. */
export const DUMMY_SIGNATURE = 'skip_thought_signature_validator';

/** The token as a client of this format carries it; `text` is the reasoning it belongs to. */
export function encodeToken(envelope: Envelope, opaque: Opaque, text: string): string {
  if (opaque.format === 'gemini') return opaque.value;
  return envelope.seal(opaque, text, true);
}

/** The same for a block without any text, so that it is one again when it comes back. */
export function encodeRedacted(envelope: Envelope, opaque: Opaque): string {
  return encodeToken(envelope, opaque, REDACTED);
}

/** What a client's `thoughtSignature` turned out to be. */
type ClientToken =
  /** Gemini's own. */
  | { kind: 'native'; opaque: Opaque }
  /** Reasoning of another format's provider, with its text. */
  | { kind: 'reasoning'; opaque: Opaque; text: string; redacted: boolean }
  /** Says nothing: empty, or a documented dummy. */
  | { kind: 'none' }
  /** Ours, but forged or altered. */
  | { kind: 'broken' };

/** Reads a client's `thoughtSignature`; what is neither ours nor a dummy is Gemini's own. */
export function decodeToken(envelope: Envelope, signature: string): ClientToken {
  if (signature === '' || DUMMIES.has(signature)) return { kind: 'none' };
  if (!envelope.isSealed(signature)) {
    return { kind: 'native', opaque: { value: signature, format: 'gemini' } };
  }
  const opened = envelope.open(signature);
  if (!opened) return { kind: 'broken' };
  const redacted = opened.text === REDACTED;
  return {
    kind: 'reasoning',
    opaque: opened.opaque,
    text: redacted ? '' : (opened.text ?? ''),
    redacted,
  };
}
