/** The two sides of a conversion as tests of formats need them: fixed names, ids that count up. */
import type { ClientContext, ProviderContext } from '../../src/formats/format.ts';
import { Ledger } from '../../src/ledger.ts';
import { createEnvelope } from '../../src/transform/envelope.ts';

export const envelope = createEnvelope('a secret for tests');

export function client(more: Partial<ClientContext> = {}): ClientContext {
  let ids = 0;
  return {
    model: 'asked-for',
    body: {},
    ledger: new Ledger(),
    envelope,
    estimateInput: () => 77,
    newId: (prefix) => {
      ids += 1;
      return `${prefix}${String(ids).padStart(24, '0')}`;
    },
    now: () => 1_700_000_000_000,
    ...more,
  };
}

export function provider(more: Partial<ProviderContext> = {}): ProviderContext {
  const { ledger, newId, now } = client();
  return { provider: 'acme', model: 'some-model', ledger, newId, now, ...more };
}
