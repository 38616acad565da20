import { expect, test } from 'bun:test';
import { Ledger } from '../../src/ledger.ts';
import { reportForeignExtra } from '../../src/transform/foreign-extra.ts';
import type { UnifiedChatRequest } from '../../src/unified.ts';

const request: UnifiedChatRequest = {
  model: 'm',
  messages: [],
  extra: {
    format: 'messages',
    fields: { container: 'c', mcp_servers: [], speed: null, note: '', more: {}, flag: false, n: 0 },
  },
};

test('fields of another format are reported when they say something', () => {
  const ledger = new Ledger();
  reportForeignExtra(request, 'chat', ledger);
  expect(ledger.dropped).toEqual(['container', 'flag', 'n']);
});

test('fields of the same format, or none, are not', () => {
  const ledger = new Ledger();
  reportForeignExtra(request, 'messages', ledger);
  reportForeignExtra({ model: 'm', messages: [] }, 'chat', ledger);
  expect(ledger.dropped).toEqual([]);
});
