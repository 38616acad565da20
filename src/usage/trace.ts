/**
 * The trace of one request: the client's request, what each attempt sent and got, the client's
 * reply. Bodies are kept as they pass, up to a bound; nothing is joined, decoded or written before the
 * request is over.
 */
import type { HttpBody, HttpHeaders, HttpReply } from '../http/reply.ts';
import type { UsageRecord } from './record.ts';

/** Where a running request hands over what it sends and receives. Undefined when no trace is kept. */
export interface TraceSink {
  /** The client's body, unpacked. */
  clientRequest(request: Request, body: string | Uint8Array): void;
  /** A new attempt begins with this. */
  providerRequest(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array,
  ): void;
  /** Gives the response to go on with; what is read of it is kept. */
  providerReply(response: HttpReply): HttpReply;
  /** Gives the response to answer with; what the client reads of it is kept. */
  clientReply(response: Response): Response;
}

/** One body with its surroundings, as it is written. */
export interface TracePart {
  readonly method?: string;
  readonly url?: string;
  readonly status?: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | null;
  /** What of the body was not kept; absent when it is whole. */
  readonly cut?: { readonly bytes: number; readonly of: number };
}

export interface TraceAttempt {
  readonly providerRequest: TracePart;
  readonly providerReply: TracePart | null;
}

/** The file of a trace. */
export interface TraceDocument {
  readonly id: string;
  readonly timestamp: string;
  readonly record: UsageRecord;
  readonly clientRequest: TracePart | null;
  readonly attempts: readonly TraceAttempt[];
  readonly clientReply: TracePart | null;
}

/** What all open traces together may hold. */
export interface TraceBudget {
  /** Takes so many bytes out; false when they are not there. */
  take(bytes: number): boolean;
  give(bytes: number): void;
}

/** A part while it is being kept. */
interface OpenPart {
  readonly about: Omit<TracePart, 'body' | 'cut'>;
  readonly body: KeptBody;
}

export class OpenTrace implements TraceSink {
  readonly id: string;
  readonly #maxBytes: number;
  readonly #budget: TraceBudget;
  #clientRequest: OpenPart | undefined;
  readonly #attempts: { request: OpenPart; reply: OpenPart | undefined }[] = [];
  #clientReply: OpenPart | undefined;
  /** Set by `close`, once. */
  #record: UsageRecord | undefined;
  /** Called when the record is closed and the client's reply has gone out. */
  readonly #onDone: (trace: OpenTrace) => void;
  /** True while the client still reads its reply. */
  #isReplying = false;

  constructor(options: {
    id: string;
    maxBytes: number;
    budget: TraceBudget;
    onDone: (trace: OpenTrace) => void;
  }) {
    this.id = options.id;
    this.#maxBytes = options.maxBytes;
    this.#budget = options.budget;
    this.#onDone = options.onDone;
  }

  get record(): UsageRecord | undefined {
    return this.#record;
  }

  clientRequest(request: Request, body: string | Uint8Array): void {
    const about = { method: request.method, url: request.url, headers: entries(request.headers) };
    this.#clientRequest = { about, body: this.#keep(body) };
  }

  providerRequest(
    url: string,
    headers: Readonly<Record<string, string>>,
    body: string | Uint8Array,
  ): void {
    const about = { method: 'POST', url, headers };
    this.#attempts.push({ request: { about, body: this.#keep(body) }, reply: undefined });
  }

  providerReply(response: HttpReply): HttpReply {
    const attempt = this.#attempts.at(-1);
    if (attempt === undefined) return response;
    const about = { status: response.status, headers: entries(response.headers) };
    const body = this.#open();
    attempt.reply = { about, body };
    if (response.body === null) return response;
    const { status } = response;
    return new Response(
      observed(response.body, body, () => undefined),
      { status, headers: about.headers },
    );
  }

  clientReply(response: Response): Response {
    const { status, statusText, headers } = response;
    const about = { status, headers: entries(headers) };
    const body = this.#open();
    this.#clientReply = { about, body };
    if (response.body === null) {
      this.#settle();
      return response;
    }
    this.#isReplying = true;
    const stream = observed(response.body, body, () => {
      this.#isReplying = false;
      this.#settle();
    });
    return new Response(stream, { status, statusText, headers });
  }

