/**
 * The upstream leg: one POST to a provider. The only module that calls `fetch`. What can go wrong on
 * the way becomes a `GatewayError` here.
 */

import type { ProviderConfig } from './config/config.ts';
import { GatewayError } from './errors.ts';
import type { AuthStyle, Format } from './formats/format.ts';
import type { HttpClient } from './http/http-client.ts';
import type { HttpHeaders, HttpReply } from './http/reply.ts';
import type { HttpRequest } from './http/request.ts';
import { isObject, parseJson } from './json.ts';
import { isPieced } from './json-span.ts';
import type { FetchMediaEffects } from './media/fetch-media.ts';
import type { QuirkEffects } from './quirks/quirk.ts';
import type { Stop } from './stop.ts';
import { refusalError } from './transform/fault-error.ts';
import type { FormatName, ProviderFault } from './unified.ts';

export interface UpstreamRequest extends HttpRequest {
  /** HTTP proxy; `false` ignores those of the environment. */
  readonly proxy?: string | false | undefined;
}

/** Asks a provider; the body is read before the promise is given, and again if it is sent once more. */
export type Send = (request: UpstreamRequest) => Promise<HttpReply>;

/**
 * Sends over our own sockets what goes to an `http:` provider directly, all else with Bun's fetch.
 * @param env where `HTTP_PROXY` and its like are looked up, as fetch does
 */
export function createSend(env: Readonly<Record<string, string | undefined>>): Send {
  const isProxied = PROXIES.some((name) => env[name] || env[name.toLowerCase()]);
  /** Loaded for the first request: an idle gateway is half a megabyte smaller (bench: memory). */
  let loading: Promise<HttpClient> | undefined;
  let client: HttpClient | undefined;

  async function loadClient(): Promise<HttpClient> {
    const module = await import('./http/http-client.ts');
    client = new module.HttpClient();
    return client;
  }

  return (request) => {
    const isDirect = request.proxy === false || (request.proxy === undefined && !isProxied);
    if (!isDirect || !request.url.startsWith('http:')) return sendWithFetch(request);
    if (client !== undefined) return client.send(request) ?? sendWithFetch(request);
    loading ??= loadClient();
    return loading.then((loaded) => loaded.send(request) ?? sendWithFetch(request));
  };
}
const PROXIES = ['HTTP_PROXY', 'ALL_PROXY'];

/**
 * Redirects are not followed: they would carry credentials elsewhere. No compression is asked for, as
 * fetch leaves its label on what it has already unpacked.
 */
export function sendWithFetch({
  url,
  headers,
  body,
  stop,
  proxy,
}: UpstreamRequest): Promise<HttpReply> {
  const sent = fetch(url, {
    method: 'POST',
    headers,
    body: isPieced(body) ? body.borrow() : body,
    signal: stop.signal,
    redirect: 'manual',
    // Bun's own limit would cut healthy streams; ours judge by progress.
    timeout: false,
    ...(proxy === undefined ? {} : { proxy }),
  } satisfies FetchOptions);
  // Fetch standard, "extract a body": of bytes a copy is taken, before the promise is given.
  if (isPieced(body)) body.giveBack();
  return sent;
}
type FetchOptions = RequestInit & { timeout: false; proxy?: string | false };

/** A request of a quirk's own, as for an access token. */
export const requestWithFetch: QuirkEffects['request'] = (url, init) => fetch(url, init);

/**
 * A GET that goes to `address`, whatever the host of `target` resolves to by now. `tls.serverName` is
 * both the name asked for and the one that the certificate must hold (oven-sh/bun#35886).
 */
export const getAt: FetchMediaEffects['get'] = (target, address, signal) => {
  const url = new URL(target);
  // Loaded here only: it takes 2 MB.
  const { isIP } = process.getBuiltinModule('node:net');
  url.hostname = isIP(address) === 6 ? `[${address}]` : address;
  const isNamed = isIP(target.hostname.replace(/^\[|\]$/g, '')) === 0;
  return fetch(url, {
    headers: {
      host: target.host,
      accept: 'image/*, application/pdf, text/*;q=0.9, */*;q=0.1',
      'accept-encoding': 'identity',
      'user-agent': 'plexus',
    },
    signal,
    redirect: 'manual',
    // No connection is kept that another request could take for that of another host.
    keepalive: false,
    ...(isNamed ? { tls: { serverName: target.hostname } } : {}),
  });
};

