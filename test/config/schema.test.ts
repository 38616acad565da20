import { describe, expect, test } from 'bun:test';
import Ajv from 'ajv';
import published from '../../config/plexus.schema.json' with { type: 'json' };
import type { Finding } from '../../src/config/problem.ts';
import { configSchema, table } from '../../src/config/table.ts';
import { isObject, type JsonObject } from '../../src/json.ts';

const validate = new Ajv({ allErrors: false }).compile(configSchema());

function findings(value: unknown, env: Record<string, string> = {}): Finding[] {
  const found: Finding[] = [];
  table.read(value, { path: [], env, report: (finding) => void found.push(finding) });
  return found;
}

test('the published schema is the one the program checks by', () => {
  // Out of date? `bun test/config/write-schema.ts && bun run fix`
  const now: unknown = JSON.parse(JSON.stringify(configSchema()));
  const then: unknown = published;
  expect(then).toEqual(now);
});

test('every key is explained', () => {
  const bare: string[] = [];
  const walk = (schema: unknown, path: string): void => {
    if (!isObject(schema)) return;
    const { properties, anyOf, items, additionalProperties } = schema;
    for (const [key, part] of Object.entries(isObject(properties) ? properties : {})) {
      const isCondition = isObject(part) && (part['const'] === 'demo' || part['type'] === 'object');
      const explained = isObject(part) && typeof part['description'] === 'string';
      if (!explained && !isCondition) bare.push(`${path}.${key}`);
      walk(part, `${path}.${key}`);
    }
    for (const part of [anyOf, items].flat()) walk(part, path);
    walk(additionalProperties, `${path}.*`);
  };
  walk(configSchema(), '');
  // Formats under `endpoints` and `type` are free names to the schema; nothing else is bare.
  expect(bare).toEqual([]);
});

// ------------------------------------------------------------------------------ agreement

/** What each pattern of the table takes; a new pattern must be given an example here. */
const EXAMPLES: Readonly<Record<string, string>> = {
  '^[\\x21-\\x7e]+$': 'sk-1',
  '^[\\x20-\\x7e\\t]+$': 'a value',
  '^\\S(.*\\S)?$': 'some name',
  '^\\S+$': 'maxtoken',
  '^[^/\\s]+/\\S(.*\\S)?$': 'acme/some/model',
  '^https?://[^\\s?#/][^\\s?#]*$': 'https://acme.example/v1',
  '^https?://[^\\s/]\\S*$': 'http://acme.example/x?y=z#t',
  '^\\d{4}-\\d{2}-\\d{2}(T\\S+)?$': '2030-12-31',
  '^[A-Za-z0-9][A-Za-z0-9._@+-]*$': 'acme',
  "^[!#$%&'*+.^_`|~0-9A-Za-z-]+$": 'x-header',
  '^([^\\s/:\\[\\]]+|\\[[0-9A-Fa-f:.]+\\]|[0-9A-Fa-f:.]+)$': '127.0.0.1',
};

class Random {
  #state: number;
  constructor(seed: number) {
    this.#state = seed;
  }
  /** mulberry32: small and good enough to vary a tree. */
  next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  }
  below(end: number): number {
    return Math.floor(this.next() * end);
  }
  pick<T>(values: readonly T[]): T {
    const value = values[this.below(values.length)];
    if (value === undefined) throw new Error('nothing to pick from');
    return value;
  }
}

/** A value that the schema describes. References to the environment have a test of their own. */
function generate(schema: unknown, random: Random, share = 0.4): unknown {
  if (!isObject(schema)) throw new Error('not a schema');
  if ('const' in schema) return schema['const'];
  if (Array.isArray(schema['enum'])) return random.pick<unknown>(schema['enum']);
  const branches = schema['anyOf'];
  if (Array.isArray(branches) && schema['type'] === undefined) {
    const own = branches.filter((branch: unknown) => isObject(branch) && !('$ref' in branch));
    return generate(random.pick<unknown>(own), random, share);
  }
  switch (schema['type']) {
    case 'string':
      return example(schema['pattern']);
    case 'boolean':
      return random.next() < 0.5;
    case 'integer':
    case 'number':
      return generateNumber(schema, random);
    case 'array':
      return generateArray(schema, random, share);
    default:
      return generateObject(schema, random, share);
  }
}

function example(pattern: unknown): string {
  if (pattern === undefined) return 'text';
  const known = EXAMPLES[String(pattern)];
  if (known === undefined) throw new Error(`EXAMPLES has none for ${String(pattern)}`);
  return known;
}

function generateNumber(schema: JsonObject, random: Random): number {
  const above = schema['exclusiveMinimum'];
  const least = Number(schema['minimum'] ?? 0);
  const most = Number(schema['maximum'] ?? least + 1000);
  if (typeof above === 'number') return above + 0.5;
  return random.pick([least, most, Math.floor((least + most) / 2)]);
}

function generateArray({ items, minItems }: JsonObject, random: Random, share: number): unknown[] {
  if (Array.isArray(items)) return items.map((item: unknown) => generate(item, random, share));
  const length = Math.max(Number(minItems ?? 0), share === 1 ? 2 : random.below(3));
  return Array.from({ length }, () => generate(items, random, share));
}

function generateObject(schema: JsonObject, random: Random, share: number): JsonObject {
  const { properties, required, propertyNames, additionalProperties, minProperties } = schema;
  const result: JsonObject = {};
  for (const [key, part] of Object.entries(isObject(properties) ? properties : {})) {
    const isNeeded = Array.isArray(required) && required.includes(key);
    if (isNeeded || random.next() < share) result[key] = generate(part, random, share);
  }
  if (isObject(additionalProperties) && isObject(propertyNames)) {
    const { enum: names, pattern } = propertyNames;
    for (let i = (share === 1 ? 1 : random.below(3)) + Number(minProperties ?? 0); i > 0; i--) {
      const name = Array.isArray(names) ? random.pick<unknown>(names) : example(pattern) + i;
      result[String(name)] = generate(additionalProperties, random, share);
    }
  }
  return result;
}

