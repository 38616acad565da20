/**
 * OAuth access tokens for Google Cloud, found the way Google's own libraries find them ("Application
 * Default Credentials"): a service account's key, a user's `gcloud auth application-default login`, or
 * the metadata server of a machine in the cloud. Tokens are kept until shortly before they expire and
 * are never part of an error.
 */
import { GatewayError } from '../errors.ts';
import { isObject, type JsonObject, number, parseJson, text } from '../json.ts';
import type { QuirkEffects } from './quirk.ts';

const TOKEN_URL = 'https://oauth2.googleapis.com/token';
/** Asks the metadata server, where the machine runs in the cloud. */
const FROM_MACHINE = {
  url: 'http://metadata.google.internal/computeMetadata/v1/instance/service-accounts/default/token',
  init: { headers: { 'metadata-flavor': 'Google' } },
};
const SCOPE = 'https://www.googleapis.com/auth/cloud-platform';
const TIMEOUT_MS = 10_000;
/** Tokens live for an hour; a new one is fetched this long before the end. */
const MARGIN_MS = 5 * 60_000;

/** What a configuration may say; everything else comes from the environment. */
interface GoogleOptions {
  readonly accessToken: string | undefined;
  readonly project: string | undefined;
  readonly credentials: string | JsonObject | undefined;
}

interface Token {
  value: string;
  /** Unix milliseconds. */
  until: number;
}

export class GoogleAuth {
  readonly #options: GoogleOptions;
  readonly #deps: QuirkEffects;
  /** The credentials, read once; cleared when that fails. */
  #credentials: Promise<JsonObject | undefined> | undefined;
  #token: Token | undefined;
  /** The request for a token while it runs: everybody who needs one waits for the same. */
  #pending: Promise<Token> | undefined;

  constructor(options: JsonObject, deps: QuirkEffects) {
    this.#options = readOptions(options);
    this.#deps = deps;
  }

  /** @throws GatewayError `upstream_credentials` when Google gives none */
  async accessToken(): Promise<string> {
    const { accessToken } = this.#options;
    if (accessToken !== undefined) return accessToken;
    if (this.#token && this.#token.until > this.#deps.now()) return this.#token.value;
    this.#pending ??= this.#fetchToken().finally(() => {
      this.#pending = undefined;
    });
    this.#token = await this.#pending;
    return this.#token.value;
  }

  /** @throws GatewayError when neither the options, the environment nor the key name a project */
  async project(): Promise<string> {
    const project =
      this.#options.project ??
      this.#deps.environment['GOOGLE_CLOUD_PROJECT'] ??
      text((await this.#readCredentials())?.['project_id']);
    if (project) return project;
    throw refused('no project is set: option "project" or GOOGLE_CLOUD_PROJECT');
  }

  async #fetchToken(): Promise<Token> {
    const credentials = await this.#readCredentials();
    const { url, init } = credentials ? await this.#exchange(credentials) : FROM_MACHINE;
    const signal = AbortSignal.timeout(TIMEOUT_MS);
    const response = await this.#deps.request(url, { ...init, signal }).catch((cause: unknown) => {
      if (!credentials) throw refused('none are configured, and this machine gives none', cause);
      throw new GatewayError('upstream_unreachable', `${url} cannot be reached.`, { cause });
    });
    const body = parseJson(await response.text());
    const token = isObject(body) ? text(body['access_token']) : undefined;
    if (!response.ok || !isObject(body) || token === undefined) {
      const said = isObject(body)
        ? (text(body['error_description']) ?? text(body['error']))
        : undefined;
      throw refused(said ?? `the token server answered ${response.status}`);
    }
    const seconds = number(body['expires_in']) ?? 3600;
    return { value: token, until: this.#deps.now() + seconds * 1000 - MARGIN_MS };
  }

  /** The request that turns credentials into a token. */
  async #exchange(credentials: JsonObject): Promise<{ url: string; init: RequestInit }> {
    const url = text(credentials['token_uri']) ?? TOKEN_URL;
    const form: Record<string, string> =
      credentials['type'] === 'authorized_user'
        ? {
            grant_type: 'refresh_token',
            client_id: text(credentials['client_id']) ?? '',
            client_secret: text(credentials['client_secret']) ?? '',
            refresh_token: text(credentials['refresh_token']) ?? '',
          }
        : {
            grant_type: 'urn:ietf:params:oauth:grant-type:jwt-bearer',
            assertion: await signAssertion(credentials, url, this.#deps.now()),
          };
    const init = {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: new URLSearchParams(form).toString(),
    };
    return { url, init };
  }

  #readCredentials(): Promise<JsonObject | undefined> {
    this.#credentials ??= this.#findCredentials().catch((cause: unknown) => {
      this.#credentials = undefined;
      throw cause;
    });
    return this.#credentials;
  }

  async #findCredentials(): Promise<JsonObject | undefined> {
    const { credentials } = this.#options;
    if (isObject(credentials)) return credentials;
    const { environment, readFile } = this.#deps;
    const named = credentials ?? environment['GOOGLE_APPLICATION_CREDENTIALS'];
    const home = environment['HOME'];
    const path = named || (home && `${home}/.config/gcloud/application_default_credentials.json`);
    const content = path ? await readFile(path) : undefined;
    if (content === undefined) {
      if (named) throw refused(`the credentials file ${named} cannot be read`);
      return undefined;
    }
    const value = parseJson(content);
    if (isObject(value)) return value;
    throw refused(`the credentials file ${path} is not JSON`);
  }
}

