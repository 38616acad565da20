import { describe, expect, test } from 'bun:test';
import { ChunkedBody } from '../../src/http/chunks.ts';
import { MalformedReply } from '../../src/http/reply-head.ts';
import { randomFrom } from '../transform/random.ts';

/** What a body in pieces says, and what stands behind its end in the last piece that was looked at. */
function decode(pieces: readonly string[]): { data: string; isOver: boolean; behind: string } {
  const body = new ChunkedBody();
  let data = '';
  for (const piece of pieces) {
    const bytes = Buffer.from(piece, 'latin1');
    const pushed = body.push(bytes);
    data += pushed.data.toString('latin1');
    if (body.isOver) return { data, isOver: true, behind: bytes.toString('latin1', pushed.end) };
    if (pushed.end !== bytes.length) throw new Error('a part of a piece was not looked at');
  }
  return { data, isOver: false, behind: '' };
}

/** The same, read as the grammar reads, from the whole text at once. */
function reference(text: string): { data: string; behind: string } | undefined {
  let data = '';
  for (let rest = text; ; ) {
    const size = /^([0-9a-fA-F]+)[ \t]*(?:;[^\n]*)?\r?\n/.exec(rest);
    if (size === null) return undefined;
    const length = Number.parseInt(size[1] ?? '', 16);
    rest = rest.slice(size[0].length);
    if (length === 0) {
      const trailer = /^(?:[^\r\n]+\r?\n)*\r?\n/.exec(rest);
      return trailer === null ? undefined : { data, behind: rest.slice(trailer[0].length) };
    }
    data += rest.slice(0, length);
    const end = /^\r?\n/.exec(rest.slice(length));
    if (end === null) return undefined;
    rest = rest.slice(length + end[0].length);
  }
}

const ODD = '3;a="b\r;c"\r\n\r\nx\r\nB ;q\na\r\nb\n0\r\n\r\nz\n2\nhi\n0;last\r\nA: b\nC: d\r\n\r\n';

describe('a body in chunks', () => {
  test.each([
    ['nothing', '0\r\n\r\n', ''],
    ['one chunk', '5\r\nhello\r\n0\r\n\r\n', 'hello'],
    ['several', '1\r\na\r\n2\r\nbc\r\n0\r\n\r\n', 'abc'],
    [
      'hexadecimal sizes in both cases',
      `1a\r\n${'x'.repeat(26)}\r\n1A\r\n${'y'.repeat(26)}\r\n0\r\n\r\n`,
      'x'.repeat(26) + 'y'.repeat(26),
    ],
    ['sizes with zeros in front', '0005\r\nhello\r\n000\r\n\r\n', 'hello'],
    ['sizes with white space behind', '5  \r\nhello\r\n0\t\r\n\r\n', 'hello'],
    ['extensions', '5;a=b;c\r\nhello\r\n0;d\r\n\r\n', 'hello'],
    ['trailer fields', '1\r\na\r\n0\r\nA: b\r\nC: 5\r\n\r\n', 'a'],
    ['lines that end in LF', '1\na\n0\nA: b\n\n', 'a'],
    ['data that looks like chunks', '5\r\n0\r\n\r\n\r\n0\r\n\r\n', '0\r\n\r\n'],
  ])('%s', (_, text, data) => {
    expect(decode([text])).toEqual({ data, isOver: true, behind: '' });
    expect(reference(text)).toEqual({ data, behind: '' });
  });

  test('cut into any two or three pieces says the same', () => {
    const whole = decode([ODD]);
    expect(whole).toEqual({ data: '\r\nxa\r\nb\n0\r\n\r\nzhi', isOver: true, behind: '' });
    expect(reference(ODD)?.data).toBe(whole.data);
    for (let i = 0; i <= ODD.length; i += 1) {
      for (let j = i; j <= ODD.length; j += 1) {
        expect(decode([ODD.slice(0, i), ODD.slice(i, j), ODD.slice(j)])).toEqual(whole);
      }
    }
  });

  test('cut in every way at all says the same', () => {
    const text = '2;e\r\nhi\n0\nT: a\r\n\n';
    for (let cuts = 0; cuts < 1 << (text.length - 1); cuts += 1) {
      const pieces: string[] = [];
      let from = 0;
      for (let at = 1; at < text.length; at += 1) {
        if ((cuts >> (at - 1)) & 1) {
          pieces.push(text.slice(from, at));
          from = at;
        }
      }
      pieces.push(text.slice(from));
      const { data, isOver } = decode(pieces);
      if (data !== 'hi' || !isOver) throw new Error(`${JSON.stringify(pieces)} is not "hi"`);
    }
  });

  test('takes nothing of what stands behind it', () => {
    const text = '2\r\nhi\r\n0\r\n\r\n';
    const behind = 'HTTP/1.1 200 OK\r\n\r\n';
    expect(decode([text + behind])).toEqual({ data: 'hi', isOver: true, behind });
    for (let i = 0; i < text.length; i += 1) {
      expect(decode([text.slice(0, i), text.slice(i) + behind]).behind).toBe(behind);
    }
    const body = new ChunkedBody();
    body.push(Buffer.from(text));
    expect(body.push(Buffer.from(behind))).toEqual({ data: Buffer.alloc(0), end: 0 });
  });

  test('is not over before its last line feed', () => {
    const text = '2\r\nhi\r\n0\r\nA: b\r\n\r\n';
    for (let i = 0; i < text.length; i += 1) expect(decode([text.slice(0, i)]).isOver).toBe(false);
  });

  test('as a reader that knows only the grammar says it', () => {
    const random = randomFrom(7);
    const line = (): string => random.pick(['\r\n', '\r\n', '\n']);
    for (let round = 0; round < 300; round += 1) {
      let text = '';
      for (let chunks = random.below(5); chunks > 0; chunks -= 1) {
        const data = random.pick(['\r\n', '0\r\n\r\n', 'a', 'x'.repeat(random.below(40) + 1)]);
        const size = data.length.toString(16).padStart(random.below(4), '0');
        text +=
          (random.below(2) > 0 ? size : size.toUpperCase()) + random.pick(['', '', ' ', ';a=b']);
        text += line() + data + line();
      }
      text += `0${line()}${random.pick(['', '', `A: b${line()}`])}${line()}`;
      text += random.pick(['', 'HTTP/1.1', '\r\n']);
      const expected = reference(text);
      expect(expected).toBeDefined();
      const end = text.length - (expected?.behind.length ?? 0);
      const pieces = random.pieces(text.slice(0, end));
      const last = pieces.pop() ?? '';
      const said = decode([...pieces, last + text.slice(end)]);
      expect(said).toEqual({
        data: expected?.data ?? '',
        isOver: true,
        behind: expected?.behind ?? '',
      });
    }
  });
});

