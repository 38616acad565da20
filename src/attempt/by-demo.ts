/** An attempt at the demo provider, which answers in this process. */
import { ReplyAssembler } from '../assemble.ts';
import { demoDelayMs, demoFault, streamDemo } from '../demo/demo.ts';
import { demoSource } from '../demo/source.ts';
import type { Source } from '../stream/source.ts';
import { faultError } from '../transform/fault-error.ts';
import type { UnifiedChunk } from '../unified.ts';
import { sendError } from '../upstream.ts';
import type { Attempt } from './attempt.ts';
import { hookContext, unifiedOf, watchedSource } from './by-hooks.ts';

/** @throws GatewayError what went wrong before anything was committed */
export async function runDemo(attempt: Attempt): Promise<Response> {
  const { exchange, target, watch, stop } = attempt;
  const { call, settings } = exchange;
  try {
    // It may tell what results of tools say.
    exchange.readAll();
    const hooks = hookContext(attempt, false);
    const chain = await settings.chain(call.format, target);
    const unified = unifiedOf(exchange, chain, hooks);
    const fault = demoFault(target.model, exchange.stream);
    if (fault) throw faultError(fault, target.provider.name);
    const source = watchedSource(
      demoSource([...streamDemo(unified, attempt)], demoDelayMs(target.model), stop.signal, () =>
        sendError(undefined, '', stop),
      ),
      attempt,
      hooks,
    );
    watch.started();
    const unread = exchange.stream
      ? ({ kind: 'chunks', chunks: source } as const)
      : ({ kind: 'reply', reply: await collectReply(source, attempt.provider) } as const);
    const body = chain.encodeReply(unread, hooks);
    const type = exchange.stream ? 'text/event-stream; charset=utf-8' : 'application/json';
    return attempt.respond(undefined, body, type);
  } catch (cause) {
    const error = sendError(cause, target.provider.name, stop);
    watch.abandon();
    attempt.open.end(error.status, error.kind);
    throw error;
  }
}

async function collectReply(source: Source<UnifiedChunk>, provider: string) {
  const assembler = new ReplyAssembler();
  for (;;) {
    const batch = await source.read();
    if (batch === undefined) return assembler.reply;
    for (const chunk of batch) {
      if (chunk.type === 'error') throw faultError(chunk.error, provider);
      assembler.push(chunk);
    }
  }
}