/** The URL for a format at a provider. */
export function upstreamUrl(
  provider: ProviderConfig,
  format: Format,
  model: string,
  stream: boolean,
): string {
  const endpoint = provider.endpoints.get(format.name);
  if (endpoint !== undefined) {
    const url = endpoint.replaceAll('{model}', encodeURIComponent(model));
    return stream && format.name === 'gemini' ? streamedUrl(url) : url;
  }
  const base = provider.formats.get(format.name) ?? '';
  const query = base.indexOf('?');
  const path = format.path(model, stream);
  if (query < 0) return base + path;
  // A base URL may bring a query of its own (`?api-version=`); it belongs behind the path.
  const own = base.slice(query + 1);
  return base.slice(0, query).replace(/\/$/, '') + path + (path.includes('?') ? '&' : '?') + own;
}

/** Gemini names the way of answering in the address, of which a configuration gives one. */
function streamedUrl(url: string): string {
  const streamed = url.replace(':generateContent', ':streamGenerateContent');
  if (streamed === url) return url;
  return `${streamed}${streamed.includes('?') ? '&' : '?'}alt=sse`;
}

function authHeader(style: AuthStyle, key: string): [string, string] | undefined {
  if (style === 'none') return undefined;
  return style === 'bearer' ? ['authorization', `Bearer ${key}`] : [style, key];
}

/**
 * Headers for a format at a provider; built once per provider and format, as nothing in them belongs
 * to a request.
 */
export function providerHeaders(
  provider: ProviderConfig,
  format: Format,
  stream: boolean,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': 'application/json',
    accept: stream ? 'text/event-stream' : 'application/json',
    'accept-encoding': 'identity',
    'user-agent': 'plexus',
    ...format.headers,
  };
  const auth =
    provider.apiKey === undefined
      ? undefined
      : authHeader(provider.auth ?? format.auth, provider.apiKey);
  if (auth) headers[auth[0]] = auth[1];
  for (const [name, value] of Object.entries(provider.headers)) headers[name.toLowerCase()] = value;
  return headers;
}

const MAX_NAMES = 500;

/** Client headers that a provider of the same format may want; an open list by prefix. */
const FORWARDED: Readonly<Record<FormatName, NameFilter>> = {
  messages: nameFilter(/^(anthropic-(?!dangerous)|x-claude-code-|idempotency-key$)/),
  chat: nameFilter(/^(openai-|idempotency-key$|x-session-|session-id$|http-referer$|x-title$)/),
  responses: nameFilter(
    /^(openai-|idempotency-key$|session-id$|thread-id$|x-codex-|originator$|x-session-)/,
  ),
  gemini: nameFilter(/^(x-goog-(?!api-key)|idempotency-key$)/),
};

/** Rate-limit and retry headers of a provider, which its client has a use for. */
const PASSED_ON = nameFilter(
  /^(retry-after(-ms)?$|x-ratelimit-|anthropic-ratelimit-|x-should-retry$|request-id$|openai-(processing-ms|version)$)/,
);

type NameFilter = (name: string) => boolean;

/** Whether a name matches; the same few come with each request, so what was said of them is remembered. */
function nameFilter(pattern: RegExp): NameFilter {
  const said = new Map<string, boolean>();
  return (name) => {
    const before = said.get(name);
    if (before !== undefined) return before;
    const matches = pattern.test(name);
    if (said.size < MAX_NAMES) said.set(name, matches);
    return matches;
  };
}

/** The headers whose names match, or undefined when none does. */
function pick(from: HttpHeaders, matches: NameFilter): Record<string, string> | undefined {
  let picked: Record<string, string> | undefined;
  // One native call for all headers costs a third of a callback for each.
  const all = from.toJSON();
  for (const name in all) {
    if (!matches(name)) continue;
    picked ??= {};
    picked[name] = all[name] ?? '';
  }
  return picked;
}

/** The client's headers that go up with a request of its own format. Never credentials. */
export function forwardedHeaders(
  format: FormatName,
  from: HttpHeaders,
): Record<string, string> | undefined {
  return pick(from, FORWARDED[format]);
}

