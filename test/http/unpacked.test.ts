import { describe, expect, test } from 'bun:test';
import {
  brotliCompressSync,
  constants,
  createGzip,
  deflateSync,
  zstdCompressSync,
} from 'node:zlib';
import { HttpClient } from '../../src/http/http-client.ts';
import { Stop } from '../../src/stop.ts';
import { answerOf, ask, CHUNKED, piecesOf, reply } from '../support/http-ask.ts';
import { answering, rawServer } from '../support/raw-server.ts';

/** Too varied to become small. */
const TEXT = Array.from({ length: 5000 }, (_, i) => `é漢👋 ${(i * 7919) % 1009} `).join('');

function packed(coding: string, body: Uint8Array, ...headers: readonly string[]): Buffer {
  const lines = [
    'HTTP/1.1 200 OK',
    `content-encoding: ${coding}`,
    `content-length: ${body.length}`,
    ...headers,
  ];
  return Buffer.concat([Buffer.from(`${lines.join('\r\n')}\r\n\r\n`), body]);
}

const PACKED: readonly (readonly [string, Uint8Array])[] = [
  ['gzip', Bun.gzipSync(TEXT)],
  ['x-gzip', Bun.gzipSync(TEXT)],
  ['GZIP', Bun.gzipSync(TEXT)],
  ['deflate', deflateSync(TEXT)],
  ['br', brotliCompressSync(TEXT)],
  ['zstd', zstdCompressSync(TEXT)],
];

describe('a body that the provider packed', () => {
  test.each(PACKED)('with %s is what it was before', async (coding, body) => {
    const server = rawServer(answering(() => packed(coding, body, 'x-a: b')));
    const client = new HttpClient();
    const whole = await ask(server.url, { client });
    expect({ ...whole.headers.toJSON() }).toEqual({ 'x-a': 'b' });
    expect(whole.whole).toBeUndefined();
    expect(Buffer.from(await whole.bytes()).toString()).toBe(TEXT);
    const pieces = await piecesOf(await ask(server.url, { client }));
    expect(Buffer.concat(pieces).toString()).toBe(TEXT);
    expect(server.peers.length).toBe(1);
  });

  test('in chunks, of which each is unpacked as it comes', async () => {
    const server = rawServer();
    const sent = ask(server.url);
    const peer = await server.accept();
    await peer.request();
    peer.write(CHUNKED.replace('\r\n\r\n', '\r\ncontent-encoding: gzip\r\n\r\n'));
    const gzip = createGzip({ flush: constants.Z_SYNC_FLUSH });
    gzip.on('data', (piece: Buffer) =>
      peer
        .write(`${piece.length.toString(16)}\r\n`)
        .write(piece)
        .write('\r\n'),
    );
    const reader = (await sent).body?.getReader();
    for (const text of ['data: a\n\n', 'data: b\n\n']) {
      gzip.write(text);
      let got = '';
      while (got !== text) {
        const { value } = (await reader?.read()) ?? {};
        if (value === undefined) throw new Error('it ended');
        got += Buffer.from(value).toString();
      }
    }
    gzip.end();
    await new Promise((resolve) => gzip.on('end', resolve));
    peer.write('0\r\n\r\n');
    expect((await reader?.read())?.value).toBeUndefined();
  });

  test('of no bytes at all is empty', async () => {
    for (const bytes of [
      packed('gzip', new Uint8Array()),
      'HTTP/1.1 204 No Content\r\ncontent-encoding: gzip\r\n\r\n',
    ]) {
      const server = rawServer(answering(() => bytes));
      const got = await ask(server.url);
      expect(got.body).toBeNull();
      expect((await got.bytes()).length).toBe(0);
    }
  });

  const gzipped = Bun.gzipSync(TEXT);
  test.each([
    ['that is none', 'gzip', Buffer.from('{"text":"plain"}')],
    ['that ends too soon', 'gzip', gzipped.subarray(0, -10)],
    ['with another coding', 'br', gzipped],
    ['with zstd that is none', 'zstd', gzipped],
    ['of wrong bytes', 'gzip', Buffer.from(gzipped).fill(1, 1000, 1100)],
  ])('%s rejects', async (_, coding, body) => {
    const server = rawServer(answering(() => packed(coding, body)));
    await expect(answerOf(ask(server.url))).rejects.toThrow();
    await expect(ask(server.url).then(piecesOf)).rejects.toThrow();
  });

  test('and that nobody reads is nobody’s error', async () => {
    const server = rawServer(answering(() => packed('gzip', Buffer.from('no gzip at all'))));
    await ask(server.url);
    const broken = rawServer(async (peer) => {
      await peer.request();
      peer.write(packed('gzip', gzipped).subarray(0, 200)).end();
    });
    await ask(broken.url);
    await broken.peers[0]?.closed;
    await Bun.sleep(5);
  });

  test.each(['cancel', 'reader', 'stop'] as const)(
    'ends when it is not wanted (%s)',
    async (how) => {
      const server = rawServer();
      const stop = new Stop();
      const sent = ask(server.url, { stop });
      const peer = await server.accept();
      await peer.request();
      peer.write(packed('gzip', gzipped).subarray(0, 200));
      const got = await sent;
      if (how === 'cancel') await got.body?.cancel();
      else if (how === 'reader') await got.body?.getReader().cancel();
      else {
        const reading = piecesOf(got);
        stop.now(new Error('enough'));
        await expect(reading).rejects.toThrow('enough');
      }
      await peer.closed;
    },
  );

  test('a read that waits for one ends with it', async () => {
    const server = rawServer();
    const sent = ask(server.url);
    const peer = await server.accept();
    await peer.request();
    peer.write(packed('gzip', gzipped).subarray(0, 120));
    const reader = (await sent).body?.getReader();
    const reading = reader?.read();
    await reader?.cancel();
    await reading;
    await peer.closed;
  });

  test('by what nobody knows stays as it is, and says so', async () => {
    for (const coding of ['identity', 'x-other', 'gzip, br', '__proto__', 'constructor']) {
      const server = rawServer(answering(() => reply('plain', `content-encoding: ${coding}`)));
      const got = await ask(server.url);
      expect(got.headers.get('content-encoding')).toBe(coding);
      expect(Buffer.from(await got.bytes()).toString()).toBe('plain');
    }
  });
});
