/** What kind of thing a media type or a URL's ending names. */

const BY_EXTENSION: Readonly<Record<string, string>> = {
  png: 'image/png',
  jpg: 'image/jpeg',
  jpeg: 'image/jpeg',
  webp: 'image/webp',
  gif: 'image/gif',
  bmp: 'image/bmp',
  heic: 'image/heic',
  heif: 'image/heif',
  avif: 'image/avif',
  pdf: 'application/pdf',
  json: 'application/json',
  txt: 'text/plain',
  md: 'text/markdown',
  csv: 'text/csv',
  html: 'text/html',
  htm: 'text/html',
  css: 'text/css',
  xml: 'text/xml',
  rtf: 'text/rtf',
  js: 'text/javascript',
  py: 'text/x-python',
  mp3: 'audio/mp3',
  wav: 'audio/wav',
  aac: 'audio/aac',
  ogg: 'audio/ogg',
  flac: 'audio/flac',
  aiff: 'audio/aiff',
  mp4: 'video/mp4',
  mpeg: 'video/mpeg',
  mov: 'video/quicktime',
  avi: 'video/avi',
  webm: 'video/webm',
  wmv: 'video/wmv',
  flv: 'video/x-flv',
};

const YOUTUBE = /^https:\/\/(?:www\.|m\.)?(?:youtube\.com|youtu\.be)\//;

/** The media type that a file name or a URL's path ends in, if it is a known one. */
export function mediaTypeOfName(name: string): string | undefined {
  const path = name.split(/[?#]/, 1)[0] ?? '';
  const dot = path.lastIndexOf('.');
  return dot < 0 ? undefined : BY_EXTENSION[path.slice(dot + 1).toLowerCase()];
}

/** The same for a URL; YouTube's pages are videos (Gemini reads them by `fileUri`). */
export function mediaTypeOfUrl(url: string): string | undefined {
  return YOUTUBE.test(url) ? 'video/mp4' : mediaTypeOfName(url);
}

/** A base64 file's type by its first bytes, for files that come without one. */
export function mediaTypeOfData(data: string): string | undefined {
  if (data.startsWith('JVBERi0')) return 'application/pdf';
  if (data.startsWith('iVBORw0KGgo')) return 'image/png';
  if (data.startsWith('/9j/')) return 'image/jpeg';
  return undefined;
}

/** The kinds of content that unified tells apart; `file` is everything else. */
type MediaKind = 'image' | 'audio' | 'video' | 'file';

/** The kind that a media type belongs to. */
export function mediaKind(mediaType: string): MediaKind {
  const slash = mediaType.indexOf('/');
  const kind = mediaType.slice(0, slash);
  return kind === 'image' || kind === 'audio' || kind === 'video' ? kind : 'file';
}
