/** `server.fetchMedia`, seen from an attempt: between the client's request and the provider's. */
import { ownPath } from './earlier-answers.ts';
import type { Exchange } from './exchange.ts';
import type { Format } from './formats/format.ts';
import type { Ledger } from './ledger.ts';
import { inlineMedia } from './media/inline-media.ts';
import type { Stop } from './stop.ts';
import type { Chain } from './transform/chain.ts';
import type { UnifiedChatRequest } from './unified.ts';
import type { Watch } from './watch.ts';

/** What is known of the attempt. */
export interface MediaAttempt {
  readonly exchange: Exchange;
  readonly format: Format;
  readonly ledger: Ledger;
  readonly stop: Stop;
  readonly watch: Watch;
}

/** True where the configuration allows to fetch what requests name by URL. */
export function fetchesMedia({ deps, settings }: Exchange): boolean {
  return settings.config.server.fetchMedia && deps.fetchMedia !== undefined;
}

/**
 * The request with content in the place of URLs that this provider cannot be told, where the
 * configuration allows to fetch them. Attempts share what was fetched.
 * @throws GatewayError `invalid_request` that names the field whose URL is at fault
 */
export async function withMedia(
  request: UnifiedChatRequest,
  { inlineOnly }: Chain,
  { exchange, format, ledger, stop, watch }: MediaAttempt,
): Promise<UnifiedChatRequest> {
  const { fetchMedia } = exchange.deps;
  if (fetchMedia === undefined) return request;
  exchange.fetched ??= new Map();
  // The provider is not to blame for how long this takes.
  watch.aside();
  const told = await inlineMedia(request, {
    format: format.name,
    inlineOnly,
    fetchMedia,
    fetched: exchange.fetched,
    ledger,
    signal: stop.signal,
    spell: (path) => ownPath(exchange, path),
  });
  watch.waiting();
  return told;
}
