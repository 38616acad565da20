/** Who calls: a client's key → its name. */
import type { ApiKeyConfig, Config } from './config/config.ts';
import { GatewayError } from './errors.ts';

const SHA256_BYTES = 32;

/** The identity of a client; `key` is unset in an open gateway. */
export interface Identity {
  readonly name: string | undefined;
  readonly key: ApiKeyConfig | undefined;
  /** True when the key is good for the model. */
  mayUse(model: string): boolean;
}

const OPEN: Identity = { name: undefined, key: undefined, mayUse: () => true };

export interface Authenticator {
  /**
   * @param queryKey the `?key=` of a Gemini request
   * @throws GatewayError `unauthorized`; it never says which part was wrong
   */
  identify(headers: Headers, queryKey: string | null): Identity;
  /** True when `presented` is the admin key. */
  isAdmin(presented: string | undefined): boolean;
}

function digest(secret: string): Buffer {
  return Buffer.from(Bun.SHA256.hash(secret).buffer);
}

function identityOf(key: ApiKeyConfig): Identity {
  const globs = key.models.map((glob) => new Bun.Glob(glob));
  const all = key.models.includes('*');
  return {
    name: key.name,
    key,
    mayUse: (model) => all || globs.some((glob) => glob.match(model)),
  };
}

/**
 * Keys are kept and compared as SHA-256 digests: how long a comparison takes says nothing of a key,
 * as nobody can choose a digest.
 */
export function createAuthenticator(config: Config, now: () => number): Authenticator {
  const keys = new Map(
    [...config.apiKeys.values()].map((key) => {
      const hash = digest(key.secret);
      return [hash.toString('latin1'), { hash, identity: identityOf(key) }];
    }),
  );
  const admin = config.adminKey === undefined ? undefined : digest(config.adminKey);
  /** Takes the digest of one key after the other. */
  const given = Buffer.alloc(SHA256_BYTES);
  const refused = (): GatewayError =>
    new GatewayError('unauthorized', 'A valid API key is required.', { code: 'invalid_api_key' });

  return {
    identify(headers, queryKey) {
      if (keys.size === 0) return OPEN;
      const presented = presentedKey(headers) ?? queryKey;
      if (presented === null || presented === '') throw refused();
      Bun.SHA256.hash(presented, given);
      const found = keys.get(given.toString('latin1'));
      if (found === undefined || !crypto.timingSafeEqual(found.hash, given)) throw refused();
      const { identity } = found;
      if (identity.key?.enabled !== true) throw refused();
      const { expires } = identity.key;
      if (expires !== undefined && Date.parse(expires) <= now()) throw refused();
      return identity;
    },
    isAdmin(presented) {
      return (
        admin !== undefined &&
        presented !== undefined &&
        crypto.timingSafeEqual(admin, digest(presented))
      );
    },
  };
}

/** The key that a request carries, in whichever of the headers that the SDKs use. */
export function presentedKey(headers: Headers): string | undefined {
  const authorization = headers.get('authorization');
  if (authorization !== null) {
    if (authorization.startsWith('Bearer ')) return authorization.slice(7).trim();
    const bearer = /^bearer\s+(.+)$/i.exec(authorization)?.[1]?.trim();
    if (bearer) return bearer;
  }
  return headers.get('x-api-key') ?? headers.get('x-goog-api-key') ?? undefined;
}
