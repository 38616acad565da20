import { describe, expect, test } from 'bun:test';
import { readArguments, type Usage } from '../../src/cli/arguments.ts';
import { testTerminal } from './support/terminal.ts';

const USAGE: Usage = {
  command: 'plexus try',
  summary: 'try it',
  positionals: { FILE: 'a file', OTHER: 'another', '[MORE]': 'a third' },
  options: {
    config: { value: 'FILE', help: 'the configuration' },
    quiet: { short: 'q', help: 'say nothing' },
  },
};

function read(...args: string[]) {
  const terminal = testTerminal();
  return { given: readArguments(USAGE, args, terminal), terminal };
}

describe('arguments', () => {
  test('values, switches and names are told apart', () => {
    const { given } = read('--config', 'a.json', 'one', '-q', '-', '--', '--two');
    expect(given).toEqual({
      positionals: ['one', '-', '--two'],
      values: new Map([['config', 'a.json']]),
      switches: new Set(['quiet']),
    });
  });

  test('a value may stand behind an equals sign, and may be empty or hold one', () => {
    expect(read('--config=a=b').given).toMatchObject({ values: new Map([['config', 'a=b']]) });
    expect(read('--config=').given).toMatchObject({ values: new Map([['config', '']]) });
  });

  test.each([
    [['--confg', 'x'], 'there is no option --confg; did you mean --config?'],
    [['--zzz'], 'there is no option --zzz\n'],
    [['-x'], 'there is no option -x'],
    [['--config'], '--config needs a value (FILE)'],
    [['--quiet=yes'], '--quiet takes no value'],
    [['--toString'], 'there is no option --toString'],
    [['one', 'two', 'three', 'four'], 'there is nothing to do with "four"'],
  ])('%p is wrong usage and says why', (args, message) => {
    const { given, terminal } = read(...args);
    expect(given).toBe(2);
    expect(terminal.complained()).toContain(message);
    expect(terminal.complained()).toContain('Try: plexus try --help');
    expect(terminal.printed()).toBe('');
  });

  test('--help prints every option to standard output and ends well', () => {
    const { given, terminal } = read('--help');
    expect(given).toBe(0);
    expect(terminal.printed()).toContain('usage: plexus try FILE OTHER [MORE] [options]');
    expect(terminal.printed()).toMatch(/--config FILE +the configuration/);
    expect(terminal.printed()).toMatch(/-q, --quiet +say nothing/);
  });
});
