/**
 * What an answer rests on: Gemini's `groundingMetadata` and `citationMetadata` and unified
 * citations, both ways. Gemini counts in UTF-8 bytes, unified in UTF-16 units.
 */
import { Buffer } from 'node:buffer';
import { array, isObject, type JsonObject, number, object, text } from '../../json.ts';
import type { Citation } from '../../unified.ts';
import type { GroundingChunk, GroundingMetadata, GroundingSupport } from './wire.ts';

/** The candidate's fields that tell sources. They come whole with the end of an answer, so the last
 * of each counts. */
export const SOURCE_FIELDS = [
  'groundingMetadata',
  'citationMetadata',
  'urlContextMetadata',
] as const;

/** Converts offsets into `answer`; plain ASCII needs no counting. */
function unitsOfBytes(answer: string): (offset: number) => number {
  const bytes = Buffer.from(answer);
  if (bytes.length === answer.length) return (offset) => offset;
  return (offset) => bytes.subarray(0, offset).toString().length;
}

function bytesOfUnits(answer: string, offset: number): number {
  return Buffer.byteLength(answer.slice(0, offset));
}

/**
 * The citations of an answer with this text. The first carries the metadata as it came, for a client
 * of the same format. None when the metadata names no source.
 */
export function decodeCitations(sources: JsonObject, answer: string): Citation[] {
  const units = unitsOfBytes(answer);
  const out: Citation[] = [];
  const grounding = object(sources['groundingMetadata']);
  if (grounding) decodeGrounding(grounding, answer, units, out);
  const cited = object(sources['citationMetadata']);
  const list = array(cited?.['citations'] ?? cited?.['citationSources']);
  for (const source of list) {
    if (!isObject(source)) continue;
    const citation: Citation = { ...link(source), native: { format: 'gemini', value: {} } };
    if (number(source['endIndex']) !== undefined) setRange(citation, source, answer, units);
    if (citation.url !== undefined || citation.title !== undefined) out.push(citation);
  }
  const [first] = out;
  if (first) first.native = { format: 'gemini', value: sources };
  return out;
}

function link(source: JsonObject): Pick<Citation, 'url' | 'title'> {
  const url = text(source['uri']);
  const title = text(source['title']);
  return { ...(url && { url }), ...(title && { title }) };
}

function decodeGrounding(
  grounding: JsonObject,
  answer: string,
  units: (offset: number) => number,
  out: Citation[],
): void {
  const chunks = array(grounding['groundingChunks']);
  const used = new Set<number>();
  for (const support of array(grounding['groundingSupports'])) {
    if (!isObject(support)) continue;
    for (const index of array(support['groundingChunkIndices'])) {
      if (typeof index !== 'number') continue;
      const citation = decodeChunk(chunks[index]);
      if (!citation) continue;
      used.add(index);
      const segment = object(support['segment']);
      if (segment) setRange(citation, segment, answer, units);
      out.push(citation);
    }
  }
  for (const [index, chunk] of chunks.entries()) {
    const citation = used.has(index) ? undefined : decodeChunk(chunk);
    if (citation) out.push(citation);
  }
}

/** A chunk is `web`, `retrievedContext` or `maps`, all with much the same fields. */
function decodeChunk(chunk: unknown): Citation | undefined {
  if (!isObject(chunk)) return undefined;
  const source = object(chunk['web']) ?? object(chunk['retrievedContext']) ?? object(chunk['maps']);
  if (!source) return undefined;
  const store = text(source['fileSearchStore']);
  const citation: Citation = { ...link(source), native: { format: 'gemini', value: {} } };
  if (citation.title === undefined && citation.url === undefined && store) citation.title = store;
  const citedText = text(source['text']);
  if (citedText) citation.citedText = citedText;
  return citation.url === undefined && citation.title === undefined ? undefined : citation;
}

/** The place in the answer. Where the offsets count from another part, the text itself is found. */
function setRange(
  citation: Citation,
  segment: JsonObject,
  answer: string,
  units: (offset: number) => number,
): void {
  const start = units(number(segment['startIndex']) ?? 0);
  const end = units(number(segment['endIndex']) ?? 0);
  const said = text(segment['text']);
  const found = said && answer.slice(start, end) !== said ? answer.indexOf(said) : start;
  if (found < 0 || (!said && end > answer.length)) return;
  citation.start = found;
  citation.end = said ? found + said.length : end;
}

/** A citation with the place of its text block within the whole answer. */
export interface PlacedCitation {
  citation: Citation;
  blockStart: number;
}

/**
 * The candidate's fields for these citations: Gemini's own as they came, those of other formats as
 * grounding by web pages.
 */
export function encodeCitations(citations: readonly PlacedCitation[], answer: string): JsonObject {
  const chunks: GroundingChunk[] = [];
  const supports: GroundingSupport[] = [];
  const out: JsonObject = {};
  for (const { citation, blockStart } of citations) {
    if (citation.native?.format === 'gemini') {
      Object.assign(out, citation.native.value);
      continue;
    }
    const { url: uri, title, start, end } = citation;
    chunks.push({ web: { ...(uri && { uri }), ...(title && { title }) } });
    if (start === undefined || end === undefined) continue;
    const from = blockStart + start;
    const to = blockStart + end;
    supports.push({
      segment: {
        startIndex: bytesOfUnits(answer, from),
        endIndex: bytesOfUnits(answer, to),
        text: answer.slice(from, to),
      },
      groundingChunkIndices: [chunks.length - 1],
    });
  }
  if (chunks.length > 0) {
    const metadata: GroundingMetadata = { groundingChunks: chunks };
    if (supports.length > 0) metadata.groundingSupports = supports;
    out['groundingMetadata'] = metadata;
  }
  return out;
}
