/** Unified content → blocks of a provider's request. */
import type {
  DocumentBlockParam,
  ImageBlockParam,
  TextBlockParam,
} from '@anthropic-ai/sdk/resources/messages';
import type { JsonObject } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import {
  dataUrl,
  type FileContent,
  type ImageContent,
  parseDataUrl,
  type UnifiedContent,
} from '../../unified.ts';
import type { Leftovers } from './leftovers.ts';

/** A block, typed where we make it and as it came where only this format knows it. */
export type Block = JsonObject | TextBlockParam | ImageBlockParam | DocumentBlockParam;

/** What writing one request shares. */
export interface Writing {
  readonly ledger: Ledger;
  readonly leftovers: Leftovers;
  /** Marks for the cache that were set, in the order of the prompt; see `limitCacheMarks`. */
  readonly marks: { block: { cache_control?: unknown }; path: string }[];
  /** Texts of white space, by their blocks, and where they stood. */
  readonly blank: Map<object, string>;
}

/** Blocks of a message's content, without what this format cannot hold. */
export function encodeContent(content: readonly UnifiedContent[], writing: Writing): Block[] {
  const blocks: Block[] = [];
  for (const part of content) {
    const block = encodePart(part, writing);
    if (!block) continue;
    const whole = finish(block, part, writing);
    if (part.type === 'text' && part.path && isBlank(whole)) writing.blank.set(whole, part.path);
    blocks.push(whole);
  }
  return blocks;
}

/** A text of white space: taken beside other blocks, refused where it is all that there is. */
export function isBlank(block: Block): boolean {
  return (
    block['type'] === 'text' && typeof block['text'] === 'string' && block['text'].trim() === ''
  );
}

/** Reports blank texts that are left out. */
export function dropBlank(blocks: readonly Block[], writing: Writing): void {
  for (const block of blocks) {
    const path = writing.blank.get(block);
    if (path !== undefined) writing.ledger.drop(path);
  }
}

/** Sets the cache mark and the fields that only this format knows. */
export function finish<T extends object>(
  block: T,
  thing: { path?: string; cache_control?: JsonObject },
  writing: Writing,
): T {
  const leftovers = writing.leftovers.of(thing.path);
  const whole: T & { cache_control?: unknown } = leftovers ? { ...leftovers, ...block } : block;
  if (thing.cache_control) whole.cache_control = thing.cache_control;
  if (whole.cache_control) writing.marks.push({ block: whole, path: thing.path ?? '' });
  return whole;
}

function encodePart(part: UnifiedContent, writing: Writing): Block | undefined {
  switch (part.type) {
    case 'text':
      if (part.native?.format === 'messages') return { ...part.native.value };
      if (part.opaque && part.path !== undefined) writing.ledger.drop(`${part.path}.opaque`);
      // "messages: text content blocks must be non-empty".
      return part.text === '' ? undefined : ({ type: 'text', text: part.text } satisfies Block);
    case 'refusal':
      return part.refusal === '' ? undefined : { type: 'text', text: part.refusal };
    case 'image_url':
      return encodeImage(part, writing.ledger);
    case 'file':
      return encodeFile(part, writing);
    case 'hosted':
      if (part.format === 'messages') return { ...part.value };
      break;
    case 'input_audio':
    case 'video':
      break;
  }
  return drop(part, writing.ledger);
}

function drop(part: UnifiedContent, ledger: Ledger): undefined {
  ledger.drop(part.path ?? part.type);
  return undefined;
}

type ImageType = 'image/jpeg' | 'image/png' | 'image/gif' | 'image/webp';
const IMAGE_TYPES: readonly ImageType[] = ['image/jpeg', 'image/png', 'image/gif', 'image/webp'];

/** The media types that are taken (docs: build-with-claude/vision); `image/jpg` is a common slip. */
function imageType(mediaType: string): ImageType | undefined {
  const name = mediaType.toLowerCase();
  return name === 'image/jpg' ? 'image/jpeg' : IMAGE_TYPES.find((each) => each === name);
}

