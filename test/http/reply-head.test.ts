import { describe, expect, test } from 'bun:test';
import {
  endOfHead,
  MAX_HEAD_BYTES,
  MalformedReply,
  parseHead,
  type ReplyHead,
} from '../../src/http/reply-head.ts';

/** The head of a reply with these lines behind its status line. */
function head(...lines: readonly string[]): ReplyHead {
  return parseHead(['HTTP/1.1 200 OK', ...lines].join('\r\n'));
}

function fields(...lines: readonly string[]): Record<string, string> {
  return { ...head(...lines).headers.toJSON() };
}

const MINUTE = 60_000;

describe('the status line', () => {
  test.each([
    ['HTTP/1.1 200 OK', 200],
    ['HTTP/1.1 429 Too Many Requests', 429],
    ['HTTP/1.1 200 ', 200],
    ['HTTP/1.1 200', 200],
    ['HTTP/1.1 599 caf\xe9 \t:;', 599],
    ['HTTP/1.0 404 Not Found', 404],
    ['HTTP/1.1 100 Continue', 100],
    ['HTTP/1.1 200 OK\r', 200],
  ])('%j', (line, status) => {
    expect(parseHead(line).status).toBe(status);
  });

  test.each([
    '',
    ' HTTP/1.1 200 OK',
    'http/1.1 200 OK',
    'HTTP/1.1  200 OK',
    'HTTP/1.1\t200 OK',
    'HTTP/1.1 200OK',
    'HTTP/1.1 20 OK',
    'HTTP/1.1 2000 OK',
    'HTTP/1.1 099 OK',
    'HTTP/1.1 -20 OK',
    'HTTP/1.1 2x0 OK',
    'HTTP/1.2 200 OK',
    'HTTP/2 200',
    'HTTP/2.0 200 OK',
    'HTTP/11 200 OK',
    'ICY 200 OK',
    'content-length: 5',
    '\0HTTP/1.1 200 OK',
    '<html>',
    '{"error":"x"}',
  ])('%j is none', (line) => {
    expect(() => parseHead(line)).toThrow(MalformedReply);
  });

  test('a server that speaks TLS is told apart by a code', () => {
    expect(() => parseHead('\x15\x03\x01\x00\x02\x02F')).toThrow(
      expect.objectContaining({ code: 'MALFORMED_HTTP_REPLY' }),
    );
  });
});

describe('header fields', () => {
  test('names are in lower case, values without white space around them', () => {
    expect(
      fields('Content-Type: text/plain', 'X-A:b', 'x-b: \t c d \t', 'x-c:', 'x-d:   '),
    ).toEqual({
      'content-type': 'text/plain',
      'x-a': 'b',
      'x-b': 'c d',
      'x-c': '',
      'x-d': '',
    });
  });

  test('a value may hold colons, and bytes above 127 as they came', () => {
    expect(fields('location: http://a:1/', 'x-a: caf\xe9')).toEqual({
      location: 'http://a:1/',
      'x-a': 'caf\xe9',
    });
  });

  test('several of one name are a list, in their order', () => {
    expect(fields('x-a: 1', 'x-b: 2', 'X-A: 3', 'x-a:')).toEqual({ 'x-a': '1, 3, ', 'x-b': '2' });
  });

  test('a value on several lines is one', () => {
    expect(fields('x-a: 1', '\t2', '   3', 'x-b: 4', ' ', 'x-c: 5')).toEqual({
      'x-a': '1 2 3',
      'x-b': '4 ',
      'x-c': '5',
    });
  });

  test('lines may end in LF', () => {
    const { status, headers } = parseHead('HTTP/1.0 200 OK\nx-a: b\nx-c: d\r\nx-e: f\n g');
    expect(status).toBe(200);
    expect({ ...headers.toJSON() }).toEqual({ 'x-a': 'b', 'x-c': 'd', 'x-e': 'f g' });
  });

  test('names that objects know are names like any other', () => {
    const names = ['__proto__', 'constructor', 'toString', 'hasOwnProperty', 'valueOf'];
    const none = head().headers;
    const { headers } = head(...names.map((name) => `${name}: of the provider`));
    for (const name of names.map((cased) => cased.toLowerCase())) {
      expect(none.get(name)).toBeNull();
      expect(headers.get(name)).toBe('of the provider');
      expect(headers.without('x-a').get(name)).toBe('of the provider');
      expect(headers.without(name).get(name)).toBeNull();
    }
    expect(Object.keys(headers.toJSON())).toEqual(names.map((name) => name.toLowerCase()));
    expect(Object.hasOwn(Object.prototype, 'of the provider')).toBe(false);
    expect(head('__proto__: x', '__proto__: y').headers.get('__proto__')).toBe('x, y');
  });

  test('one that is not there is null, one that is empty is not', () => {
    const { headers } = head('x-a:');
    expect([headers.get('x-a'), headers.get('x-b')]).toEqual(['', null]);
  });

  test.each([
    ['no colon', ['x-a']],
    ['no colon, with one in the next line', ['x-a', 'x-b: c']],
    ['no name', [': b']],
    ['a space before the colon', ['content-length : 5']],
    ['a tab before the colon', ['content-length\t: 5']],
    ['a first line that goes on from another', [' x-a: b']],
    ['a space within a name', ['x a: b']],
    ['brackets within a name', ['x(a): b']],
    ['a name that is not ASCII', ['x-\xe9: b']],
    ['a control character within a name', ['x-\x01: b']],
    ['a zero within a value', ['x-a: b\0c']],
    ['a line break that is none within a value', ['x-a: b\rx-c: d']],
    ['a line break that is none before the end of a line', ['x-a: b\r']],
    ['a control character within a value', ['x-a: b\x1bc']],
    ['a deleted character within a value', ['x-a: b\x7fc']],
    ['a line break that is none within a name', ['x-a\r: b']],
    ['a zero in a line that goes on', ['x-a: b', ' c\0']],
  ])('%s: malformed', (_, lines) => {
    expect(() => head(...lines, 'x-last: z')).toThrow(MalformedReply);
  });
});

