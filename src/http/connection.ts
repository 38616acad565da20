/** One connection to a provider, which serves one request at a time. */
import type { Call } from './call.ts';
import type { Origin } from './origin.ts';

type Socket = Bun.Socket<Connection>;

/** A connection broke, or could not be made. */
export class ConnectionError extends Error {
  readonly code: string;

  constructor(code: string) {
    super(`the connection broke (${code})`);
    this.code = code;
  }
}

export class Connection {
  readonly origin: Origin;
  /** True from the first reply on: the provider may have closed it while nothing was asked. */
  isUsed = false;
  /** Until when it is kept for another request, monotonic ms. */
  idleUntil = 0;
  /** The request under way. */
  #call: Call | undefined;
  /** What the kernel has not taken of the request. */
  #unsent: Buffer | undefined;
  #socket: Socket | undefined;
  #isGone = false;

  constructor(origin: Origin, call: Call) {
    this.origin = origin;
    this.#call = call;
  }

  /** Never throws: the call is told when there is no connection to be had. */
  open(): void {
    const { hostname, port } = this.origin;
    Bun.connect<Connection>({ hostname, port, data: this, socket: HANDLERS }).catch(
      (cause: unknown) => this.#gone(cause),
    );
  }

  /** Writes a request's bytes; what the kernel does not take at once is copied. */
  write(bytes: Buffer, length: number): void {
    const socket = this.#socket;
    if (this.#unsent !== undefined) {
      this.#unsent = Buffer.concat([this.#unsent, bytes.subarray(0, length)]);
      return;
    }
    const taken = Math.max(0, socket?.write(bytes, 0, length) ?? 0);
    if (taken < length) this.#unsent = Buffer.from(bytes.subarray(taken, length));
  }

  /** Serves another request. */
  take(call: Call): void {
    this.#call = call;
    this.#socket?.ref();
  }

  /** The reply is over. @param idleMs how long the provider keeps the connection open for another request */
  release(idleMs: number): void {
    this.#call = undefined;
    this.isUsed = true;
    // A provider that answers before it has heard everything is still waiting for the rest.
    if (idleMs > 0 && this.#unsent === undefined) {
      this.#socket?.unref();
      this.idleUntil = performance.now() + idleMs;
      this.origin.keep(this);
    } else this.drop();
  }

  /** Closes it at once, whatever is still on its way. */
  drop(): void {
    this.#call = undefined;
    this.#unsent = undefined;
    this.#socket?.terminate();
  }

  /** Reads nothing until `resume`: the provider is held back by the network. */
  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  // ---------------------------------------------------------------------------- what the socket says

  opened(socket: Socket): void {
    this.#socket = socket;
    socket.setNoDelay(true);
    // A provider that vanished while a stream was silent is noticed so.
    socket.setKeepAlive(true, KEEP_ALIVE_MS);
    const call = this.#call;
    if (call === undefined || call.isOver) this.release(FRESH_IDLE_MS);
    else call.start(this);
  }

  received(bytes: Buffer): void {
    // Nothing was asked: what comes then belongs to nobody.
    if (this.#call === undefined) this.drop();
    else this.#call.receive(bytes);
  }

  drained(): void {
    const unsent = this.#unsent;
    if (unsent === undefined) return;
    // Our own already: not copied again.
    const taken = Math.max(0, this.#socket?.write(unsent) ?? 0);
    this.#unsent = taken < unsent.length ? unsent.subarray(taken) : undefined;
  }

  closed(cause: unknown): void {
    this.#socket = undefined;
    this.#gone(cause);
  }

  /** It may be told more than once, by the socket and by the attempt to make it. */
  #gone(cause: unknown): void {
    if (this.#isGone) return;
    this.#isGone = true;
    this.origin.lost(this);
    const call = this.#call;
    this.#call = undefined;
    call?.broke(cause, this.isUsed);
  }
}

const KEEP_ALIVE_MS = 30_000;
/** Of a connection that has served nobody yet. */
const FRESH_IDLE_MS = 4000;

const HANDLERS: Bun.SocketHandler<Connection> = {
  open: (socket) => socket.data.opened(socket),
  data: (socket, bytes) => socket.data.received(bytes),
  drain: (socket) => socket.data.drained(),
  close: (socket, error) => socket.data.closed(error),
  error: (socket, error) => socket.data.closed(error),
};
