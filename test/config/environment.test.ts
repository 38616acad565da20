import { describe, expect, test } from 'bun:test';
import { expand } from '../../src/config/environment.ts';

const env = { KEY: 'secret', HOST: 'example.org', EMPTY: '', LINES: 'value\r\n' };
const ref = (inner: string) => `\${${inner}}`;

describe('expand', () => {
  test.each([
    ['plain $ text {x}', 'plain $ text {x}'],
    [ref('KEY'), 'secret'],
    [`https://${ref('HOST')}/${ref('KEY')}`, 'https://example.org/secret'],
    [ref('NONE:-there'), 'there'],
    [ref('NONE:-'), ''],
    [ref('NONE:-http://a:1/b-c'), 'http://a:1/b-c'],
    [ref('KEY:-there'), 'secret'],
    [ref('EMPTY:-there'), 'there'],
    [ref('LINES'), 'value'],
    [`$${ref('KEY')}`, ref('KEY')],
    [`a $${ref('KEY')} b ${ref('KEY')}`, `a ${ref('KEY')} b secret`],
  ])('%p becomes %p', (text, result) => {
    expect(expand(text, env)).toEqual({ text: result, missing: [], malformed: undefined });
  });

  test('names every variable that is missing, one set to nothing too', () => {
    const { missing } = expand(`${ref('A')} ${ref('KEY')} ${ref('EMPTY')}`, env);
    expect(missing).toEqual(['A', 'EMPTY']);
  });
  test('what it put in is not read again', () => {
    expect(expand(ref('X'), { X: ref('KEY'), KEY: 'secret' }).text).toBe(ref('KEY'));
  });
  test.each([[ref('')], [ref('1A')], [ref('A-B')], ['${A'], [ref('A.b')], [ref('A:default')]])(
    '%p is neither form',
    (text) => {
      expect(expand(text, { A: 'x' }).malformed).toBe(text);
    },
  );
});