describe('how the end of a body is told', () => {
  const framing = (...lines: readonly string[]) => head(...lines).framing;

  test('by a length', () => {
    expect(framing('content-length: 5')).toBe(5);
    expect(framing('content-length: 0')).toBe(0);
    expect(framing('Content-Length:  007 ')).toBe(7);
    expect(framing('content-length: 999999999999999')).toBe(999_999_999_999_999);
  });

  test('by the same length several times', () => {
    expect(framing('content-length: 5', 'content-length: 5')).toBe(5);
    expect(framing('content-length: 5, 5,5')).toBe(5);
  });

  test.each([
    '-5',
    '+5',
    '5.0',
    '5e3',
    '0x5',
    '5 5',
    '5;',
    '5,',
    ',5',
    '5, 6',
    '5, 05',
    '',
    'five',
    'NaN',
    'Infinity',
    '9'.repeat(16),
    '9'.repeat(400),
    '\xb2',
  ])('no length: %j', (length) => {
    expect(() => framing(`content-length: ${length}`)).toThrow(MalformedReply);
  });

  test('different lengths are malformed', () => {
    expect(() => framing('content-length: 5', 'content-length: 6')).toThrow(MalformedReply);
  });

  test('by chunks, whatever a length says', () => {
    expect(framing('transfer-encoding: chunked')).toBe('chunked');
    expect(framing('Transfer-Encoding:  Chunked ')).toBe('chunked');
    expect(framing('content-length: 5', 'transfer-encoding: chunked')).toBe('chunked');
    expect(framing('transfer-encoding: chunked', 'content-length: five')).toBe('chunked');
  });

  test.each(['gzip', 'gzip, chunked', 'chunked, gzip', 'chunked, chunked', 'xchunked', ''])(
    'no transfer encoding that can be undone: %j',
    (coding) => {
      expect(() => framing(`transfer-encoding: ${coding}`)).toThrow(MalformedReply);
      expect(() => framing(`transfer-encoding: ${coding}`, 'content-length: 5')).toThrow(
        MalformedReply,
      );
    },
  );

  test('an encoding that is none says nothing', () => {
    expect(framing('transfer-encoding: identity')).toBe('close');
    expect(framing('transfer-encoding: Identity', 'content-length: 5')).toBe(5);
  });

  test('by the end of the connection', () => {
    expect(framing()).toBe('close');
    expect(framing('connection: keep-alive')).toBe('close');
    expect(parseHead('HTTP/1.0 200 OK').framing).toBe('close');
  });

  test.each([100, 102, 103, 204, 304])('a reply %d has no body, whatever it says', (status) => {
    const line = `HTTP/1.1 ${status} x`;
    expect(parseHead(line).framing).toBe(0);
    expect(parseHead(`${line}\r\ncontent-length: 5`).framing).toBe(0);
    expect(parseHead(`${line}\r\ntransfer-encoding: chunked`).framing).toBe(0);
  });

  test.each([200, 201, 205, 301, 400, 500])('a reply %d has one', (status) => {
    expect(parseHead(`HTTP/1.1 ${status} x`).framing).toBe('close');
    expect(parseHead(`HTTP/1.1 ${status} x\r\ncontent-length: 5`).framing).toBe(5);
  });
});

