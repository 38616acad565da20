/** The clients of the bench, on raw sockets with requests made once, so that they cost little. */
import type { Socket } from 'bun';

/** What is sent again and again, and where. */
export interface Target {
  readonly port: number;
  readonly request: Buffer;
}

/** A POST as bytes. */
export function postRequest(
  port: number,
  path: string,
  headers: Readonly<Record<string, string>>,
  body: string,
): Buffer {
  const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
  return Buffer.from(
    `POST ${path} HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${lines.join('')}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
}

/** Finds the end of an answer, by its length or its last chunk, without reading what is between. */
class AnswerReader {
  /** The head as far as it came; undefined once it was complete. */
  #head: string | undefined = '';
  /** Bytes still to come; undefined for an answer in chunks. */
  #missing: number | undefined;
  /** The last bytes of an answer in chunks. */
  #tail = '';

  /** True when the answer is complete. @throws Error for any status but 200 */
  push(bytes: Buffer): boolean {
    let body = bytes.length;
    if (this.#head !== undefined) {
      this.#head += bytes.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return false;
      const head = this.#head.slice(0, end);
      if (!head.startsWith('HTTP/1.1 200')) throw new Error(`answered ${this.#head.slice(9, 300)}`);
      body = this.#head.length - end - 4;
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      this.#missing = length === undefined ? undefined : Number(length);
      this.#head = undefined;
    }
    if (this.#missing !== undefined) {
      this.#missing -= body;
      return this.#missing <= 0;
    }
    this.#tail = (this.#tail + bytes.toString('latin1', Math.max(0, bytes.length - 7))).slice(-7);
    return this.#tail === LAST_CHUNK;
  }
}
const LAST_CHUNK = '\r\n0\r\n\r\n';

/** Bytes on their way out of a socket that takes them in its own time. */
class Outgoing {
  #rest: Buffer | undefined;

  write(socket: Socket<unknown>, bytes: Buffer): void {
    const taken = Math.max(0, socket.write(bytes));
    this.#rest = taken < bytes.length ? bytes.subarray(taken) : undefined;
  }
  drain(socket: Socket<unknown>): void {
    if (this.#rest) this.write(socket, this.#rest);
  }
}

const asBuffer = (bytes: Uint8Array): Buffer =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export interface LoadResult {
  /** Answers that were read to their end. */
  readonly answers: number;
  readonly seconds: number;
  /** Milliseconds of each answer. */
  readonly latencies: readonly number[];
}

/** When a load ends: after a time, or so many requests. Answers under way are awaited. */
export interface LoadLimits {
  readonly seconds?: number;
  readonly requests?: number;
}

/** Connections with one request at a time each, the next one when the answer is complete. */
export async function closedLoop(
  { port, request }: Target,
  connections: number,
  limits: LoadLimits,
): Promise<LoadResult> {
  const begin = performance.now();
  const until = begin + (limits.seconds ?? Number.POSITIVE_INFINITY) * 1000;
  let left = limits.requests ?? Number.POSITIVE_INFINITY;
  const latencies: number[] = [];

  function client(): Promise<void> {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const out = new Outgoing();
    let reader = new AnswerReader();
    let askedAt = 0;
    const ask = (socket: Socket<unknown>): void => {
      askedAt = performance.now();
      if (askedAt >= until || left <= 0) {
        resolve();
        socket.end();
        return;
      }
      left -= 1;
      reader = new AnswerReader();
      out.write(socket, request);
    };
    const socket = {
      open: ask,
      data(socket: Socket<unknown>, bytes: Uint8Array) {
        try {
          if (!reader.push(asBuffer(bytes))) return;
        } catch (cause) {
          reject(cause);
          socket.end();
          return;
        }
        latencies.push(performance.now() - askedAt);
        ask(socket);
      },
      drain: (socket: Socket<unknown>) => out.drain(socket),
      close: () => reject(new Error('the gateway closed a connection with an answer under way')),
      error: (_: unknown, cause: Error) => reject(cause),
    };
    Bun.connect({ hostname: '127.0.0.1', port, socket }).catch(reject);
    return promise;
  }

  await Promise.all(Array.from({ length: connections }, client));
  return { answers: latencies.length, seconds: (performance.now() - begin) / 1000, latencies };
}

/** One request whose answer is taken piece by piece. */
export interface OpenCall {
  /** Leaves. */
  close(): void;
  /** Takes nothing more, until `resume`. */
  pause(): void;
  resume(): void;
  /** Resolves when the connection is closed, by whomever. */
  readonly closed: Promise<void>;
}

export async function openCall(
  { port, request }: Target,
  onPiece: (text: string, call: OpenCall) => void,
): Promise<OpenCall> {
  const { promise: closed, resolve: close } = Promise.withResolvers<void>();
  const out = new Outgoing();
  const callOf = (socket: Socket<unknown>): OpenCall => ({
    close: () => socket.end(),
    pause: () => socket.pause(),
    resume: () => socket.resume(),
    closed,
  });
  let call: OpenCall | undefined;
  const socket = await Bun.connect({
    hostname: '127.0.0.1',
    port,
    socket: {
      open: (socket) => out.write(socket, request),
      data(socket, bytes) {
        call ??= callOf(socket);
        onPiece(asBuffer(bytes).toString('latin1'), call);
      },
      drain: (socket) => out.drain(socket),
      close: () => close(),
      error: () => close(),
    },
  });
  call ??= callOf(socket);
  return call;
}

/** A whole answer as text. @throws Error for any status but 200 */
export async function readAnswer(target: Target): Promise<string> {
  const reader = new AnswerReader();
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let all = '';
  const call = await openCall(target, (text) => {
    all += text;
    try {
      if (reader.push(Buffer.from(text, 'latin1'))) resolve(all);
    } catch (cause) {
      reject(cause);
    }
  });
  call.closed.then(() => reject(new Error(`the connection was closed after ${all.length} bytes`)));
  try {
    return await promise;
  } finally {
    call.close();
  }
}
