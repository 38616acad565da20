/** Usage records for tests: a plain success unless told otherwise. */
import type { UsageRecord } from '../../../src/usage/record.ts';

export function recordOf(more: Partial<UsageRecord> = {}): UsageRecord {
  const provider = more.provider === undefined ? 'acme' : more.provider;
  const model = more.model === undefined ? 'large' : more.model;
  return {
    id: 'req_1',
    timestamp: '2025-01-02T12:00:00.000Z',
    clientIp: '127.0.0.1',
    apiKey: 'app',
    clientFormat: 'chat',
    providerFormat: 'messages',
    passthrough: false,
    streaming: true,
    alias: 'fast',
    provider,
    model,
    attempts:
      provider === null || model === null
        ? []
        : [{ provider, model, status: 200, reason: null, ms: 900 }],
    usage: { input: 100, output: 50, cached: 20, cacheWrite: 5, reasoning: 10, total: 175 },
    usageSource: 'measured',
    cost: {
      input: 0.1,
      output: 0.2,
      cached: 0,
      cacheWrite: 0,
      total: 0.3,
      currency: 'USD',
      source: 'model',
    },
    durationMs: 1000,
    ttftMs: 200,
    tokensPerSecond: 50,
    overheadMs: 0.5,
    finish: 'stop',
    toolCalls: 0,
    dropped: [],
    approximated: [],
    outcome: 'success',
    status: 200,
    error: null,
    ...more,
  };
}