const STRANGERS: readonly unknown[] = [
  ...[
    true,
    false,
    0,
    1,
    -1,
    0.5,
    65_536,
    1e15,
    '',
    ' ',
    'x',
    'x ',
    'chat',
    'demo',
    'demo/echo',
    'a b',
  ],
  ...[
    'http://h',
    'ftp://h',
    'http://h?x',
    '2030-01-01',
    'random',
    'Ü',
    [],
    ['chat'],
    ['x', {}],
    {},
  ],
  ...[{ use: [] }, { x: 1 }, { chat: 'http://h' }, { targets: ['a/b'] }, { type: 'chat' }],
];

/** The same tree with each value in it, however deep, replaced by each stranger in turn. */
function* replaced(value: unknown): Generator<unknown> {
  yield* STRANGERS;
  if (typeof value === 'number') yield* [value - 1, value + 1, value + 0.5];
  if (typeof value === 'string') yield* [`${value} `, ` ${value}`, value.toUpperCase()];
  if (Array.isArray(value)) {
    for (const [index, item] of value.entries()) {
      for (const other of replaced(item)) yield value.with(index, other);
    }
  } else if (isObject(value)) {
    for (const [key, item] of Object.entries(value)) {
      for (const other of replaced(item)) yield { ...value, [key]: other };
      const { [key]: _, ...rest } = value;
      yield* [rest, { ...value, [`${key}x`]: item }];
    }
  }
}

/** The same tree with one thing in it changed. */
function mutate(value: unknown, random: Random): unknown {
  const isGroup = Array.isArray(value) ? value.length > 0 : isObject(value) && !isEmpty(value);
  if (!isGroup || random.next() < 0.15) {
    return random.next() < 0.05 ? null : structuredClone(random.pick(STRANGERS));
  }
  if (Array.isArray(value)) {
    const index = random.below(value.length);
    if (random.next() < 0.15) return value.toSpliced(index, 1);
    return value.with(index, mutate(value[index], random));
  }
  if (!isObject(value)) return value;
  const key = random.pick(Object.keys(value));
  const { [key]: old, ...rest } = value;
  const chance = random.next();
  if (chance < 0.15) return rest;
  if (chance < 0.25) return { ...rest, [`${key}x`]: old };
  if (chance < 0.3) return { ...value, stranger: 1 };
  if (chance < 0.33) return { ...value, ' ': old };
  return { ...value, [key]: mutate(old, random) };
}

const propertiesOf = ({ properties }: JsonObject) => (isObject(properties) ? properties : {});
const isEmpty = (value: JsonObject) => Object.keys(value).length === 0;

/** Whether both accept it; throws when they disagree. */
function agreeOn(value: unknown): boolean {
  const bySchema = validate(value);
  const byProgram = findings(value);
  if (bySchema === (byProgram.length === 0)) return bySchema;
  throw new Error(
    `the schema ${bySchema ? 'accepts' : `refuses (${JSON.stringify(validate.errors)})`}, ` +
      `the program says ${JSON.stringify(byProgram)}: ${JSON.stringify(value, null, 1)}`,
  );
}

describe('schema and program accept and refuse the same', () => {
  const schema = configSchema();

  test('a full configuration with each of its values replaced', () => {
    for (const [key, part] of Object.entries(propertiesOf(schema))) {
      const needed = key === 'providers' ? {} : { providers: { demo: { type: 'demo' } } };
      const full = generate(part, new Random(1), 1);
      expect(agreeOn({ ...needed, [key]: full })).toBe(true);
      for (const other of replaced(full)) agreeOn({ ...needed, [key]: other });
    }
  });

  test('thousands of configurations, whole and broken', () => {
    const random = new Random(20_260_101);
    const counts = { accepted: 0, refused: 0 };
    const until = performance.now() + 2500;
    for (let round = 0; round < 4000 && performance.now() < until; round++) {
      let value = generate(schema, random);
      for (let i = round % 4; i > 0; i--) value = mutate(value, random);
      const accepted = agreeOn(value);
      counts[accepted ? 'accepted' : 'refused']++;
    }
    expect(counts.accepted).toBeGreaterThan(300);
    expect(counts.refused).toBeGreaterThan(300);
  });

  const ref = (inner: string) => `\${${inner}}`;
  const provider = { type: ref('TYPE'), baseUrl: ref('URL'), discount: ref('NUMBER') };
  test('both let the environment stand for text, words, numbers and truth', () => {
    const value = {
      server: { host: ref('HOST'), port: ref('PORT'), allowAnonymous: ref('YES:-true') },
      logging: { level: `${ref('A:-in')}${ref('B:-fo')}` },
      providers: { acme: { ...provider, apiKey: ref('KEY'), timeoutMs: ref('NUMBER') } },
    };
    const env = { HOST: 'h', PORT: '0', TYPE: 'chat', URL: 'http://h/', NUMBER: '1', KEY: 'k' };
    expect(validate(value)).toBe(true);
    expect(findings(value, env)).toEqual([]);
    expect(findings(value, { ...env, PORT: 'x' })).toHaveLength(1);
  });

  test('the shipped example follows it', async () => {
    const example: unknown = await Bun.file(
      new URL('../../config/plexus.json', import.meta.url),
    ).json();
    expect(validate(example)).toBe(true);
  });
});
