import { describe, expect, test } from 'bun:test';
import { type SseEvent, SseParser, sseFrame } from '../../src/stream/sse.ts';
import { runStage } from '../../src/stream/stage.ts';

function parse(...pieces: string[]): SseEvent[] {
  return runStage(new SseParser(), pieces);
}
const one = (data: string, event = ''): SseEvent[] => [{ event, data }];

describe('server-sent events', () => {
  test('an event is its data, and its name when it has one', () => {
    expect(parse('data: {"a":1}\n\n')).toEqual(one('{"a":1}'));
    expect(parse('event: ping\ndata: {}\n\n')).toEqual(one('{}', 'ping'));
  });

  test('the space behind the colon may be missing, further ones belong to the value', () => {
    expect(parse('data:x\n\n')).toEqual(one('x'));
    expect(parse('data:  x\n\n')).toEqual(one(' x'));
    expect(parse('data\n\n')).toEqual(one(''));
  });

  test('several data lines are one event, joined with a newline', () => {
    expect(parse('data: a\ndata: b\n\n')).toEqual(one('a\nb'));
  });

  test('comments, ids, retries and unknown fields are passed over', () => {
    expect(parse(': hello\nid: 3\nretry: 10\nfoo: bar\ndata: x\n\n')).toEqual(one('x'));
    expect(parse(': only a comment\n\n')).toEqual([]);
  });

  test('an event without data is none, and its name does not stick to the next', () => {
    expect(parse('event: a\n\ndata: x\n\n')).toEqual(one('x'));
  });

  test('a BOM at the start is not part of the first field', () => {
    expect(parse('\uFEFFdata: x\n\n')).toEqual(one('x'));
  });

  test('the last event counts without a blank line, and without a line end', () => {
    expect(parse('data: x\n')).toEqual(one('x'));
    expect(parse('data: x')).toEqual(one('x'));
  });

  const kinds: [string, string][] = [
    ['LF', '\n'],
    ['CRLF', '\r\n'],
    ['CR', '\r'],
  ];
  test.each(kinds)('%s line ends, cut at every place, give the same events', (_name, end) => {
    const text = [
      'event: a',
      'data: {"t":"é 東京 🗼"}',
      '',
      ': c',
      'data: 1',
      'data: 2',
      '',
      '',
    ].join(end);
    const whole = [
      { event: 'a', data: '{"t":"é 東京 🗼"}' },
      { event: '', data: '1\n2' },
    ];
    expect(parse(text)).toEqual(whole);
    for (let i = 0; i <= text.length; i += 1) {
      expect(parse(text.slice(0, i), text.slice(i))).toEqual(whole);
    }
    expect(parse(...text)).toEqual(whole);
  });

  test('what is written can be read', () => {
    expect(parse(sseFrame('{}', 'x') + sseFrame('[DONE]'))).toEqual([
      { event: 'x', data: '{}' },
      { event: '', data: '[DONE]' },
    ]);
  });
});