describe('how long a connection may wait for another request', () => {
  const idleMs = (...lines: readonly string[]) => head('content-length: 5', ...lines).idleMs;

  test('a minute, unless something is said', () => {
    expect(idleMs()).toBe(MINUTE);
    expect(idleMs('connection: keep-alive')).toBe(MINUTE);
    expect(idleMs('connection: x-other')).toBe(MINUTE);
    expect(head('transfer-encoding: chunked').idleMs).toBe(MINUTE);
    expect(parseHead('HTTP/1.1 204 No Content').idleMs).toBe(MINUTE);
  });

  test('not at all when it is closed, or its end is that of the body', () => {
    expect(idleMs('connection: close')).toBe(0);
    expect(idleMs('Connection: Keep-Alive, Close')).toBe(0);
    expect(idleMs('connection: keep-alive', 'connection: close')).toBe(0);
    expect(head().idleMs).toBe(0);
    expect(head('connection: keep-alive').idleMs).toBe(0);
  });

  test('not at all when a length and chunks contradict each other', () => {
    expect(idleMs('transfer-encoding: chunked')).toBe(0);
  });

  test('HTTP/1.0 closes, unless it says that it does not', () => {
    const old = 'HTTP/1.0 200 OK\r\ncontent-length: 5';
    expect(parseHead(old).idleMs).toBe(0);
    expect(parseHead(`${old}\r\nconnection: Keep-Alive`).idleMs).toBe(MINUTE);
    expect(parseHead(`${old}\r\nconnection: close`).idleMs).toBe(0);
  });

  test.each([
    ['timeout=5', 4000],
    ['timeout=5, max=100', 4000],
    ['max=100, Timeout=5', 4000],
    ['timeout=1', 0],
    ['timeout=0', 0],
    ['timeout=3600', MINUTE],
    [`timeout=${'9'.repeat(400)}`, MINUTE],
    ['timeout=-5', MINUTE],
    ['timeout=soon', MINUTE],
    ['max=100', MINUTE],
    ['', MINUTE],
  ])('a second less than `keep-alive: %s` says', (hint, ms) => {
    expect(idleMs(`keep-alive: ${hint}`)).toBe(ms);
  });
});

describe('where a head ends', () => {
  const after = (text: string): { end: number; body: number } | undefined =>
    endOfHead(Buffer.from(text, 'latin1'));
  /** The head, and what stands behind it. */
  function parts(text: string): { status: number; fields: object; behind: string } | undefined {
    const found = after(text);
    if (found === undefined) return undefined;
    const { status, headers } = parseHead(text.slice(0, found.end));
    return { status, fields: { ...headers.toJSON() }, behind: text.slice(found.body) };
  }

  test.each([
    ['CRLF', 'HTTP/1.1 200 OK\r\na: b\r\n\r\n'],
    ['LF', 'HTTP/1.1 200 OK\na: b\n\n'],
    ['LF and then CRLF', 'HTTP/1.1 200 OK\na: b\n\r\n'],
    ['CRLF and then LF', 'HTTP/1.1 200 OK\r\na: b\r\n\n'],
  ])('behind the first empty line (%s), whatever the body holds', (_, text) => {
    for (const behind of [
      '',
      'x',
      '\n',
      '\n\n',
      '\r\n\r\n',
      'a: b\r\n\r\nc: d\n\n',
      '\r\n',
      '\n\r\n',
    ]) {
      expect(parts(text + behind)).toEqual({ status: 200, fields: { a: 'b' }, behind });
    }
    for (let i = 0; i < text.length; i += 1) expect(after(text.slice(0, i))).toBeUndefined();
  });

  test('behind a status line alone', () => {
    for (const text of ['HTTP/1.1 204 x\r\n\r\n', 'HTTP/1.1 204 x\n\n', 'HTTP/1.1 204 x\n\r\n']) {
      expect(parts(`${text}y`)).toEqual({ status: 204, fields: {}, behind: 'y' });
    }
  });

  test('no head is longer than 64 KB, however it was cut', () => {
    const long = `HTTP/1.1 200 OK\r\na: ${'b'.repeat(MAX_HEAD_BYTES)}`;
    expect(() => after(long)).toThrow(MalformedReply);
    expect(() => after(`${long}\r\n\r\n`)).toThrow(MalformedReply);
    const short = long.slice(0, MAX_HEAD_BYTES - 10);
    expect(after(short)).toBeUndefined();
    expect(parts(`${short}\r\n\r\n${'c'.repeat(MAX_HEAD_BYTES)}`)?.status).toBe(200);
  });
});
