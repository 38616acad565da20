/**
 * The one error of the gateway. Thrown where the fact is known, caught once in `gateway.ts`, and
 * put into the client's own envelope by that client's format.
 */

/** What went wrong, in the gateway's words. Status and retryability follow from it. */
export type ErrorKind =
  | 'invalid_request'
  | 'too_large'
  | 'unauthorized'
  | 'forbidden'
  | 'unknown_model'
  | 'not_found'
  | 'method_not_allowed'
  | 'limited'
  | 'unavailable'
  | 'unsupported'
  | 'upstream_refused'
  | 'upstream_credentials'
  | 'upstream_unreachable'
  | 'upstream_garbled'
  | 'upstream_timeout'
  | 'client_left'
  | 'internal';

/** HTTP status of each kind; `upstream_refused` carries the provider's own instead. */
const STATUS: Record<ErrorKind, number> = {
  invalid_request: 400,
  too_large: 413,
  unauthorized: 401,
  forbidden: 403,
  unknown_model: 404,
  not_found: 404,
  method_not_allowed: 405,
  limited: 429,
  unavailable: 503,
  unsupported: 400,
  upstream_refused: 502,
  upstream_credentials: 502,
  upstream_unreachable: 502,
  upstream_garbled: 502,
  upstream_timeout: 504,
  client_left: 499,
  internal: 500,
};

/** Statuses after which another target, or the same one later, may well succeed. */
const RETRYABLE_STATUS = new Set([408, 409, 425, 429, 529]);

export interface ErrorEvidence {
  /** Path of the field of the client's body that is at fault, as `messages.0.content`. */
  field?: string;
  /** Name of the provider that said it. */
  provider?: string;
  /** HTTP status to answer with, where it is not the kind's own. */
  status?: number;
  /** The provider's own error type and code, kept for the client's envelope. */
  type?: string;
  code?: string;
  /** Seconds until a retry makes sense. */
  retryAfter?: number;
  /** The provider's JSON reply as it came, for a client of the same format. */
  body?: string;
  /** Headers that belong to the reply, as rate limits of the provider or `Allow`. */
  headers?: Record<string, string>;
  cause?: unknown;
}

export class GatewayError extends Error {
  override readonly name = 'GatewayError';
  readonly kind: ErrorKind;
  /** HTTP status of the answer. */
  readonly status: number;
  readonly field: string | undefined;
  readonly provider: string | undefined;
  readonly type: string | undefined;
  readonly code: string | undefined;
  readonly retryAfter: number | undefined;
  readonly body: string | undefined;
  readonly headers: Record<string, string> | undefined;

  constructor(kind: ErrorKind, message: string, evidence: ErrorEvidence = {}) {
    super(message, evidence.cause === undefined ? undefined : { cause: evidence.cause });
    this.kind = kind;
    this.status = evidence.status ?? STATUS[kind];
    this.field = evidence.field;
    this.provider = evidence.provider;
    this.type = evidence.type;
    this.code = evidence.code;
    this.retryAfter = evidence.retryAfter;
    this.body = evidence.body;
    this.headers = evidence.headers;
  }

  /** True when the provider or the way to it failed, false when Plexus itself refused. */
  get fromUpstream(): boolean {
    return this.kind.startsWith('upstream_');
  }

  /** True when trying another target may help. */
  get retryable(): boolean {
    if (!this.fromUpstream) return false;
    if (this.kind !== 'upstream_refused') return true;
    return this.status >= 500 || RETRYABLE_STATUS.has(this.status);
  }
}

/** A 400 that names the field. */
export function invalid(field: string, message: string): GatewayError {
  return new GatewayError('invalid_request', `${field}: ${message}`, { field });
}
