/** The table of the README in this folder: every line has tests, and every test it names exists. */
import { expect, test } from 'bun:test';
import { existsSync, readFileSync } from 'node:fs';

const read = (path: string): string => readFileSync(new URL(path, import.meta.url), 'utf8');

interface Row {
  line: number;
  tests: { file: string; name: string }[];
}

function rows(): Row[] {
  const found: Row[] = [];
  for (const [, line, cell = ''] of read('README.md').matchAll(/^\| (\d+) \| .* \| (.*) \|$/gm)) {
    const tests: Row['tests'] = [];
    for (const part of cell.split('; ')) {
      const [, file = '', names = ''] = /^`([^`]+)`: (.*)$/.exec(part) ?? [];
      for (const [, name = ''] of names.matchAll(/"([^"]+)"/g)) tests.push({ file, name });
    }
    found.push({ line: Number(line), tests });
  }
  return found;
}

test('every line of the list of faults has a row, once', () => {
  expect(rows().map(({ line }) => line)).toEqual(Array.from({ length: 70 }, (_, at) => at + 1));
});

test.each(rows())('line $line names tests that exist', ({ tests }) => {
  expect(tests).not.toEqual([]);
  for (const { file, name } of tests) {
    expect(existsSync(new URL(file, import.meta.url)) ? file : `missing: ${file}`).toBe(file);
    // As the title of a test, in whichever quotes, or as the key of a table of cases.
    const source = read(file);
    const titles = [`'${name}'`, `\`${name}\``, `"${name}"`, `what: '${name}'`];
    const isThere = titles.some((title) => source.includes(title)) || hasKey(source, name);
    expect(isThere ? name : `${file} has no test called: ${name}`).toBe(name);
  }
});

/** `mixed: [` needs no quotes as a key. */
function hasKey(source: string, name: string): boolean {
  return /^\w+$/.test(name) && new RegExp(`^\\s+${name}: `, 'm').test(source);
}