  /** The request is over, in its record's words. The reply may still be on its way out. */
  close(record: UsageRecord): void {
    this.#record ??= record;
    this.#settle();
  }

  /** What there is to write; undefined before `close`. */
  document(): TraceDocument | undefined {
    const record = this.#record;
    if (record === undefined) return undefined;
    return {
      id: this.id,
      timestamp: record.timestamp,
      record,
      clientRequest: partOf(this.#clientRequest),
      attempts: this.#attempts.map(({ request, reply }) => ({
        providerRequest: finished(request),
        providerReply: partOf(reply),
      })),
      clientReply: partOf(this.#clientReply),
    };
  }

  /** Gives back what the trace held. */
  release(): void {
    const replies = this.#attempts.flatMap(({ request, reply }) => [request, reply]);
    for (const part of [this.#clientRequest, ...replies, this.#clientReply]) part?.body.release();
  }

  #settle(): void {
    // An error's reply is handed over after its record is closed: it is waited for, see `traces.ts`.
    if (this.#record && this.#clientReply && !this.#isReplying) this.#onDone(this);
  }

  #open(): KeptBody {
    return new KeptBody(this.#maxBytes, this.#budget);
  }

  #keep(body: string | Uint8Array): KeptBody {
    const kept = this.#open();
    kept.add(body);
    return kept;
  }
}

/** The beginning of a body, and how long it was in all. */
class KeptBody {
  readonly #pieces: (Uint8Array | string)[] = [];
  readonly #maxBytes: number;
  readonly #budget: TraceBudget;
  #kept = 0;
  #total = 0;
  /** Set by `release`: what still passes is nobody's concern any more. */
  #isReleased = false;

  constructor(maxBytes: number, budget: TraceBudget) {
    this.#maxBytes = maxBytes;
    this.#budget = budget;
  }

  add(piece: Uint8Array | string): void {
    if (this.#isReleased) return;
    const length = typeof piece === 'string' ? Buffer.byteLength(piece) : piece.byteLength;
    this.#total += length;
    const room = Math.min(length, this.#maxBytes - this.#kept);
    if (room <= 0 || !this.#budget.take(room)) return;
    this.#kept += room;
    if (typeof piece === 'string' && room === length) this.#pieces.push(piece);
    // A copy: who reads on may well change the bytes where they are.
    else this.#pieces.push(Buffer.from(Buffer.from(piece).subarray(0, room)));
  }

  text(): string {
    const buffers = this.#pieces.map((piece) =>
      typeof piece === 'string' ? Buffer.from(piece) : piece,
    );
    return Buffer.concat(buffers).toString('utf8');
  }

  get cut(): { bytes: number; of: number } | undefined {
    return this.#kept === this.#total
      ? undefined
      : { bytes: this.#total - this.#kept, of: this.#total };
  }

  release(): void {
    this.#isReleased = true;
    this.#budget.give(this.#kept);
    this.#kept = 0;
    this.#pieces.length = 0;
  }
}

/** The same body; `body` sees each piece that is read, `onEnd` hears once when nobody reads on. */
function observed(source: HttpBody, body: KeptBody, onEnd: () => void): ReadableStream<Uint8Array> {
  const reader = source.getReader();
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        try {
          const { value } = await reader.read();
          if (value === undefined) {
            onEnd();
            controller.close();
            return;
          }
          body.add(value);
          controller.enqueue(value);
        } catch (error) {
          onEnd();
          controller.error(error);
        }
      },
      cancel() {
        onEnd();
        return reader.cancel();
      },
    },
    { highWaterMark: 0 },
  );
}

function entries(headers: HttpHeaders): Record<string, string> {
  const out: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers.toJSON())) out[name] = String(value);
  return out;
}

function partOf(part: OpenPart | undefined): TracePart | null {
  return part === undefined ? null : finished(part);
}

function finished({ about, body }: OpenPart): TracePart {
  const { cut } = body;
  return { ...about, body: body.text(), ...(cut && { cut }) };
}
