/**
 * One attempt at one target: bytes when both sides speak the same format and nothing stands between,
 * otherwise through the chain of hooks; or the demo provider in this process. Gives the client's
 * response once the answer has begun, or throws what went wrong before.
 */
import { keepsReferences } from '../earlier-answers.ts';
import { GatewayError } from '../errors.ts';
import type { Exchange } from '../exchange.ts';
import type { Format } from '../formats/format.ts';
import { FORMATS } from '../formats/index.ts';
import type { Chain } from '../transform/chain.ts';
import { mayHoldSealed } from '../transform/envelope.ts';
import { hiderOf, withoutSecrets } from '../transform/hide-secrets.ts';
import { Attempt, type AttemptOptions } from './attempt.ts';
import { runPassthrough } from './by-bytes.ts';
import { runDemo } from './by-demo.ts';
import { runTranslated } from './by-hooks.ts';

/** @throws GatewayError what went wrong before anything was committed */
export async function runAttempt(exchange: Exchange, options: AttemptOptions): Promise<Response> {
  const { provider, format: name, model } = options.target;
  if (name === 'demo') return runDemo(new Attempt(exchange, options, FORMATS.chat, false));
  const { settings, call } = exchange;
  const format = FORMATS[name];
  const made = settings.chain(call.format, format, provider, model);
  const chain = made instanceof Promise ? await made : made;
  const passthrough = goesAsBytes(exchange, options, format, chain);
  const attempt = new Attempt(exchange, options, format, passthrough);
  try {
    return await (passthrough ? runPassthrough(attempt, chain) : runTranslated(attempt, chain));
  } catch (cause) {
    const { reason } = attempt.stop;
    // What is no `GatewayError` is a fault of ours and is not to be blamed on the provider.
    const error = cause instanceof GatewayError ? withoutSecrets(cause, hiderOf(provider)) : reason;
    attempt.watch.abandon();
    if (error instanceof GatewayError) {
      attempt.open.end(error.kind === 'upstream_refused' ? error.status : null, error.kind);
    } else attempt.open.end(null, 'internal');
    throw error ?? cause;
  }
}

function goesAsBytes(
  exchange: Exchange,
  { target }: AttemptOptions,
  format: Format,
  chain: Chain,
): boolean {
  return (
    exchange.call.format === format &&
    chain.isPlain &&
    target.provider.extraBody === undefined &&
    // A body that holds a sealed token of ours is not for bytes: the token must be opened.
    !mayHoldSealed(exchange.body.bytes) &&
    keepsReferences(exchange, target.provider.name)
  );
}
