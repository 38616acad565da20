import { expect, test } from 'bun:test';
import { readCallId, wireCallId } from '../../../src/formats/messages/call-id.ts';

test.each(['functions.look:3', 'call/1 2', 'ä 東京', 'a_b.c-d', 'plexus_x', '_'])(
  'an id with other letters is spelled with legal ones, and read back: %s',
  (id) => {
    const wire = wireCallId(id) ?? '';
    expect(wire).toMatch(/^[a-zA-Z0-9_-]{1,256}$/);
    expect(readCallId(wire)).toBe(id);
  },
);

test.each(['toolu_01A', 'call_7', 'chatcmpl-tool-9'])('a legal id stays as it is: %s', (id) => {
  expect(wireCallId(id)).toBe(id);
  expect(readCallId(id)).toBe(id);
});

test('an id that no spelling fits has none; what is not ours is not read', () => {
  expect(wireCallId('')).toBeUndefined();
  expect(wireCallId('.'.repeat(200))).toBeUndefined();
  expect(readCallId('plexus_zz_')).toBe('plexus_zz_');
  expect(readCallId('plexus_abc')).toBe('plexus_abc');
});
