/** A POST as HTTP/1.1 writes it (RFC 9112, sections 3 and 5). */
import type { Pieced } from '../json-span.ts';
import type { Stop } from '../stop.ts';
import { trimmed } from './white-space.ts';

export interface HttpRequest {
  /** Absolute, `http:`. */
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string | Uint8Array | Pieced;
  /** Ends the request, whatever has come of its reply. */
  readonly stop: Stop;
  /** Is told when the connection stands; fetch does not know. */
  readonly watch?: { connected(): void };
}

/** Where a URL's requests go. */
export interface Address {
  readonly hostname: string;
  readonly port: number;
  /** The host and the port. */
  readonly key: string;
  readonly requestLine: string;
  readonly hostLine: string;
}

/** @returns undefined for a URL whose requests are not for this client: other schemes, a name and password in it */
export function parseAddress(url: string): Address | undefined {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.protocol !== 'http:') return undefined;
  if (parsed.username !== '' || parsed.password !== '') return undefined;
  const hostname = parsed.hostname.replace(/^\[|\]$/g, '');
  const port = parsed.port === '' ? 80 : Number(parsed.port);
  return {
    hostname,
    port,
    key: `${hostname} ${port}`,
    requestLine: `POST ${parsed.pathname}${parsed.search} HTTP/1.1\r\n`,
    hostLine: `host: ${parsed.host}\r\n`,
  };
}

/**
 * The head of a request. A `host` among the headers is the one that is told.
 * @throws TypeError when a header is none
 */
export function requestHead(
  { requestLine, hostLine }: Address,
  headers: HttpRequest['headers'],
  length: number,
): string {
  const host = headers['host'] === undefined ? hostLine : '';
  return `${requestLine}${host}${fieldLines(headers)}content-length: ${length}\r\n\r\n`;
}

/** Field lines of headers that belong to a target and not to a request: those are frozen. */
const written = new WeakMap<Readonly<Record<string, string>>, string>();

function fieldLines(headers: Readonly<Record<string, string>>): string {
  const known = written.get(headers);
  if (known !== undefined) return known;
  let lines = headers['connection'] === undefined ? 'connection: keep-alive\r\n' : '';
  for (const name in headers) {
    // As fetch has it: a key may come from a file that ends in a line break.
    const value = trimmed(headers[name] ?? '');
    if (FRAMING.test(name)) continue;
    // As fetch does; a line break in a value would begin another header.
    if (!TOKEN.test(name) || NO_VALUE.test(value)) {
      throw new TypeError(`The header "${name}" cannot be sent.`);
    }
    lines += `${name}: ${value}\r\n`;
  }
  if (Object.isFrozen(headers)) written.set(headers, lines);
  return lines;
}

/** How the body is framed is this client's to say. */
const FRAMING = /^(?:content-length|transfer-encoding)$/i;
const TOKEN = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/;
const NO_VALUE = /[\0\r\n\u0100-\uffff]/;
