/** Content of messages → parts of a Responses request. */
import type {
  ResponseInputFile,
  ResponseInputImage,
  ResponseInputText,
  ResponseOutputRefusal,
} from 'openai/resources/responses/responses';
import type { Ledger } from '../../ledger.ts';
import {
  dataUrl,
  type FileContent,
  type ImageContent,
  parseDataUrl,
  restFor,
  type TextContent,
  type UnifiedContent,
} from '../../unified.ts';

export type InputPart = ResponseInputText | ResponseInputImage | ResponseInputFile;
/** A part of an earlier answer; unlike the SDK's type, `annotations` may be left out of a request. */
export type OutputPart = { type: 'output_text'; text: string } | ResponseOutputRefusal;

/** What parts of a request may hold at this model, and where losses go. */
export interface PartContext {
  readonly ledger: Ledger;
  /** Cache points that may still be set: four a request, none for models before gpt-5.6. */
  cachePoints: number;
}

/** The path of a part in a report; decoders stamp every part, hooks may add some without. */
function pathOf(part: { path?: string }): string {
  return part.path ?? 'messages';
}

/** Parts of the user's or the system's side. Empty text says nothing and goes. */
export function encodeInputParts(
  parts: readonly UnifiedContent[],
  context: PartContext,
): InputPart[] {
  const out: InputPart[] = [];
  for (const part of parts) {
    const bare = encodeInputPart(part, context.ledger);
    if (bare === undefined) continue;
    const encoded = { ...bare, ...restFor('responses', part) };
    out.push(part.cache_control === undefined ? encoded : withCachePoint(part, encoded, context));
  }
  return out;
}

/** "Each request can write up to four breakpoints" (OpenAI, prompt caching). */
function withCachePoint<Part extends InputPart>(
  part: UnifiedContent,
  encoded: Part,
  context: PartContext,
): Part {
  if (context.cachePoints === 0) {
    context.ledger.drop(`${pathOf(part)}.cache_control`);
    return encoded;
  }
  context.cachePoints -= 1;
  const ttl = part.cache_control?.['ttl'];
  if (ttl !== undefined) {
    context.ledger.approximate(`${pathOf(part)}.cache_control.ttl`, ttl === '1h' ? '12h' : '30m');
  }
  const mode = 'explicit' as const;
  return {
    ...encoded,
    prompt_cache_breakpoint: ttl === '1h' ? { mode, ttl: '12h' as const } : { mode },
  };
}

function encodeInputPart(part: UnifiedContent, ledger: Ledger): InputPart | undefined {
  switch (part.type) {
    case 'text':
      reportToken(part, ledger);
      return part.text === '' ? undefined : { type: 'input_text', text: part.text };
    case 'refusal':
      return part.refusal === '' ? undefined : { type: 'input_text', text: part.refusal };
    case 'image_url':
      return encodeImage(part, ledger);
    case 'file':
      return encodeFile(part, ledger);
    default:
      // Sound and video are not among the parts of an input message (OpenAI, input content list).
      ledger.drop(pathOf(part));
      return undefined;
  }
}

/** Parts of the assistant's side: what it said. */
export function encodeOutputParts(parts: readonly UnifiedContent[], ledger: Ledger): OutputPart[] {
  const out: OutputPart[] = [];
  for (const part of parts) {
    if (part.type === 'text') {
      reportToken(part, ledger);
      if (part.text !== '') {
        out.push({ type: 'output_text', text: part.text, ...restFor('responses', part) });
      }
    } else if (part.type === 'refusal') {
      if (part.refusal !== '') out.push({ type: 'refusal', refusal: part.refusal });
    } else {
      ledger.drop(pathOf(part));
      continue;
    }
    if (part.cache_control !== undefined) ledger.drop(`${pathOf(part)}.cache_control`);
  }
  return out;
}

/** Gemini's tokens on text belong to Gemini. */
function reportToken(part: TextContent, ledger: Ledger): void {
  if (part.opaque !== undefined) ledger.drop(`${pathOf(part)}.thoughtSignature`);
}

const DETAILS = ['low', 'high', 'auto', 'original'] as const;
/** What the model can look at (OpenAI, images and vision: PNG, JPEG, WEBP, non-animated GIF). */
const IMAGE_TYPES = new Set(['image/png', 'image/jpeg', 'image/jpg', 'image/webp', 'image/gif']);

function encodeImage(part: ImageContent, ledger: Ledger): InputPart | undefined {
  const { url, detail: wish } = part.image_url;
  const detail = DETAILS.find((known) => known === wish) ?? 'auto';
  if (wish !== undefined && wish !== detail) ledger.drop(`${pathOf(part)}.image_url.detail`);
  if (url === '' && part.file !== undefined && isOpenAiFile(part.file.format)) {
    return { type: 'input_image', file_id: part.file.id, detail };
  }
  const data = parseDataUrl(url);
  const isReadable = data === undefined ? /^https?:/.test(url) : IMAGE_TYPES.has(data.mediaType);
  if (isReadable) return { type: 'input_image', image_url: url, detail };
  ledger.drop(pathOf(part));
  return undefined;
}

/** Chat and Responses share OpenAI's file store. */
function isOpenAiFile(format: string | undefined): boolean {
  return format === 'responses' || format === 'chat';
}

function encodeFile(part: FileContent, ledger: Ledger): InputPart | undefined {
  const { file } = part;
  const path = pathOf(part);
  if (file.context !== undefined) ledger.drop(`${path}.context`);
  if (file.citations === true) ledger.drop(`${path}.citations`);
  if (file.text !== undefined) {
    ledger.approximate(path, 'text');
    return file.text === '' ? undefined : { type: 'input_text', text: file.text };
  }
  const named = file.filename === undefined ? {} : { filename: file.filename };
  if (file.data !== undefined) return encodeData(file.data, file, path, ledger);
  if (file.url !== undefined && /^https?:/.test(file.url)) {
    // The API refuses a name beside an address.
    if (file.filename !== undefined) ledger.drop(`${path}.filename`);
    return { type: 'input_file', file_url: file.url };
  }
  if (file.id !== undefined && isOpenAiFile(file.idFormat)) {
    return { type: 'input_file', file_id: file.id, ...named };
  }
  ledger.drop(path);
  return undefined;
}

function encodeData(
  data: string,
  file: FileContent['file'],
  path: string,
  ledger: Ledger,
): InputPart | undefined {
  const mediaType = file.media_type ?? 'application/pdf';
  if (IMAGE_TYPES.has(mediaType)) {
    return { type: 'input_image', image_url: dataUrl(mediaType, data), detail: 'auto' };
  }
  if (/^(audio|video|image)\//.test(mediaType)) {
    ledger.drop(path);
    return undefined;
  }
  // The API wants a name and tells the kind of a file by it.
  const filename = file.filename ?? `document.${mediaType === 'application/pdf' ? 'pdf' : 'txt'}`;
  return { type: 'input_file', filename, file_data: dataUrl(mediaType, data) };
}
