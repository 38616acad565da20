/**
 * What a wire format is: plain functions on values, for both sides of the gateway. One object per
 * format, listed in `index.ts`; a format never imports another.
 */
import type { GatewayError } from '../errors.ts';
import type { Marks } from '../glance.ts';
import type { JsonObject } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import type { QuietEvents } from '../stream/quiet-event.ts';
import type { SseEvent } from '../stream/sse.ts';
import type { Stage } from '../stream/stage.ts';
import type {
  FormatName,
  Opaque,
  ProviderFault,
  UnifiedChatRequest,
  UnifiedChunk,
  UnifiedReply,
} from '../unified.ts';
import type { ResultPlaces } from '../verbatim.ts';

/** Which header carries the provider's key. `bearer` is `Authorization: Bearer`. */
export type AuthStyle = 'bearer' | 'x-api-key' | 'api-key' | 'x-goog-api-key' | 'none';

/**
 * Turns a token of one provider into something a client of another format can carry, and back.
 * Sealed text is authenticated; `open` gives undefined for what is forged, altered or bound to
 * another text, and `isSealed` tells ours from a native token without judging it.
 */
export interface Envelope {
  /**
   * @param opaque the token; its `value` may be '' when only the text must come back
   * @param text the text the token belongs to, which must come back unchanged with it
   * @param carry true when the carrier does not give `text` back, so the envelope holds it too
   */
  seal(opaque: Opaque, text?: string, carry?: boolean): string;
  open(sealed: string, text?: string): { opaque: Opaque; text?: string } | undefined;
  isSealed(value: string): boolean;
  /** For formats whose only carrier is a call's id: the id with the token behind it, and back. */
  attach(id: string, opaque: Opaque): string;
  detach(id: string): { id: string; opaque?: Opaque };
}

/** What a format may ask of the gateway while it serves one request on the client's side. */
export interface ClientContext {
  /** The model name as the client spelled it; every reply carries this one. */
  readonly model: string;
  /** The client's body, for formats whose reply repeats parts of the request (Responses). */
  readonly body: JsonObject;
  /** What the client asked, in the middle language; set once `decodeRequest` has run. */
  readonly request?: UnifiedChatRequest;
  readonly ledger: Ledger;
  readonly envelope: Envelope;
  /** Input tokens to show in a first event that must name them before they are known. */
  estimateInput(): number;
  /** A new id: the prefix and 24 or more characters of [A-Za-z0-9]. */
  newId(prefix: string): string;
  /** Unix milliseconds. */
  now(): number;
}

/** The same on the provider's side, for one attempt. */
export interface ProviderContext {
  /** The provider's name in the configuration. */
  readonly provider: string;
  /** The provider's own name of the model. */
  readonly model: string;
  readonly ledger: Ledger;
  newId(prefix: string): string;
  now(): number;
}

/** What a provider of this format accepts in a request; `transform/` brings requests into these bounds. */
export interface FormatRules {
  /** Free-text tools are known. Otherwise they become a function with one string argument. */
  readonly customTools: boolean;
  /** Tool namespaces are known. Otherwise the name becomes `namespace__name`. */
  readonly namespaces: boolean;
  /** What a tool may be called. */
  readonly toolName: RegExp;
  readonly toolNameMax: number;
  /** What a call's id may look like; others are mapped, the same way on every turn. */
  readonly callId: RegExp;
  readonly callIdMax: number;
}

export interface Format {
  readonly name: FormatName;
  readonly rules: FormatRules;
  /** Where the key goes unless the provider's configuration says otherwise. */
  readonly auth: AuthStyle;
  /** Headers that every request to such a provider carries. */
  readonly headers: Readonly<Record<string, string>>;
  /** The path that is appended to a provider's base URL, with query. */
  path(model: string, stream: boolean): string;
  /**
   * Wire names of top-level fields of the middle language where they differ, for the ledger:
   * `{ max_tokens: 'generationConfig.maxOutputTokens' }`. Several, where several amount to one.
   */
  readonly fields: Readonly<Record<string, string | readonly string[]>>;

  /**
   * Client's body → unified. Reports what unified cannot hold.
   * @throws GatewayError `invalid_request` that names the field
   */
  decodeRequest(body: JsonObject, context: ClientContext): UnifiedChatRequest;
  /**
   * Unified → provider's body. Reports what the provider cannot be told; never gives what the
   * provider's API would refuse. Calls are answered, ids and tool names are legal (`rules`).
   */
  encodeRequest(request: UnifiedChatRequest, context: ProviderContext): object;

  /**
   * Where clients write results of tools. As a provider, a format that has them needs no more of a
   * result than its first words either (`verbatim.ts`).
   */
  readonly results?: ResultPlaces;

  /** How replies of one text are written, where they can be told without being read. */
  readonly marks?: Marks;
  /** Provider's reply → unified. Reports what unified cannot hold. */
  decodeReply(body: JsonObject, context: ProviderContext): UnifiedReply;
  /** Unified → client's reply. Reports what the client's format cannot show. */
  encodeReply(reply: UnifiedReply, context: ClientContext): object;

  /**
   * Provider's events → chunks. `end()` is called when the connection closes, well or not: it gives
   * `error` when the answer was not complete, `done` when it was and `done` has not been given.
   */
  decoder(context: ProviderContext): EventDecoder;
  /** True when the decoder keeps no account of text deltas, so that not each of them must reach it. */
  readonly skimmable: boolean;
  /** Events that need not be read once the answer has begun: pieces of it, and what was said before. None names a model. */
  readonly quietEvents: QuietEvents;
  /** Chunks → client's events, as text ready for the socket. */
  encoder(context: ClientContext): ReplyEncoder;

  /** A provider's error reply (status ≥ 400, or an error inside a 200). `body` is parsed JSON or text. */
  decodeError(status: number, body: unknown): ProviderFault;
  /** Our error as a reply body of this format. */
  encodeError(error: GatewayError, requestId: string): object;
}

/** Reads a provider's stream. */
export interface EventDecoder extends Stage<SseEvent, UnifiedChunk> {
  /** Pieces (`quietEvents`) of what was announced passed by unread: they are no news any more. */
  skipped?(): void;
}

/**
 * Writes a client's stream. Exactly one of `end` and `fail` is called, last. Each piece of text is
 * whole events.
 */
export interface ReplyEncoder {
  push(chunk: UnifiedChunk): string;
  /**
   * Several plain text deltas at once (see `UnifiedChunk`), each as an event of its own; undefined
   * when they have to be pushed one by one.
   */
  pushPieces?(pieces: readonly string[], text: string): string | undefined;
  /** The answer is complete: closes what is open, gives the terminal event. */
  end(): string;
  /** The answer broke: gives the format's terminal error, and never a clean finish. */
  fail(error: GatewayError): string;
  /** What to send while the provider is silent. */
  keepAlive(): string;
}
