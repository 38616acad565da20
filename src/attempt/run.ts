/**
 * One attempt at one target: bytes when both sides speak the same format and nothing stands between,
 * otherwise through the chain of hooks; or the demo provider in this process. Gives the client's
 * response once the answer has begun, or throws what went wrong before.
 */
import { keepsReferences } from '../earlier-answers.ts';
import type { Exchange } from '../exchange.ts';
import type { Format } from '../formats/format.ts';
import { FORMATS } from '../formats/index.ts';
import type { Chain } from '../transform/chain.ts';
import { mayHoldSealed } from '../transform/envelope.ts';
import { Attempt, type AttemptOptions } from './attempt.ts';
import { runPassthrough } from './by-bytes.ts';
import { runDemo } from './by-demo.ts';
import { runTranslated } from './by-hooks.ts';

/**
 * Whoever waits for it hands what goes wrong to `exchange.attempt`, when there is one.
 * @throws GatewayError what went wrong before anything was committed
 */
export function runAttempt(exchange: Exchange, options: AttemptOptions): Promise<Response> {
  const { format: name } = options.target;
  if (name === 'demo') return runDemo(new Attempt(exchange, options, FORMATS.chat, false));
  const format = FORMATS[name];
  const chain = exchange.settings.chain(exchange.call.format, options.target);
  return chain instanceof Promise
    ? chain.then((made) => runChain(exchange, options, format, made))
    : runChain(exchange, options, format, chain);
}

function runChain(
  exchange: Exchange,
  options: AttemptOptions,
  format: Format,
  chain: Chain,
): Promise<Response> {
  const passthrough = goesAsBytes(exchange, options, format, chain);
  const attempt = new Attempt(exchange, options, format, passthrough);
  exchange.attempt = attempt;
  return passthrough ? runPassthrough(attempt, chain) : runTranslated(attempt, chain);
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
