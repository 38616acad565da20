/**
 * `reasoning_details`: OpenRouter's list of reasoning blocks with their signatures, also Vercel's and
 * Snowflake's (openrouter.ai/docs, "Preserving reasoning blocks"). A provider of the kind wants the
 * list back as it sent it, so the list itself, as JSON, is the token of the reasoning it belongs to.
 */
import { array, isObject, type JsonObject, parseJson, text } from '../../json.ts';

/** The entry's readable text: `text`, or the `summary` of a summary. */
export function detailText(detail: JsonObject): string {
  return text(detail['text']) ?? text(detail['summary']) ?? '';
}

function textKey(detail: JsonObject): 'text' | 'summary' | undefined {
  if (detail['type'] === 'reasoning.text') return 'text';
  return detail['type'] === 'reasoning.summary' ? 'summary' : undefined;
}

/** Adds an entry; pieces of one entry, as a stream brings them, become one. */
export function addDetail(details: JsonObject[], piece: JsonObject): void {
  const last = details.at(-1);
  const key = textKey(piece);
  if (!last || !key || last['type'] !== piece['type'] || last['index'] !== piece['index']) {
    details.push({ ...piece });
    return;
  }
  for (const [name, value] of Object.entries(piece)) {
    if (name === key) last[name] = (text(last[name]) ?? '') + (text(value) ?? '');
    else if (value !== null) last[name] = value;
  }
}

/** True when the list holds something that only its maker can read, and so must go back whole. */
export function hasToken(details: readonly JsonObject[]): boolean {
  return details.some((detail) => text(detail['signature']) || text(detail['data']));
}

function soleText(details: readonly JsonObject[]): JsonObject | undefined {
  const readable = details.filter((detail) => textKey(detail) !== undefined);
  return readable.length === 1 ? readable[0] : undefined;
}

/** The list as a token. The reasoning's own text is left out where it can be put back. */
export function packDetails(details: readonly JsonObject[], reasoning: string): string {
  const sole = soleText(details);
  const key = sole && textKey(sole);
  if (!sole || !key || reasoning === '' || sole[key] !== reasoning) return JSON.stringify(details);
  return JSON.stringify(
    details.map((detail) => (detail === sole ? { ...detail, [key]: undefined } : detail)),
  );
}

/** The list that a token holds; undefined when the token is not such a list. */
export function unpackDetails(token: string, reasoning: string): JsonObject[] | undefined {
  if (!token.startsWith('[')) return undefined;
  const details = array(parseJson(token)).filter(isObject);
  const sole = soleText(details);
  const key = sole && textKey(sole);
  if (sole && key && sole[key] === undefined && reasoning !== '') sole[key] = reasoning;
  return details;
}
