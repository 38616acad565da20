/** Errors: what chat providers say went wrong → fault; our errors → OpenAI's envelope. */
import type { ErrorKind, GatewayError } from '../../errors.ts';
import { array, isObject, type JsonObject, number, object, parseJson, text } from '../../json.ts';
import type { ProviderFault } from '../../unified.ts';

/** A provider's page of HTML or a dump is not worth more than this in an error message. */
const MESSAGE_MAX = 4000;

/**
 * Reads an error body: `{error: {…}}`, `{error: "…"}`, a bare `{message}` (vLLM, Mistral), FastAPI's
 * `{detail}`, Google's list of one, or text.
 */
export function decodeError(status: number, body: unknown): ProviderFault {
  const first = Array.isArray(body) ? body[0] : body;
  if (!isObject(first)) {
    return { message: plainMessage(status, first), ...statusOf(status) };
  }
  const error = object(first['error']) ?? first;
  const fault: ProviderFault = { message: messageOf(status, first, error), ...statusOf(status) };
  const ownStatus = number(error['status_code']) ?? number(error['code']);
  if (
    fault.status === undefined &&
    ownStatus !== undefined &&
    ownStatus >= 400 &&
    ownStatus < 600
  ) {
    fault.status = ownStatus;
  }
  const type = text(error['type']) ?? text(error['status']);
  if (type) fault.type = type;
  const code = text(error['code']) ?? (number(error['code']) ?? '').toString();
  if (code) fault.code = code;
  const retryAfter = retryDelay(error);
  if (retryAfter !== undefined) fault.retryAfter = retryAfter;
  return fault;
}

/** An error inside a 200 has no status of its own; the body may name one. */
function statusOf(status: number): { status?: number } {
  return status >= 400 ? { status } : {};
}

function plainMessage(status: number, body: unknown): string {
  const said = text(body)?.trim() ?? '';
  if (said === '') return `The provider answered HTTP ${status} without a message`;
  if (said.startsWith('<'))
    return `The provider answered HTTP ${status} with a page instead of JSON`;
  return said.slice(0, MESSAGE_MAX);
}

function messageOf(status: number, body: JsonObject, error: JsonObject): string {
  const message =
    text(error['message']) ??
    text(body['error']) ??
    text(body['detail']) ??
    validationMessage(body['detail']) ??
    validationMessage(error['message']);
  if (!message) return JSON.stringify(body).slice(0, MESSAGE_MAX) || plainMessage(status, '');
  // OpenRouter hides what its provider said one level down.
  const raw = text(object(error['metadata'])?.['raw']);
  const cause = raw === undefined ? undefined : innerMessage(raw);
  const whole = cause && !message.includes(cause) ? `${message}: ${cause}` : message;
  return whole.slice(0, MESSAGE_MAX);
}

function innerMessage(raw: string): string {
  const body = object(parseJson(raw));
  return text(object(body?.['error'])?.['message']) ?? text(body?.['message']) ?? raw;
}

/** FastAPI's list of `{loc, msg}` (vLLM, Mistral). */
function validationMessage(detail: unknown): string | undefined {
  const list = isObject(detail) ? array(detail['detail']) : array(detail);
  const messages = list.filter(isObject).map((entry) => {
    const place = array(entry['loc']).join('.');
    const said = text(entry['msg']) ?? '';
    return place ? `${place}: ${said}` : said;
  });
  return messages.length === 0 ? undefined : messages.join('; ');
}

/** Google's RetryInfo: `details: [{retryDelay: "38s"}]`. */
function retryDelay(error: JsonObject): number | undefined {
  for (const detail of array(error['details'])) {
    const seconds = Number.parseFloat(text(object(detail)?.['retryDelay']) ?? '');
    if (Number.isFinite(seconds)) return seconds;
  }
  return undefined;
}

/** OpenAI's `type` and `code` for each kind of ours (platform.openai.com, "Error codes"). */
const ENVELOPE: Record<ErrorKind, { type: string; code: string | null }> = {
  invalid_request: { type: 'invalid_request_error', code: null },
  too_large: { type: 'invalid_request_error', code: 'request_too_large' },
  unauthorized: { type: 'invalid_request_error', code: 'invalid_api_key' },
  forbidden: { type: 'invalid_request_error', code: 'model_not_allowed' },
  unknown_model: { type: 'invalid_request_error', code: 'model_not_found' },
  not_found: { type: 'invalid_request_error', code: 'not_found' },
  method_not_allowed: { type: 'invalid_request_error', code: 'method_not_allowed' },
  limited: { type: 'rate_limit_error', code: 'rate_limit_exceeded' },
  unavailable: { type: 'server_error', code: 'service_unavailable' },
  unsupported: { type: 'invalid_request_error', code: 'unsupported' },
  upstream_refused: { type: 'server_error', code: null },
  upstream_credentials: { type: 'server_error', code: 'upstream_credentials' },
  upstream_unreachable: { type: 'server_error', code: 'upstream_unreachable' },
  upstream_garbled: { type: 'server_error', code: 'upstream_garbled' },
  upstream_timeout: { type: 'server_error', code: 'upstream_timeout' },
  client_left: { type: 'server_error', code: 'client_left' },
  internal: { type: 'server_error', code: 'internal_error' },
};

/** OpenAI's envelope: all four fields, always. */
interface ChatErrorBody {
  error: { message: string; type: string; param: string | null; code: string | null };
}

export function encodeError(error: GatewayError): ChatErrorBody {
  const envelope = ENVELOPE[error.kind];
  const refused = error.kind === 'upstream_refused' ? typeOfStatus(error.status) : undefined;
  return {
    error: {
      message: error.message,
      type: error.type ?? refused ?? envelope.type,
      param: error.field ?? null,
      code: error.code ?? envelope.code,
    },
  };
}

function typeOfStatus(status: number): string | undefined {
  if (status === 429) return 'rate_limit_error';
  return status >= 400 && status < 500 ? 'invalid_request_error' : undefined;
}
