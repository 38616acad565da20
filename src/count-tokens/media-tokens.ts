/** About how many tokens a picture, a document, sound or film is. */
import {
  type AudioContent,
  type FileContent,
  type FormatName,
  type ImageContent,
  parseDataUrl,
  type VideoContent,
} from '../unified.ts';
import { estimateText } from './estimate-text.ts';

export interface Size {
  readonly width: number;
  readonly height: number;
}

/** What a picture of unknown size is taken for: about what a full screen comes to everywhere. */
const USUAL: Size = { width: 1280, height: 960 };

/**
 * A picture's tokens by the rule of the provider's format: Anthropic counts width × height / 750 once
 * the long edge is within 1568 (docs: vision), Google 258 for each tile of 768 (docs: token counting),
 * OpenAI 85 and 170 for each tile of 512 once the short edge is within 768 (docs: images and vision).
 */
export function imageTokens({ width, height }: Size, format: FormatName, isLow = false): number {
  if (format === 'messages') {
    const scale = Math.min(1, 1568 / Math.max(width, height));
    return Math.min(1640, Math.ceil((width * scale * height * scale) / 750));
  }
  if (format === 'gemini') {
    if (width <= 384 && height <= 384) return 258;
    return 258 * Math.ceil(width / 768) * Math.ceil(height / 768);
  }
  if (isLow) return 85;
  const scale = Math.min(1, 2048 / Math.max(width, height), 768 / Math.min(width, height));
  return 85 + 170 * Math.ceil((width * scale) / 512) * Math.ceil((height * scale) / 512);
}

export function imagePartTokens(part: ImageContent, format: FormatName): number {
  const { url, detail } = part.image_url;
  const size = imageSize(parseDataUrl(url)?.data ?? '') ?? USUAL;
  return imageTokens(size, format, detail === 'low');
}

/** A page as text and picture (Anthropic, docs: PDF support: 1500 to 3000), and as picture only (Google). */
const PAGE: Readonly<Record<FormatName, number>> = {
  messages: 2000,
  chat: 1200,
  responses: 1200,
  gemini: 258,
};
/** A page of a PDF of which nothing else is known. */
const PAGE_BYTES = 50_000;
/** Pages are looked for in the first part of a document only. */
const PDF_HEAD = 2 * 1024 * 1024;
/** What citations add to a document for Anthropic, as recorded. */
const CITATIONS = 560;

export function fileTokens({ file }: FileContent, format: FormatName): number {
  const cited = format === 'messages' && file.citations === true ? CITATIONS : 0;
  if (file.text !== undefined) return cited + estimateText(file.text);
  if (file.data === undefined) return cited + PAGE[format];
  if (file.media_type?.startsWith('text/')) return cited + (file.data.length * 0.75) / 4;
  return cited + PAGE[format] * pageCount(file.data);
}

/** Page objects that stand uncompressed in a PDF; else by its size. */
function pageCount(base64: string): number {
  const head = Buffer.from(base64.slice(0, PDF_HEAD), 'base64').toString('latin1');
  const pages = head.match(/\/Type\s*\/Page(?![a-zA-Z])/g)?.length ?? 0;
  return Math.max(1, pages || Math.round((base64.length * 0.75) / PAGE_BYTES));
}

/** Google: 32 tokens a second (docs: audio); OpenAI ten. Bytes a second as of an ordinary MP3. */
export function audioTokens({ input_audio }: AudioContent, format: FormatName): number {
  const perSecond = input_audio.format === 'wav' ? 48_000 : 16_000;
  const seconds = Math.max(1, (input_audio.data.length * 0.75) / perSecond);
  return seconds * (format === 'gemini' ? 32 : 10);
}

/** Google: about 300 tokens a second (docs: video). Bytes a second as of an ordinary MP4. */
export function videoTokens({ video }: VideoContent): number {
  return 300 * Math.max(1, ((video.data?.length ?? 0) * 0.75) / 250_000);
}

/** Enough of a file for its size to be in it; JPEG has it behind embedded previews. */
const HEAD = 64 * 1024;

/** The size that a picture's own head says; undefined for what is not PNG, GIF, WebP or JPEG. */
export function imageSize(base64: string): Size | undefined {
  if (base64 === '') return undefined;
  const bytes = Buffer.from(base64.slice(0, HEAD), 'base64');
  if (bytes.length < 30) return undefined;
  if (bytes.readUInt32BE(0) === 0x89504e47) {
    return { width: bytes.readUInt32BE(16), height: bytes.readUInt32BE(20) };
  }
  const magic = bytes.toString('latin1', 0, 4);
  if (magic === 'GIF8') return { width: bytes.readUInt16LE(6), height: bytes.readUInt16LE(8) };
  if (magic === 'RIFF') return webpSize(bytes);
  return bytes.readUInt16BE(0) === 0xffd8 ? jpegSize(bytes) : undefined;
}

function webpSize(bytes: Buffer): Size | undefined {
  switch (bytes.toString('latin1', 12, 16)) {
    case 'VP8X':
      return { width: 1 + bytes.readUIntLE(24, 3), height: 1 + bytes.readUIntLE(27, 3) };
    case 'VP8 ':
      return { width: bytes.readUInt16LE(26) & 0x3fff, height: bytes.readUInt16LE(28) & 0x3fff };
    case 'VP8L': {
      const bits = bytes.readUInt32LE(21);
      return { width: 1 + (bits & 0x3fff), height: 1 + ((bits >> 14) & 0x3fff) };
    }
    default:
      return undefined;
  }
}

/** From marker to marker up to the frame header (ITU T.81, annex B). */
function jpegSize(bytes: Buffer): Size | undefined {
  for (let at = 2; at + 9 < bytes.length; ) {
    if (bytes[at] !== 0xff) return undefined;
    const marker = bytes[at + 1] ?? 0;
    const isFrame = marker >= 0xc0 && marker <= 0xcf && ![0xc4, 0xc8, 0xcc].includes(marker);
    if (isFrame) return { height: bytes.readUInt16BE(at + 5), width: bytes.readUInt16BE(at + 7) };
    at += 2 + bytes.readUInt16BE(at + 2);
  }
  return undefined;
}
