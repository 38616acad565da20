/** Errors of this format, both ways (docs: api/errors). */
import type { ErrorType } from '@anthropic-ai/sdk/resources/shared';
import type { GatewayError } from '../../errors.ts';
import { isObject, type JsonObject, object, parseJson, text } from '../../json.ts';
import type { ProviderFault } from '../../unified.ts';

/** The documented types and the status each one stands for. */
const STATUS = {
  invalid_request_error: 400,
  authentication_error: 401,
  billing_error: 402,
  permission_error: 403,
  not_found_error: 404,
  conflict_error: 409,
  request_too_large: 413,
  rate_limit_error: 429,
  api_error: 500,
  timeout_error: 504,
  overloaded_error: 529,
} satisfies Partial<Record<ErrorType | 'conflict_error' | 'request_too_large', number>>;
type KnownType = keyof typeof STATUS;

function isKnownType(type: string): type is KnownType {
  return Object.hasOwn(STATUS, type);
}

const TYPE_OF_STATUS = new Map<number, KnownType>([
  [408, 'timeout_error'],
  [503, 'overloaded_error'],
]);
for (const [type, status] of Object.entries(STATUS)) {
  if (isKnownType(type)) TYPE_OF_STATUS.set(status, type);
}

/** The type for a status; other 4xx are `invalid_request_error` by the documentation. */
function typeFor(status: number): KnownType {
  return TYPE_OF_STATUS.get(status) ?? (status < 500 ? 'invalid_request_error' : 'api_error');
}

/** Our error as a reply body, and as the `error` event of a stream. */
export function encodeError(error: GatewayError, requestId: string): object {
  return { ...errorBody(error), request_id: requestId };
}
export function errorBody(error: GatewayError): object {
  // A provider's own type stays when it says the same as the status that the client sees.
  const own = error.type;
  const type =
    own !== undefined && isKnownType(own) && typeFor(error.status) === typeFor(STATUS[own])
      ? own
      : typeFor(error.status);
  return { type: 'error', error: { type, message: error.message } };
}

/** How Anthropic says, with a 400, that the account is empty (anthropics/claude-code#66314). */
const EMPTY_ACCOUNT = /^Your credit balance is too low\b/;

/** Reads an error reply; takes the shapes of other makers behind this format too. */
export function decodeError(status: number, body: unknown): ProviderFault {
  const parsed = typeof body === 'string' ? parseJson(body) : body;
  if (isObject(parsed)) {
    const fault = decodeFault(parsed, status);
    return status === 400 && EMPTY_ACCOUNT.test(fault.message) ? { ...fault, status: 402 } : fault;
  }
  const message = typeof body === 'string' ? body.trim() : '';
  return withStatus({ message: message || `HTTP ${status}` }, status);
}

/** The body of an `error` event or reply. */
export function decodeFault(body: JsonObject, status?: number): ProviderFault {
  const error = object(body['error']) ?? body;
  const message =
    text(error['message']) ??
    text(body['message']) ??
    text(body['error']) ??
    text(body['detail']) ??
    JSON.stringify(body);
  const fault: ProviderFault = { message };
  const type = text(error['type']);
  if (type !== undefined && type !== 'error') fault.type = type;
  const code = error['code'] ?? object(error['details'])?.['error_code'];
  if (typeof code === 'string' || typeof code === 'number') fault.code = String(code);
  return withStatus(fault, status);
}

/** Inside a 200 the type is all that tells the status. */
function withStatus(fault: ProviderFault, status: number | undefined): ProviderFault {
  if (status !== undefined && status >= 400) fault.status = status;
  else if (fault.type !== undefined && isKnownType(fault.type)) fault.status = STATUS[fault.type];
  return fault;
}
