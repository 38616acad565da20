/**
 * Fetches a file that a client named by its URL. The URL is a stranger's: the connection goes to an
 * address of the open internet that was checked before, redirects are followed by hand, size and time
 * are bounded, and nothing of the client or of a provider goes along.
 */
import { isIP } from 'node:net';
import { GatewayError, invalid } from '../errors.ts';
import { type Media, readMedia } from './media.ts';

export interface FetchMediaOptions {
  /** Where the URL stands in the client's body. */
  readonly path: string;
  /** Bytes that may still be read for the request; what is read is taken off. */
  readonly room: { bytes: number };
  readonly signal: AbortSignal;
}

/** @throws GatewayError `invalid_request` that names the field */
export type FetchMedia = (url: string, options: FetchMediaOptions) => Promise<Media>;

/** What fetching reaches of the world. */
export interface FetchMediaEffects {
  /** The addresses of a host; throws or gives none when it has none. */
  lookup(host: string): Promise<readonly string[]>;
  /** One GET at this very address, whatever the URL's host is by now; follows no redirect. */
  get(url: URL, address: string, signal: AbortSignal): Promise<Response>;
  /** Whether a client's URL may lead to an address. */
  isAllowed(address: string): boolean;
  readonly timeoutMs: number;
}

/** Bytes of one file. */
export const MAX_FILE_BYTES = 20 * 1024 * 1024;
const MAX_REDIRECTS = 3;
/** Addresses of one host that are tried. */
const MAX_ADDRESSES = 3;

export function createFetchMedia(effects: FetchMediaEffects): FetchMedia {
  return async (url, { path, room, signal }) => {
    const timeout = AbortSignal.timeout(effects.timeoutMs);
    const deadline = AbortSignal.any([signal, timeout]);
    try {
      const { response, host } = await follow(url, path, effects, deadline);
      return await readResponse(response, host, path, room);
    } catch (cause) {
      if (cause instanceof GatewayError) throw cause;
      signal.throwIfAborted();
      const why = timeout.aborted
        ? `took longer than ${effects.timeoutMs / 1000} s`
        : `could not be fetched${codeOf(cause)}`;
      throw new GatewayError('invalid_request', `${path}: the URL ${why}`, { field: path, cause });
    }
  };
}

/** Only the code is told: messages of a failed fetch may hold addresses. */
function codeOf(cause: unknown): string {
  const isCoded = typeof cause === 'object' && cause !== null && 'code' in cause;
  return isCoded && typeof cause.code === 'string' ? ` (${cause.code})` : '';
}

/** The answer at the end of the redirects. */
async function follow(
  first: string,
  path: string,
  effects: FetchMediaEffects,
  signal: AbortSignal,
): Promise<{ response: Response; host: string }> {
  let url = checkedUrl(URL.parse(first), path);
  for (let redirects = 0; ; redirects += 1) {
    const response = await getFrom(url, path, effects, signal);
    const location = isRedirect(response.status) ? response.headers.get('location') : null;
    if (location === null) return { response, host: url.hostname };
    await response.body?.cancel();
    if (redirects === MAX_REDIRECTS) {
      throw invalid(path, `the URL is redirected more than ${MAX_REDIRECTS} times`);
    }
    url = checkedUrl(URL.parse(location, url.href), path);
  }
}

function isRedirect(status: number): boolean {
  return [301, 302, 303, 307, 308].includes(status);
}

function checkedUrl(url: URL | null, path: string): URL {
  if (url === null) throw invalid(path, 'is not a URL that can be read');
  if (url.protocol !== 'http:' && url.protocol !== 'https:') {
    throw invalid(path, 'the URL leads to something other than http and https');
  }
  if (url.username !== '' || url.password !== '') {
    throw invalid(path, 'the URL must not hold a user name or a password');
  }
  return url;
}

/** Every address of the host must be allowed, so that none is reached by chance. */
async function getFrom(
  url: URL,
  path: string,
  effects: FetchMediaEffects,
  signal: AbortSignal,
): Promise<Response> {
  const addresses = await addressesOf(url.hostname, effects, signal);
  // An unknown host and a private one are told apart by nobody outside.
  if (addresses.length === 0 || !addresses.every((address) => effects.isAllowed(address))) {
    throw invalid(path, `the host "${url.hostname}" has no public address`);
  }
  // Not every machine has IPv6, and those that have it speak IPv4 too.
  const ordered = addresses.toSorted((a, b) => isIP(a) - isIP(b)).slice(0, MAX_ADDRESSES);
  let failure: unknown;
  for (const address of ordered) {
    try {
      return await effects.get(url, address, signal);
    } catch (cause) {
      signal.throwIfAborted();
      failure = cause;
    }
  }
  throw failure;
}

async function addressesOf(
  host: string,
  { lookup }: FetchMediaEffects,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const literal = host.replace(/^\[|\]$/g, '');
  if (isIP(literal) !== 0) return [literal];
  const { promise, reject } = Promise.withResolvers<never>();
  const onAbort = (): void => reject(signal.reason);
  signal.addEventListener('abort', onAbort, { once: true });
  try {
    signal.throwIfAborted();
    // A name without an address throws; to us it is the same as none.
    return await Promise.race([lookup(host).catch(() => []), promise]);
  } finally {
    signal.removeEventListener('abort', onAbort);
  }
}

async function readResponse(
  response: Response,
  host: string,
  path: string,
  room: { bytes: number },
): Promise<Media> {
  if (response.status !== 200) {
    await response.body?.cancel();
    throw invalid(path, `the host "${host}" answered with status ${response.status}`);
  }
  const bytes = await readBody(response, path, room);
  if (bytes.length === 0) throw invalid(path, 'the URL leads to an empty file');
  const contentType = response.headers.get('content-type');
  const media = readMedia(bytes, contentType);
  if (media === undefined) {
    const named = contentType?.replace(/[^\x20-\x7e]/g, '?').slice(0, 100) || 'of no type';
    throw invalid(path, `the URL leads to a file that is ${named}; images, PDF and text are taken`);
  }
  return media;
}

async function readBody(
  response: Response,
  path: string,
  room: { bytes: number },
): Promise<Uint8Array> {
  const chunks: Uint8Array[] = [];
  let length = 0;
  const reader = response.body?.getReader();
  while (reader !== undefined) {
    const { done, value } = await reader.read();
    if (done) break;
    length += value.length;
    room.bytes -= value.length;
    if (length > MAX_FILE_BYTES || room.bytes < 0) {
      await reader.cancel();
      throw invalid(path, tooLarge(length > MAX_FILE_BYTES));
    }
    chunks.push(value);
  }
  return Buffer.concat(chunks, length);
}

function tooLarge(isFile: boolean): string {
  return isFile
    ? `the URL leads to a file of more than ${MAX_FILE_BYTES / 2 ** 20} MB`
    : 'the files by URL are too large together';
}
