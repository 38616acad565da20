import { describe, expect, test } from 'bun:test';
import { locateToml } from '../../src/config/position-toml.ts';
import type { Locator } from '../../src/config/position-tree.ts';
import { locateYaml } from '../../src/config/position-yaml.ts';
import type { Path } from '../../src/config/problem.ts';
import { isObject } from '../../src/json.ts';

const yaml = (text: string) => locateYaml(text, Bun.YAML.parse(text));
const toml = (text: string) => locateToml(text, Bun.TOML.parse(text));
/** `line:column` of the value, and that of the key where it is another one. */
function places(locator: Locator, path: Path): string {
  const [value, key] = [false, true].map((onKey) => {
    const { line, column } = locator.locate(path, onKey);
    return `${line}:${column}`;
  });
  return value === key ? `${value}` : `${value} ${key}`;
}

type Row = [what: string, lines: string[], expected: [path: Path, place: string][]];

const yamlRows: Row[] = [
  [
    'mappings: the value on its line, else the key',
    ['# head', 'providers:', '  openai:', '    baseUrl: nope # why', '    "apiKey" :  \'x: y\''],
    [
      [[], '2:1'],
      [['providers'], '2:1'],
      [['providers', 'openai'], '3:3'],
      [['providers', 'openai', 'baseUrl'], '4:14 4:5'],
      [['providers', 'openai', 'apiKey'], '5:17 5:5'],
      [['providers', 'openai', 'nope', 'x'], '3:3'],
    ],
  ],
  [
    'sequences: compact, below the dash, as far left as their key',
    ['a:', '- k: 1', '  l: 2', '-', '  k: 3', '- - x', '  - y', 'b:', '  - {k: 4}', 'c: 5'],
    [
      [['a', 0], '2:3'],
      [['a', 0, 'l'], '3:6 3:3'],
      [['a', 1], '4:1'],
      [['a', 1, 'k'], '5:6 5:3'],
      [['a', 2, 1], '7:5'],
      [['b', 0, 'k'], '9:9 9:6'],
      [['c'], '10:4 10:1'],
    ],
  ],
  [
    'block scalars, and scalars over several lines, are skipped',
    ['a: |', '  x: 1', '', '   # y', 'b: >-', '  z', 'c: one', '  two', 'd: "x', '  e: 1"', 'e: 5'],
    [
      [['a'], '1:4 1:1'],
      [['a', 'x'], '1:4'],
      [['b'], '5:4 5:1'],
      [['c'], '7:4 7:1'],
      [['e'], '11:4 11:1'],
    ],
  ],
  [
    'block scalars in sequences',
    ['- k: |', '    - x', '  l: 1', '- |2', '    a: b', '  c', '- z'],
    [
      [[0, 'l'], '3:6 3:3'],
      [[1], '4:3'],
      [[2], '7:3'],
    ],
  ],
  [
    'flow collections',
    [
      'a: {k: [1, {x: http://h:1/p, "y":2}], # c',
      "  l: , m, \"n o\": 'it''s'}",
      'b: [p: 1, [ ]]',
      'c: 1',
    ],
    [
      [['a'], '1:4 1:1'],
      [['a', 'k', 1, 'x'], '1:16 1:13'],
      [['a', 'k', 1, 'y'], '1:34 1:30'],
      [['a', 'l'], '2:3'],
      [['a', 'm'], '2:8'],
      [['a', 'n o'], '2:18 2:11'],
      [['b', 0, 'p'], '3:8 3:5'],
      [['b', 1], '3:11'],
      [['c'], '4:4 4:1'],
    ],
  ],
  [
    'anchors, aliases, merge keys and tags',
    [
      'a: &x',
      '  k: 1',
      'b: *x',
      'c:',
      '  <<: *x',
      '  l: 2',
      'd: &y',
      '- !!str 1',
      '- &z {k: 1}',
      '&w e: 3',
    ],
    [
      [['a', 'k'], '2:6 2:3'],
      [['b', 'k'], '3:4'],
      [['c', 'k'], '4:1'],
      [['c', 'l'], '6:6 6:3'],
      [['d', 0], '8:3'],
      [['d', 1, 'k'], '9:10 9:7'],
      [['e'], '10:7 10:4'],
    ],
  ],
  ['markers of a document', ['%YAML 1.2', '---', 'a: 1', '...', '# end'], [[['a'], '3:4 3:1']]],
  ['two documents are not told apart', ['a: 1', '---', 'b: 2'], [[[0, 'a'], '1:1']]],
  [
    'keys that Bun reads as something else',
    ['0x10: 1', '~: 2', '"\\u0041": 3', 'a#b:c: 4', 'd : 5', 'f: ?g', 'e:'],
    [
      [['16'], '1:7 1:1'],
      [['null'], '2:4 2:1'],
      [['A'], '3:11 3:1'],
      [['a#b:c'], '4:8 4:1'],
      [['d'], '5:5 5:1'],
      [['f'], '6:4 6:1'],
      [['e'], '7:1'],
    ],
  ],
  [
    'what is not understood ends it, and is located further out',
    ['a: 1', 'b:', '  ? k', '  : v', 'c: 2'],
    [
      [['a'], '1:4 1:1'],
      [['b', 'k'], '2:1'],
      [['c'], '1:1'],
    ],
  ],
  ['a key that stands twice: the last one counts', ['a: {x: 1}', 'a: 2'], [[['a'], '2:4 2:1']]],
];

