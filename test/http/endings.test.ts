import { describe, expect, test } from 'bun:test';
import { HttpClient } from '../../src/http/http-client.ts';
import type { HttpReply } from '../../src/http/reply.ts';
import { Stop } from '../../src/stop.ts';
import {
  answerOf,
  ask,
  CHUNKED,
  codeOf,
  piecesOf,
  reply,
  UNTIL_CLOSE,
} from '../support/http-ask.ts';
import { type Peer, rawServer, turn, until } from '../support/raw-server.ts';

/** What a promise rejects with. */
function reasonOf(promise: Promise<unknown> | undefined): Promise<unknown> {
  return Promise.resolve(promise).then(
    () => 'nothing',
    (cause: unknown) => cause,
  );
}

const enough = new Error('enough');

/** A request whose reply has come as far as `bytes`. */
async function begun(bytes: string) {
  const server = rawServer();
  const client = new HttpClient();
  const stop = new Stop();
  const sent = ask(server.url, { client, stop });
  const peer = await server.accept();
  await peer.request();
  peer.write(bytes);
  return { server, client, stop, sent, peer };
}

const PART = 'HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhell';

describe('a request that is stopped', () => {
  test('before it was sent, is not', async () => {
    const server = rawServer();
    const stop = new Stop();
    stop.now(enough);
    expect(await reasonOf(ask(server.url, { stop }))).toBe(enough);
    expect(server.peers.length).toBe(0);
  });

  test('while it waits for its connection, is not written; the connection may serve another', async () => {
    const server = rawServer();
    const client = new HttpClient();
    const stop = new Stop();
    const first = ask(server.url, { client, stop, body: 'first' });
    stop.now(enough);
    expect(await reasonOf(first)).toBe(enough);
    const peer = await server.accept();
    // The client hears of the connection about when the server does.
    await Bun.sleep(5);
    const second = answerOf(ask(server.url, { client, body: 'second' }));
    expect((await peer.request()).body.toString()).toBe('second');
    peer.write(reply('ok'));
    expect(await second).toEqual([200, 'ok']);
    expect(server.peers.length).toBe(1);
  });

  test('before any connection could be made, whose failure nobody hears of', async () => {
    const server = rawServer();
    server.stop();
    const stop = new Stop();
    const sent = ask(server.url, { stop });
    stop.now(enough);
    expect(await reasonOf(sent)).toBe(enough);
    await Bun.sleep(5);
  });

  test.each([
    ['before anything of its reply', ''],
    ['within the head', 'HTTP/1.1 200 OK\r\nx-a'],
    ['behind an announcement', 'HTTP/1.1 100 Continue\r\n\r\n'],
  ])('%s: rejects with the reason, and closes the connection', async (_, bytes) => {
    const { stop, sent, peer } = await begun(bytes);
    stop.now(enough);
    expect(await reasonOf(sent)).toBe(enough);
    await peer.closed;
  });

  test('while its body is on the way to the provider', async () => {
    const server = rawServer();
    const stop = new Stop();
    const sent = ask(server.url, { stop, body: Buffer.alloc(20_000_000) });
    const peer = await server.accept();
    peer.pause();
    await Bun.sleep(5);
    stop.now(enough);
    expect(await reasonOf(sent)).toBe(enough);
    peer.resume();
    await peer.closed;
  });

  test.each([
    ['with a length', PART],
    ['in chunks', `${CHUNKED}5\r\nhell`],
    ['until its end', `${UNTIL_CLOSE}hell`],
  ])('within a body %s', async (_, bytes) => {
    for (const read of [
      (got: HttpReply) => got.bytes(),
      async (got: HttpReply) => {
        const reader = got.body?.getReader();
        expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('hell');
        return reader?.read();
      },
    ]) {
      const { stop, sent, peer } = await begun(bytes);
      const reading = read(await sent);
      await Bun.sleep(1);
      stop.now(enough);
      expect(await reasonOf(reading)).toBe(enough);
      await peer.closed;
    }
  });

  test('between two reads: neither what came before nor what comes is given', async () => {
    const { stop, sent, peer } = await begun(PART);
    const got = await sent;
    stop.now(enough);
    const reader = got.body?.getReader();
    expect(await reasonOf(reader?.read())).toBe(enough);
    expect(await reasonOf(reader?.read())).toBe(enough);
    expect(await reasonOf(got.bytes())).toBe(enough);
    expect(got.whole).toBeUndefined();
    await peer.closed;
  });

  test('while the provider is held back', async () => {
    const { stop, sent, peer } = await begun('HTTP/1.1 200 OK\r\ncontent-length: 50000000\r\n\r\n');
    const got = await sent;
    peer.write(Buffer.alloc(20_000_000));
    await Bun.sleep(10);
    stop.now(enough);
    expect(await reasonOf(got.body?.getReader().read())).toBe(enough);
    await peer.closed;
  });

  test('when its reply is complete, has its reply; the connection serves the next one', async () => {
    const { server, client, stop, sent, peer } = await begun(reply('hello'));
    const got = await sent;
    stop.now(enough);
    expect(Buffer.from(await got.bytes()).toString()).toBe('hello');
    const next = answerOf(ask(server.url, { client }));
    await peer.request();
    peer.write(reply('next'));
    expect(await next).toEqual([200, 'next']);
  });

  test('by a signal, rejects with that of the signal', async () => {
    const controller = new AbortController();
    const server = rawServer();
    const sent = ask(server.url, { stop: Stop.by(controller.signal) });
    const peer = await server.accept();
    await peer.request();
    controller.abort(enough);
    expect(await reasonOf(sent)).toBe(enough);
    await peer.closed;
  });

  test('does not hear of what the provider does then', async () => {
    const { stop, sent, peer } = await begun('');
    stop.now(enough);
    expect(await reasonOf(sent)).toBe(enough);
    peer.write(reply('late'));
    await peer.closed;
    stop.now(new Error('again'));
  });
});

