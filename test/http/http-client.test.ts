import { describe, expect, test } from 'bun:test';
import { giveBack } from '../../src/give-back.ts';
import { HttpClient } from '../../src/http/http-client.ts';
import { parseAddress } from '../../src/http/request.ts';
import { Edited } from '../../src/json-span.ts';
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
import { answering, rawServer } from '../support/raw-server.ts';

/** A server that answers `ok`, and what it was sent. */
function recorder() {
  const requests: { head: string; body: Buffer }[] = [];
  const server = rawServer(
    answering((request) => {
      requests.push(request);
      return reply('ok');
    }),
  );
  return { ...server, requests };
}

describe('what is sent', () => {
  test('a POST with its host, its headers and the length of its body', async () => {
    const { url, port, requests } = recorder();
    const headers = { 'content-type': 'application/json', 'x-key': 'caf\xe9; a:b' };
    await answerOf(ask(`${url}/v1/chat?a=b%20c#part`, { headers, body: '{"a":1}' }));
    expect(requests).toEqual([
      {
        head: [
          'POST /v1/chat?a=b%20c HTTP/1.1',
          `host: 127.0.0.1:${port}`,
          'connection: keep-alive',
          'content-type: application/json',
          'x-key: caf\xe9; a:b',
          'content-length: 7',
        ].join('\r\n'),
        body: Buffer.from('{"a":1}'),
      },
    ]);
  });

  test('an address as a browser would write it', () => {
    const lines = (url: string): unknown[] | undefined => {
      const address = parseAddress(url);
      return address && [address.hostname, address.port, address.requestLine, address.hostLine];
    };
    const post = (path: string, host: string): string[] => [
      `POST ${path} HTTP/1.1\r\n`,
      `host: ${host}\r\n`,
    ];
    expect(lines('http://a.test')).toEqual(['a.test', 80, ...post('/', 'a.test')]);
    expect(lines('http://a.test:80/x')).toEqual(['a.test', 80, ...post('/x', 'a.test')]);
    expect(lines('HTTP://A.Test:8080/é?q=ü')).toEqual([
      'a.test',
      8080,
      ...post('/%C3%A9?q=%C3%BC', 'a.test:8080'),
    ]);
    expect(lines('http://[::1]:8080/')).toEqual(['::1', 8080, ...post('/', '[::1]:8080')]);
    expect(lines('http://a.test/a b\r\nx: y')).toEqual([
      'a.test',
      80,
      ...post('/a%20bx:%20y', 'a.test'),
    ]);
    expect(lines('http://a.test/?a=\r\n\r\n b')?.[2]).toBe('POST /?a=%20b HTTP/1.1\r\n');
  });

  test.each([
    'https://a.test/',
    'ftp://a.test/',
    'http://user:key@a.test/',
    'a.test/',
    '',
    'http://',
  ])('what is not for this client is left to another: %j', (url) => {
    const request = { url, headers: {}, body: '', stop: new Stop() };
    expect(new HttpClient().send(request)).toBeUndefined();
  });

  test('its own host, when the headers name one', async () => {
    const { url, requests } = recorder();
    await answerOf(ask(url, { headers: { host: 'provider.test', connection: 'close' } }));
    expect(requests[0]?.head.split('\r\n')).toEqual([
      'POST / HTTP/1.1',
      'host: provider.test',
      'connection: close',
      'content-length: 2',
    ]);
  });

  test('no length or coding but its own', async () => {
    const { url, requests } = recorder();
    const headers = { 'Content-Length': '99', 'transfer-encoding': 'chunked', host: 'a.test' };
    await answerOf(ask(url, { headers, body: 'x' }));
    expect(requests).toEqual([
      {
        head: 'POST / HTTP/1.1\r\nconnection: keep-alive\r\nhost: a.test\r\ncontent-length: 1',
        body: Buffer.from('x'),
      },
    ]);
  });

  test('values without white space around them, as fetch does it', async () => {
    const { url, requests } = recorder();
    await answerOf(ask(url, { headers: { 'x-key': ' \tkey of a file\r\n' } }));
    expect(requests[0]?.head).toContain('\r\nx-key: key of a file\r\n');
  });

  test.each([
    ['a line break in a value', { 'x-a': 'b\r\nx-c: d' }],
    ['a line feed in a value', { 'x-a': 'b\nx-c: d' }],
    ['a bare CR in a value', { 'x-a': 'b\rx-c: d' }],
    ['a zero in a value', { 'x-a': 'b\0' }],
    ['a character that is no byte', { 'x-a': '’' }],
    ['one that is a line break when it is cut to a byte', { 'x-a': 'b\u010d\u010ax-c: d' }],
    ['a name with a line break', { 'x-a: b\r\nx-c': 'd' }],
    ['a name with a blank', { 'x a': 'b' }],
    ['a name with a colon', { 'x:a': 'b' }],
    ['an empty name', { '': 'b' }],
  ])('never %s', async (_, headers) => {
    const { url, peers } = recorder();
    await expect(ask(url, { headers })).rejects.toThrow(TypeError);
    expect(peers).toEqual([]);
  });

  test('headers longer than any buffer are not cut', async () => {
    const { url, requests } = recorder();
    const long = 'x'.repeat(200_000);
    await answerOf(ask(url, { headers: { 'x-long': long, 'x-last': 'z' }, body: '{"a":1}' }));
    expect(requests[0]?.head).toContain(`\r\nx-long: ${long}\r\nx-last: z\r\n`);
    expect(requests[0]?.body.toString()).toBe('{"a":1}');
  });

  const text = 'é漢👋\ud800'.repeat(50_000);
  test.each([
    ['nothing', ''],
    ['text', 'é漢👋'],
    ['a long text', text],
    ['bytes', Buffer.from('é漢👋')],
    ['a part of other bytes', new Uint8Array(Buffer.from('xxé漢👋xx')).subarray(2, -2)],
    ['many bytes', new Uint8Array(Buffer.from(text)).subarray(3, -3)],
  ])('%s as the body, with its length in bytes', async (_, body) => {
    const { url, requests } = recorder();
    await answerOf(ask(url, { body }));
    const bytes = typeof body === 'string' ? Buffer.from(body) : Buffer.from(body);
    expect(requests[0]?.head).toEndWith(`\r\ncontent-length: ${bytes.length}`);
    expect(requests[0]?.body.equals(bytes)).toBe(true);
  });

  test.each([10, 20_000, 131_072, 200_000, 3_000_000])(
    'a body of %d bytes with another model in it, which is again its old self',
    async (size) => {
      const { url, requests } = recorder();
      const rest = `,"x":"${'é'.repeat(size / 2)}"}`;
      const bytes = Buffer.from(`{"model":"a-long-alias"${rest}`);
      const before = Buffer.from(bytes);
      const body = new Edited(bytes, [{ start: 9, end: 23, with: '"m"' }]);
      await answerOf(ask(url, { body }));
      expect(requests[0]?.body.equals(Buffer.from(`{"model":"m"${rest}`))).toBe(true);
      expect(bytes.equals(before)).toBe(true);
    },
  );

  test('requests of every size around that of the buffer they are put together in', async () => {
    const { url, requests } = recorder();
    const client = new HttpClient();
    for (let size = 131_072 - 200; size <= 131_072 + 8; size += 8) {
      const body = Buffer.alloc(size, String(size));
      await answerOf(ask(url, { client, body }));
      expect(requests.pop()?.body.equals(body)).toBe(true);
    }
  });

  test('a body that the network does not take at once arrives whole, while its reader stops and goes on', async () => {
    const server = rawServer();
    const body = Buffer.alloc(20_000_000);
    for (let at = 0; at < body.length; at += 4) body.writeUInt32LE(at, at);
    const answered = answerOf(ask(server.url, { body }));
    const peer = await server.accept();
    peer.pause();
    await Bun.sleep(20);
    peer.resume();
    const request = await peer.request();
    peer.write(reply('ok'));
    expect(request.body.equals(body)).toBe(true);
    expect(await answered).toEqual([200, 'ok']);
  });
});