function readOptions(options: JsonObject): GoogleOptions {
  const { credentials, private_key: privateKey, client_email: email } = options;
  const key = text(privateKey);
  const own = key === undefined ? undefined : { ...options, private_key: key, client_email: email };
  return {
    accessToken: text(options['accessToken']),
    project: text(options['project']),
    credentials: own ?? (isObject(credentials) ? credentials : text(credentials)),
  };
}

/** RFC 7523: a JWT that the service account signs, in exchange for a token. */
async function signAssertion(
  credentials: JsonObject,
  audience: string,
  nowMs: number,
): Promise<string> {
  const now = Math.floor(nowMs / 1000);
  const email = text(credentials['client_email']);
  const key = text(credentials['private_key']);
  if (email === undefined || key === undefined) {
    throw refused('the credentials hold no client_email and private_key');
  }
  const header = { alg: 'RS256', typ: 'JWT' };
  const claims = { iss: email, scope: SCOPE, aud: audience, iat: now, exp: now + 3600 };
  const signed = `${base64Url(JSON.stringify(header))}.${base64Url(JSON.stringify(claims))}`;
  const signature = await crypto.subtle.sign(
    'RSASSA-PKCS1-v1_5',
    await importKey(key),
    Buffer.from(signed),
  );
  return `${signed}.${Buffer.from(signature).toString('base64url')}`;
}

async function importKey(pem: string): Promise<CryptoKey> {
  // From an environment variable the line breaks often come as `\n` in two letters.
  const base64 = pem.replaceAll('\\n', '\n').replace(/-----[^-]+-----|\s/g, '');
  const algorithm = { name: 'RSASSA-PKCS1-v1_5', hash: 'SHA-256' };
  return crypto.subtle
    .importKey('pkcs8', Buffer.from(base64, 'base64'), algorithm, false, ['sign'])
    .catch(() => {
      // The cause would quote the key.
      throw refused('the private_key is no PKCS #8 key in PEM form');
    });
}

function base64Url(value: string): string {
  return Buffer.from(value).toString('base64url');
}

function refused(why: string, cause?: unknown): GatewayError {
  return new GatewayError('upstream_credentials', `Google Cloud credentials: ${why}.`, { cause });
}
