/** Another program's settings file, changed in single places: everything else stays as it is written. */

/** A change: the keys that lead to a value, and the value. */
export interface Edit {
  readonly path: readonly string[];
  readonly value: string | number | boolean | object;
}

/** How a language of settings is read and changed. Works on text; throws when it cannot be done. */
export interface Editor {
  /** True when a group stays behind, empty, after its last value was removed. */
  readonly leavesEmptyGroups: boolean;
  parse(text: string): unknown;
  set(text: string, edit: Edit): string;
  /** Without the value at the path; the text as it is when there is none. */
  remove(text: string, path: readonly string[]): string;
}

/**
 * The text with the edits in it.
 * @throws Error when the text is not of its language, or a change would touch anything else
 */
export function applyEdits(editor: Editor, text: string, edits: readonly Edit[]): string {
  const changed = edits.reduce((current, edit) => editor.set(current, edit), text);
  const expected = edits.reduce<unknown>(
    (value, { path, value: wanted }) => withValue(value, path, wanted),
    editor.parse(text),
  );
  if (!Bun.deepEquals(editor.parse(changed), expected)) {
    throw new Error('it is written in a way that cannot be changed without touching the rest');
  }
  return changed;
}

/** The text with what the edits put in taken out again, and what stood there before put back. */
export function revertEdits(
  editor: Editor,
  text: string,
  edits: readonly Edit[],
  before: string,
): string {
  const old = editor.parse(before);
  const now = editor.parse(text);
  let result = text;
  for (const { path } of edits) {
    const value = valueAt(old, path);
    if (valueAt(now, path) === undefined) continue;
    if (isEditable(value)) {
      result = editor.set(result, { path, value });
      continue;
    }
    const gone = editor.leavesEmptyGroups ? emptied(editor.parse(result), old, path) : path;
    result = editor.remove(result, gone);
  }
  return result;
}

/** The longest part of the path that has to go: groups that would be empty and were not there before. */
function emptied(now: unknown, old: unknown, path: readonly string[]): readonly string[] {
  let result = path;
  for (let length = path.length - 1; length > 0; length--) {
    const group = path.slice(0, length);
    const value = valueAt(now, group);
    if (valueAt(old, group) !== undefined || !isGroup(value)) break;
    if (Object.keys(value).length > 1) break;
    result = group;
  }
  return result;
}

/** The value at a path of a parsed text. */
export function valueAt(value: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>(
    (current, key) => (isGroup(current) && Object.hasOwn(current, key) ? current[key] : undefined),
    value,
  );
}

function withValue(value: unknown, path: readonly string[], wanted: unknown): unknown {
  const [key, ...rest] = path;
  if (key === undefined) return wanted;
  const group = isGroup(value) ? value : {};
  const inner = Object.hasOwn(group, key) ? group[key] : undefined;
  return { ...group, [key]: withValue(inner, rest, wanted) };
}

function isGroup(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isEditable(value: unknown): value is Edit['value'] {
  return value !== undefined && value !== null;
}
