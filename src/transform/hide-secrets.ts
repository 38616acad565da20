/** Some providers say the key back to whom they refuse; it must not reach a client. */
import type { ProviderConfig } from '../config/config.ts';
import { GatewayError } from '../errors.ts';
import type { UnifiedChunk } from '../unified.ts';

/** Hides what is secret in a text; gives the very same text when nothing is. */
export type Hide = (text: string) => string;

/** Shorter values of headers are no secrets, and would stand in any text by chance. */
const LEAST = 8;

/** Hides a provider's key, and whatever its configured headers hold. */
export function hiderOf({ apiKey, headers }: ProviderConfig): Hide {
  const secrets = Object.values(headers)
    .flatMap((value) => [value, value.replace(/^\w+ /, '')])
    .filter((value) => value.length >= LEAST);
  if (apiKey !== undefined && apiKey.length >= 4) secrets.push(apiKey);
  return (text) => secrets.reduce((said, secret) => said.replaceAll(secret, '***'), text);
}

/** The error as a client may see it. */
export function withoutSecrets(error: GatewayError, hide: Hide): GatewayError {
  const { kind, status, field, provider, type, code, retryAfter, headers, cause } = error;
  const message = hide(error.message);
  const body = error.body === undefined ? undefined : hide(error.body);
  if (message === error.message && body === error.body) return error;
  return new GatewayError(kind, message, {
    status,
    ...(field === undefined ? {} : { field }),
    ...(provider === undefined ? {} : { provider }),
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
    ...(headers === undefined ? {} : { headers }),
    ...(body === undefined ? {} : { body }),
    cause,
  });
}

/** The end of a stream as a client may see it. */
export function chunksWithoutSecrets(
  chunks: readonly UnifiedChunk[],
  hide: Hide,
): readonly UnifiedChunk[] {
  const last = chunks.at(-1);
  if (last?.type !== 'error') return chunks;
  const error = { ...last.error, message: hide(last.error.message) };
  return [...chunks.slice(0, -1), { type: 'error', error }];
}