function encodeImage(part: ImageContent, ledger: Ledger): ImageBlockParam | undefined {
  const { detail, url } = part.image_url;
  if (part.file) {
    if (part.file.format !== 'messages') return drop(part, ledger);
    return { type: 'image', source: { type: 'file', file_id: part.file.id } };
  }
  const source = imageSource(url, part.media_type);
  if (!source) return drop(part, ledger);
  // `auto` is what happens without it.
  if (detail !== undefined && detail !== 'auto') {
    ledger.drop(`${part.path ?? part.type}.image_url.detail`);
  }
  return { type: 'image', source };
}

function imageSource(url: string, mediaType?: string): ImageBlockParam['source'] | undefined {
  if (url.startsWith('http://') || url.startsWith('https://')) return { type: 'url', url };
  // A llms transformer may leave bare base64 with its type beside it.
  const inline =
    parseDataUrl(url) ?? (url.includes(':') ? undefined : { mediaType: '', data: url });
  const type = inline && imageType(inline.mediaType || (mediaType ?? ''));
  if (!type || inline.data === '') return undefined;
  return { type: 'base64', media_type: type, data: inline.data };
}

function encodeFile(part: FileContent, writing: Writing): Block | undefined {
  const { file } = part;
  const mediaType = mediaTypeOf(file);
  if (mediaType.startsWith('image/')) {
    const url = file.url ?? (file.data === undefined ? '' : dataUrl(mediaType, file.data));
    const source = imageSource(url);
    if (source) return { type: 'image', source };
  }
  const source = documentSource(file, mediaType);
  if (!source) return drop(part, writing.ledger);
  const document: DocumentBlockParam = { type: 'document', source };
  if (file.filename !== undefined) document.title = file.filename;
  if (file.context !== undefined) document.context = file.context;
  if (file.citations !== undefined) document.citations = { enabled: file.citations };
  return document;
}

const PDF = 'application/pdf';
/** `%PDF-` in base64. */
const PDF_MAGIC = 'JVBERi0';
/** Types outside `text/` whose content is text that a model can read. */
const TEXTUAL =
  /^(text\/|application\/(json|xml|javascript|x-sh|yaml|toml|x-yaml|csv|sql)\b)|\+(json|xml)$/;

/** A file's media type; a guess where the client named none. */
function mediaTypeOf(file: FileContent['file']): string {
  if (file.media_type) return file.media_type.toLowerCase();
  if (file.text !== undefined) return 'text/plain';
  if (file.data?.startsWith(PDF_MAGIC)) return PDF;
  return /\.(txt|md|csv|json|xml|html?)$/i.test(file.filename ?? '') ? 'text/plain' : PDF;
}

function documentSource(
  file: FileContent['file'],
  mediaType: string,
): DocumentBlockParam['source'] | undefined {
  if (file.id !== undefined) {
    return file.idFormat === 'messages' ? { type: 'file', file_id: file.id } : undefined;
  }
  if (file.text !== undefined) return { type: 'text', media_type: 'text/plain', data: file.text };
  if (file.url !== undefined) {
    const isFetchable = mediaType === PDF && /^https?:/.test(file.url);
    return isFetchable ? { type: 'url', url: file.url } : undefined;
  }
  if (file.data === undefined) return undefined;
  if (mediaType === PDF) return { type: 'base64', media_type: PDF, data: file.data };
  if (!TEXTUAL.test(mediaType)) return undefined;
  const text = Buffer.from(file.data, 'base64').toString('utf8');
  return text === '' ? undefined : { type: 'text', media_type: 'text/plain', data: text };
}

/** The API takes four at most; the last ones cover the longest prefixes. */
export function limitCacheMarks(writing: Writing, reserved: number): void {
  const surplus = writing.marks.length + reserved - 4;
  for (const { block, path } of writing.marks.slice(0, Math.max(0, surplus))) {
    delete block.cache_control;
    writing.ledger.drop(`${path}.cache_control`);
  }
}
