import { describe, expect, test } from 'bun:test';
import { createLog, type LogLevel, type LogOptions, mask } from '../src/log.ts';

const NOW = Date.UTC(2025, 0, 2, 3, 4, 5, 6);

function logOf(options: Partial<LogOptions> = {}) {
  const lines: string[] = [];
  const write = (text: string) => lines.push(text);
  const log = createLog({ level: 'debug', format: 'text', write, now: () => NOW, ...options });
  return { log, lines };
}
/** The line without its clock, which shows local time. */
const shown = (lines: string[]): string[] => lines.map((line) => line.slice('00:00:00 '.length));

describe('levels', () => {
  const cases: [LogLevel, string[]][] = [
    ['silent', []],
    ['error', ['e']],
    ['warn', ['e', 'w']],
    ['info', ['e', 'w', 'i']],
    ['debug', ['e', 'w', 'i', 'd']],
  ];
  for (const [level, expected] of cases) {
    test(`${level} writes ${expected.join(', ') || 'nothing'}`, () => {
      const { log, lines } = logOf({ level, format: 'json' });
      log.error('e');
      log.warn('w');
      log.info('i');
      log.debug('d');
      expect(lines.map((line) => JSON.parse(line).message)).toEqual(expected);
      expect(log.isOn('warn')).toBe(expected.includes('w'));
    });
  }

  test('fields of a message that is not written are never made', () => {
    const { log, lines } = logOf({ level: 'info' });
    let made = 0;
    const fields = () => {
      made += 1;
      return { made };
    };
    log.debug('d', fields);
    expect(made).toBe(0);
    log.info('i', fields);
    expect(shown(lines)).toEqual(['info  i made=1\n']);
  });
});

describe('text', () => {
  test('message, then fields; strings in quotes where they need them', () => {
    const { log, lines } = logOf();
    log.warn('cooling', { provider: 'acme', why: 'too many', ms: 5, no: undefined, list: ['a'] });
    expect(shown(lines)).toEqual(['warn  cooling provider=acme why="too many" ms=5 list=["a"]\n']);
  });

  test('an error is its message and its cause', () => {
    const { log, lines } = logOf();
    log.error('failed', { error: new Error('a', { cause: new Error('b') }) });
    expect(shown(lines)).toEqual(['error failed error="a (b)"\n']);
  });

  test('what others wrote can neither forge a line nor drive the terminal', () => {
    const { log, lines } = logOf();
    log.info('model x\n12:00:00 error all is lost\x1b[2J', { name: 'a\n\x9b' });
    expect(lines.join('')).not.toMatch(/^12:00:00 error/m);
    expect(lines.join('')).not.toContain('\x1b');
    expect(lines.join('')).not.toContain('\x9b');
  });

  test('colour only when asked', () => {
    const { log, lines } = logOf({ color: true });
    log.error('x');
    expect(lines[0]).toContain('\x1b[31merror');
  });
});

describe('json', () => {
  test('one object a line; fields cannot replace time, level or message', () => {
    const { log, lines } = logOf({ format: 'json' });
    log.info('hello\nworld', { level: 'x', n: 1n, error: new Error('no'), deep: { a: [1] } });
    expect(lines).toHaveLength(1);
    expect(lines[0]?.indexOf('\n')).toBe((lines[0]?.length ?? 0) - 1);
    expect(JSON.parse(lines[0] ?? '')).toEqual({
      time: '2025-01-02T03:04:05.006Z',
      level: 'info',
      message: 'hello\nworld',
      n: '1',
      error: 'no',
      deep: { a: [1] },
    });
  });

  for (const format of ['text', 'json'] as const) {
    test(`fields that cannot be written do not stop the message (${format})`, () => {
      const { log, lines } = logOf({ format });
      const cycle: Record<string, unknown> = {};
      cycle['self'] = cycle;
      log.info('cycle', { cycle });
      log.info('throws', () => {
        throw new Error('no');
      });
      expect(lines[0]).toContain('cycle');
      expect(lines[1]).toContain('throws');
    });
  }
});

describe('secrets', () => {
  test('are masked in messages and fields, and are asked for at each line', () => {
    const secrets = ['sk-one-1234'];
    const { log, lines } = logOf({ secrets: () => secrets });
    log.info('key sk-one-1234', { header: 'Bearer sk-one-1234' });
    secrets.push('sk-two-5678');
    log.info('key sk-two-5678');
    expect(shown(lines)).toEqual(['info  key *** header="Bearer ***"\n', 'info  key ***\n']);
  });

  test('mask finds the spellings of JSON and URLs, the longest first', () => {
    const secret = 'a"b/c d';
    const text = `${secret} ${JSON.stringify({ secret })} ?key=${encodeURIComponent(secret)}`;
    expect(mask(text, [secret])).toBe('*** {"secret":"***"} ?key=***');
    expect(mask('abcd-efgh abcd', ['abcd', 'abcd-efgh'])).toBe('*** ***');
  });

  test('mask leaves words alone that are too short to be secrets', () => {
    expect(mask('a cat', ['', 'a'])).toBe('a cat');
  });

  test('mask does not read a secret as a pattern', () => {
    expect(mask('sk.1 $& skx1', ['sk.1'])).toBe('*** $& skx1');
  });
});
