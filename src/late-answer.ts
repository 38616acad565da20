/**
 * A streaming client does not wait in the dark: when no answer has begun in time, its reply is begun
 * with signs of life. Behind them targets go on to be tried as long as none has given output; what
 * fails then can no longer have a status and ends the stream with the format's error.
 */
import type { GatewayError } from './errors.ts';
import type { Exchange } from './exchange.ts';
import { clientLeft } from './limits/interruption.ts';
import { lateStream, unlessLate } from './stream/late-stream.ts';

const utf8 = new TextEncoder();

/**
 * The answer, or a reply that it will follow in.
 * @param failed is told why no answer came, once the reply was begun; gives what to tell the client
 */
export function inTime(
  exchange: Exchange,
  answer: Promise<Response>,
  failed: (cause: unknown) => GatewayError,
): Promise<Response> {
  const { hold, keepAliveMs } = exchange.settings.config.resilience;
  return unlessLate(answer, Math.min(hold.maxMs, keepAliveMs), () =>
    lateResponse(exchange, answer, failed, keepAliveMs),
  );
}

function lateResponse(
  exchange: Exchange,
  answer: Promise<Response>,
  failed: (cause: unknown) => GatewayError,
  keepAliveMs: number,
): Response {
  const { call, interruption } = exchange;
  /** Set when no answer came. */
  let error: GatewayError | undefined;
  const body = answer.then(
    (response) => response.body,
    (cause) => {
      error = failed(cause);
      throw error;
    },
  );
  // Whether or not the client reads on: the failure is in the record.
  body.catch(() => undefined);
  const encoder = call.format.encoder(exchange.client);
  const stream = lateStream(body, {
    keepAliveMs,
    keepAlive: () => utf8.encode(encoder.keepAlive()),
    failure: (cause) => utf8.encode(encoder.fail(error ?? failed(cause))),
    cancel: () => interruption.interrupt(clientLeft()),
  });
  return new Response(stream, {
    headers: {
      'content-type': 'text/event-stream; charset=utf-8',
      'cache-control': 'no-cache',
      'x-request-id': call.id,
    },
  });
}
