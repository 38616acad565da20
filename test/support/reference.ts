/** The configuration reference of the README, made from the published schema. */
import { isObject, type JsonObject, object, text } from '../../src/json.ts';

const BEGIN = '<!-- bun run docs: begin -->';
const END = '<!-- bun run docs: end -->';

/** One line of a table. */
export interface Row {
  readonly key: string;
  /** What may stand there. */
  readonly value: string;
  readonly fallback: string;
  readonly help: string;
}

/** The section, markers included. */
export function reference(schema: JsonObject): string {
  const rows = withoutRepeats(rowsOf(schema, '', true).slice(1));
  const groups = Map.groupBy(rows, ({ key }) => /^[^.[]+/.exec(key)?.[0] ?? key);
  const tables = [...groups].map(([name, [head, ...inner]]) => {
    const title = `**\`${name}\`** ${head?.help ?? ''}`.trim();
    if (inner.length === 0) return `${title} ${alone(head)}`;
    const lines = inner.map(
      ({ key, value, fallback, help }) => `| \`${key}\` | ${value} | ${fallback} | ${help} |`,
    );
    return [title, '', '| key | value | default | |', '|---|---|---|---|', ...lines].join('\n');
  });
  return [BEGIN, tables.join('\n\n'), END].join('\n');
}

/** Keys below a map that were told of another one before, in the same words, are told by its name. */
function withoutRepeats(rows: readonly Row[]): Row[] {
  const told = new Map<string, string>();
  const kept: Row[] = [];
  /** The keys that are passed over. */
  let repeated: string | undefined;
  for (const row of rows) {
    if (repeated !== undefined && row.key.startsWith(repeated)) continue;
    repeated = undefined;
    const inner = rows.filter(({ key }) => key !== row.key && startsBelow(key, row.key));
    const below = inner[0] && commonPrefix(inner, row.key);
    const words = below
      ? inner.map((each) => [each.key.slice(below.length), each.help, each.fallback])
      : [];
    const known = told.get(JSON.stringify(words));
    if (below && words.length > 2 && known !== undefined) {
      kept.push({ ...row, help: `${row.help} Keys as in \`${known}\`.` });
      repeated = below;
      continue;
    }
    if (below) told.set(JSON.stringify(words), below.replace(/\.$/, ''));
    kept.push(row);
  }
  return kept;
}

function startsBelow(key: string, parent: string): boolean {
  return key.startsWith(`${parent}.`) || key.startsWith(`${parent}[`);
}

/** `a.` of keys below `a`; `a.<name>.` when all of them are below that. */
function commonPrefix(rows: readonly Row[], parent: string): string {
  const named = `${parent}.<name>.`;
  return rows.every(({ key }) => key.startsWith(named)) ? named : `${parent}.`;
}

/** A key of the file's first level that holds no others. */
function alone(row: Row | undefined): string {
  if (row === undefined) return '';
  const fallback = row.fallback === '' ? '' : `, by default ${row.fallback}`;
  return `(${row.value}${fallback})`;
}

/** The text with the section in place of the old one. */
export function withReference(readme: string, fresh: string): string {
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from < 0 || to < from) throw new Error('the README has no place for the reference');
  return readme.slice(0, from) + fresh + readme.slice(to + END.length);
}

/** A key and the keys below it. */
function rowsOf(schema: JsonObject, key: string, isRequired: boolean): Row[] {
  const kinds = alternatives(schema);
  const fallback = schema['default'];
  const own: Row = {
    key,
    value: `${[...new Set(kinds.map(kindText))].join(' or ')}${isRequired ? ', required' : ''}`,
    fallback: fallback === undefined ? '' : code(fallback),
    help: (text(schema['description']) ?? '').replaceAll('|', '\\|'),
  };
  return [own, ...kinds.flatMap((kind) => innerRows(kind, key))];
}

function innerRows(kind: JsonObject, key: string): Row[] {
  if (kind['type'] === 'array') {
    const items = object(kind['items']);
    return items === undefined
      ? []
      : alternatives(items).flatMap((item) => innerRows(item, `${key}[]`));
  }
  const required = kind['required'];
  const named = Object.entries(object(kind['properties']) ?? {}).flatMap(([name, inner]) =>
    isObject(inner)
      ? rowsOf(
          inner,
          key === '' ? name : `${key}.${name}`,
          Array.isArray(required) && required.includes(name),
        )
      : [],
  );
  const rest = kind['additionalProperties'];
  const hasRest = isObject(rest) && Object.keys(rest).length > 0;
  return hasRest ? [...named, ...restRows(rest, `${key}.<name>`)] : named;
}

/** What a map holds has a line of its own only when it has a word of its own. */
function restRows(schema: JsonObject, key: string): Row[] {
  const [own, ...inner] = rowsOf(schema, key, false);
  return own !== undefined && own.help !== '' ? [own, ...inner] : inner;
}

/** The kinds of value that are allowed, without references to the environment, which all may be. */
function alternatives(schema: JsonObject): JsonObject[] {
  const either = schema['anyOf'];
  if (!Array.isArray(either) || 'properties' in schema) return [schema];
  return either
    .filter(isObject)
    .filter((kind) => !('$ref' in kind))
    .flatMap(alternatives);
}

function kindText(kind: JsonObject): string {
  const names = kind['enum'];
  if (Array.isArray(names)) return names.map(code).join(', ');
  if ('const' in kind) return code(kind['const']);
  switch (kind['type']) {
    case 'array': {
      const items = object(kind['items']);
      const inner = items ? [...new Set(alternatives(items).map(kindText))].join(' or ') : '';
      return inner === '' ? 'list' : `list of ${inner}`;
    }
    case 'boolean':
      return '`true`, `false`';
    case 'integer':
    case 'number':
      return bounded(kind);
    case 'string':
      return 'text';
    default:
      return isObject(kind['additionalProperties']) ? 'map' : 'object';
  }
}

/** Times end at a day; that bound says nothing to a reader. */
const A_DAY_MS = 86_400_000;

function bounded({ type, minimum, maximum }: JsonObject): string {
  const word = type === 'integer' ? 'whole number' : 'number';
  if (typeof maximum === 'number' && maximum < A_DAY_MS) return `${word}, ${minimum} to ${maximum}`;
  return typeof minimum === 'number' && minimum > 0 ? `${word}, from ${minimum}` : word;
}

function code(value: unknown): string {
  return `\`${JSON.stringify(value)}\``;
}
