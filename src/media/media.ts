/** What a fetched file is: by its first bytes, which do not lie, else by what its server says. */
import { TextDecoder } from 'node:util';

/** The kinds of content that providers take inline. */
export type MediaKind = 'image' | 'pdf' | 'text';

/** A file out of a URL. */
export interface Media {
  readonly kind: MediaKind;
  readonly mediaType: string;
  /** Of text, as its server names it. */
  readonly charset: string;
  readonly bytes: Uint8Array;
}

/** Types outside `text/` whose content is text that a model can read. */
const TEXTUAL =
  /^text\/|^application\/(?:json|xml|yaml|x-yaml|toml|csv|sql|javascript|x-sh)$|\+(?:json|xml)$/;

/** The kind of a media type; undefined for one that is not fetched. */
export function kindOfType(mediaType: string): MediaKind | undefined {
  if (mediaType.startsWith('image/')) return 'image';
  if (mediaType === 'application/pdf') return 'pdf';
  return TEXTUAL.test(mediaType) ? 'text' : undefined;
}

/** A file by its content and its `content-type`; undefined for a kind that is not fetched. */
export function readMedia(bytes: Uint8Array, contentType: string | null): Media | undefined {
  const [named = '', ...parameters] = (contentType ?? '').split(';').map((each) => each.trim());
  const mediaType = typeOfBytes(bytes) ?? named.toLowerCase();
  const kind = kindOfType(mediaType);
  if (kind === undefined) return undefined;
  const charset = parameters.find((each) => /^charset=/i.test(each))?.slice('charset='.length);
  return { kind, mediaType, charset: charset?.replaceAll('"', '') ?? 'utf-8', bytes };
}

/** The types that providers take and that begin with a mark. */
function typeOfBytes(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.subarray(0, 12)).toString('latin1');
  if (head.startsWith('%PDF-')) return 'application/pdf';
  if (head.startsWith('\x89PNG\r\n\x1a\n')) return 'image/png';
  if (head.startsWith('\xff\xd8\xff')) return 'image/jpeg';
  if (/^GIF8[79]a/.test(head)) return 'image/gif';
  return /^RIFF.{4}WEBP/s.test(head) ? 'image/webp' : undefined;
}

/** The text of a file of kind text; undefined when its charset is unknown. */
export function textOfMedia({ bytes, charset }: Media): string | undefined {
  try {
    return new TextDecoder(charset).decode(bytes);
  } catch {
    // The only way to ask whether a label is known; whoever asked says what is wrong.
    return undefined;
  }
}
