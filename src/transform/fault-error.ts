/**
 * What a provider says went wrong → our error, whether it came as a reply, inside a 200 or inside a
 * stream. Whose fault it was decides what follows: the client's is passed on, the provider's lets
 * another target be tried, and one of our account with it makes the whole provider rest.
 */
import { type ErrorEvidence, GatewayError } from '../errors.ts';
import type { ProviderFault } from '../unified.ts';

/** Statuses that speak of the credentials or the account of Plexus, not of the client's request. */
const ACCOUNT_STATUS = new Set([401, 402, 403]);
/** Anthropic answers an empty account with a 400 `invalid_request_error` of this text. */
const ACCOUNT_TEXT = /credit balance is too low|insufficient (account )?(balance|credits|funds)/i;
/** OpenRouter's 403 for what a moderation flagged is about the client's words, not about our key. */
const CONTENT_TEXT = /moderation|flagged|content.?policy/i;

/** A fault inside a 200, or inside a stream. */
export function faultError(fault: ProviderFault, provider: string): GatewayError {
  const status = fault.status !== undefined && fault.status >= 400 ? fault.status : 502;
  if (fault.type === 'upstream_unreachable') {
    return new GatewayError('upstream_unreachable', fault.message, { provider });
  }
  return refusalError({ ...fault, status }, provider);
}

/** @param more further evidence of the refusal */
export function refusalError(
  fault: ProviderFault & { status: number },
  provider: string,
  more: ErrorEvidence = {},
): GatewayError {
  const { message, status, type, code } = fault;
  const retryAfter = more.retryAfter ?? fault.retryAfter ?? retryAfterInText(message);
  const evidence: ErrorEvidence = {
    ...more,
    provider,
    ...(type === undefined ? {} : { type }),
    ...(code === undefined ? {} : { code }),
    ...(retryAfter === undefined ? {} : { retryAfter }),
  };
  if (isOfAccount(fault)) {
    const { body: _body, type: _type, ...rest } = evidence;
    return new GatewayError(
      'upstream_credentials',
      `The provider "${provider}" refused the gateway's own credentials (${status}): ${message}`,
      rest,
    );
  }
  return new GatewayError('upstream_refused', message, { ...evidence, status });
}

function isOfAccount({ status, message }: { status: number; message: string }): boolean {
  if (ACCOUNT_STATUS.has(status)) return status !== 403 || !CONTENT_TEXT.test(message);
  return status === 400 && ACCOUNT_TEXT.test(message);
}

/** OpenAI's rate limits say "Please try again in 1.898s", "… in 28ms" or "… in 6m0s". */
function retryAfterInText(message: string): number | undefined {
  const match = /try again in (?:(\d+)h)?(?:(\d+)m(?!s))?(?:(\d+(?:\.\d+)?)(ms|s))?/i.exec(message);
  if (match === null) return undefined;
  const [, hours, minutes, last, unit] = match;
  if (hours === undefined && minutes === undefined && last === undefined) return undefined;
  const seconds = Number(last ?? 0) / (unit?.toLowerCase() === 'ms' ? 1000 : 1);
  return Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + seconds;
}
