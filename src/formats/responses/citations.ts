/** Annotations of an answer's text ⇄ citations. */
import { isObject, type JsonObject, number, text } from '../../json.ts';
import type { Citation } from '../../unified.ts';

/** One annotation of an `output_text` part; undefined for what is no object. */
export function decodeAnnotation(value: unknown): Citation | undefined {
  if (!isObject(value)) return undefined;
  const url = text(value['url']);
  const title = text(value['title']) ?? text(value['filename']);
  const start = number(value['start_index']);
  const end = number(value['end_index']);
  return {
    ...(url !== undefined && { url }),
    ...(title !== undefined && { title }),
    ...(start !== undefined && { start }),
    ...(end !== undefined && { end }),
    native: { format: 'responses', value },
  };
}

/**
 * A citation as an annotation of a text that is `length` units long. One without offsets refers to
 * the whole text. Undefined for a citation of something that has no address: the other kinds of
 * annotation need a file of OpenAI's.
 */
export function encodeAnnotation(citation: Citation, length: number): JsonObject | undefined {
  if (citation.native?.format === 'responses') return citation.native.value;
  if (citation.url === undefined) return undefined;
  return {
    type: 'url_citation',
    url: citation.url,
    title: citation.title ?? '',
    start_index: citation.start ?? 0,
    end_index: citation.end ?? length,
  };
}
