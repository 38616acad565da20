/** Single changes in TOML text: keys above the first table, and whole tables. The rest stays to the byte. */
import type { Edit, Editor } from './edit-file.ts';

export const tomlEditor: Editor = {
  leavesEmptyGroups: false,
  parse: (text) => Bun.TOML.parse(text),
  set(text, { path, value }) {
    if (typeof value === 'object') return setTable(text, path.join('.'), value);
    return setKey(text, path.join('.'), value);
  },
  remove(text, path) {
    const lines = linesOf(text);
    const name = path.join('.');
    const key = findKey(lines, name);
    const table = key === undefined ? findTable(lines, name) : undefined;
    const [from, to] = key === undefined ? (table ?? [0, 0]) : [key, key + 1];
    const before = lines.slice(0, from);
    const after = lines.slice(to);
    // The empty line that was put before a table goes with it.
    if (table !== undefined && before[before.length - 1] === '\n') before.pop();
    return [...before, ...after].join('');
  },
};

function setKey(text: string, name: string, value: Edit['value']): string {
  const lines = linesOf(text);
  const line = `${name} = ${JSON.stringify(value)}\n`;
  const at = findKey(lines, name);
  if (at !== undefined) return lines.with(at, line).join('');
  const end = firstTable(lines);
  // Behind the last key above the tables, before the empty lines and comments that belong to the first.
  let place = end;
  while (place > 0 && /^\s*(#.*)?\n?$/.test(lines[place - 1] ?? '')) place -= 1;
  return [...lines.slice(0, place), line, ...lines.slice(place)].join('');
}

function setTable(text: string, name: string, value: object): string {
  const block = [
    `[${name}]\n`,
    ...Object.entries(value).map(([key, inner]) => `${key} = ${JSON.stringify(inner)}\n`),
  ];
  const lines = linesOf(text);
  const found = findTable(lines, name);
  if (found === undefined) {
    const gap = lines.length === 0 ? [] : ['\n'];
    return [...lines, ...gap, ...block].join('');
  }
  const [from, to] = found;
  return [...lines.slice(0, from), ...block, ...lines.slice(to)].join('');
}

/** Lines with their ends; the last one gets one as well. */
function linesOf(text: string): string[] {
  const whole = text === '' || text.endsWith('\n') ? text : `${text}\n`;
  return whole.match(/[^\n]*\n/g) ?? [];
}

/** For each line, whether it begins inside a string of several lines. */
function insideString(lines: readonly string[]): boolean[] {
  let open: string | undefined;
  return lines.map((line) => {
    const wasOpen = open !== undefined;
    for (const [mark] of line.matchAll(/"""|'''/g)) {
      if (open === undefined) open = mark;
      else if (open === mark) open = undefined;
    }
    return wasOpen;
  });
}

function firstTable(lines: readonly string[]): number {
  const inside = insideString(lines);
  const at = lines.findIndex((line, index) => inside[index] === false && /^\s*\[/.test(line));
  return at < 0 ? lines.length : at;
}

function findKey(lines: readonly string[], name: string): number | undefined {
  const inside = insideString(lines);
  const end = firstTable(lines);
  const at = lines.findIndex((line, index) => {
    const key = /^\s*([\w.-]+|"[\w.-]+")\s*=/.exec(line)?.[1]?.replaceAll('"', '');
    return index < end && inside[index] === false && key === name;
  });
  return at < 0 ? undefined : at;
}

/** The lines of a table, without the empty lines and comments before the next one. */
function findTable(lines: readonly string[], name: string): [number, number] | undefined {
  const inside = insideString(lines);
  const from = lines.findIndex((line, index) => {
    const header = /^\s*\[([^[\]]+)\]/.exec(line)?.[1]?.replaceAll(/["\s]/g, '');
    return inside[index] === false && header === name;
  });
  if (from < 0) return undefined;
  let to = from + 1;
  while (to < lines.length && (inside[to] === true || !/^\s*\[/.test(lines[to] ?? ''))) to += 1;
  while (to > from + 1 && /^\s*(#.*)?\n?$/.test(lines[to - 1] ?? '')) to -= 1;
  return [from, to];
}
