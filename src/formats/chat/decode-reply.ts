/** A chat provider's whole reply → unified. */
import { ReplyAssembler } from '../../assemble.ts';
import { GatewayError } from '../../errors.ts';
import { array, isObject, type JsonObject, object } from '../../json.ts';
import type { ProviderFault, UnifiedReply } from '../../unified.ts';
import type { ProviderContext } from '../format.ts';
import { ChatDecoder } from './decoder.ts';
import { decodeError } from './errors.ts';

/**
 * @throws GatewayError `upstream_refused` for an error inside a 200, `upstream_garbled` for a body
 * that holds neither an answer nor an error
 */
export function decodeReply(body: JsonObject, context: ProviderContext): UnifiedReply {
  if (!Array.isArray(body['choices']) || body['choices'].length === 0) {
    if (body['error'] || body['object'] === 'error') throw refused(decodeError(200, body), context);
    throw new GatewayError('upstream_garbled', 'The provider answered without any choice', {
      provider: context.provider,
    });
  }
  const decoder = new ChatDecoder(context);
  const assembler = new ReplyAssembler();
  const whole = decoder.read(body['choices'].some(hasDelta) ? withMessages(body) : body);
  for (const chunk of whole) assembler.push(chunk);
  for (const chunk of decoder.push({ event: '', data: '[DONE]' })) assembler.push(chunk);
  if (assembler.failed) throw refused(assembler.failed, context);
  return assembler.reply;
}

/** Some servers name what they say as in a stream. */
function hasDelta(choice: unknown): boolean {
  return isObject(choice) && choice['delta'] !== undefined;
}

/** Where a choice has both, the message counts. */
function withMessages(body: JsonObject): JsonObject {
  const choices = array(body['choices'])
    .filter(isObject)
    .map((choice) => ({ ...choice, delta: object(choice['message']) ?? object(choice['delta']) }));
  return { ...body, choices };
}

function refused(fault: ProviderFault, { provider }: ProviderContext): GatewayError {
  const { message, ...evidence } = fault;
  return new GatewayError('upstream_refused', message, { provider, ...evidence });
}
