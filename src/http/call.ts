/** One request, and its reply as it comes in. */
import type { Stoppable } from '../stop.ts';
import { ChunkedBody } from './chunks.ts';
import { type Connection, ConnectionError } from './connection.ts';
import type { Origin } from './origin.ts';
import type { HttpBody, HttpBodyReader, HttpHeaders, HttpReply } from './reply.ts';
import { endOfHead, type Framing, MalformedReply, parseHead, ReplyFields } from './reply-head.ts';
import type { HttpRequest } from './request.ts';
import { packing, unpacked } from './unpacked.ts';

/** So much of a body waits for its reader before the provider is held back. */
const MAX_WAITING_BYTES = 256 * 1024;
/** And so many pieces: one of a single byte takes as much memory as one of a hundred. */
const MAX_WAITING_PIECES = 1000;
/** So long after it was sent a request may be sent once more, ms. */
const AGAIN_MS = 2000;

type Piece = { done: boolean; value?: Uint8Array | undefined };

export class Call implements HttpReply, HttpBody, HttpBodyReader, Stoppable {
  /** The socket gives each piece memory of its own. */
  readonly ownsPieces = true;
  status = 0;
  headers: HttpHeaders = NO_FIELDS;
  readonly reply: Promise<HttpReply>;
  readonly #request: HttpRequest;
  readonly #origin: Origin;
  /** The request's head, and the size of its body in bytes. */
  readonly #requestHead: string;
  readonly #requestSize: number;
  readonly #resolve: (reply: HttpReply) => void;
  readonly #reject: (cause: unknown) => void;
  #connection: Connection | undefined;
  /** When the request was written, monotonic ms. */
  #sentAt = 0;
  /** Something of the reply came. */
  #isHeard = false;
  /** The beginning of a head. */
  #opening: Buffer | undefined;
  #framing: Framing = 'close';
  /** Bytes that are still to come, where their number is known. */
  #left = 0;
  #chunked: ChunkedBody | undefined;
  #idleMs = 0;
  /** The body as it was before the provider packed it. */
  #unpacked: HttpBody | undefined;
  /** What came and was not read. */
  #pieces: Buffer[] = [];
  #waitingBytes = 0;
  #isPaused = false;
  /** The reader waits for all of it. */
  #isWhole = false;
  #reading: PromiseWithResolvers<Piece> | undefined;
  #state: 'head' | 'body' | 'over' = 'head';
  /** Set when the body broke off. */
  #broken: { cause: unknown } | undefined;

  constructor(request: HttpRequest, origin: Origin, head: string, size: number) {
    const { promise, resolve, reject } = Promise.withResolvers<HttpReply>();
    this.reply = promise;
    this.#resolve = resolve;
    this.#reject = reject;
    this.#request = request;
    this.#origin = origin;
    this.#requestHead = head;
    this.#requestSize = size;
    request.stop.listen(this);
  }

  get isOver(): boolean {
    return this.#state === 'over';
  }

