/** Which parts of a request reach a provider only as content, read off the formats' encoders. */
import type { FormatName, UnifiedContent } from '../unified.ts';
import { kindOfType, type MediaKind } from './media.ts';

/** A part that names its content by a URL which can be fetched. */
export interface RemotePart {
  readonly url: string;
  /** What it must turn out to be, where the client says. */
  readonly kind: MediaKind | undefined;
}

const TEXT_NAME = /\.(?:txt|md|csv|json|xml|html?)$/i;

/**
 * The URL of a part that must be fetched for a provider of this format.
 * @param inlineOnly the provider takes no URL at all, whatever its format has
 */
export function wantedUrl(
  part: UnifiedContent,
  format: FormatName,
  inlineOnly: boolean,
): RemotePart | undefined {
  if (part.type === 'image_url') {
    const { url } = part.image_url;
    return inlineOnly && part.file === undefined && isRemote(url)
      ? { url, kind: 'image' }
      : undefined;
  }
  if (part.type !== 'file' || part.file.data !== undefined || part.file.text !== undefined) {
    return undefined;
  }
  const { url, media_type: mediaType, filename } = part.file;
  if (url === undefined || !isRemote(url)) return undefined;
  const kind = mediaType === undefined ? undefined : kindOfType(mediaType.toLowerCase());
  // What has another type cannot be sent as content either.
  if (mediaType !== undefined && kind === undefined) return undefined;
  const isText =
    kind === undefined ? [filename ?? '', pathOf(url)].some(isTextName) : kind === 'text';
  const isWanted = inlineOnly || format === 'chat' || (format === 'messages' && isText);
  return isWanted ? { url, kind } : undefined;
}

function isTextName(name: string): boolean {
  return TEXT_NAME.test(name);
}

function pathOf(url: string): string {
  return url.split(/[?#]/, 1)[0] ?? '';
}

function isRemote(url: string): boolean {
  return /^https?:\/\//i.test(url);
}
