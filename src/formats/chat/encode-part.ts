/** Parts of a message → what a chat provider takes in a user message. */
import type {
  ChatCompletionContentPart,
  ChatCompletionContentPartImage,
  ChatCompletionContentPartInputAudio,
} from 'openai/resources/chat/completions/completions';
import type { Ledger } from '../../ledger.ts';
import {
  type AudioContent,
  dataUrl,
  type FileContent,
  type ImageContent,
  type UnifiedContent,
} from '../../unified.ts';

export type UserPart = ChatCompletionContentPart;

/** The part as chat spells it; undefined, and reported, when chat has no place for it. */
export function encodePart(part: UnifiedContent, ledger: Ledger): UserPart | undefined {
  dropMark(part, ledger);
  switch (part.type) {
    case 'text':
      return part.text === '' ? undefined : { type: 'text', text: part.text };
    case 'refusal':
      return { type: 'text', text: part.refusal };
    case 'image_url':
      return encodeImage(part, ledger);
    case 'file':
      return encodeFile(part, ledger);
    case 'input_audio':
      return encodeAudio(part);
    case 'video':
    case 'hosted':
      return drop(part, ledger);
  }
}

/** Chat has no cache marks, as the provider caches prefixes by itself, nor tokens of texts. */
export function dropMark(part: UnifiedContent, ledger: Ledger): void {
  if (part.path === undefined) return;
  if (part.cache_control) ledger.drop(`${part.path}.cache_control`);
  if (part.type === 'text' && part.opaque) ledger.drop(`${part.path}.opaque`);
}

/** Reports a part that cannot go. */
export function drop(part: UnifiedContent, ledger: Ledger): undefined {
  if (part.path !== undefined) ledger.drop(part.path);
  return undefined;
}

const DETAILS = ['auto', 'low', 'high', 'original'] as const;

function encodeImage(
  part: ImageContent,
  ledger: Ledger,
): ChatCompletionContentPartImage | undefined {
  const { url, detail } = part.image_url;
  if (part.file || !/^(?:data:|https?:)/.test(url)) return drop(part, ledger);
  const known = DETAILS.find((word) => word === detail);
  if (detail !== undefined && !known && part.path !== undefined) {
    ledger.drop(`${part.path}.image_url.detail`);
  }
  return { type: 'image_url', image_url: known ? { url, detail: known } : { url } };
}

/** OpenAI says wav and mp3; servers that take more use the media subtype too. */
const AUDIO_WORDS: Readonly<Record<string, string>> = {
  mpeg: 'mp3',
  'x-wav': 'wav',
  wave: 'wav',
  'vnd.wave': 'wav',
};

function encodeAudio(part: AudioContent): ChatCompletionContentPartInputAudio {
  const { data, format } = part.input_audio;
  // The SDK's type knows two words; OpenRouter and others take more.
  const audio: { data: string; format: string } = { data, format: AUDIO_WORDS[format] ?? format };
  return { type: 'input_audio', input_audio: audio as typeof audio & { format: 'wav' | 'mp3' } };
}

/** Text becomes text; a file goes as a data URL with a name, which OpenAI demands with it. */
function encodeFile(part: FileContent, ledger: Ledger): UserPart | undefined {
  const { file, path } = part;
  if (path !== undefined) {
    if (file.context !== undefined) ledger.drop(`${path}.context`);
    if (file.citations) ledger.drop(`${path}.citations`);
  }
  const plain = plainText(file);
  if (plain !== undefined) {
    if (file.filename !== undefined && path !== undefined) {
      ledger.approximate(path, 'as text, without its name');
    }
    return plain === '' ? undefined : { type: 'text', text: plain };
  }
  if (file.data !== undefined) {
    const media = file.media_type ?? 'application/pdf';
    if (media.startsWith('image/')) {
      return { type: 'image_url', image_url: { url: dataUrl(media, file.data) } };
    }
    const filename = file.filename ?? `document.${media.split('/')[1] ?? 'pdf'}`;
    return { type: 'file', file: { filename, file_data: dataUrl(media, file.data) } };
  }
  if (file.id !== undefined && (file.idFormat === 'chat' || file.idFormat === 'responses')) {
    return { type: 'file', file: { file_id: file.id } };
  }
  return drop(part, ledger);
}

function plainText(file: FileContent['file']): string | undefined {
  if (file.text !== undefined) return file.text;
  if (file.data === undefined || !file.media_type?.startsWith('text/')) return undefined;
  return Buffer.from(file.data, 'base64').toString('utf8');
}
