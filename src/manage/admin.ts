/** Who may manage the gateway: whoever has the admin key; without one, programs on this machine. */
import { presentedKey } from '../auth.ts';
import { isLoopback } from '../config/check.ts';
import type { Config } from '../config/config.ts';
import { GatewayError } from '../errors.ts';

export interface AdminFacts {
  readonly config: Pick<Config, 'adminKey'>;
  readonly auth: { isAdmin(presented: string | undefined): boolean };
  /** Null on a unix socket. */
  readonly ip: string | null;
}

/** Headers of a proxy, behind which everybody looks as if on this machine. */
const FORWARDED = ['forwarded', 'x-forwarded-for', 'x-real-ip', 'x-forwarded-host', 'via'];

/** @throws GatewayError `unauthorized` or `forbidden`, never saying which part was wrong */
export function requireAdmin(request: Request, { config, auth, ip }: AdminFacts): void {
  if (config.adminKey !== undefined) {
    if (auth.isAdmin(presentedKey(request.headers))) return;
    throw new GatewayError('unauthorized', 'The admin key is required.', {
      code: 'invalid_api_key',
      headers: { 'www-authenticate': 'Bearer' },
    });
  }
  const { headers } = request;
  const isHere = ip === null || isLoopback(ip);
  const isDirect = FORWARDED.every((name) => !headers.has(name));
  if (isHere && isDirect && isNoWebPage(headers)) return;
  throw new GatewayError(
    'forbidden',
    'Without an admin key (admin.apiKey) the management API answers only programs on this machine.',
    { code: 'admin_key_not_configured' },
  );
}

/**
 * A web page of another origin reaches loopback too, also through a name of its own that leads here
 * (DNS rebinding): then its Origin, its Host or Fetch Metadata give it away.
 */
function isNoWebPage(headers: Headers): boolean {
  const origin = headers.get('origin');
  if (origin !== null && !isLoopback(hostOf(origin))) return false;
  const host = headers.get('host');
  if (host !== null && !isLoopback(hostOf(`http://${host}`))) return false;
  const site = headers.get('sec-fetch-site');
  return site === null || site === 'same-origin' || site === 'none';
}

/** The host of a URL without the brackets of an IPv6 address; '' when it is none. */
function hostOf(url: string): string {
  return URL.parse(url)?.hostname.replace(/^\[(.*)\]$/, '$1') ?? '';
}
