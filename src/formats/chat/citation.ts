/** Places that an answer refers to: chat's `annotations` (and Perplexity's lists) ⇄ unified. */
import type { ChatCompletionMessage } from 'openai/resources/chat/completions/completions';
import { array, isObject, type JsonObject, number, object, text } from '../../json.ts';
import type { Citation } from '../../unified.ts';

/** Reads one annotation; `content` is OpenRouter's and Vercel's cited text. */
export function decodeAnnotation(annotation: JsonObject): Citation {
  const citation: Citation = { native: { format: 'chat', value: annotation } };
  const place = object(annotation['url_citation']);
  if (!place) return citation;
  const url = text(place['url']);
  const title = text(place['title']);
  const citedText = text(place['content']);
  const start = number(place['start_index']);
  const end = number(place['end_index']);
  if (url) citation.url = url;
  if (title) citation.title = title;
  if (citedText) citation.citedText = citedText;
  // OpenRouter fills both with 0 when it does not know the place.
  if (start !== undefined && end !== undefined && end > start) {
    citation.start = start;
    citation.end = end;
  }
  return citation;
}

/** Perplexity lists its sources beside the choices; the text refers to them as [1], [2] … */
export function decodeSources(body: JsonObject): Citation[] {
  const results = array(body['search_results']).filter(isObject);
  if (results.length > 0) {
    return results.map((result) => {
      const citation: Citation = {};
      const url = text(result['url']);
      const title = text(result['title']);
      const snippet = text(result['snippet']);
      if (url) citation.url = url;
      if (title) citation.title = title;
      if (snippet) citation.citedText = snippet;
      return citation;
    });
  }
  return array(body['citations'])
    .filter((url): url is string => typeof url === 'string')
    .map((url) => ({ url }));
}

/** An annotation for a client; undefined for a citation without address, which chat cannot show. */
export function encodeAnnotation(
  citation: Citation,
): ChatCompletionMessage.Annotation | JsonObject | undefined {
  if (citation.native?.format === 'chat') return citation.native.value;
  if (citation.url === undefined) return undefined;
  return {
    type: 'url_citation',
    url_citation: {
      url: citation.url,
      title: citation.title ?? '',
      start_index: citation.start ?? 0,
      end_index: citation.end ?? 0,
    },
  };
}
