/** Single changes in JSON text, also with comments and trailing commas; the rest stays to the byte. */
import type { Edit, Editor } from './edit-file.ts';

interface Member {
  readonly key: string;
  readonly keyStart: number;
  readonly valueStart: number;
  readonly valueEnd: number;
}
/** An object in the text: its braces and what is between them. */
interface Block {
  readonly open: number;
  readonly close: number;
  readonly members: readonly Member[];
  /** Offset behind the comma that follows the last member, where there is one. */
  readonly trailingComma: number | undefined;
}

export const jsonEditor: Editor = {
  leavesEmptyGroups: true,
  parse: (text) => (text.trim() === '' ? {} : Bun.JSONC.parse(text)),
  set: (text, edit) => setValue(text.trim() === '' ? '{}\n' : text, edit),
  remove(text, path) {
    let block = readObject(text, skip(text, 0));
    for (const [index, key] of path.entries()) {
      const member = block.members.findLast((each) => each.key === key);
      if (member === undefined) return text;
      if (index === path.length - 1) return removeMember(text, block, member);
      block = readObject(text, member.valueStart);
    }
    return text;
  },
};

function setValue(text: string, { path, value }: Edit): string {
  let block = readObject(text, skip(text, 0));
  for (const [index, key] of path.entries()) {
    const member = block.members.findLast((each) => each.key === key);
    const rest = path.slice(index + 1);
    if (member === undefined) {
      const whole = rest.reduceRight<unknown>((inner, name) => ({ [name]: inner }), value);
      return insertMember(text, block, key, whole);
    }
    if (rest.length === 0) {
      const indent = indentOf(text, member.keyStart);
      const { valueStart, valueEnd } = member;
      return text.slice(0, valueStart) + serialize(text, value, indent) + text.slice(valueEnd);
    }
    block = readObject(text, member.valueStart);
  }
  return text;
}

function insertMember(text: string, block: Block, key: string, value: unknown): string {
  const { open, close, members, trailingComma } = block;
  const [first] = members;
  const last = members[members.length - 1];
  if (first === undefined || last === undefined) {
    const outer = indentOf(text, open);
    const inner = outer + unitOf(text);
    const member = `${JSON.stringify(key)}: ${serialize(text, value, inner)}`;
    return `${text.slice(0, open + 1)}\n${inner}${member}\n${outer}${text.slice(close)}`;
  }
  const isInline = !text.slice(open, first.keyStart).includes('\n');
  const indent = indentOf(text, first.keyStart);
  const member = `${JSON.stringify(key)}: ${serialize(text, value, indent)}`;
  const gap = isInline ? ' ' : `\n${indent}`;
  const at = trailingComma ?? last.valueEnd;
  return `${text.slice(0, at)}${trailingComma === undefined ? ',' : ''}${gap}${member}${text.slice(at)}`;
}

function removeMember(text: string, { open, close, members }: Block, member: Member): string {
  const index = members.indexOf(member);
  const before = members[index - 1];
  const after = members[index + 1];
  if (before !== undefined) {
    return text.slice(0, before.valueEnd) + text.slice(member.valueEnd);
  }
  if (after !== undefined) return text.slice(0, member.keyStart) + text.slice(after.keyStart);
  return text.slice(0, open + 1) + text.slice(close);
}

function serialize(text: string, value: unknown, indent: string): string {
  return JSON.stringify(value, null, unitOf(text)).replaceAll('\n', `\n${indent}`);
}

/** White space at the head of the line that holds the offset. */
function indentOf(text: string, offset: number): string {
  const line = text.slice(text.lastIndexOf('\n', offset - 1) + 1, offset);
  return /^[ \t]*/.exec(line)?.[0] ?? '';
}

/** One step of indentation as the file has it. */
function unitOf(text: string): string {
  return /^[{[]\s*\n([ \t]+)/.exec(text.trimStart())?.[1] ?? '  ';
}

// ------------------------------------------------------------------------------ reading

function readObject(text: string, open: number): Block {
  if (text[open] !== '{') throw new Error('it does not hold an object where one is expected');
  const members: Member[] = [];
  let trailingComma: number | undefined;
  let at = skip(text, open + 1);
  while (text[at] === '"') {
    const keyEnd = endOfString(text, at);
    const valueStart = skip(text, skip(text, keyEnd) + 1);
    const valueEnd = endOfValue(text, valueStart);
    const key = String(JSON.parse(text.slice(at, keyEnd)));
    members.push({ key, keyStart: at, valueStart, valueEnd });
    at = skip(text, valueEnd);
    trailingComma = text[at] === ',' ? at + 1 : undefined;
    if (trailingComma !== undefined) at = skip(text, trailingComma);
  }
  if (text[at] !== '}') throw new Error('it is not valid JSON');
  return { open, close: at, members, trailingComma };
}

/** Offset of the next character that is neither white space nor comment. */
function skip(text: string, from: number): number {
  const gap = /(?:[\s\uFEFF]|\/\/[^\n]*|\/\*[\s\S]*?\*\/)*/y;
  gap.lastIndex = from;
  gap.exec(text);
  return gap.lastIndex;
}

function endOfString(text: string, from: number): number {
  const string = /"(?:[^"\\]|\\[\s\S])*"/y;
  string.lastIndex = from;
  if (string.exec(text) === null) throw new Error('it is not valid JSON');
  return string.lastIndex;
}

function endOfValue(text: string, from: number): number {
  let depth = 0;
  for (let at = from; at < text.length; ) {
    const character = text[at] ?? '';
    if (character === '"') at = endOfString(text, at);
    else if ('{['.includes(character)) {
      depth += 1;
      at += 1;
    } else if ('}]'.includes(character)) {
      depth -= 1;
      at += 1;
    } else if (depth === 0) at = endOfWord(text, at);
    else at = Math.max(skip(text, at), at + (skip(text, at) === at ? 1 : 0));
    if (depth === 0) return at;
  }
  throw new Error('it is not valid JSON');
}

/** A number, `true`, `false` or `null`. */
function endOfWord(text: string, from: number): number {
  const word = /[^\s,}\]/]+/y;
  word.lastIndex = from;
  if (word.exec(text) === null) throw new Error('it is not valid JSON');
  return word.lastIndex;
}
