/** Unified content → parts. What Gemini cannot take is left out and reported by its path. */
import type { Ledger } from '../../ledger.ts';
import {
  type AudioContent,
  type FileContent,
  type ImageContent,
  parseDataUrl,
  type UnifiedContent,
  type VideoContent,
} from '../../unified.ts';
import { mediaTypeOfData, mediaTypeOfName, mediaTypeOfUrl } from './media-type.ts';
import type { Part } from './wire.ts';

/** Where `fileUri` may point: Cloud Storage, and since 2026-01 any public URL (the Gemini API's
 * "File input methods" page; Vertex AI has taken them for longer). */
const REMOTE = /^(?:https?|gs):\/\//i;

/** The parts that say what `content` says, in its place; none when nothing of it can be said. */
export function encodeContent(content: UnifiedContent, ledger: Ledger): Part[] {
  const path = content.path ?? content.type;
  if (content.cache_control !== undefined) ledger.drop(`${path}.cache_control`);
  switch (content.type) {
    case 'text':
      return content.text === '' ? [] : [{ text: content.text }];
    case 'refusal':
      return content.refusal === '' ? [] : [{ text: content.refusal }];
    case 'image_url':
      return encodeImage(content, path, ledger);
    case 'input_audio':
      return [encodeAudio(content)];
    case 'video':
      return encodeVideo(content, path, ledger);
    case 'file':
      return encodeFile(content, path, ledger);
    case 'hosted':
      if (content.format === 'gemini') return [content.value];
      ledger.drop(path);
      return [];
  }
}

function dropped(path: string, ledger: Ledger): Part[] {
  ledger.drop(path);
  return [];
}

function blob(mediaType: string, data: string): Part {
  return { inlineData: { mimeType: mediaType, data } };
}

function remote(fileUri: string, mimeType: string | undefined): Part {
  return { fileData: mimeType === undefined ? { fileUri } : { fileUri, mimeType } };
}

function encodeImage(content: ImageContent, path: string, ledger: Ledger): Part[] {
  const { url, detail } = content.image_url;
  if (detail !== undefined && detail !== 'auto') ledger.drop(`${path}.detail`);
  if (content.file) {
    if (content.file.format !== 'gemini') return dropped(path, ledger);
    return [remote(content.file.id, content.media_type)];
  }
  const inline = parseDataUrl(url);
  if (inline) {
    const mediaType = inline.mediaType || content.media_type || mediaTypeOfData(inline.data);
    return [
      blob(mediaType === 'image/jpg' ? 'image/jpeg' : (mediaType ?? 'image/png'), inline.data),
    ];
  }
  if (!REMOTE.test(url)) return dropped(path, ledger);
  const known = content.media_type ?? mediaTypeOfUrl(url);
  // Vertex AI refuses a reference without a type; the bytes decide in the end.
  if (known === undefined) ledger.approximate(path, 'taken for image/jpeg');
  return [remote(url, known ?? 'image/jpeg')];
}

function encodeAudio(content: AudioContent): Part {
  const { data, format } = content.input_audio;
  return blob(`audio/${format === '' ? 'wav' : format}`, data);
}

function encodeVideo(content: VideoContent, path: string, ledger: Ledger): Part[] {
  const { data, url, media_type: mediaType } = content.video;
  if (data !== undefined) return [blob(mediaType ?? 'video/mp4', data)];
  if (url === undefined || !REMOTE.test(url)) return dropped(path, ledger);
  return [remote(url, mediaType ?? mediaTypeOfUrl(url) ?? 'video/mp4')];
}

function encodeFile(content: FileContent, path: string, ledger: Ledger): Part[] {
  const { file } = content;
  const main = encodeFileBody(file, path, ledger);
  if (main.length === 0) return main;
  if (file.filename !== undefined) ledger.drop(`${path}.filename`);
  if (file.citations) ledger.drop(`${path}.citations`);
  if (file.context === undefined || file.context === '') return main;
  ledger.approximate(`${path}.context`, 'text before the document');
  return [{ text: file.context }, ...main];
}

function encodeFileBody(file: FileContent['file'], path: string, ledger: Ledger): Part[] {
  const named = file.media_type ?? mediaTypeOfName(file.filename ?? '');
  if (file.text !== undefined) {
    return file.text === '' ? dropped(path, ledger) : [{ text: file.text }];
  }
  if (file.data !== undefined) {
    const inline = parseDataUrl(file.data);
    const data = inline?.data ?? file.data;
    const mediaType = inline?.mediaType || named || mediaTypeOfData(data);
    return mediaType === undefined ? dropped(path, ledger) : [blob(mediaType, data)];
  }
  if (file.url !== undefined && REMOTE.test(file.url)) {
    return [remote(file.url, named ?? mediaTypeOfUrl(file.url) ?? 'application/pdf')];
  }
  if (file.id !== undefined && file.idFormat === 'gemini') return [remote(file.id, named)];
  return dropped(path, ledger);
}