/** The provider's headers and the client's, which win; betas are a list, and both lists count. */
export function mergedHeaders(
  base: Readonly<Record<string, string>>,
  forwarded: Readonly<Record<string, string>> | undefined,
): Record<string, string> {
  const headers = { ...base, ...forwarded };
  const own = base['anthropic-beta'];
  const asked = forwarded?.['anthropic-beta'];
  if (own !== undefined && asked !== undefined) {
    const betas = `${own},${asked}`.split(',').map((beta) => beta.trim());
    headers['anthropic-beta'] = [...new Set(betas)].filter(Boolean).join(',');
  }
  return headers;
}

export function passedOnHeaders(from: HttpHeaders): Record<string, string> | undefined {
  return pick(from, PASSED_ON);
}

/** An error reply is read up to here; more is of no use to anyone. */
const MAX_ERROR_BYTES = 64 * 1024;

async function readLimited(response: HttpReply): Promise<string> {
  const { body } = response;
  if (body === null) return '';
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let text = '';
  for (;;) {
    const { value } = await reader.read();
    if (value === undefined) return text + decoder.decode();
    text += decoder.decode(value, { stream: true });
    if (text.length > MAX_ERROR_BYTES) {
      await reader.cancel();
      return text.slice(0, MAX_ERROR_BYTES);
    }
  }
}

/**
 * Turns an error reply of a provider into our error; the provider's words stay in it.
 * @param sameFormat the client speaks the provider's format and gets the reply as it is
 */
export async function refusal(
  response: HttpReply,
  provider: ProviderConfig,
  format: Format,
  sameFormat: boolean,
  now: number,
): Promise<GatewayError> {
  const { status } = response;
  if (status >= 300 && status < 400) {
    await response.body?.cancel();
    return new GatewayError(
      'upstream_garbled',
      `The provider "${provider.name}" answered with a redirect, which is not followed. Check its baseUrl.`,
      { provider: provider.name },
    );
  }
  const body = await readLimited(response);
  const parsed = parseJson(body);
  const fault = format.decodeError(status, parsed ?? body);
  const retryAfter = retryAfterSeconds(response.headers, now);
  return refusalError({ ...fault, status: meantStatus(status, fault) }, provider.name, {
    headers: passedOnHeaders(response.headers) ?? {},
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(sameFormat && isErrorOf(format.name, parsed) ? { body } : {}),
  });
}

/** True for an error reply as clients of the format know it; any other is put into its envelope. */
export function isErrorOf(format: FormatName, reply: unknown): boolean {
  if (!isObject(reply)) return false;
  const { error } = reply;
  if (!isObject(error) || typeof error['message'] !== 'string') return false;
  if (format === 'messages') return reply['type'] === 'error';
  return format === 'gemini' ? typeof error['code'] === 'number' : 'type' in error;
}

/** Gemini refuses a wrong key with a 400, Anthropic an empty account; their formats know that. */
function meantStatus(status: number, fault: ProviderFault): number {
  return fault.status === 401 || fault.status === 402 ? fault.status : status;
}

/** Seconds that a reply's headers ask to wait: `retry-after-ms`, `retry-after` in seconds or as a date. */
export function retryAfterSeconds(headers: HttpHeaders, now: number): number | undefined {
  const ms = headers.get('retry-after-ms');
  if (ms !== null && Number.isFinite(Number(ms))) return Math.max(0, Number(ms) / 1000);
  const value = headers.get('retry-after');
  if (value === null) return undefined;
  if (/^\s*\d+(\.\d+)?\s*$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, (date - now) / 1000);
}

/** What an error that `send` threw means. Only its code is told: the rest may hold a URL with a key. */
export function sendError(cause: unknown, provider: string, stop: Stop): GatewayError {
  if (cause instanceof GatewayError) return cause;
  if (stop.reason instanceof GatewayError) return stop.reason;
  const code = errorCode(cause);
  return new GatewayError(
    'upstream_unreachable',
    `The provider "${provider}" could not be reached${code === undefined ? '' : ` (${code})`}.`,
    { provider, cause, ...(code === undefined ? {} : { code }) },
  );
}

function errorCode(cause: unknown): string | undefined {
  if (typeof cause !== 'object' || cause === null || !('code' in cause)) return undefined;
  return typeof cause.code === 'string' ? cause.code : undefined;
}
