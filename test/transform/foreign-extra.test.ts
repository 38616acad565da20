import { describe, expect, test } from 'bun:test';
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

describe('fields inside the conversation', () => {
  const rest = { format: 'responses' as const, path: 'input.0', fields: { phase: 'commentary' } };
  const native = { format: 'messages' as const, value: {}, lost: ['messages.0.content.0.title'] };
  const request: UnifiedChatRequest = {
    model: 'm',
    messages: [
      {
        role: 'user',
        content: [{ type: 'text', text: 'x', path: 'messages.0.content.0', native }],
        rest,
      },
    ],
  };

  test('are reported for another format', () => {
    const ledger = new Ledger();
    reportForeignExtra(request, 'chat', ledger);
    expect(ledger.dropped).toEqual(['input.0.phase', 'messages.0.content.0.title']);
    expect(ledger.approximated).toEqual(['messages.0.content.0 (text)']);
  });

  test('are no loss for their own', () => {
    const ledger = new Ledger();
    reportForeignExtra(request, 'responses', ledger);
    expect(ledger.dropped).toEqual(['messages.0.content.0.title']);
    reportForeignExtra(request, 'messages', ledger);
    expect(ledger.dropped).toContain('input.0.phase');
  });
});
