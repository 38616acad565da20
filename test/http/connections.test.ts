import { describe, expect, test } from 'bun:test';
import { Call } from '../../src/http/call.ts';
import { HttpClient } from '../../src/http/http-client.ts';
import { Origin } from '../../src/http/origin.ts';
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
import { answering, rawServer, until } from '../support/raw-server.ts';

/** How many connections some requests make, one after the other, when each is answered so. */
async function connectionsFor(bytes: string, requests = 3): Promise<number> {
  const server = rawServer(answering(() => bytes));
  const client = new HttpClient();
  for (let i = 0; i < requests; i += 1) await answerOf(ask(server.url, { client }));
  return server.peers.length;
}

/** A client whose first request is on its way, and the connection that it came on. */
async function asked() {
  const server = rawServer();
  const client = new HttpClient();
  const first = answerOf(ask(server.url, { client }));
  const peer = await server.accept();
  await peer.request();
  return { server, client, first, peer };
}

describe('a connection serves the next request', () => {
  test.each([
    ['behind a length', reply('ok')],
    ['behind a length of nothing', reply('')],
    ['behind chunks', `${CHUNKED}2\r\nok\r\n0\r\n\r\n`],
    ['behind no body', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['behind an error', 'HTTP/1.1 500 x\r\ncontent-length: 2\r\n\r\nno'],
    ['behind a redirect', 'HTTP/1.1 302 x\r\nlocation: /\r\ncontent-length: 0\r\n\r\n'],
    ['when it is said to be kept', reply('ok', 'connection: keep-alive', 'keep-alive: timeout=5')],
    [
      'of HTTP/1.0 when it is said to be kept',
      reply('ok', 'connection: keep-alive').replace('/1.1', '/1.0'),
    ],
  ])('%s', async (_, bytes) => {
    expect(await connectionsFor(bytes)).toBe(1);
  });

  test('though its answer was not read', async () => {
    const server = rawServer(answering(() => reply('ok')));
    const client = new HttpClient();
    for (let i = 0; i < 3; i += 1) await ask(server.url, { client });
    expect(server.peers.length).toBe(1);
  });

  test('to the same host and port only, whatever the path', async () => {
    const [one, other] = [1, 2].map(() => rawServer(answering(() => reply('ok'))));
    if (one === undefined || other === undefined) throw new Error('no servers');
    const client = new HttpClient();
    for (const url of [one.url, other.url, `${one.url}/a`, `${other.url}/b?c`]) {
      await answerOf(ask(url, { client }));
    }
    expect([one.peers.length, other.peers.length]).toEqual([1, 1]);
    await answerOf(ask(`http://localhost:${one.port}/`, { client }));
    expect(one.peers.length).toBe(2);
  });

  test('no more of them are made than requests run at once', async () => {
    const server = rawServer(answering(() => reply('ok')));
    const client = new HttpClient();
    for (let round = 0; round < 3; round += 1) {
      await Promise.all(Array.from({ length: 10 }, () => answerOf(ask(server.url, { client }))));
    }
    expect(server.peers.length).toBe(10);
  });

  test('not before the last one is answered', async () => {
    const server = rawServer();
    const client = new HttpClient();
    const first = ask(server.url, { client });
    const peer = await server.accept();
    await peer.request();
    peer.write('HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\no');
    const { body } = await first;
    const second = answerOf(ask(server.url, { client }));
    const other = await server.accept();
    other.write(reply('second'));
    expect(await second).toEqual([200, 'second']);
    peer.write('k');
    const reader = body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('o');
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('k');
  });

  test('also one that was busy for longer than others are kept', async () => {
    const { server, client, first, peer } = await asked();
    peer.write(reply('first'));
    await first;
    const second = answerOf(ask(server.url, { client }));
    await peer.request();
    // Idle connections are looked after meanwhile.
    await Bun.sleep(1100);
    peer.write(reply('second'));
    await second;
    const third = answerOf(ask(server.url, { client }));
    await peer.request();
    peer.write(reply('third'));
    expect(await third).toEqual([200, 'third']);
    expect(server.peers.length).toBe(1);
  });
});

describe('a connection serves no other request', () => {
  test.each([
    ['when the provider closes it', reply('ok', 'connection: close')],
    ['of HTTP/1.0', reply('ok').replace('/1.1', '/1.0')],
    ['that is said to end at once', reply('ok', 'keep-alive: timeout=1')],
    ['with bytes behind a length', `${reply('ok')}x`],
    ['with bytes behind chunks', `${CHUNKED}0\r\n\r\nx`],
    ['with bytes behind no body', 'HTTP/1.1 204 No Content\r\n\r\nx'],
    ['with another reply behind this one', reply('ok') + reply('forged')],
    [
      'whose lengths contradict each other',
      `HTTP/1.1 200 OK\r\ncontent-length: 2\r\n${CHUNKED.slice(17)}0\r\n\r\n`,
    ],
  ])('%s', async (_, bytes) => {
    const server = rawServer(answering(() => bytes));
    const client = new HttpClient();
    const answers = [];
    for (let i = 0; i < 3; i += 1) answers.push(await answerOf(ask(server.url, { client })));
    expect(answers).toEqual(
      answers.map(() => [expect.any(Number), expect.not.stringMatching(/x|f/)]),
    );
    expect(server.peers.length).toBe(3);
    await Promise.all(server.peers.map(({ closed }) => closed));
  });

  test('that ended with its reply', async () => {
    const server = rawServer(async (peer) => {
      await peer.request();
      peer.write(`${UNTIL_CLOSE}ok`).end();
    });
    const client = new HttpClient();
    for (let i = 0; i < 3; i += 1)
      expect(await answerOf(ask(server.url, { client }))).toEqual([200, 'ok']);
    expect(server.peers.length).toBe(3);
  });

  test('on which something came unasked', async () => {
    const { server, client, first, peer } = await asked();
    peer.write(reply('first'));
    await first;
    peer.write(reply('forged'));
    await peer.closed;
    const second = answerOf(ask(server.url, { client }));
    (await server.accept()).write(reply('second'));
    expect(await second).toEqual([200, 'second']);
  });

  test('that the provider has closed meanwhile', async () => {
    const server = rawServer();
    const client = new HttpClient();
    for (const how of ['end', 'reset'] as const) {
      const first = answerOf(ask(server.url, { client }));
      const peer = await server.accept();
      await peer.request();
      peer.write(reply('first'));
      await first;
      peer[how]();
      await peer.closed;
    }
    const last = answerOf(ask(server.url, { client }));
    (await server.accept()).write(reply('last'));
    expect(await last).toEqual([200, 'last']);
    expect(server.peers.length).toBe(3);
  });
});

describe('a request on a connection that the provider was about to close', () => {
  /** A client with one idle connection, which the provider sees as `peer`. */
  async function withIdle() {
    const { server, client, first, peer } = await asked();
    peer.write(reply('first'));
    await first;
    return { server, client, peer };
  }

  test.each(['end', 'reset'] as const)('is sent once more on a new one (%s)', async (how) => {
    const { server, client, peer } = await withIdle();
    const body = `{"n":"${'é'.repeat(100_000)}"}`;
    const second = answerOf(ask(server.url, { client, body }));
    await peer.request();
    peer[how]();
    const other = await server.accept();
    expect((await other.request()).body.toString()).toBe(body);
    other.write(reply('second'));
    expect(await second).toEqual([200, 'second']);
    expect(server.peers.length).toBe(2);
  });

  test('is not sent a third time', async () => {
    const { server, client, peer } = await withIdle();
    const second = answerOf(ask(server.url, { client }));
    await peer.request();
    peer.end();
    const other = await server.accept();
    await other.request();
    other.end();
    expect(await codeOf(second)).toBe('ECONNRESET');
    expect(server.peers.length).toBe(2);
  });

  test('fails as the new one does', async () => {
    const { server, client, peer } = await withIdle();
    const second = answerOf(ask(server.url, { client }));
    await peer.request();
    server.stop();
    expect(await codeOf(second)).toBe('ECONNREFUSED');
  });

  test.each([
    ['a byte of its reply', 'H'],
    ['an announcement', 'HTTP/1.1 100 Continue\r\n\r\n'],
    ['an announcement and a byte', 'HTTP/1.1 103 x\r\nlink: a\r\n\r\nH'],
    ['its head', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n'],
  ])('is not sent again when %s came', async (_, bytes) => {
    const { server, client, peer } = await withIdle();
    const second = answerOf(ask(server.url, { client }));
    await peer.request();
    peer.write(bytes).end();
    expect(await codeOf(second)).toBe('ECONNRESET');
    expect(server.peers.length).toBe(1);
  });

  test('is not sent again when it was stopped', async () => {
    const { server, client, peer } = await withIdle();
    const stop = new Stop();
    const second = ask(server.url, { client, stop });
    await peer.request();
    stop.now(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    await peer.closed;
    expect(server.peers.length).toBe(1);
  });

  test('ends when it is stopped on its second way', async () => {
    const { server, client, peer } = await withIdle();
    const stop = new Stop();
    const second = ask(server.url, { client, stop });
    await peer.request();
    peer.end();
    const other = await server.accept();
    await other.request();
    stop.now(new Error('enough'));
    await expect(second).rejects.toThrow('enough');
    await other.closed;
  });

  test('a new one is given no second chance', async () => {
    const server = rawServer(async (peer) => {
      await peer.request();
      peer.end();
    });
    expect(await codeOf(ask(server.url))).toBe('ECONNRESET');
    expect(server.peers.length).toBe(1);
  });
});

describe('idle connections', () => {
  /** Calls to one server, as an HttpClient makes them. */
  function calls(bytes: (count: number) => string) {
    let count = 0;
    const server = rawServer(
      answering(() => {
        count += 1;
        return bytes(count);
      }),
    );
    const origin = new Origin({ hostname: '127.0.0.1', port: server.port });
    async function call(): Promise<void> {
      const request = { url: server.url, headers: {}, body: '', stop: new Stop() };
      const made = new Call(request, origin, 'POST / HTTP/1.1\r\nhost: a\r\n\r\n', 0);
      origin.serve(made);
      await piecesOf(await made.reply);
    }
    return { server, origin, call };
  }

  test('are closed when their time is over, and no sooner', async () => {
    const { server, origin, call } = calls(() => reply('ok', 'keep-alive: timeout=11'));
    const before = performance.now();
    await Promise.all([call(), call()]);
    expect(origin.sweep(before + 9000)).toBe(true);
    await call();
    expect(server.peers.length).toBe(2);
    expect(origin.sweep(performance.now() + 10_000)).toBe(false);
    await Promise.all(server.peers.map(({ closed }) => closed));
    await call();
    expect(server.peers.length).toBe(3);
  });

  test('the one that was used last serves next, so that the others grow old', async () => {
    const { server, origin, call } = calls((count) =>
      reply('ok', `keep-alive: timeout=${count > 2 ? 60 : 11}`),
    );
    await Promise.all([call(), call()]);
    for (let i = 0; i < 3; i += 1) await call();
    expect(origin.sweep(performance.now() + 10_000)).toBe(true);
    await until(() => server.peers.some(({ isClosed }) => isClosed));
    expect(server.peers.filter(({ isClosed }) => isClosed).length).toBe(1);
    await call();
    expect(server.peers.length).toBe(2);
  });

  test('are 256 at most', async () => {
    const { server, call } = calls(() => reply('ok'));
    await Promise.all(Array.from({ length: 260 }, call));
    await until(() => server.peers.filter(({ isClosed }) => isClosed).length >= 4);
    expect(server.peers.filter(({ isClosed }) => !isClosed).length).toBe(256);
  });
});