const tomlRows: Row[] = [
  [
    'tables and dotted, quoted keys',
    ['# head', 'x . y.z = 1', '[t."q.r"] # c', "'k 1' = 2", '"\\u0041"=3', '[t]', 'u = 4'],
    [
      [[], '2:1'],
      [['x'], '2:1'],
      [['x', 'y', 'z'], '2:11 2:7'],
      [['t', 'q.r'], '3:4'],
      [['t', 'q.r', 'k 1'], '4:9 4:1'],
      [['t', 'q.r', 'A'], '5:10 5:1'],
      [['t'], '6:2'],
      [['t', 'u'], '7:5 7:1'],
      [['t', 'nope'], '6:2'],
    ],
  ],
  [
    'lists of tables',
    [
      '[[a.b]]',
      'k = 1',
      '[a.b.sub]',
      'l = 2',
      '[[a.b]]',
      '[[a.b.c]]',
      'm = 3',
      '[[ a.b.c ]]',
      'm = 4',
    ],
    [
      [['a', 'b'], '1:5'],
      [['a', 'b', 0, 'k'], '2:5 2:1'],
      [['a', 'b', 0, 'sub', 'l'], '4:5 4:1'],
      [['a', 'b', 1], '5:5'],
      [['a', 'b', 1, 'c', 0, 'm'], '7:5 7:1'],
      [['a', 'b', 1, 'c', 1], '8:8'],
      [['a', 'b', 1, 'c', 1, 'm'], '9:5 9:1'],
    ],
  ],
  [
    'inline tables, and lists over several lines',
    [
      'a = { k = 1, l.m = [ {n = "]"}, 2 ] }',
      'b = [',
      '  "x", # ]',
      "  '#',",
      '  [ 3 ],',
      ']',
      'c = 1',
    ],
    [
      [['a'], '1:5 1:1'],
      [['a', 'l', 'm'], '1:20 1:16'],
      [['a', 'l', 'm', 0, 'n'], '1:27 1:23'],
      [['a', 'l', 'm', 1], '1:33'],
      [['b', 0], '3:3'],
      [['b', 1], '4:3'],
      [['b', 2, 0], '5:5'],
      [['c'], '7:5 7:1'],
    ],
  ],
  [
    'strings of several lines, dates',
    ['a = """', '[no]', 'x = "1" \\""""', "b = '''", "y = 'z'", "''''", 'd = 5'],
    [
      [['a'], '1:5 1:1'],
      [['b'], '4:5 4:1'],
      [['d'], '7:5 7:1'],
    ],
  ],
];

