/** Content parts of a Responses request → unified. */
import { invalid } from '../../errors.ts';
import {
  asObject,
  at,
  type JsonObject,
  optionalString,
  readObject,
  readString,
} from '../../json.ts';
import type { Ledger } from '../../ledger.ts';
import {
  type FileContent,
  type ImageContent,
  parseDataUrl,
  type Rest,
  type UnifiedContent,
} from '../../unified.ts';
import { saysNothing } from '../../unknown-fields.ts';

/** The fields of an item, a part or a tool that nobody reads, for a provider of this format. */
export function restOf(
  value: JsonObject,
  read: ReadonlySet<string>,
  path: string,
): { rest?: Rest } {
  let fields: JsonObject | undefined;
  for (const key in value) {
    const field = value[key];
    if (read.has(key) || saysNothing(field)) continue;
    fields ??= {};
    fields[key] = field;
  }
  return fields === undefined ? {} : { rest: { format: 'responses', path, fields } };
}

const TEXT_FIELDS = new Set(['type', 'text', 'prompt_cache_breakpoint']);
const REFUSAL_FIELDS = new Set(['type', 'refusal']);
const IMAGE_FIELDS = new Set(['type', 'image_url', 'file_id', 'detail', 'prompt_cache_breakpoint']);
const FILE_FIELDS = new Set([
  'type',
  'filename',
  'file_data',
  'file_url',
  'file_id',
  'prompt_cache_breakpoint',
]);
const AUDIO_FIELDS = new Set(['type', 'input_audio']);

/** A list of parts; what unified has no part for is reported. */
export function decodeParts(list: unknown[], path: string, ledger: Ledger): UnifiedContent[] {
  const out: UnifiedContent[] = [];
  list.forEach((value, index) => {
    const partPath = at(path, index);
    const part = decodePart(asObject(value, partPath), partPath, ledger);
    if (part !== undefined) out.push(part);
  });
  return out;
}

function decodePart(part: JsonObject, path: string, ledger: Ledger): UnifiedContent | undefined {
  const content = decodeKind(part, path);
  if (content === undefined) {
    ledger.drop(path);
    return undefined;
  }
  const mark = decodeCachePoint(part, path, ledger);
  return { ...content, path, ...(mark !== undefined && { cache_control: mark }) };
}

function decodeKind(part: JsonObject, path: string): UnifiedContent | undefined {
  switch (readString(part, 'type', path)) {
    case 'input_text':
    case 'output_text':
    case 'text':
      return {
        type: 'text',
        text: readString(part, 'text', path),
        ...restOf(part, TEXT_FIELDS, path),
      };
    case 'refusal':
      return {
        type: 'refusal',
        refusal: readString(part, 'refusal', path),
        ...restOf(part, REFUSAL_FIELDS, path),
      };
    case 'input_image':
      return { ...decodeImage(part, path), ...restOf(part, IMAGE_FIELDS, path) };
    case 'input_file':
      return { ...decodeFile(part, path), ...restOf(part, FILE_FIELDS, path) };
    case 'input_audio': {
      const audio = readObject(part, 'input_audio', path);
      const audioPath = at(path, 'input_audio');
      return {
        type: 'input_audio',
        input_audio: {
          data: readString(audio, 'data', audioPath),
          format: readString(audio, 'format', audioPath),
        },
        ...restOf(part, AUDIO_FIELDS, path),
      };
    }
    default:
      return undefined;
  }
}

function decodeImage(part: JsonObject, path: string): ImageContent {
  const detail = optionalString(part, 'detail', path);
  const url = optionalString(part, 'image_url', path);
  const id = optionalString(part, 'file_id', path);
  if (url === undefined && id === undefined) {
    throw invalid(at(path, 'image_url'), 'is required, or file_id');
  }
  const mediaType = url === undefined ? undefined : parseDataUrl(url)?.mediaType;
  return {
    type: 'image_url',
    image_url: { url: url ?? '', ...(detail !== undefined && { detail }) },
    ...(mediaType !== undefined && { media_type: mediaType }),
    ...(url === undefined && id !== undefined && { file: { id, format: 'responses' } }),
  };
}

const TYPE_OF_EXTENSION: Readonly<Record<string, string>> = {
  pdf: 'application/pdf',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  json: 'application/json',
};

function decodeFile(part: JsonObject, path: string): FileContent {
  const filename = optionalString(part, 'filename', path);
  const named = filename === undefined ? {} : { filename };
  const data = optionalString(part, 'file_data', path);
  if (data !== undefined)
    return { type: 'file', file: { ...named, ...decodeData(data, filename) } };
  const url = optionalString(part, 'file_url', path);
  if (url !== undefined) return { type: 'file', file: { ...named, url } };
  const id = readString(part, 'file_id', path);
  return { type: 'file', file: { ...named, id, idFormat: 'responses' } };
}

/** `file_data` is documented as bare base64 and used as a data URL; both are taken. */
function decodeData(data: string, filename: string | undefined): FileContent['file'] {
  const split = parseDataUrl(data);
  const extension = filename?.split('.').pop()?.toLowerCase() ?? '';
  const mediaType = split?.mediaType || TYPE_OF_EXTENSION[extension] || 'application/pdf';
  const base64 = split?.data ?? data;
  // Formats that know documents know plain text as text, not as base64.
  if (mediaType.startsWith('text/')) {
    return { media_type: mediaType, text: Buffer.from(base64, 'base64').toString() };
  }
  return { media_type: mediaType, data: base64 };
}

/**
 * A `prompt_cache_breakpoint` is what Anthropic calls a cache mark. Of the two lifetimes on each
 * side, the longer one stands for the longer one.
 */
function decodeCachePoint(part: JsonObject, path: string, ledger: Ledger): JsonObject | undefined {
  const point = part['prompt_cache_breakpoint'];
  if (point === undefined || point === null) return undefined;
  const pointPath = at(path, 'prompt_cache_breakpoint');
  const ttl = optionalString(asObject(point, pointPath), 'ttl', pointPath);
  if (ttl === undefined) return { type: 'ephemeral' };
  ledger.approximate(at(pointPath, 'ttl'), ttl === '12h' ? '1h' : '5m');
  return ttl === '12h' ? { type: 'ephemeral', ttl: '1h' } : { type: 'ephemeral' };
}
