/** Puts the content of files that a client named by URL in the place of their URLs. */
import { type GatewayError, invalid } from '../errors.ts';
import type { Ledger } from '../ledger.ts';
import {
  dataUrl,
  type FormatName,
  type UnifiedChatRequest,
  type UnifiedContent,
  type UnifiedMessage,
} from '../unified.ts';
import type { FetchMedia } from './fetch-media.ts';
import { type Media, textOfMedia } from './media.ts';
import { type RemotePart, wantedUrl } from './wants-content.ts';

export interface InlineMediaOptions {
  /** The provider's format, and whether it takes no URL at all. */
  readonly format: FormatName;
  readonly inlineOnly: boolean;
  readonly fetchMedia: FetchMedia;
  /** What earlier attempts at the request have fetched; what is fetched now is added. */
  readonly fetched: Map<string, Media>;
  readonly ledger: Ledger;
  readonly signal: AbortSignal;
  /** A path as the client itself wrote it. */
  spell(path: string): string;
}

/** Bytes of all files of a request, each counted as often as it stands there. */
export const MAX_ALL_BYTES = 40 * 1024 * 1024;
/** Different URLs of a request: nobody's server is to be flooded through this one. */
export const MAX_FILES = 20;

/**
 * The request with content where the provider would not get it otherwise, reported as approximated;
 * the same value when there is nothing to fetch.
 * @throws GatewayError `invalid_request` that names the field whose URL is at fault
 */
export async function inlineMedia(
  request: UnifiedChatRequest,
  options: InlineMediaOptions,
): Promise<UnifiedChatRequest> {
  const wanted = wantedParts(request, options);
  if (wanted.size === 0) return request;
  await fetchAll(wanted, options);
  const messages = request.messages.map((message) => withContent(message, wanted, options));
  return { ...request, messages };
}

type Wanted = ReadonlyMap<UnifiedContent, RemotePart>;

/** Only users and tools have media: everywhere else encoders leave them out. */
function wantedParts(
  { messages }: UnifiedChatRequest,
  { format, inlineOnly }: InlineMediaOptions,
): Wanted {
  const wanted = new Map<UnifiedContent, RemotePart>();
  for (const { role, content } of messages) {
    if ((role !== 'user' && role !== 'tool') || !Array.isArray(content)) continue;
    for (const part of content) {
      const remote = wantedUrl(part, format, inlineOnly);
      if (remote !== undefined) wanted.set(part, remote);
    }
  }
  return wanted;
}

async function fetchAll(wanted: Wanted, options: InlineMediaOptions): Promise<void> {
  const { fetchMedia, fetched, signal } = options;
  const pathOf = new Map<string, string>();
  for (const [part, { url }] of wanted) {
    if (!pathOf.has(url)) pathOf.set(url, clientPath(part, options));
    if (pathOf.size > MAX_FILES) {
      throw invalid(pathOf.get(url) ?? '', `at most ${MAX_FILES} files are fetched by URL`);
    }
  }
  const room = { bytes: MAX_ALL_BYTES };
  for (const url of pathOf.keys()) room.bytes -= fetched.get(url)?.bytes.length ?? 0;
  // One that fails ends the others.
  const others = new AbortController();
  const either = AbortSignal.any([signal, others.signal]);
  const missing = [...pathOf].filter(([url]) => !fetched.has(url));
  try {
    await Promise.all(
      missing.map(async ([url, path]) => {
        fetched.set(url, await fetchMedia(url, { path, room, signal: either }));
      }),
    );
  } catch (cause) {
    others.abort();
    throw cause;
  }
  let total = 0;
  for (const [part, { url }] of wanted) {
    total += fetched.get(url)?.bytes.length ?? 0;
    if (total > MAX_ALL_BYTES) {
      throw invalid(clientPath(part, options), 'the files by URL are too large together');
    }
  }
}

function clientPath({ path, type }: UnifiedContent, { spell }: InlineMediaOptions): string {
  return path === undefined ? type : spell(path);
}

function withContent(
  message: UnifiedMessage,
  wanted: Wanted,
  options: InlineMediaOptions,
): UnifiedMessage {
  const { content } = message;
  if (!Array.isArray(content) || !content.some((part) => wanted.has(part))) return message;
  return {
    ...message,
    content: content.map((part) => {
      const remote = wanted.get(part);
      const media = remote && options.fetched.get(remote.url);
      return media === undefined ? part : inlinePart(part, remote?.kind, media, options);
    }),
  };
}

function inlinePart(
  part: UnifiedContent,
  kind: RemotePart['kind'],
  media: Media,
  options: InlineMediaOptions,
): UnifiedContent {
  if (kind !== undefined && kind !== media.kind) throw mismatch(part, kind, media, options);
  if (part.path !== undefined) options.ledger.approximate(part.path, 'fetched');
  const { mediaType } = media;
  if (part.type === 'image_url') {
    const url = dataUrl(mediaType, base64(media));
    return { ...part, image_url: { ...part.image_url, url }, media_type: mediaType };
  }
  if (part.type !== 'file') return part;
  const { url: _, ...named } = part.file;
  const file = { ...named, media_type: mediaType };
  if (media.kind !== 'text') return { ...part, file: { ...file, data: base64(media) } };
  const text = textOfMedia(media);
  if (text === undefined) {
    throw invalid(clientPath(part, options), 'the URL leads to text of an unknown charset');
  }
  return { ...part, file: { ...file, text } };
}

function base64({ bytes }: Media): string {
  return Buffer.from(bytes).toString('base64');
}

const WORDS = { image: 'an image', pdf: 'a PDF', text: 'text' } as const;

function mismatch(
  part: UnifiedContent,
  kind: NonNullable<RemotePart['kind']>,
  media: Media,
  options: InlineMediaOptions,
): GatewayError {
  const found = `is ${media.mediaType}, not ${WORDS[kind]}`;
  return invalid(clientPath(part, options), `the URL leads to a file that ${found}`);
}