describe.each([
  ['YAML', yaml, yamlRows],
  ['TOML', toml, tomlRows],
] as const)('%s', (_, locate, rows) => {
  test.each(rows as Row[])('%s', (_what, lines, expected) => {
    for (const newline of ['\n', '\r\n']) {
      const locator = locate(lines.join(newline) + newline);
      expect(expected.map(([path]) => [path, places(locator, path)])).toEqual(expected);
    }
  });
});

test('where Bun read something else, the place is further out', () => {
  expect(places(locateYaml('a:\n  b: 1\n', { a: { c: 1 } }), ['a', 'b'])).toBe('1:1');
  expect(places(locateYaml('a: [1, 2]\n', { a: [1] }), ['a', 0])).toBe('1:4');
  expect(places(locateToml('[a]\nb = 1\n', { a: 'b' }), ['a', 'b'])).toBe('1:2');
});

test('texts that are none, or nested without end, do not throw', () => {
  for (const text of [
    '',
    ' \n',
    '[',
    '{a',
    '- - -',
    '"',
    "a: 'x",
    '&a',
    '= 1',
    '[[',
    'a = [',
    '%',
    '? ',
  ]) {
    for (const locate of [locateYaml, locateToml]) {
      expect(locate(text, { a: 1 }).locate(['a']).line).toBe(text === ' \n' ? 2 : 1);
    }
  }
  expect(locateYaml('['.repeat(9999), []).locate([0])).toEqual({ line: 1, column: 1 });
  expect(locateToml(`a=${'['.repeat(9999)}`, {}).locate(['a'])).toEqual({ line: 1, column: 1 });
});

// ------------------------------------------------------------------------------ generated ones

type Value = string | number | boolean | Value[] | { [key: string]: Value };

/** Numbers from 0 to below 1, the same ones on every run. */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 4_294_967_296;
  };
}

const STRANGE = [
  'a b',
  'x: y',
  '# no',
  '- z',
  '[t]',
  'k = "v"',
  "it's",
  '{',
  '"q"',
  'é',
  '*',
  'a.b',
  '',
];

/** A nested configuration. Every key and every string of it holds a mark of its own. */
function generated(random: () => number): { [key: string]: Value } {
  let count = 0;
  const below = (end: number) => Math.floor(random() * end);
  const word = (letter: string) => `${letter}${count++}${STRANGE[below(40)] ?? ''}`;
  const group = (depth: number): { [key: string]: Value } =>
    Object.fromEntries(Array.from({ length: 1 + below(4) }, () => [word('k'), value(depth)]));
  const value = (depth: number): Value => {
    const kind = below(depth > 3 ? 3 : 6);
    if (kind === 0) return 100_000 + count++;
    if (kind === 1) return word('v');
    if (kind === 2)
      return random() < 0.3 ? `${word('v')}\n  ${word('w')}: 1\n\n# ${word('x')}` : true;
    if (kind === 3) return Array.from({ length: below(4) }, () => value(depth + 1));
    return group(depth + 1);
  };
  return group(0);
}

/** Every value that holds no other, with the path to it. */
function leaves(value: unknown, path: Path = []): { path: Path; value: unknown }[] {
  if (Array.isArray(value)) return value.flatMap((part, index) => leaves(part, [...path, index]));
  if (isObject(value)) {
    return Object.entries(value).flatMap(([key, part]) => leaves(part, [...path, key]));
  }
  return [{ path, value }];
}

const quoted = (text: string) => JSON.stringify(text);
const isTable = (value: Value | undefined): value is { [key: string]: Value } => isObject(value);
const isTables = (value: Value): value is { [key: string]: Value }[] =>
  Array.isArray(value) && value.length > 0 && value.every(isTable);