describe('a body that nobody wants any more', () => {
  test.each([
    ['cancelled', (got: HttpReply) => got.body?.cancel()],
    ['cancelled by its reader', (got: HttpReply) => got.body?.getReader().cancel()],
  ])('%s: the connection is closed, and it is over', async (_, cancel) => {
    const { server, client, sent, peer } = await begun(PART);
    const got = await sent;
    await cancel(got);
    await peer.closed;
    expect(await piecesOf(got)).toEqual([]);
    await cancel(got);
    const next = answerOf(ask(server.url, { client }));
    (await server.accept()).write(reply('next'));
    expect(await next).toEqual([200, 'next']);
  });

  test('a read that waits is over', async () => {
    const { sent, peer } = await begun(PART);
    const reader = (await sent).body?.getReader();
    await reader?.read();
    const reading = reader?.read();
    await reader?.cancel();
    expect(await reading).toEqual({ done: true });
    await peer.closed;
  });

  test('is not heard of again when it is stopped', async () => {
    const { stop, sent, peer } = await begun(PART);
    const got = await sent;
    await got.body?.cancel();
    stop.now(enough);
    expect(await piecesOf(got)).toEqual([]);
    await peer.closed;
  });

  test('when it is complete already, its connection stays', async () => {
    const { server, client, sent, peer } = await begun(reply('hello'));
    await (await sent).body?.cancel();
    const next = answerOf(ask(server.url, { client }));
    await peer.request();
    peer.write(reply('next'));
    expect(await next).toEqual([200, 'next']);
    expect(server.peers.length).toBe(1);
  });
});

/** Bytes that are different wherever one looks. */
function pattern(size: number): Buffer {
  const bytes = Buffer.alloc(size);
  for (let at = 0; at + 4 <= size; at += 4) bytes.writeUInt32LE(at, at);
  return bytes;
}

describe('a provider that is faster than its reader', () => {
  const SIZE = 50_000_000;
  const BODY = pattern(SIZE);

  /** Resolves when the network takes nothing more. */
  async function stalled(peer: Peer): Promise<number> {
    for (let before = -1; before !== peer.sent; await Bun.sleep(20)) before = peer.sent;
    return peer.sent;
  }

  function chunked(): Buffer {
    const pieces: Buffer[] = [Buffer.from(CHUNKED)];
    for (let at = 0; at < SIZE; at += 100_000) {
      pieces.push(Buffer.from('186a0\r\n'), BODY.subarray(at, at + 100_000), Buffer.from('\r\n'));
    }
    return Buffer.concat([...pieces, Buffer.from('0\r\n\r\n')]);
  }

  test.each([
    [
      'with a length',
      () =>
        Buffer.concat([Buffer.from(`HTTP/1.1 200 OK\r\ncontent-length: ${SIZE}\r\n\r\n`), BODY]),
    ],
    ['in chunks', chunked],
    ['until its end', () => Buffer.concat([Buffer.from(UNTIL_CLOSE), BODY])],
  ])('is held back, and everything arrives when it is read: %s', async (_, bytes) => {
    const { sent, peer } = await begun('');
    peer.write(bytes());
    const got = await sent;
    // What the kernels of both sides hold is not ours to say.
    expect(await stalled(peer)).toBeLessThan(40_000_000);
    const reader = got.body?.getReader();
    let at = 0;
    for (let pieces = 0; pieces < 5; pieces += 1) {
      const { value = new Uint8Array() } = (await reader?.read()) ?? {};
      expect(BODY.subarray(at, at + value.length).equals(value)).toBe(true);
      at += value.length;
    }
    expect(await stalled(peer)).toBeLessThan(40_000_000);
    if (got.headers.get('content-length') === null) peer.end();
    for (let value = (await reader?.read())?.value; value; value = (await reader?.read())?.value) {
      if (!BODY.subarray(at, at + value.length).equals(value))
        throw new Error(`other bytes at ${at}`);
      at += value.length;
    }
    expect(at).toBe(SIZE);
  });

  test('is also held back when it sends a byte at a time', async () => {
    const { sent, peer } = await begun(UNTIL_CLOSE);
    const reply = await sent;
    for (let i = 0; i < 3000; i += 1) {
      peer.write('x');
      await turn();
    }
    peer.end();
    const pieces = await piecesOf(reply);
    expect(Buffer.concat(pieces).toString()).toBe('x'.repeat(3000));
    // What waits in the network is one piece.
    expect(pieces.length).toBeLessThan(2000);
  });

  test('is not held back by who waits for all of it', async () => {
    const { sent, peer } = await begun(`HTTP/1.1 200 OK\r\ncontent-length: ${SIZE}\r\n\r\n`);
    peer.write(BODY);
    expect(BODY.equals(await (await sent).bytes())).toBe(true);
  });

  test('and then closes: what it sent is read first', async () => {
    const size = 1_000_000;
    const { sent, peer } = await begun(`HTTP/1.1 200 OK\r\ncontent-length: ${size + 1}\r\n\r\n`);
    const got = await sent;
    peer.write(BODY.subarray(0, size));
    await until(() => peer.sent > size);
    peer.end();
    await Bun.sleep(5);
    const reader = got.body?.getReader();
    let at = 0;
    const rest = async (): Promise<never> => {
      for (;;) at += (await reader?.read())?.value?.length ?? 0;
    };
    expect(await codeOf(rest())).toBe('ECONNRESET');
    expect(at).toBe(size);
  });
});
