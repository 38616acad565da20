/**
 * Parts of a client's contents that are not calls, responses or thoughts → unified content.
 */
import { Buffer } from 'node:buffer';
import type { JsonObject } from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import { dataUrl, type UnifiedContent } from '../../unified.ts';
import { mediaKind, mediaTypeOfUrl } from './media-type.ts';
import { dropUnknown, field, keyOf, objectField, restOf, stringField } from './proto.ts';

const TEXT_PART: ReadonlySet<string> = new Set(['text', 'thought', 'thoughtSignature']);
const BLOB_PART: ReadonlySet<string> = new Set(['inlineData', 'thought', 'thoughtSignature']);
const FILE_PART: ReadonlySet<string> = new Set(['fileData', 'thought', 'thoughtSignature']);
const BLOB: ReadonlySet<string> = new Set(['mimeType', 'data', 'displayName']);
const FILE_DATA: ReadonlySet<string> = new Set(['mimeType', 'fileUri', 'displayName']);

/** A file of Google's Files API, which only Google can read. */
const FILES_API = /^https:\/\/generativelanguage\.googleapis\.com\/.*\bfiles\//;

/** `audio/*` subtypes whose name in `input_audio` differs. */
const AUDIO_FORMAT: Readonly<Record<string, string>> = { mpeg: 'mp3', 'x-wav': 'wav', wave: 'wav' };

/** The part as content; undefined for one that says nothing. */
export function decodePart(
  part: JsonObject,
  path: string,
  ledger: Ledger,
): UnifiedContent | undefined {
  const text = stringField(part, 'text', path);
  if (text !== undefined) {
    const rest = restOf(part, TEXT_PART, path);
    return text === '' ? undefined : { type: 'text', text, path, ...rest };
  }
  if (field(part, 'inlineData') !== undefined) {
    return { ...decodeBlob(part, path, ledger), ...restOf(part, BLOB_PART, path) };
  }
  if (field(part, 'fileData') !== undefined) {
    return { ...decodeFileData(part, path, ledger), ...restOf(part, FILE_PART, path) };
  }
  if (Object.keys(part).length === 0) return undefined;
  return { type: 'hosted', format: 'gemini', value: part, path };
}

/** An `inlineData` blob by its media type. Also used for the parts of a function response. */
export function decodeBlob(part: JsonObject, path: string, ledger: Ledger): UnifiedContent {
  const where = `${path}.${keyOf(part, 'inlineData')}`;
  const blob = objectField(part, 'inlineData', path) ?? {};
  dropUnknown(blob, BLOB, where, ledger);
  const mediaType = stringField(blob, 'mimeType', where) ?? 'application/octet-stream';
  const data = standardBase64(stringField(blob, 'data', where) ?? '');
  const filename = stringField(blob, 'displayName', where);
  const kind = mediaKind(mediaType);
  // Only files have names in the middle language.
  if (filename !== undefined && kind !== 'file') ledger.drop(`${where}.displayName`);
  switch (kind) {
    case 'image':
      return {
        type: 'image_url',
        image_url: { url: dataUrl(mediaType, data) },
        media_type: mediaType,
        path,
      };
    case 'audio': {
      const subtype = (mediaType.slice('audio/'.length).split(';')[0] ?? '').toLowerCase();
      const format = AUDIO_FORMAT[subtype] ?? subtype;
      return { type: 'input_audio', input_audio: { data, format }, path };
    }
    case 'video':
      return { type: 'video', video: { data, media_type: mediaType }, path };
    default: {
      const named = filename !== undefined && { filename };
      // A plain text file is of use to every format, also to those that take no files.
      return mediaType === 'text/plain'
        ? {
            type: 'file',
            file: { text: Buffer.from(data, 'base64').toString(), media_type: mediaType, ...named },
            path,
          }
        : { type: 'file', file: { data, media_type: mediaType, ...named }, path };
    }
  }
}

/** Protobuf JSON takes the URL-safe alphabet too (the Python SDK sends it), other formats do not. */
function standardBase64(data: string): string {
  if (!/[-_]/.test(data)) return data;
  const standard = data.replaceAll('-', '+').replaceAll('_', '/');
  return standard.padEnd(Math.ceil(standard.length / 4) * 4, '=');
}

/** A `fileData` reference: a URL, or a file that Google holds. */
export function decodeFileData(part: JsonObject, path: string, ledger: Ledger): UnifiedContent {
  const where = `${path}.${keyOf(part, 'fileData')}`;
  const file = objectField(part, 'fileData', path) ?? {};
  dropUnknown(file, FILE_DATA, where, ledger);
  const url = stringField(file, 'fileUri', where) ?? '';
  const mediaType = stringField(file, 'mimeType', where) ?? mediaTypeOfUrl(url);
  const filename = stringField(file, 'displayName', where);
  const kind = mediaType === undefined ? 'file' : mediaKind(mediaType);
  if (filename !== undefined && (kind === 'image' || kind === 'video')) {
    ledger.drop(`${where}.displayName`);
  }
  const typed = mediaType !== undefined && { media_type: mediaType };
  const named = filename !== undefined && { filename };
  if (FILES_API.test(url)) {
    if (kind === 'image') {
      const held = { id: url, format: 'gemini' as const };
      return { type: 'image_url', image_url: { url: '' }, file: held, ...typed, path };
    }
    return { type: 'file', file: { id: url, idFormat: 'gemini', ...typed, ...named }, path };
  }
  if (kind === 'image') return { type: 'image_url', image_url: { url }, ...typed, path };
  if (kind === 'video') return { type: 'video', video: { url, ...typed }, path };
  return { type: 'file', file: { url, ...typed, ...named }, path };
}
