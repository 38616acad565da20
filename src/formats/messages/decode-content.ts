/** A client's content blocks → unified content. Everything but thinking and tool use, which are a turn's. */
import { invalid } from '../../errors.ts';
import {
  asObject,
  at,
  isObject,
  type JsonObject,
  object,
  optionalArray,
  optionalObject,
  optionalString,
  readArray,
  readObject,
  readString,
  text,
} from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import {
  dataUrl,
  type FileContent,
  type ImageContent,
  type NativeBlock,
  type UnifiedContent,
} from '../../unified.ts';
import { isForeignCitation } from './citations.ts';
import { keepLeftovers } from './leftovers.ts';

/** What reading one request shares. */
export interface Reading {
  readonly ledger: Ledger;
  /** Fields that only this format knows, by path; see `leftovers.ts`. */
  readonly extra: JsonObject;
}

const TEXT_KEYS = new Set(['type', 'text', 'cache_control', 'citations']);
const IMAGE_KEYS = new Set(['type', 'source', 'cache_control']);
const DOCUMENT_KEYS = new Set(['type', 'source', 'title', 'context', 'citations', 'cache_control']);
const SOURCE_KEYS = new Set(['type', 'media_type', 'data', 'url', 'file_id', 'content']);
const CITATIONS_KEYS = new Set(['enabled']);

/** One block as one part; a few become several, because only this format has them whole. */
export function decodeContent(block: JsonObject, path: string, reading: Reading): UnifiedContent[] {
  switch (block['type']) {
    case 'text':
      return [decodeText(block, path, reading)];
    case 'image':
      return [decodeImage(block, path, reading)];
    case 'document':
      return decodeDocument(block, path, reading);
    case 'search_result':
      return decodeSearchResult(block, path);
    default:
      if (typeof block['type'] !== 'string') throw invalid(at(path, 'type'), 'must name a block');
      return [{ type: 'hosted', format: 'messages', value: block, path }];
  }
}

/** A string or a list of blocks. */
export function decodeContents(value: unknown, path: string, reading: Reading): UnifiedContent[] {
  if (typeof value === 'string') return [{ type: 'text', text: value, path }];
  if (value === undefined || value === null) return [];
  if (!Array.isArray(value)) throw invalid(path, 'must be a string or a list of blocks');
  return value.flatMap((each, i) => {
    const here = at(path, i);
    return decodeContent(asObject(each, here), here, reading);
  });
}

function marked<T extends UnifiedContent>(part: T, block: JsonObject, path: string): T {
  const mark = optionalObject(block, 'cache_control', path);
  if (mark) part.cache_control = mark;
  return part;
}

function decodeText(block: JsonObject, path: string, reading: Reading): UnifiedContent {
  const native = optionalArray(block, 'citations', path)?.filter(
    (each) => isObject(each) && !isForeignCitation(each),
  );
  // Only Anthropic reads them back; they stay for a provider of this format.
  if (native?.length) reading.extra[at(path, 'citations')] = native;
  keepLeftovers(block, TEXT_KEYS, path, reading.extra);
  return marked({ type: 'text', text: readString(block, 'text', path), path }, block, path);
}

function decodeImage(block: JsonObject, path: string, reading: Reading): UnifiedContent {
  const source = readSource(block, path, reading);
  keepLeftovers(block, IMAGE_KEYS, path, reading.extra);
  const image: ImageContent = { type: 'image_url', image_url: { url: '' }, path };
  const where = at(path, 'source');
  switch (source['type']) {
    case 'base64': {
      image.media_type = readString(source, 'media_type', where);
      image.image_url.url = dataUrl(image.media_type, readString(source, 'data', where));
      break;
    }
    case 'url':
      image.image_url.url = readString(source, 'url', where);
      break;
    case 'file':
      image.file = { id: readString(source, 'file_id', where), format: 'messages' };
      break;
    default:
      throw invalid(at(where, 'type'), 'must be base64, url or file');
  }
  return marked(image, block, path);
}

function readSource(block: JsonObject, path: string, reading: Reading): JsonObject {
  const source = readObject(block, 'source', path);
  keepLeftovers(source, SOURCE_KEYS, at(path, 'source'), reading.extra);
  return source;
}

function decodeDocument(block: JsonObject, path: string, reading: Reading): UnifiedContent[] {
  const source = readSource(block, path, reading);
  const where = at(path, 'source');
  if (source['type'] === 'content') return decodeContentDocument(block, source, path, reading);
  keepLeftovers(block, DOCUMENT_KEYS, path, reading.extra);
  const file: FileContent['file'] = {};
  switch (source['type']) {
    case 'base64':
      file.media_type = readString(source, 'media_type', where);
      file.data = readString(source, 'data', where);
      break;
    case 'text':
      file.media_type = text(source['media_type']) ?? 'text/plain';
      file.text = readString(source, 'data', where);
      break;
    case 'url':
      file.url = readString(source, 'url', where);
      break;
    case 'file':
      file.id = readString(source, 'file_id', where);
      file.idFormat = 'messages';
      break;
    default:
      throw invalid(at(where, 'type'), 'must be base64, text, url, content or file');
  }
  const title = optionalString(block, 'title', path);
  const context = optionalString(block, 'context', path);
  const citations = optionalObject(block, 'citations', path);
  if (title !== undefined) file.filename = title;
  if (context !== undefined) file.context = context;
  if (citations) {
    keepLeftovers(citations, CITATIONS_KEYS, at(path, 'citations'), reading.extra);
    if (typeof citations['enabled'] === 'boolean') file.citations = citations['enabled'];
  }
  return [marked({ type: 'file', file, path }, block, path)];
}

/** A document made of blocks: to others its texts are one; beside images they stand in the turn itself. */
function decodeContentDocument(
  block: JsonObject,
  source: JsonObject,
  path: string,
  reading: Reading,
): UnifiedContent[] {
  const parts = decodeContents(source['content'], at(path, 'source.content'), reading);
  const lost = ['title', 'context', 'citations']
    .filter((key) => block[key] !== undefined && block[key] !== null)
    .map((key) => at(path, key));
  const texts = parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
  if (texts.length === parts.length && texts.length > 0) {
    const native: NativeBlock = { format: 'messages', value: block, lost };
    return [marked({ type: 'text', text: texts.join('\n\n'), path, native }, block, path)];
  }
  reading.ledger.approximate(at(path, 'source'), 'its blocks, in the turn itself');
  for (const each of lost) reading.ledger.drop(each);
  const last = parts.at(-1);
  if (last) marked(last, block, path);
  return parts;
}

/** A passage for retrieval: to others its source and title stand above its text. */
function decodeSearchResult(block: JsonObject, path: string): UnifiedContent[] {
  const passages = readArray(block, 'content', path).map((each, i) =>
    readString(asObject(each, `${path}.content.${i}`), 'text', `${path}.content.${i}`),
  );
  const heading = `${readString(block, 'title', path)}\n${readString(block, 'source', path)}`;
  const isCited = object(block['citations'])?.['enabled'] === true;
  const native: NativeBlock = {
    format: 'messages',
    value: block,
    lost: isCited ? [at(path, 'citations')] : [],
  };
  const text = [heading, ...passages].join('\n\n');
  return [marked({ type: 'text', text, path, native }, block, path)];
}
