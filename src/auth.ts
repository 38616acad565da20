/** Who calls: a client's key → its name. */
import { timingSafeEqual } from 'node:crypto';
import type { ApiKeyConfig, Config } from './config/config.ts';
import { GatewayError } from './errors.ts';

/** The identity of a client; `key` is unset in an open gateway. */
export interface Identity {
  readonly name: string | undefined;
  readonly key: ApiKeyConfig | undefined;
}

const OPEN: Identity = { name: undefined, key: undefined };

export interface Authenticator {
  /**
   * @param queryKey the `?key=` of a Gemini request
   * @throws GatewayError `unauthorized`; it never says which part was wrong
   */
  identify(headers: Headers, queryKey: string | null): Identity;
  /** @throws GatewayError `forbidden` when the key may not use the model */
  permit(identity: Identity, model: string): void;
  /** True when `presented` is the admin key. */
  isAdmin(presented: string | undefined): boolean;
}

function digest(secret: string): Buffer {
  return new Bun.CryptoHasher('sha256').update(secret).digest();
}

/** Keys are kept and compared as digests, each of them every time, in constant time. */
export function createAuthenticator(config: Config, now: () => number): Authenticator {
  const keys = [...config.apiKeys.values()].map((key) => ({
    digest: digest(key.secret),
    identity: { name: key.name, key },
    models: key.models.map((glob) => new Bun.Glob(glob)),
    all: key.models.includes('*'),
  }));
  const admin = config.adminKey === undefined ? undefined : digest(config.adminKey);
  const refused = (): GatewayError =>
    new GatewayError('unauthorized', 'A valid API key is required.', { code: 'invalid_api_key' });

  return {
    identify(headers, queryKey) {
      if (keys.length === 0) return OPEN;
      const presented = presentedKey(headers) ?? queryKey ?? undefined;
      if (presented === undefined) throw refused();
      const given = digest(presented);
      let found: Identity | undefined;
      for (const key of keys) if (timingSafeEqual(key.digest, given)) found = key.identity;
      const { key } = found ?? {};
      if (found === undefined || key === undefined || !key.enabled) throw refused();
      if (key.expires !== undefined && Date.parse(key.expires) <= now()) throw refused();
      return found;
    },
    permit(identity, model) {
      const entry = keys.find((key) => key.identity.name === identity.name);
      if (entry === undefined || entry.all) return;
      if (entry.models.some((glob) => glob.match(model))) return;
      throw new GatewayError('forbidden', `This API key may not use the model "${model}".`, {
        field: 'model',
      });
    },
    isAdmin(presented) {
      return (
        admin !== undefined && presented !== undefined && timingSafeEqual(admin, digest(presented))
      );
    },
  };
}

/** The key that a request carries, in whichever of the headers that the SDKs use. */
export function presentedKey(headers: Headers): string | undefined {
  const authorization = headers.get('authorization');
  if (authorization !== null) {
    const bearer = /^bearer\s+(.+)$/i.exec(authorization)?.[1]?.trim();
    if (bearer) return bearer;
  }
  return headers.get('x-api-key') ?? headers.get('x-goog-api-key') ?? undefined;
}