/** A value on one line, or a list over several. */
function tomlInline(value: Value, random: () => number): string {
  if (Array.isArray(value)) {
    const newline = random() < 0.5 ? '\n  ' : ' ';
    return `[${value.map((part) => newline + tomlInline(part, random)).join(',')}${newline}]`;
  }
  if (isTable(value)) {
    const pairs = Object.entries(value).map(
      ([key, part]) => `${quoted(key)} = ${tomlInline(part, random)}`,
    );
    return `{ ${pairs.join(', ')} }`;
  }
  if (typeof value === 'string' && value.includes('\n'))
    return `"""${value.replaceAll('"', '\\"')}"""`;
  return JSON.stringify(value);
}

function tomlText(
  table: { [key: string]: Value },
  random: () => number,
  path: string[] = [],
): string {
  let pairs = '';
  let tables = '';
  for (const [key, value] of Object.entries(table)) {
    const inner = [...path, quoted(key)];
    if (isTable(value) && random() < 0.7) {
      tables += `[${inner.join('.')}] # table\n${tomlText(value, random, inner)}`;
    } else if (isTables(value) && random() < 0.7) {
      for (const item of value)
        tables += `[[${inner.join(' . ')}]]\n${tomlText(item, random, inner)}`;
    } else pairs += `${quoted(key)} = ${tomlInline(value, random)} # pair\n`;
  }
  return `${pairs}\n${tables}`;
}

/** YAML by indentation with the marks that Bun's writer does not use. */
function yamlText(value: Value, indent: string, random: () => number): string {
  if (typeof value === 'string' && value.includes('\n')) {
    return ` |-\n${value.replaceAll(/^(?=.)/gm, `${indent}  `)}\n`;
  }
  const isGroup = (Array.isArray(value) ? value.length : isTable(value)) && random() < 0.8;
  // JSON is YAML as well.
  if (!isGroup) return ` ${JSON.stringify(value, null, random() < 0.5 ? `${indent}   ` : '')}\n`;
  const entries: [string, Value][] = Array.isArray(value)
    ? value.map((part) => ['-', part])
    : Object.entries(value as { [key: string]: Value }).map(([key, part]) => [
        `${quoted(key)}:`,
        part,
      ]);
  const inner = `${indent}  `;
  const lines = entries.map(([key, part]) => {
    const note = random() < 0.2 ? `\n${indent}# "note": 1\n` : '';
    return `${note}${inner}${key}${yamlText(part, inner, random)}`;
  });
  return `\n${lines.join('')}`;
}

const writers: [
  string,
  (value: { [key: string]: Value }, random: () => number) => string,
  typeof yaml,
][] = [
  ['YAML as Bun writes it', (value) => Bun.YAML.stringify(value, null, 2), yaml],
  ['YAML in flow style', (value) => Bun.YAML.stringify(value), yaml],
  ['YAML of many styles', (value, random) => yamlText(value, '', random), yaml],
  ['TOML', (value, random) => tomlText(value, random), toml],
];
test.each(writers)(
  '%s: where a leaf is located, its value or its key begins',
  (_, write, locate) => {
    const random = randomFrom(11);
    let count = 0;
    for (let round = 0; round < 300; round++) {
      const config = generated(random);
      const text = write(config, random);
      const locator = locate(text);
      const lines = text.split('\n');
      /** What stands where the path is located, without quotes. */
      const found = (path: Path, onKey: boolean) => {
        const { line, column } = locator.locate(path, onKey);
        const rest = [lines[line - 1]?.slice(column - 1), ...lines.slice(line, line + 2)].join(
          '\n',
        );
        return rest.replace(/^(\|-\s+|"""|"|')/, '');
      };
      for (const { path, value } of leaves(config)) {
        const name = path.at(-1);
        const key = typeof name === 'string' ? name.match(/^k\d+/)?.[0] : undefined;
        const starts = [String(value).match(/^[v1]\d+|^true/)?.[0], key ?? '-'];
        const isThere = starts.some((start) => start && found(path, false).startsWith(start));
        const isKeyThere = key === undefined || found(path, true).startsWith(key);
        if (!isThere || !isKeyThere)
          throw new Error(`${JSON.stringify(path)} is misplaced\n${text}`);
        count++;
      }
    }
    expect(count).toBeGreaterThan(1000);
  },
);
