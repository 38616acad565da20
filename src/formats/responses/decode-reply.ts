/** A Responses provider's whole reply → unified. */
import { GatewayError } from '../../errors.ts';
import { array, isObject, type JsonObject, number, object, text } from '../../json.ts';
import type { Finish, UnifiedBlock, UnifiedReply } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { decodeItem } from './decode-item.ts';
import { decodeStreamError } from './errors.ts';
import { decodeUsage } from './usage.ts';

/**
 * Reads a reply.
 * @throws GatewayError `upstream_refused` for a response that failed inside a 200
 */
export function decodeReply(body: JsonObject, context: ProviderContext): UnifiedReply {
  const status = text(body['status']);
  if (status === 'failed' || status === 'cancelled' || isObject(body['error'])) {
    throw failure(body, context);
  }
  const blocks = array(body['output']).flatMap((item) =>
    isObject(item) ? decodeItem(item, context) : [],
  );
  const created = number(body['created_at']);
  const usage = decodeUsage(body['usage']);
  const serviceTier = text(body['service_tier']);
  return {
    id: text(body['id']) ?? '',
    model: text(body['model']) ?? '',
    ...(created !== undefined && { created: Math.floor(created) }),
    blocks,
    finish: finishOf(body, kindsOf(blocks)),
    ...(usage !== undefined && { usage }),
    ...(serviceTier !== undefined && { serviceTier }),
  };
}

function failure(body: JsonObject, { provider }: ProviderContext): GatewayError {
  const { message, ...evidence } = decodeStreamError(body['error'] ?? {});
  return new GatewayError('upstream_refused', message, { provider, ...evidence });
}

/** What an answer was made of, as far as its end depends on it. */
export interface Kinds {
  calls: boolean;
  refusal: boolean;
  text: boolean;
}

function kindsOf(blocks: readonly UnifiedBlock[]): Kinds {
  return {
    calls: blocks.some((block) => block.type === 'call'),
    refusal: blocks.some((block) => block.type === 'refusal'),
    text: blocks.some((block) => block.type === 'text'),
  };
}

/** The format has no finish reason: the status says whether it was cut, the items say the rest. */
export function finishOf(response: JsonObject, kinds: Kinds): Finish {
  if (response['status'] === 'incomplete') {
    const reason = object(response['incomplete_details'])?.['reason'];
    return reason === 'content_filter' ? 'content_filter' : 'length';
  }
  if (kinds.calls) return 'tool_calls';
  return kinds.refusal && !kinds.text ? 'refusal' : 'stop';
}
