/** One part of a chat client's content → unified. */
import { invalid } from '../../errors.ts';
import {
  type JsonObject,
  object,
  optionalString,
  readObject,
  readString,
  text,
} from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import { parseDataUrl, type UnifiedContent } from '../../unified.ts';
import { dropUnknown } from '../../unknown-fields.ts';

/** What is known beside the part's own field. */
const COMMON = ['type', 'cache_control'];

/** Reads a part; one that only a chat server knows is kept as it came. */
export function decodePart(part: JsonObject, path: string, ledger: Ledger): UnifiedContent {
  const type = readString(part, 'type', path);
  const content = decodeByType(part, type, path, ledger);
  const mark = object(part['cache_control']);
  if (mark) content.cache_control = mark;
  if (content.type !== 'hosted') dropUnknown(part, new Set([...COMMON, type]), path, ledger);
  return content;
}

function decodeByType(
  part: JsonObject,
  type: string,
  path: string,
  ledger: Ledger,
): UnifiedContent {
  switch (type) {
    case 'text':
      return { type, text: readString(part, 'text', path), path };
    case 'refusal':
      return { type, refusal: readString(part, 'refusal', path), path };
    case 'image_url':
      return decodeImage(part, path, ledger);
    case 'input_audio':
      return decodeAudio(part, path, ledger);
    case 'file':
      return decodeFile(part, path, ledger);
    case 'video_url':
      return decodeVideo(part, path);
    case 'document_url':
    case 'file_url':
      return decodeLink(part, type, path);
    default:
      return { type: 'hosted', format: 'chat', value: part, path };
  }
}

/** `image_url` is an object; Mistral also takes the bare address. */
function decodeImage(part: JsonObject, path: string, ledger: Ledger): UnifiedContent {
  const value = part['image_url'];
  if (typeof value === 'string') return { type: 'image_url', image_url: { url: value }, path };
  const where = `${path}.image_url`;
  const image = readObject(part, 'image_url', path);
  dropUnknown(image, new Set(['url', 'detail']), where, ledger);
  const detail = optionalString(image, 'detail', where);
  const url = readString(image, 'url', where);
  return { type: 'image_url', image_url: detail === undefined ? { url } : { url, detail }, path };
}

/** `input_audio` is `{data, format}`; Mistral's is the bare base64. */
function decodeAudio(part: JsonObject, path: string, ledger: Ledger): UnifiedContent {
  const value = part['input_audio'];
  if (typeof value === 'string') {
    const split = parseDataUrl(value);
    const format = split?.mediaType.split('/')[1] ?? 'mp3';
    return { type: 'input_audio', input_audio: { data: split?.data ?? value, format }, path };
  }
  const where = `${path}.input_audio`;
  const audio = readObject(part, 'input_audio', path);
  dropUnknown(audio, new Set(['data', 'format']), where, ledger);
  return {
    type: 'input_audio',
    input_audio: {
      data: readString(audio, 'data', where),
      format: optionalString(audio, 'format', where) ?? 'wav',
    },
    path,
  };
}

/** `file_data` is a data URL; bare base64 is taken for what the file's name says, else a PDF. */
function decodeFile(part: JsonObject, path: string, ledger: Ledger): UnifiedContent {
  const where = `${path}.file`;
  const source = readObject(part, 'file', path);
  dropUnknown(source, new Set(['file_data', 'file_id', 'filename']), where, ledger);
  const filename = optionalString(source, 'filename', where);
  const id = optionalString(source, 'file_id', where);
  const data = optionalString(source, 'file_data', where);
  const name = filename === undefined ? {} : { filename };
  if (data === undefined) {
    if (id === undefined) throw invalid(where, 'must have file_data or file_id');
    return { type: 'file', file: { ...name, id, idFormat: 'chat' }, path };
  }
  const split = parseDataUrl(data);
  if (split) {
    const file = { ...name, media_type: split.mediaType, data: split.data };
    return { type: 'file', file, path };
  }
  if (/^https?:/.test(data)) return { type: 'file', file: { ...name, url: data }, path };
  const media = filename?.endsWith('.txt') ? 'text/plain' : 'application/pdf';
  return { type: 'file', file: { ...name, media_type: media, data }, path };
}

/** OpenRouter, vLLM and llama.cpp take videos. */
function decodeVideo(part: JsonObject, path: string): UnifiedContent {
  const value = part['video_url'];
  const url =
    typeof value === 'string'
      ? value
      : readString(readObject(part, 'video_url', path), 'url', `${path}.video_url`);
  const split = parseDataUrl(url);
  const video = split ? { data: split.data, media_type: split.mediaType } : { url };
  return { type: 'video', video, path };
}

/** Mistral's and Perplexity's documents by address. */
function decodeLink(part: JsonObject, key: string, path: string): UnifiedContent {
  const value = part[key];
  const url = text(value) ?? readString(readObject(part, key, path), 'url', `${path}.${key}`);
  const split = parseDataUrl(url);
  const file = split ? { data: split.data, media_type: split.mediaType } : { url };
  return { type: 'file', file, path };
}
