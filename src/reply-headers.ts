/** What a reply's headers say of its way: the request's id, who answered, what was lost. */
import type { Exchange } from './exchange.ts';
import type { HttpReply } from './http/reply.ts';
import type { Ledger } from './ledger.ts';
import type { Target } from './resolve.ts';
import { passedOnHeaders } from './upstream.ts';

/** A header holds no more than this; what is longer is in the record. */
const MAX_HEADER = 2000;

/** @param lost what the provider's side could not carry */
export function replyHeaders(
  exchange: Exchange,
  target: Target,
  lost: Ledger,
  upstream: HttpReply | undefined,
  contentType: string,
): Record<string, string> {
  const headers: Record<string, string> = {
    'content-type': contentType,
    'x-request-id': exchange.call.id,
    'x-plexus-provider': target.provider.name,
    'x-plexus-model': headerText(target.model),
    'x-plexus-attempts': String(exchange.attempts),
  };
  if (upstream) Object.assign(headers, passedOnHeaders(upstream.headers));
  if (exchange.stream) headers['cache-control'] = 'no-cache';
  tell(headers, 'x-plexus-dropped', exchange.ledger.dropped, lost.dropped);
  tell(headers, 'x-plexus-approximated', exchange.ledger.approximated, lost.approximated);
  return headers;
}

function tell(
  headers: Record<string, string>,
  name: string,
  ofClient: readonly string[],
  ofProvider: readonly string[],
): void {
  if (ofClient.length + ofProvider.length === 0) return;
  const text = headerText([...new Set([...ofClient, ...ofProvider])].join(', '));
  const total = ofClient.length + ofProvider.length;
  headers[name] = text.length <= MAX_HEADER ? text : `${text.slice(0, MAX_HEADER)}... (${total})`;
}

/** What a header may hold of a text. */
function headerText(text: string): string {
  return ODD.test(text) ? text.replaceAll(EACH_ODD, '?') : text;
}
const ODD = /[^\x20-\x7e]/;
const EACH_ODD = /[^\x20-\x7e]/g;
