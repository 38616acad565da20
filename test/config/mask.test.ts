import { expect, test } from 'bun:test';
import { maskedExcerpt, maskRandom } from '../../src/config/mask.ts';

const shown = (text: string, line = 1) => maskedExcerpt(text, { line, column: 1 }).text;

test.each([
  ['"apiKey": "hunter2hunter2" "x"', 'hunter2'],
  ['{ "secret": \'pässwörd!\'', 'pässwörd'],
  ['Authorization: Bearer abcdefgh', 'abcdefgh'],
  ['"x": "sk-ant-api03-abcdef"', 'sk-ant'],
  ['"x": "AIzaSyA1234567890"', 'AIza'],
  ['"x": "q8Jd02kfLsj29fKsl20fjsK"', 'q8Jd02'],
  ['"baseUrl": "https://user:pass@host/v1"', 'pass'],
  ['"baseUrl": "https://host/v1?key=abcdef"', 'abcdef'],
  [`"x": "\${NAME:-sk-default}"`, 'sk-default'],
])('%p does not show %p', (line, secret) => {
  expect(shown(line)).not.toContain(secret);
  expect(shown(line)).toContain('…');
});

test('a value on the line after its key is masked as well', () => {
  expect(shown('"apiKey":\n  "hunter2"\n', 2)).toBe('  "…………………"');
  expect(shown('apiKey: >-\n  hunter2\n', 2)).toBe('  …………………');
  expect(shown('apiKey = """\nhunter2"""\n', 2)).toBe('…………………"""');
});

test('what is no secret stays readable', () => {
  for (const line of [
    '"type": "chat" "models": []',
    '"model": "claude-sonnet-4-5",',
    `"x": "\${NAME}"`,
  ]) {
    expect(shown(line)).toBe(line);
  }
  expect(shown(`"apiKey": "\${OPENAI_API_KEY}"`)).toBe(`"apiKey": "\${OPENAI_API_KEY}"`);
});

test('a long line is cut around the fault and the column still points at it', () => {
  const text = `${'[1],'.repeat(200)}X${'[1],'.repeat(200)}`;
  const excerpt = maskedExcerpt(text, { line: 1, column: 801 });
  expect(excerpt.text.length).toBe(120);
  expect(excerpt.text[excerpt.column - 1]).toBe('X');
});

test('messages of others keep their words and lose their secrets', () => {
  expect(maskRandom("Cannot redefine key 'apiKey'")).toBe("Cannot redefine key 'apiKey'");
  expect(maskRandom('unexpected sk-abcdefghijk')).toBe('unexpected …');
});
