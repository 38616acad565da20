import { describe, expect, test } from 'bun:test';
import { createEnvelope } from '../../src/transform/envelope.ts';
import { FORMAT_NAMES, type Opaque } from '../../src/unified.ts';
import { randomFrom } from './random.ts';

const envelope = createEnvelope('a secret');
const signature: Opaque = {
  value: 'EqQBCkYIBxgCKkBhYmNkZWZn+/8=',
  format: 'messages',
  provider: 'anthropic',
  model: 'claude-sonnet-4-5',
};

describe('seal and open', () => {
  test('give the token back with its issuer, for every format', () => {
    for (const format of FORMAT_NAMES) {
      const opaque = { ...signature, format };
      expect(envelope.open(envelope.seal(opaque))).toEqual({ opaque });
    }
  });

  test('keep an unknown issuer unknown', () => {
    const opaque: Opaque = { value: '', format: 'chat' };
    expect(envelope.open(envelope.seal(opaque))).toEqual({ opaque });
  });

  test('demand the text that the token was sealed with', () => {
    const sealed = envelope.seal(signature, 'Let me think.');
    expect(envelope.open(sealed, 'Let me think.')).toEqual({ opaque: signature });
    expect(envelope.open(sealed, 'Let me think!')).toBeUndefined();
    expect(envelope.open(sealed, '')).toBeUndefined();
    expect(envelope.open(sealed)).toBeUndefined();
  });

  test('do not mind the text when none was sealed', () => {
    expect(envelope.open(envelope.seal(signature), 'whatever')).toEqual({ opaque: signature });
  });

  test('carry the text where the carrier does not give it back', () => {
    const sealed = envelope.seal(signature, 'Grüße 👋', true);
    expect(envelope.open(sealed)).toEqual({ opaque: signature, text: 'Grüße 👋' });
    expect(envelope.open(sealed, 'a summary')).toEqual({ opaque: signature, text: 'Grüße 👋' });
  });

  test('tell a token from the text behind it', () => {
    const one = envelope.seal({ value: 'ab', format: 'chat' }, 'c');
    expect(envelope.open(one, 'bc')).toBeUndefined();
  });

  test('deflate a long text', () => {
    const text = 'The same thought again. '.repeat(400);
    const sealed = envelope.seal(signature, text, true);
    expect(sealed.length).toBeLessThan(text.length / 10);
    expect(envelope.open(sealed)?.text).toBe(text);
  });

  test('need the same secret', () => {
    const sealed = envelope.seal(signature);
    expect(createEnvelope('another secret').open(sealed)).toBeUndefined();
    const bytes = new Uint8Array(32).fill(7);
    expect(createEnvelope(bytes).open(createEnvelope(bytes).seal(signature))).toBeDefined();
  });
});

describe('a damaged envelope stays shut', () => {
  const sealed = envelope.seal(signature, 'thought', true);

  test('at whichever letter it was altered', () => {
    for (let at = 0; at < sealed.length; at += 1) {
      const other = sealed[at] === 'A' ? 'B' : 'A';
      expect(envelope.open(sealed.slice(0, at) + other + sealed.slice(at + 1))).toBeUndefined();
    }
  });

  test('wherever it was cut, and with anything behind it', () => {
    for (let at = 0; at < sealed.length; at += 1) {
      expect(envelope.open(sealed.slice(0, at))).toBeUndefined();
    }
    for (const more of ['A', 'Z', 'ZZZZ', 'AAAA', '=', ' ', '\n', '_']) {
      expect(envelope.open(sealed + more)).toBeUndefined();
    }
  });

  test('of a version to come, and is still known as ours', () => {
    const later = sealed.replace('plexusV1', 'plexusV2');
    expect(envelope.isSealed(later)).toBe(true);
    expect(envelope.open(later)).toBeUndefined();
  });
});

test('isSealed knows native tokens from ours', () => {
  expect(envelope.isSealed(envelope.seal(signature))).toBe(true);
  for (const native of ['', signature.value, 'gAAAAABoX9', 'skip_thought_signature_validator']) {
    expect(envelope.isSealed(native)).toBe(false);
    expect(envelope.open(native)).toBeUndefined();
  }
});

test('every sealed text is legal in an id and the same in all dialects of base64', () => {
  const random = randomFrom(1);
  for (let round = 0; round < 300; round += 1) {
    const value = random.text(random.below(200));
    const text = random.text(random.below(200));
    const opaque: Opaque = { value, format: random.pick(FORMAT_NAMES), provider: random.text(9) };
    const sealed = envelope.seal(opaque, text, round % 2 === 0);
    expect(sealed).toMatch(/^plexusV1[A-Za-z0-9]+$/);
    const decoded = Buffer.from(sealed, 'base64');
    expect(decoded.toString('base64')).toBe(sealed);
    expect(decoded.toString('base64url')).toBe(sealed);
    const opened = envelope.open(sealed, text);
    expect(opened?.opaque).toEqual(opaque);
    if (round % 2 === 0) expect(opened?.text).toBe(text);
  }
});

describe('attach and detach', () => {
  const thought: Opaque = { value: 'Cs8BAVSoXO4=', format: 'gemini', provider: 'gemini' };

  test('give id and token back', () => {
    for (const id of ['call_1', '', 'functions.read:0', 'a_plexusV1', 'plexusV1abc']) {
      const attached = envelope.attach(id, thought);
      expect(envelope.detach(attached)).toEqual({ id, opaque: thought });
    }
    expect(envelope.attach('call_1', thought)).toMatch(/^[a-zA-Z0-9_-]+$/);
  });

  test('leave an id without a token as it is', () => {
    for (const id of ['call_1', '', 'toolu_01A', 'plexusV1']) {
      expect(envelope.detach(id)).toEqual({ id });
    }
  });

  test('give the bare id when the token is forged or of another call', () => {
    const attached = envelope.attach('call_1', thought);
    expect(envelope.detach(attached.slice(0, -4))).toEqual({ id: 'call_1' });
    expect(envelope.detach(attached.replace('call_1', 'call_2'))).toEqual({ id: 'call_2' });
    expect(createEnvelope('other').detach(attached)).toEqual({ id: 'call_1' });
  });
});
