import { expect, test } from 'bun:test';
import { Call } from '../../src/http/call.ts';
import { Origin } from '../../src/http/origin.ts';
import { parseAddress, requestHead } from '../../src/http/request.ts';
import { Stop } from '../../src/stop.ts';
import { CHUNKED, piecesOf, reply, UNTIL_CLOSE } from '../support/http-ask.ts';
import { type Peer, rawServer, until } from '../support/raw-server.ts';
import { randomFrom } from '../transform/random.ts';

const WHOLE: readonly string[] = [
  reply('hello'),
  reply('x'.repeat(300_000)),
  reply('bye', 'connection: close'),
  `${CHUNKED}5\r\nhello\r\n4e20\r\n${'y'.repeat(20_000)}\r\n0\r\n\r\n`,
  `${UNTIL_CLOSE}hello`,
  'HTTP/1.1 204 No Content\r\n\r\n',
  `HTTP/1.1 100 Continue\r\n\r\n${reply('hello')}`,
  `HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 25\r\n\r\n${Buffer.from(Bun.gzipSync('hello')).toString('latin1')}`,
];

/** A server that does right, or anything else. */
function misbehaving(random: ReturnType<typeof randomFrom>) {
  const junk = (): string =>
    Array.from({ length: random.below(40) }, () =>
      random.pick(['\r\n', '\0', 'HTTP/1.1 ', '5', ':', 'ÿ', ' ']),
    ).join('');
  return async (peer: Peer): Promise<void> => {
    try {
      for (;;) {
        if (random.below(10) > 0) await peer.request();
        const whole = random.pick(WHOLE);
        const cut = random.below(whole.length + 1);
        const act = random.below(12);
        if (act < 4) peer.write(whole);
        else if (act < 6) await peer.writePieces([whole.slice(0, cut), whole.slice(cut)]);
        else if (act === 6) peer.write(whole.slice(0, cut));
        else if (act === 7) peer.write(junk());
        else if (act === 8) peer.write(whole + junk());
        else if (act === 9) peer.write(whole.slice(0, cut) + junk() + whole.slice(cut));
        else if (act === 10) peer.write(whole + random.pick(WHOLE));
        if (random.below(4) === 0) await Bun.sleep(random.below(3));
        const last = random.below(8);
        if (last === 0 || whole.startsWith(UNTIL_CLOSE)) return peer.end();
        if (last === 1) return peer.reset();
      }
    } catch {
      // The client had enough.
    }
  };
}

test('whatever a server does, every request ends, and so do its connections', async () => {
  const random = randomFrom(20);
  const server = rawServer(misbehaving(random));
  const address = parseAddress(server.url);
  if (address === undefined) throw new Error('no address');
  const origin = new Origin(address);
  const ends: Record<string, number> = {};

  async function request(): Promise<string> {
    const stop = new Stop();
    const body = 'b'.repeat(random.pick([0, 10, 200_000]));
    // Nothing a server does, or does not do, is waited for longer than its caller wants.
    const timer = setTimeout(() => stop.now(new Error('late')), 5 + random.below(20));
    try {
      const head = requestHead(address ?? expect.unreachable(), {}, body.length);
      const call = new Call(
        { url: server.url, headers: {}, body, stop },
        origin,
        head,
        body.length,
      );
      origin.serve(call);
      if (random.below(8) === 0) stop.now(new Error('stopped'));
      const got = await call.reply;
      const way = random.below(4);
      if (way === 0) await got.bytes();
      else if (way === 1) await got.body?.cancel();
      else if (way === 2) await piecesOf(got);
      else stop.now(new Error('stopped'));
      return 'well';
    } catch (cause) {
      if (!(cause instanceof Error)) throw cause;
      return 'code' in cause ? String(cause.code) : cause.message;
    } finally {
      clearTimeout(timer);
    }
  }

  async function several(): Promise<void> {
    for (let i = 0; i < 60; i += 1) {
      const end = await request();
      ends[end] = (ends[end] ?? 0) + 1;
    }
  }
  await Promise.all(Array.from({ length: 10 }, several));

  // Among so many requests each of these ways was taken.
  for (const end of ['well', 'late', 'stopped', 'ECONNRESET', 'MALFORMED_HTTP_REPLY']) {
    expect(ends[end] ?? 0).toBeGreaterThan(0);
  }
  await until(() => !origin.sweep(Number.POSITIVE_INFINITY));
  await until(() => server.peers.every(({ isClosed }) => isClosed));
});