describe('what is no body in chunks', () => {
  test.each([
    ['no size', '\r\nhello\r\n'],
    ['a size that is no number', 'x\r\nhello\r\n'],
    ['a negative size', '-5\r\nhello\r\n'],
    ['a size with its base', '0x5\r\nhello\r\n0\r\n\r\n'],
    ['a size with something other than an extension behind it', '5hello\r\nhello\r\n0\r\n\r\n'],
    ['a size with a fraction', '5.0\r\nhello\r\n0\r\n\r\n'],
    ['a size with a sign', '+5\r\nhello\r\n0\r\n\r\n'],
    ['white space before a size', ' 5\r\nhello\r\n0\r\n\r\n'],
    ['more data than it says', '2\r\nhello\r\n0\r\n\r\n'],
    ['less data than it says', '9\r\nhello\r\n0\r\n\r\n'],
    ['a size that no number holds', 'fffffffffffff\r\n'],
    ['a size without an end', '0'.repeat(100)],
    ['an extension without an end', `5;${'a'.repeat(70_000)}`],
    ['a trailer without an end', `0\r\n${'A: b\r\n'.repeat(20_000)}`],
  ])('%s', (_, text) => {
    expect(() => decode([text])).toThrow(MalformedReply);
    expect(() => decode([...text])).toThrow(MalformedReply);
  });

  test('anything at all is data, or malformed, and no piece is read behind its end', () => {
    const random = randomFrom(11);
    const parts = ['0', '1', '5', 'A', '\r', '\n', '\r\n', ';', ' ', 'x', 'hello', ':', '\0', 'ÿ'];
    for (let round = 0; round < 2000; round += 1) {
      const text = Array.from({ length: random.below(12) }, () => random.pick(parts)).join('');
      const said = [[text], [...text], random.pieces(text)].map((pieces) => {
        try {
          const { data, isOver } = decode(pieces);
          return { data, isOver };
        } catch (cause) {
          expect(cause).toBeInstanceOf(MalformedReply);
          return undefined;
        }
      });
      const [first] = said;
      expect(said).toEqual([first, first, first]);
      expect(first?.data.length ?? 0).toBeLessThanOrEqual(text.length);
    }
  });

  test('extensions of many chunks are no matter, as each has its own', () => {
    const chunk = `1;${'a'.repeat(60_000)}\r\nx\r\n`;
    expect(decode([chunk, chunk, chunk, '0\r\n\r\n']).data).toBe('xxx');
  });
});