  /** The connection stands. */
  start(connection: Connection): void {
    this.#connection = connection;
    this.#request.watch?.connected();
    this.#sentAt = performance.now();
    writeRequest(connection, this.#requestHead, this.#request.body, this.#requestSize);
  }

  // ---------------------------------------------------------------------------- what the network gives

  receive(bytes: Buffer): void {
    this.#isHeard = true;
    try {
      let rest: Buffer | undefined = bytes;
      while (this.#state === 'head') {
        rest = this.#head(rest);
        if (rest === undefined) return;
      }
      if (this.#state === 'body') this.#body(rest);
    } catch (cause) {
      this.#fail(cause);
    }
  }

  /** @returns what comes behind the head; undefined when it is not all there, or nothing comes */
  #head(bytes: Buffer): Buffer | undefined {
    const all = this.#opening === undefined ? bytes : Buffer.concat([this.#opening, bytes]);
    const found = endOfHead(all);
    if (found === undefined) {
      this.#opening = all;
      return undefined;
    }
    this.#opening = undefined;
    const head = parseHead(all.toString('latin1', 0, found.end));
    const rest = found.body < all.length ? all.subarray(found.body) : undefined;
    if (head.status === 101) throw new MalformedReply('the reply changes the protocol unasked');
    // RFC 9110 15.2: the reply proper comes behind those that announce it.
    if (head.status < 200) return rest;
    this.status = head.status;
    this.headers = head.headers;
    this.#idleMs = head.idleMs;
    this.#framing = head.framing;
    if (typeof head.framing === 'number') this.#left = head.framing;
    else if (head.framing === 'chunked') this.#chunked = new ChunkedBody();
    // No bytes are nothing packed, which would have a beginning and an end.
    const coding = head.framing === 0 ? null : head.headers.get('content-encoding');
    const format = packing(coding);
    if (format !== undefined) {
      this.#unpacked = unpacked(this, format);
      this.headers = head.headers.without('content-encoding', 'content-length');
    }
    this.#state = 'body';
    if (head.framing === 0) this.#end(rest === undefined);
    this.#resolve(this);
    return rest;
  }

  #body(bytes: Buffer): void {
    if (this.#chunked !== undefined) {
      const { data, end } = this.#chunked.push(bytes);
      if (data.length > 0) this.#keep(data);
      if (this.#chunked.isOver) this.#end(end === bytes.length);
    } else if (this.#framing === 'close') this.#keep(bytes);
    else {
      const isLong = bytes.length > this.#left;
      this.#keep(isLong ? bytes.subarray(0, this.#left) : bytes);
      this.#left -= Math.min(bytes.length, this.#left);
      if (this.#left === 0) this.#end(!isLong);
    }
  }

  #keep(piece: Buffer): void {
    if (this.#reading !== undefined && !this.#isWhole) {
      this.#answer({ done: false, value: piece });
      return;
    }
    this.#pieces.push(piece);
    this.#waitingBytes += piece.length;
    const isMuch =
      this.#waitingBytes >= MAX_WAITING_BYTES || this.#pieces.length >= MAX_WAITING_PIECES;
    if (!isMuch || this.#isPaused || this.#isWhole) return;
    this.#isPaused = true;
    this.#connection?.pause();
  }

  #answer(piece: Piece): void {
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.resolve(piece);
  }

  /** The reply is complete. @param isClean nothing came behind it */
  #end(isClean: boolean): void {
    this.#leave();
    this.#goOn();
    const connection = this.#connection;
    this.#connection = undefined;
    connection?.release(isClean ? this.#idleMs : 0);
    if (this.#reading !== undefined) this.#answer(OVER);
  }

  #leave(): void {
    this.#state = 'over';
    this.#request.stop.listen(undefined);
  }

  /**
   * The connection closed, or could not be made.
   * @param wasUsed it had served another request before: then the provider may have closed it before it
   * heard of this one, which goes out again on a new connection (RFC 9112 9.3.1)
   */
  broke(cause: unknown, wasUsed: boolean): void {
    if (this.#state === 'over') return;
    this.#connection = undefined;
    if (wasUsed && !this.#isHeard && performance.now() - this.#sentAt < AGAIN_MS) {
      this.#origin.connect(this);
    } else if (this.#state === 'body' && this.#framing === 'close' && cause === undefined) {
      this.#end(true);
    } else this.#fail(cause ?? new ConnectionError('ECONNRESET'));
  }

  #fail(cause: unknown): void {
    const isHead = this.#state === 'head';
    this.#leave();
    this.#connection?.drop();
    this.#connection = undefined;
    if (isHead) {
      this.#reject(cause);
      return;
    }
    this.#broken = { cause };
    const reading = this.#reading;
    this.#reading = undefined;
    reading?.reject(cause);
  }

  // ---------------------------------------------------------------------------- who asked

  stopped(reason: unknown): void {
    this.#pieces = [];
    this.#fail(reason);
  }

  get body(): HttpBody | null {
    if (this.#framing === 0) return null;
    return this.#unpacked ?? this;
  }

  getReader(): HttpBodyReader {
    return this;
  }

  read(): Promise<Piece> {
    const piece = this.#pieces.shift();
    if (piece !== undefined) {
      this.#waitingBytes -= piece.length;
      if (this.#waitingBytes === 0) this.#goOn();
      return Promise.resolve({ done: false, value: piece });
    }
    if (this.#broken !== undefined) return Promise.reject(this.#broken.cause);
    if (this.#state === 'over') return Promise.resolve(OVER);
    this.#reading = Promise.withResolvers();
    return this.#reading.promise;
  }

  /** The provider is no longer held back. */
  #goOn(): void {
    if (!this.#isPaused) return;
    this.#isPaused = false;
    this.#connection?.resume();
  }

  get whole(): Buffer | undefined {
    if (this.#state !== 'over' || this.#broken !== undefined || this.#unpacked !== undefined) {
      return undefined;
    }
    const pieces = this.#pieces;
    const [only = NOTHING] = pieces;
    return pieces.length > 1 ? Buffer.concat(pieces) : only;
  }

  async bytes(): Promise<Uint8Array> {
    if (this.#unpacked !== undefined) return readAll(this.#unpacked);
    if (this.#state === 'body') {
      this.#isWhole = true;
      this.#reading = Promise.withResolvers();
      this.#goOn();
      await this.#reading.promise;
    }
    if (this.#broken !== undefined) throw this.#broken.cause;
    return this.whole ?? NOTHING;
  }

  cancel(): Promise<void> {
    this.#pieces = [];
    if (this.#state !== 'over') {
      this.#leave();
      this.#connection?.drop();
      this.#connection = undefined;
      this.#answer(OVER);
    }
    return DONE;
  }
}

async function readAll(body: HttpBody): Promise<Uint8Array> {
  const reader = body.getReader();
  const pieces: Uint8Array[] = [];
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined) return Buffer.concat(pieces);
    pieces.push(value);
  }
}

const NO_FIELDS = new ReplyFields({});
const OVER: Piece = { done: true };
const DONE = Promise.resolve();
const NOTHING = Buffer.alloc(0);

/** Where a request that is not large is put together, so that it goes out in one piece. */
let scratch: Buffer | undefined;
const SCRATCH_BYTES = 128 * 1024;

function writeRequest(
  connection: Connection,
  head: string,
  body: HttpRequest['body'],
  size: number,
): void {
  // A character of a head is a byte.
  const start = head.length;
  if (start + size <= SCRATCH_BYTES) {
    scratch ??= Buffer.allocUnsafeSlow(SCRATCH_BYTES);
    scratch.write(head, 'latin1');
    if (typeof body === 'string') scratch.write(body, start);
    else if (body instanceof Uint8Array) scratch.set(body, start);
    else body.copyTo(scratch, start);
    connection.write(scratch, start + size);
    return;
  }
  connection.write(Buffer.from(head, 'latin1'), start);
  if (typeof body === 'string') connection.write(Buffer.from(body, 'utf8'), size);
  else if (body instanceof Uint8Array) {
    connection.write(Buffer.from(body.buffer, body.byteOffset, size), size);
  } else {
    connection.write(body.borrow(), size);
    body.giveBack();
  }
}
