/**
 * The upstream of the bench: HTTP/1.1 by hand on a raw socket, answers made once, so that it costs
 * a few microseconds a request. The first segment of a path says how it behaves.
 *
 *     bun mock.ts <milliseconds between two events of a paced stream>
 *
 * It tells its parent its port, and each time when a peer left an answer that was under way.
 */
import type { Socket } from 'bun';
import type { FormatName } from '../../src/unified.ts';
import { clockMs } from './clock.ts';
import { MARK, replyBody, STREAMS } from './wire.ts';

export const BEHAVIOURS = [
  /** a whole reply */
  'plain',
  /** a stream of 200 events at once */
  'burst',
  /** a stream of 50 events, one at a time */
  'paced',
  /** the same without an end */
  'endless',
  /** an event a second without an end */
  'slow',
  /** one event, then nothing */
  'silent',
  /** no answer at all */
  'mute',
  /** 200 MB of events as fast as they are taken */
  'flood',
] as const;
export type Behaviour = (typeof BEHAVIOURS)[number];

export const BURST_EVENTS = 200;
export const PACED_EVENTS = 50;
const FLOOD_BYTES = 200_000_000;

/** What the mock tells its parent. */
export type MockMessage = { port: number } | { leftAt: number };

const chunk = (text: string): string => `${Buffer.byteLength(text).toString(16)}\r\n${text}\r\n`;
const STREAM_HEAD =
  'HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n';
const STREAM_TAIL = '0\r\n\r\n';

/** The bytes of a format's answers. */
function answersOf(format: FormatName) {
  const { open, delta, close } = STREAMS[format];
  const body = replyBody(format);
  const begin = STREAM_HEAD + open.map(chunk).join('');
  const end = (events: number): string => close(events).map(chunk).join('') + STREAM_TAIL;
  const event = Buffer.from(chunk(delta));
  const digitsAt = event.indexOf(MARK) + 1;
  return {
    plain: Buffer.from(
      `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    ),
    burst: Buffer.from(begin + chunk(delta).repeat(BURST_EVENTS) + end(BURST_EVENTS)),
    begin: Buffer.from(begin),
    end: Buffer.from(end(PACED_EVENTS)),
    flood: Buffer.from(chunk(delta.replace(' token', ' token'.repeat(60)).repeat(80))),
    /** One event with the time of its sending. */
    event(): Buffer {
      const digits = String(Math.round(clockMs() * 1000)).padStart(16, '0');
      event.write(digits, digitsAt, 'latin1');
      return Buffer.from(event);
    },
  };
}
const ANSWERS = {
  chat: answersOf('chat'),
  messages: answersOf('messages'),
  responses: answersOf('responses'),
  gemini: answersOf('gemini'),
};

/** One connection: the request that comes in, and the answer that goes out. */
class Connection {
  /** The head of a request that is not complete yet. */
  #head = '';
  /** Bytes of the body that are still to come. */
  #missing = 0;
  #path = '';
  /** What the socket has not taken yet. */
  #unsent: Buffer | undefined;
  /** Bytes of a flood that are still to be written. */
  #flood = 0;
  #format: FormatName = 'chat';
  #timer: ReturnType<typeof setInterval> | undefined;
  /** True while an answer is under way that takes its time. */
  #isLive = false;

  data(socket: Socket<Connection>, bytes: Buffer): void {
    if (this.#missing > 0) {
      this.#missing -= bytes.length;
    } else {
      this.#head += bytes.toString('latin1');
      const end = this.#head.indexOf('\r\n\r\n');
      if (end < 0) return;
      const head = this.#head.slice(0, end);
      const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
      this.#path = head.split(' ', 2)[1] ?? '';
      this.#missing = Number(length ?? 0) - (this.#head.length - end - 4);
      this.#head = '';
    }
    if (this.#missing <= 0) this.#answer(socket);
  }

  #answer(socket: Socket<Connection>): void {
    const [, behaviour = ''] = this.#path.split('/', 2);
    this.#format = formatOf(this.#path);
    const answers = ANSWERS[this.#format];
    if (behaviour === 'plain' || behaviour === 'burst') {
      this.#send(socket, answers[behaviour]);
      return;
    }
    this.#isLive = true;
    if (behaviour === 'mute') return;
    this.#send(socket, Buffer.concat([answers.begin, answers.event()]));
    if (behaviour === 'flood') {
      this.#flood = FLOOD_BYTES;
      this.drain(socket);
    } else if (behaviour !== 'silent') {
      this.#keepSending(socket, behaviour);
    }
  }

  #keepSending(socket: Socket<Connection>, behaviour: string): void {
    let left = behaviour === 'paced' ? PACED_EVENTS - 1 : Number.POSITIVE_INFINITY;
    const { event, end } = ANSWERS[this.#format];
    this.#timer = setInterval(
      () => {
        this.#send(socket, event());
        left -= 1;
        if (left > 0) return;
        this.#stop();
        this.#send(socket, end);
      },
      behaviour === 'slow' ? 1000 : gapMs,
    );
  }

  #send(socket: Socket<Connection>, bytes: Buffer): void {
    if (this.#unsent) {
      this.#unsent = Buffer.concat([this.#unsent, bytes]);
      return;
    }
    const taken = Math.max(0, socket.write(bytes));
    if (taken < bytes.length) this.#unsent = bytes.subarray(taken);
  }

  drain(socket: Socket<Connection>): void {
    const bytes = this.#unsent;
    this.#unsent = undefined;
    if (bytes) this.#send(socket, bytes);
    const { flood } = ANSWERS[this.#format];
    for (; this.#flood > 0 && this.#unsent === undefined; this.#flood -= flood.length) {
      this.#send(socket, flood);
    }
  }

  #stop(): void {
    clearInterval(this.#timer);
    this.#isLive = false;
  }

  closed(): void {
    if (this.#isLive) tell({ leftAt: clockMs() });
    this.#stop();
    this.#flood = 0;
  }
}

function formatOf(path: string): FormatName {
  if (path.includes('enerateContent')) return 'gemini';
  if (path.endsWith('/messages')) return 'messages';
  return path.endsWith('/responses') ? 'responses' : 'chat';
}

function tell(message: MockMessage): void {
  process.send?.(message);
}

let gapMs = 20;

function listen(): void {
  gapMs = Number(process.argv[2]);
  const { port } = Bun.listen<Connection>({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open(socket) {
        socket.data = new Connection();
      },
      data: (socket, bytes) =>
        socket.data.data(socket, Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength)),
      drain: (socket) => socket.data.drain(socket),
      close: (socket) => socket.data.closed(),
      error: () => undefined,
    },
  });
  tell({ port });
  process.on('disconnect', () => process.exit());
}

if (import.meta.main) listen();
