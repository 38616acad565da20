/**
 * Errors in Google's form, both ways: `{error: {code, message, status, details}}` with the names of
 * google.rpc.Code and the detail types of google/rpc/error_details.proto (aip.dev/193).
 */
import type { GatewayError } from '../../errors.ts';
import { array, isObject, type JsonObject, number, object, text } from '../../json.ts';
import type { ProviderFault } from '../../unified.ts';

const STATUS_NAMES: Readonly<Record<number, string>> = {
  400: 'INVALID_ARGUMENT',
  401: 'UNAUTHENTICATED',
  402: 'PERMISSION_DENIED',
  403: 'PERMISSION_DENIED',
  404: 'NOT_FOUND',
  405: 'UNIMPLEMENTED',
  408: 'DEADLINE_EXCEEDED',
  409: 'ABORTED',
  413: 'INVALID_ARGUMENT',
  422: 'INVALID_ARGUMENT',
  429: 'RESOURCE_EXHAUSTED',
  499: 'CANCELLED',
  500: 'INTERNAL',
  501: 'UNIMPLEMENTED',
  504: 'DEADLINE_EXCEEDED',
};

function statusName(status: number): string {
  return STATUS_NAMES[status] ?? (status < 500 ? 'FAILED_PRECONDITION' : 'UNAVAILABLE');
}

/** The error as a body; the same object is the last event of a broken stream. */
export function encodeFault(error: GatewayError, requestId?: string): object {
  const details: object[] = [];
  if (error.field !== undefined) {
    details.push({
      '@type': 'type.googleapis.com/google.rpc.BadRequest',
      fieldViolations: [{ field: error.field, description: error.message }],
    });
  }
  if (error.retryAfter !== undefined) {
    details.push({
      '@type': 'type.googleapis.com/google.rpc.RetryInfo',
      retryDelay: `${error.retryAfter}s`,
    });
  }
  if (requestId !== undefined && requestId !== '') {
    details.push({ '@type': 'type.googleapis.com/google.rpc.RequestInfo', requestId });
  }
  return {
    error: {
      code: error.status,
      message: error.message,
      status: statusName(error.status),
      ...(details.length > 0 && { details }),
    },
  };
}

/** Seconds of a protobuf Duration (`"34.07s"`). */
function seconds(duration: unknown): number | undefined {
  const match = typeof duration === 'string' ? /^(\d+(?:\.\d+)?)s$/.exec(duration) : null;
  return match ? Number(match[1]) : undefined;
}

/** What Google says went wrong. Streams without `alt=sse` put the object into an array. */
export function decodeFault(status: number, body: unknown): ProviderFault {
  const outer = Array.isArray(body) ? body[0] : body;
  const error = isObject(outer) ? (object(outer['error']) ?? outer) : undefined;
  if (error === undefined) {
    const message = typeof body === 'string' && body.trim() !== '' ? body : `HTTP ${status}`;
    return { message, status };
  }
  const fault: ProviderFault = {
    message: text(error['message']) ?? text(outer?.['error']) ?? `HTTP ${status}`,
    status: status >= 400 ? status : (number(error['code']) ?? 500),
  };
  const name = text(error['status']);
  if (name !== undefined) fault.type = name;
  for (const detail of array(error['details'])) readDetail(detail, fault);
  // A wrong key is a 400 here; everywhere else it is a 401, and it is ours, not the client's.
  if (fault.code === 'API_KEY_INVALID') fault.status = 401;
  return fault;
}

function readDetail(detail: unknown, fault: ProviderFault): void {
  if (!isObject(detail)) return;
  const retryAfter = seconds(detail['retryDelay']);
  if (retryAfter !== undefined) fault.retryAfter = retryAfter;
  const reason = text(detail['reason']);
  if (reason !== undefined) fault.code = reason;
}

/** True for an event or body that is an error instead of an answer. */
export function isFault(body: JsonObject): boolean {
  return isObject(body['error']) || typeof body['error'] === 'string';
}
