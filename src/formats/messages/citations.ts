/** Citations of a text block, both ways. */
import { type JsonObject, text } from '../../json.ts';
import type { Citation } from '../../unified.ts';

export function decodeCitation(value: JsonObject): Citation {
  const citation: Citation = { native: { format: 'messages', value } };
  const source = text(value['source']);
  const url = text(value['url']) ?? (source?.includes('://') ? source : undefined);
  const title = text(value['title']) ?? text(value['document_title']);
  const citedText = text(value['cited_text']);
  if (url !== undefined) citation.url = url;
  if (title !== undefined) citation.title = title;
  if (citedText !== undefined) citation.citedText = citedText;
  return citation;
}

/**
 * A citation as this format spells it; undefined when it points nowhere that it could name. A link
 * becomes a web search's citation, the one kind with a URL, with an empty `encrypted_index`: that
 * is a token of Anthropic's, which we do not make up.
 */
export function encodeCitation(citation: Citation): JsonObject | undefined {
  if (citation.native?.format === 'messages') return citation.native.value;
  if (citation.url === undefined) return undefined;
  return {
    type: 'web_search_result_location',
    url: citation.url,
    title: citation.title ?? null,
    cited_text: citation.citedText ?? '',
    encrypted_index: '',
  };
}

/** True for a citation that `encodeCitation` made: no provider would take it back. */
export function isForeignCitation(value: JsonObject): boolean {
  return value['type'] === 'web_search_result_location' && value['encrypted_index'] === '';
}
