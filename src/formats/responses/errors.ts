/** Errors of the Responses API: a provider's in any of its dialects, and ours for a client. */
import type { ErrorKind, GatewayError } from '../../errors.ts';
import { isObject, type JsonObject, number, object, text } from '../../json.ts';
import type { ProviderFault } from '../../unified.ts';

/** Statuses that the codes stand for, where a provider says no status (inside a stream). */
const STATUS_OF_CODE: Readonly<Record<string, number>> = {
  rate_limit_exceeded: 429,
  insufficient_quota: 429,
  slow_down: 503,
  server_is_overloaded: 503,
  server_error: 500,
  vector_store_timeout: 504,
  invalid_prompt: 400,
  context_length_exceeded: 400,
  invalid_request_error: 400,
  model_not_found: 404,
};

/** What a provider says went wrong; `status` is that of the HTTP reply. */
export function decodeError(status: number, body: unknown): ProviderFault {
  const fault = faultOf(body);
  return { ...fault, message: fault.message || `HTTP ${status}`, status };
}

/** What an error inside a stream, or inside a reply that failed, says. */
export function decodeStreamError(value: unknown): ProviderFault {
  const fault = faultOf(value);
  const status = STATUS_OF_CODE[fault.code ?? ''] ?? STATUS_OF_CODE[fault.type ?? ''];
  return {
    ...fault,
    message: fault.message || 'the provider reported a failure without a message',
    ...(status !== undefined && { status }),
  };
}

/**
 * OpenAI `{error: {message, type, code}}`; the same without the envelope; xAI `{code, error: text}`;
 * the ChatGPT backend `{detail: text}`; OpenRouter, whose `code` is a number and whose own message
 * says less than `metadata.raw`.
 */
function faultOf(body: unknown): ProviderFault {
  if (typeof body === 'string') return { message: body.trim() };
  if (!isObject(body)) return { message: '' };
  const inner = body['error'];
  if (typeof inner === 'string') return withDetails(inner, body);
  const error = isObject(inner) ? inner : body;
  const message = text(error['message']) ?? text(body['message']) ?? detailOf(body['detail']);
  return withDetails(message ?? '', error);
}

function detailOf(detail: unknown): string | undefined {
  if (detail === undefined || detail === null) return undefined;
  return typeof detail === 'string' ? detail : JSON.stringify(detail);
}

function withDetails(message: string, error: JsonObject): ProviderFault {
  const raw = text(object(error['metadata'])?.['raw']);
  const said = raw === undefined || message.includes(raw) ? message : `${message}: ${raw}`;
  const type = text(error['type']);
  const code = text(error['code']) ?? number(error['code'])?.toString();
  return {
    message: said,
    ...(type !== undefined && type !== 'error' && { type }),
    ...(code !== undefined && { code }),
  };
}

const TYPE_OF_KIND: Partial<Record<ErrorKind, string>> = {
  unauthorized: 'authentication_error',
  forbidden: 'permission_error',
  limited: 'rate_limit_error',
};
const CODE_OF_KIND: Partial<Record<ErrorKind, string>> = {
  unauthorized: 'invalid_api_key',
  unknown_model: 'model_not_found',
  limited: 'rate_limit_exceeded',
  too_large: 'request_too_large',
  upstream_timeout: 'upstream_timeout',
  upstream_unreachable: 'upstream_unreachable',
};

function typeOf(error: GatewayError): string {
  const known = error.type ?? TYPE_OF_KIND[error.kind];
  if (known !== undefined) return known;
  if (error.status === 429) return 'rate_limit_error';
  return error.status >= 500 ? 'server_error' : 'invalid_request_error';
}

/** Our error as the body of an HTTP reply; all four fields are required by OpenAI's specification. */
export function encodeError(error: GatewayError): object {
  return {
    error: {
      message: error.message,
      type: typeOf(error),
      param: error.field ?? (error.kind === 'unknown_model' ? 'model' : null),
      code: error.code ?? CODE_OF_KIND[error.kind] ?? null,
    },
  };
}

/**
 * Codes that clients act on inside `response.failed`: those of the SDK's closed list that a model's
 * failure can have, and four that Codex knows beside them (it ends at once on
 * `context_length_exceeded` and `insufficient_quota`, where `server_error` is tried five times).
 */
const FAILED_CODES: ReadonlySet<string> = new Set([
  'server_error',
  'rate_limit_exceeded',
  'invalid_prompt',
  'bio_policy',
  'misalignment_policy_violation',
  'vector_store_timeout',
  'context_length_exceeded',
  'insufficient_quota',
  'server_is_overloaded',
  'slow_down',
]);

/** Our error as the `error` of a response that failed. */
export function encodeFailure(error: GatewayError): { code: string; message: string } {
  const code = failureCode(error);
  // Codex reads the time to wait out of the message.
  const hint =
    code === 'rate_limit_exceeded' &&
    error.retryAfter !== undefined &&
    !/try again in/i.test(error.message)
      ? ` Please try again in ${error.retryAfter}s.`
      : '';
  return { code, message: error.message + hint };
}

function failureCode(error: GatewayError): string {
  for (const word of [error.code, error.type]) {
    if (word !== undefined && FAILED_CODES.has(word)) return word;
  }
  if (error.status === 429) return 'rate_limit_exceeded';
  return error.status === 400 || error.status === 422 ? 'invalid_prompt' : 'server_error';
}
