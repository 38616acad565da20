/** A server on a free port of this machine whose every byte a test writes, and reads, by hand. */
import { afterAll } from 'bun:test';

/** One connection as the server sees it. */
export class Peer {
  /** Resolves when the client closed its side, or broke it off. */
  readonly closed: Promise<void>;
  isClosed = false;
  readonly #socket: Bun.Socket<Peer>;
  readonly #resolveClosed: () => void;
  /** What came and was not taken by `request`. */
  #received: Buffer[] = [];
  #length = 0;
  #isReading = true;
  #unsent: Buffer[] = [];
  /** To do when all is sent. */
  #after: (() => void) | undefined;
  #sent = 0;
  #waiting: (() => void) | undefined;

  constructor(socket: Bun.Socket<Peer>) {
    this.#socket = socket;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.closed = promise;
    this.#resolveClosed = resolve;
  }

  /** How many bytes the network has taken. */
  get sent(): number {
    return this.#sent;
  }

  /** Takes the next request, when all of it is here. @throws when the connection closes before it is */
  async request(): Promise<{ head: string; body: Buffer }> {
    let end = this.#gather().indexOf('\r\n\r\n');
    for (; end < 0; end = this.#gather().indexOf('\r\n\r\n')) await this.#more();
    const head = this.#gather().toString('latin1', 0, end);
    const size = end + 4 + Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
    while (this.#length < size) await this.#more();
    const all = this.#gather();
    this.#received = [all.subarray(size)];
    this.#length = all.length - size;
    return { head, body: all.subarray(end + 4, size) };
  }

  #gather(): Buffer {
    const all = Buffer.concat(this.#received);
    this.#received = [all];
    return all;
  }

  async #more(): Promise<void> {
    if (this.isClosed) throw new Error('closed before the request was there');
    await new Promise<void>((resolve) => {
      this.#waiting = resolve;
    });
  }

  write(data: string | Uint8Array): this {
    this.#unsent.push(typeof data === 'string' ? Buffer.from(data, 'latin1') : Buffer.from(data));
    this.#flush();
    return this;
  }

  /** Writes as single packets, as far as the network lets that be. */
  async writePieces(pieces: readonly (string | Uint8Array)[]): Promise<void> {
    for (const piece of pieces) {
      this.write(piece);
      await turn();
    }
  }

  /** Ends its own side when all is sent (FIN). */
  end(): void {
    this.#then(() => this.#socket.end());
  }

  /** Breaks off when all is sent (RST). */
  reset(): void {
    this.#then(() => this.#socket.terminate());
  }

  /** Takes nothing more from the network until `resume`. */
  pause(): void {
    this.#isReading = false;
    this.#socket.pause();
  }

  resume(): void {
    this.#isReading = true;
    this.#socket.resume();
  }

  got(bytes: Buffer): void {
    this.#received.push(bytes);
    this.#length += bytes.length;
    this.#wake();
  }

  drained(): void {
    this.#flush();
  }

  gone(): void {
    this.isClosed = true;
    this.#resolveClosed();
    this.#wake();
  }

  drop(): void {
    if (!this.#isReading) this.resume();
    this.#socket.terminate();
  }

  #wake(): void {
    const waiting = this.#waiting;
    this.#waiting = undefined;
    waiting?.();
  }

  #then(after: () => void): void {
    if (this.#unsent.length === 0) after();
    else this.#after = after;
  }

  #flush(): void {
    for (let piece = this.#unsent[0]; piece !== undefined; piece = this.#unsent[0]) {
      const taken = Math.max(0, this.#socket.write(piece));
      this.#sent += taken;
      if (taken < piece.length) {
        this.#unsent[0] = piece.subarray(taken);
        return;
      }
      this.#unsent.shift();
    }
    this.#after?.();
    this.#after = undefined;
  }
}

export interface RawServer {
  readonly url: string;
  readonly port: number;
  /** Every connection that was made, in order. */
  readonly peers: readonly Peer[];
  /** The next connection that no one has accepted. */
  accept(): Promise<Peer>;
  stop(): void;
}

/** Listens until the tests of the file are over. @param script what to do with each connection, unless `accept` is used */
export function rawServer(script?: (peer: Peer) => unknown, hostname = '127.0.0.1'): RawServer {
  const peers: Peer[] = [];
  const fresh: Peer[] = [];
  const waiting: ((peer: Peer) => void)[] = [];
  const listener = Bun.listen<Peer>({
    hostname,
    port: 0,
    socket: {
      open(socket) {
        const peer = new Peer(socket);
        socket.data = peer;
        peers.push(peer);
        if (script !== undefined) script(peer);
        else {
          const next = waiting.shift();
          if (next === undefined) fresh.push(peer);
          else next(peer);
        }
      },
      data: (socket, bytes) => socket.data.got(bytes),
      drain: (socket) => socket.data.drained(),
      close: (socket) => socket.data.gone(),
      error: (socket) => socket.data.gone(),
    },
  });
  function stop(): void {
    for (const peer of peers) if (!peer.isClosed) peer.drop();
    listener.stop(true);
  }
  afterAll(stop);
  const host = hostname.includes(':') ? `[${hostname}]` : hostname;
  return {
    url: `http://${host}:${listener.port}`,
    port: listener.port,
    peers,
    accept: () =>
      new Promise((resolve) => {
        const peer = fresh.shift();
        if (peer === undefined) waiting.push(resolve);
        else resolve(peer);
      }),
    stop,
  };
}

/** Answers every request of a connection with what `reply` makes of it. */
export function answering(
  reply: (request: { head: string; body: Buffer }) => string | Uint8Array,
): (peer: Peer) => Promise<void> {
  return async (peer) => {
    try {
      for (;;) peer.write(reply(await peer.request()));
    } catch {
      // The client has closed it.
    }
  };
}

/** Lets the network and whatever waits for it go on. */
export function turn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

/** Lets turns pass until something is so; the test's own time limit ends what never becomes so. */
export async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await Bun.sleep(1);
}
