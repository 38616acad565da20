import { expect, test } from 'bun:test';
import { decodeFinish, encodeFinish } from '../../../src/formats/chat/finish.ts';
import type { Finish } from '../../../src/unified.ts';

const nothing = { calls: false, refusal: false };
const calls = { calls: true, refusal: false };
const refusal = { calls: false, refusal: true };

test.each([
  ['stop', 'stop'],
  ['eos', 'stop'],
  ['end_turn', 'stop'],
  ['length', 'length'],
  ['max_tokens', 'length'],
  ['model_length', 'length'],
  ['content_filter', 'content_filter'],
  ['something new', 'stop'],
  [undefined, 'stop'],
  // A word that promises calls, of an answer without any.
  ['tool_calls', 'stop'],
] as [unknown, Finish][])('%s without calls is %s', (word, finish) => {
  expect(decodeFinish(word, nothing)).toBe(finish);
});

test('a call decides, unless the answer was cut', () => {
  expect(decodeFinish('stop', calls)).toBe('tool_calls');
  expect(decodeFinish(undefined, calls)).toBe('tool_calls');
  expect(decodeFinish('length', calls)).toBe('length');
});

test('a refusal that ends with "stop" is told by its field, in both directions', () => {
  expect(decodeFinish('stop', refusal)).toBe('refusal');
  expect(encodeFinish('refusal', refusal)).toBe('stop');
  expect(encodeFinish('refusal', nothing)).toBe('content_filter');
});

test.each([
  ['stop_sequence', 'stop'],
  ['pause_turn', 'stop'],
  ['context_window_exceeded', 'length'],
  ['tool_calls', 'stop'],
] as [Finish, string][])('%s without calls is written %s', (finish, word) => {
  const written: string = encodeFinish(finish, nothing);
  expect(written).toBe(word);
});

test('calls are written tool_calls, whatever the provider said', () => {
  expect(encodeFinish('stop', calls)).toBe('tool_calls');
  expect(encodeFinish('length', calls)).toBe('length');
});
