/** Contexts for this format's tests: fixed ids, a real envelope, a ledger to look at. */
import type { ClientContext, ProviderContext } from '../../../src/formats/format.ts';
import type { JsonObject } from '../../../src/json.ts';
import { Ledger } from '../../../src/ledger.ts';
import { createEnvelope } from '../../../src/transform/envelope.ts';
import type { UnifiedChatRequest } from '../../../src/unified.ts';

export const envelope = createEnvelope('a secret for tests');

function counter(): (prefix: string) => string {
  let count = 0;
  return (prefix) => {
    count += 1;
    return `${prefix}id${count}`;
  };
}

export function clientContext(request?: UnifiedChatRequest, body: JsonObject = {}): ClientContext {
  return {
    model: 'my-alias',
    body,
    ledger: new Ledger(),
    envelope,
    estimateInput: () => 10,
    newId: counter(),
    now: () => 1_750_000_000_000,
    ...(request && { request }),
  };
}

export function providerContext(model = 'gemini-2.5-flash', provider = 'google'): ProviderContext {
  return {
    provider,
    model,
    ledger: new Ledger(),
    newId: counter(),
    now: () => 1_750_000_000_000,
  };
}

/** A request of a client that wants to see thoughts. */
export const showing: UnifiedChatRequest = {
  model: 'my-alias',
  messages: [],
  reasoning: { summary: 'auto' },
};
