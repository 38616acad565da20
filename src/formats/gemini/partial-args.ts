/**
 * Arguments that arrive by path: Vertex AI's `streamFunctionCallArguments` sends
 * `partialArgs: [{jsonPath: "$.a[0].b", stringValue: "…"}]`, strings in pieces (RFC 9535 paths).
 */
import { isObject, type JsonObject, text } from '../../json.ts';

const SEGMENT = /\.([^.[\]]+)|\[(\d+)\]|\['((?:[^'\\]|\\.)*)'\]|\["((?:[^"\\]|\\.)*)"\]/g;

function segments(path: string): (string | number)[] {
  const out: (string | number)[] = [];
  for (const [, name, index, single, double] of path.matchAll(SEGMENT)) {
    out.push(index === undefined ? (name ?? single ?? double ?? '') : Number(index));
  }
  return out;
}

type Container = JsonObject | unknown[];

function child(holder: Container, key: string | number): unknown {
  return Array.isArray(holder) ? holder[Number(key)] : holder[key];
}

function setChild(holder: Container, key: string | number, value: unknown): void {
  if (Array.isArray(holder)) holder[Number(key)] = value;
  else holder[key] = value;
}

/** An object without a prototype: a path from the wire may name `__proto__`. */
export function emptyArguments(): JsonObject {
  return Object.create(null);
}

/** Puts one piece into `args`. */
export function applyPartialArg(args: JsonObject, partial: unknown): void {
  if (!isObject(partial)) return;
  const path = segments(text(partial['jsonPath']) ?? '');
  const last = path.pop();
  if (last === undefined) return;
  let holder: Container = args;
  for (const [depth, key] of path.entries()) {
    const next = path[depth + 1] ?? last;
    let inner = child(holder, key);
    if (!isObject(inner) && !Array.isArray(inner)) {
      inner = typeof next === 'number' ? [] : emptyArguments();
      setChild(holder, key, inner);
    }
    if (isObject(inner) || Array.isArray(inner)) holder = inner;
  }
  const before = child(holder, last);
  if (typeof partial['stringValue'] === 'string') {
    setChild(holder, last, (typeof before === 'string' ? before : '') + partial['stringValue']);
  } else if (partial['numberValue'] !== undefined) setChild(holder, last, partial['numberValue']);
  else if (partial['boolValue'] !== undefined) setChild(holder, last, partial['boolValue']);
  else if ('nullValue' in partial) setChild(holder, last, null);
}
