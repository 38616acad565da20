import { expect, test } from 'bun:test';
import { decodeFinish, encodeFinish } from '../../../src/formats/messages/finish.ts';

test('every documented stop reason survives both ways', () => {
  for (const reason of [
    'end_turn',
    'max_tokens',
    'stop_sequence',
    'pause_turn',
    'refusal',
    'model_context_window_exceeded',
  ]) {
    expect(String(encodeFinish(decodeFinish(reason, false), false))).toBe(reason);
  }
  expect(encodeFinish(decodeFinish('tool_use', true), true)).toBe('tool_use');
});

test('a call in the answer decides over a plain stop, not over a cut', () => {
  expect(decodeFinish('end_turn', true)).toBe('tool_calls');
  expect(encodeFinish('stop', true)).toBe('tool_use');
  expect(encodeFinish('length', true)).toBe('max_tokens');
  expect(encodeFinish('tool_calls', false)).toBe('end_turn');
});

test('a content filter is a refusal, an unknown reason a plain stop', () => {
  expect(encodeFinish('content_filter', false)).toBe('refusal');
  expect(decodeFinish('something_new', false)).toBe('stop');
  expect(decodeFinish(null, false)).toBe('stop');
});
