/** A provider's whole reply → unified: the same reading as of a stream with one event. */
import { ReplyAssembler } from '../../assemble.ts';
import { GatewayError } from '../../errors.ts';
import type { JsonObject } from '../../json.ts';
import type { ProviderFault, UnifiedReply } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { GeminiDecoder } from './decoder.ts';

/** @throws GatewayError when the reply is an error or an unusable answer */
export function decodeReply(body: JsonObject, context: ProviderContext): UnifiedReply {
  const decoder = new GeminiDecoder(context, true);
  const assembler = new ReplyAssembler();
  for (const chunk of decoder.decode(body)) assembler.push(chunk);
  for (const chunk of decoder.end()) assembler.push(chunk);
  if (assembler.failed) throw asError(assembler.failed, context.provider);
  return assembler.reply;
}

/** A fault without a status of its own, or with 502, is an answer that makes no sense. */
function asError(fault: ProviderFault, provider: string): GatewayError {
  const { message, status, ...evidence } = fault;
  return status === undefined || status === 502
    ? new GatewayError('upstream_garbled', message, { provider, ...evidence })
    : new GatewayError('upstream_refused', message, { provider, status, ...evidence });
}