describe('what comes back', () => {
  const CASES: readonly (readonly [string, string, string])[] = [
    ['with a length', reply('hello'), 'hello'],
    ['of nothing, with a length', reply(''), ''],
    ['in chunks', `${CHUNKED}2;a=b\r\nhe\r\n3\r\nllo\r\n0\r\nA: b\r\n\r\n`, 'hello'],
    ['of nothing, in chunks', `${CHUNKED}0\r\n\r\n`, ''],
    ['with lines in LF', 'HTTP/1.1 200 OK\ncontent-length: 9\n\nhel\r\n\r\nlo', 'hel\r\n\r\nlo'],
    [
      'behind announcements',
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 x\r\nlink: a\r\n\r\n${reply('a')}`,
      'a',
    ],
  ];

  test.each(CASES)('a reply %s, cut at every byte', async (_, bytes, body) => {
    const client = new HttpClient();
    const pieces: string[][] = [[...bytes]];
    for (let at = 1; at < bytes.length; at += 1) pieces.push([bytes.slice(0, at), bytes.slice(at)]);
    const server = rawServer(async (peer) => {
      for (const cut of pieces) {
        await peer.request();
        await peer.writePieces(cut);
      }
    });
    for (const cut of pieces) {
      const answer = await answerOf(ask(server.url, { client }));
      if (answer[0] !== 200 || answer[1] !== body) {
        expect({ cut, answer }).toEqual({ cut, answer: [200, body] });
      }
    }
    expect(server.peers.length).toBe(1);
  });

  test('a reply until the end of the connection, cut at every byte', async () => {
    const bytes = `${UNTIL_CLOSE}hello`;
    let at = 0;
    const server = rawServer(async (peer) => {
      await peer.request();
      await peer.writePieces([bytes.slice(0, at), bytes.slice(at)]);
      peer.end();
    });
    for (; at <= bytes.length; at += 1) {
      expect(await answerOf(ask(server.url))).toEqual([200, 'hello']);
    }
  });

  test('its status and headers, before its body is there', async () => {
    const server = rawServer();
    const sent = ask(server.url);
    const peer = await server.accept();
    await peer.request();
    peer.write('HTTP/1.1 429 Slow Down\r\nRetry-After: 5\r\ncontent-length: 2\r\n\r\n');
    const { status, headers, body, whole } = await sent;
    expect([status, headers.get('retry-after'), headers.get('x-none')]).toEqual([429, '5', null]);
    expect(whole).toBeUndefined();
    const reader = body?.getReader();
    const reading = reader?.read();
    peer.write('ok');
    expect(Buffer.from((await reading)?.value ?? [])).toEqual(Buffer.from('ok'));
    expect(await reader?.read()).toEqual({ done: true });
    expect(await reader?.read()).toEqual({ done: true });
  });

  test('each piece as the network gave it', async () => {
    const server = rawServer();
    const sent = ask(server.url);
    const peer = await server.accept();
    await peer.request();
    peer.write(CHUNKED);
    const { body } = await sent;
    const reader = body?.getReader();
    for (const text of ['a', 'bc', 'def']) {
      const reading = reader?.read();
      peer.write(`${text.length}\r\n${text}\r\n`);
      expect(Buffer.from((await reading)?.value ?? []).toString()).toBe(text);
    }
    const reading = reader?.read();
    peer.write('0\r\n\r\n');
    expect(await reading).toEqual({ done: true });
  });

  test('pieces that each have memory of their own', async () => {
    const server = rawServer();
    const sent = ask(server.url);
    const peer = await server.accept();
    await peer.request();
    const body = 'abcdefg'.repeat(30_000);
    peer.write(reply(body));
    const reader = (await sent).body?.getReader();
    expect(reader?.ownsPieces).toBe(true);
    const seen: Buffer[] = [];
    for (;;) {
      const piece = (await reader?.read())?.value;
      if (piece === undefined) break;
      seen.push(Buffer.from(piece));
      giveBack(piece);
    }
    expect(seen.length).toBeGreaterThan(1);
    expect(Buffer.concat(seen).toString()).toBe(body);
  });

  test('the rest of a body of which a part was read', async () => {
    const server = rawServer(answering(() => reply('hello')));
    const got = await ask(server.url);
    const slow = rawServer();
    const sent = ask(slow.url);
    const peer = await slow.accept();
    peer.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab');
    const part = await sent;
    await part.body?.getReader().read();
    peer.write('cd');
    expect(Buffer.from(await part.bytes()).toString()).toBe('cd');
    expect(Buffer.from(await got.bytes()).toString()).toBe('hello');
  });

  test('what is here already is there without a wait', async () => {
    const server = rawServer(answering(() => reply('hello')));
    const got = await ask(server.url);
    expect(got.whole?.toString()).toBe('hello');
    const empty = rawServer(answering(() => 'HTTP/1.1 204 No Content\r\n\r\n'));
    const nothing = await ask(empty.url);
    expect([nothing.status, nothing.body, nothing.whole?.length]).toEqual([204, null, 0]);
    expect((await nothing.bytes()).length).toBe(0);
  });

  test('a large body, whenever it is asked for', async () => {
    const body = 'x'.repeat(3_000_000);
    const server = rawServer(answering(() => reply(body)));
    for (const ms of [0, 20]) {
      const got = await ask(server.url);
      await Bun.sleep(ms);
      expect((await got.bytes()).length).toBe(body.length);
    }
  });

  test('no reply that changes the protocol', async () => {
    const server = rawServer(
      answering(() => 'HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\n\r\n'),
    );
    expect(await codeOf(ask(server.url))).toBe('MALFORMED_HTTP_REPLY');
    await server.peers[0]?.closed;
  });

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
    ['no end of the head', `HTTP/1.1 200 OK\r\na: ${'b'.repeat(70_000)}`],
    ['two lengths', 'HTTP/1.1 200 OK\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\nab'],
    ['a coding that is unknown', 'HTTP/1.1 200 OK\r\ntransfer-encoding: x\r\n\r\nab'],
  ])('nothing that is malformed (%s), and the connection is closed', async (_, bytes) => {
    const server = rawServer(answering(() => bytes));
    expect(await codeOf(ask(server.url))).toBe('MALFORMED_HTTP_REPLY');
    await server.peers[0]?.closed;
  });

  test('a chunk that is malformed breaks the body behind what came before it', async () => {
    const server = rawServer(answering(() => `${CHUNKED}2\r\nhi\r\nx`));
    const whole = await ask(server.url);
    expect(await codeOf(whole.bytes())).toBe('MALFORMED_HTTP_REPLY');
    expect(whole.whole).toBeUndefined();
    const split = rawServer();
    const sent = ask(split.url);
    const peer = await split.accept();
    peer.write(`${CHUNKED}2\r\nhi\r\n`);
    const reader = (await sent).body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('hi');
    peer.write('x');
    expect(await codeOf(Promise.resolve(reader?.read()))).toBe('MALFORMED_HTTP_REPLY');
    await peer.closed;
  });
});

describe('a connection that cannot be made', () => {
  test('is refused', async () => {
    const server = rawServer();
    server.stop();
    expect(await codeOf(ask(server.url))).toBe('ECONNREFUSED');
  });

  test('has no host', async () => {
    expect(await codeOf(ask('http://no-such-host.invalid/'))).toBe('ENOTFOUND');
  });
});

describe('a connection that breaks', () => {
  const PARTS: readonly (readonly [string, string])[] = [
    ['before the reply', ''],
    ['in the head', 'HTTP/1.1 200 OK\r\n'],
    ['in a body with a length', 'HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell'],
    ['in a chunk', `${CHUNKED}5\r\nhell`],
    ['behind a chunk', `${CHUNKED}5\r\nhello\r\n`],
    ['before the end of the last chunk', `${CHUNKED}5\r\nhello\r\n0\r\n`],
  ];

  test.each(PARTS)('by its end: %s', async (_, bytes) => {
    const server = rawServer(async (peer) => {
      await peer.request();
      peer.write(bytes).end();
    });
    expect(await codeOf(answerOf(ask(server.url)))).toBe('ECONNRESET');
    expect(await codeOf(ask(server.url).then(piecesOf))).toBe('ECONNRESET');
    expect(server.peers.length).toBe(2);
  });

  test.each([...PARTS, ['in a body until its end', `${UNTIL_CLOSE}hell`] as const])(
    'by a reset: %s',
    async (_, bytes) => {
      const server = rawServer(async (peer) => {
        await peer.request();
        await peer.writePieces([bytes]);
        peer.reset();
      });
      expect(await codeOf(answerOf(ask(server.url)))).toBe('ECONNRESET');
      expect(await codeOf(ask(server.url).then(piecesOf))).toBe('ECONNRESET');
    },
  );

  test('gives first what came before', async () => {
    const server = rawServer(async (peer) => {
      await peer.request();
      peer.write('HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhell').end();
    });
    const { body } = await ask(server.url);
    await server.peers[0]?.closed;
    const reader = body?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('hell');
    expect(await codeOf(Promise.resolve(reader?.read()))).toBe('ECONNRESET');
    expect(await codeOf(Promise.resolve(reader?.read()))).toBe('ECONNRESET');
  });
});

describe('an answer before the whole request was read', () => {
  const body = Buffer.alloc(20_000_000, 'x');

  test('is the answer, and the connection is not used again', async () => {
    const server = rawServer();
    const client = new HttpClient();
    const sent = ask(server.url, { client, body });
    const peer = await server.accept();
    peer.pause();
    peer.write(reply('too large'));
    expect(await answerOf(sent)).toEqual([200, 'too large']);
    peer.resume();
    await peer.closed;
    const next = answerOf(ask(server.url, { client }));
    const other = await server.accept();
    other.write(reply('ok'));
    expect(await next).toEqual([200, 'ok']);
  });

  test('may end after more of the request was read', async () => {
    const server = rawServer();
    const sent = ask(server.url, { body });
    const peer = await server.accept();
    peer.write(`${CHUNKED}3\r\nnow\r\n`);
    const { body: stream } = await sent;
    const reader = stream?.getReader();
    expect(Buffer.from((await reader?.read())?.value ?? []).toString()).toBe('now');
    expect((await peer.request()).body.length).toBe(body.length);
    peer.write('0\r\n\r\n');
    expect(await reader?.read()).toEqual({ done: true });
  });
});

describe('many at once', () => {
  test('300 requests are served, each with its own answer', async () => {
    const server = rawServer(answering(({ body }) => reply(`for ${body}`)));
    const client = new HttpClient();
    const bodies = Array.from({ length: 300 }, (_, index) => `request ${index}`);
    const answers = await Promise.all(
      bodies.map((body) => answerOf(ask(server.url, { client, body }))),
    );
    expect(answers).toEqual(bodies.map((body) => [200, `for ${body}`]));
  });
});

const hasIpv6 = (() => {
  try {
    Bun.listen({ hostname: '::1', port: 0, socket: { data: () => undefined } }).stop(true);
    return true;
  } catch {
    return false;
  }
})();

describe.skipIf(!hasIpv6)('IPv6', () => {
  test('an address in brackets, in the host too', async () => {
    const heads: string[] = [];
    const server = rawServer(
      answering(({ head }) => {
        heads.push(head);
        return reply('ok');
      }),
      '::1',
    );
    expect(await answerOf(ask(server.url))).toEqual([200, 'ok']);
    expect(heads[0]).toContain(`\r\nhost: [::1]:${server.port}\r\n`);
  });

  test.each(['127.0.0.1', '::1'])('localhost is found at %s', async (hostname) => {
    const server = rawServer(
      answering(() => reply('ok')),
      hostname,
    );
    expect(await answerOf(ask(`http://localhost:${server.port}/`))).toEqual([200, 'ok']);
  });
});
