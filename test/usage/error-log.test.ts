import { describe, expect, test } from 'bun:test';
import { errorLine } from '../../src/usage/error-log.ts';
import { recordOf } from './support/record.ts';

describe('the error log', () => {
  test('has no line for a success, nor for a client that left', () => {
    expect(errorLine(recordOf())).toBeUndefined();
    expect(errorLine(recordOf({ outcome: 'cancelled', status: 499 }))).toBeUndefined();
  });

  test('names the kind of the last failure', () => {
    const attempts = [
      { provider: 'a', model: 'm', status: 429, reason: 'upstream_refused', ms: 1 },
      { provider: 'b', model: 'm', status: null, reason: 'upstream_timeout', ms: 2 },
    ];
    const line = errorLine(recordOf({ outcome: 'timeout', status: 504, error: 'slow', attempts }));
    expect(line).toMatchObject({
      kind: 'upstream_timeout',
      message: 'slow',
      status: 504,
      attempts,
    });
  });

  test('tells refusals of the gateway itself by their status', () => {
    const refused = { outcome: 'error', provider: null, model: null } as const;
    expect(errorLine(recordOf({ ...refused, status: 401 }))?.kind).toBe('unauthorized');
    expect(errorLine(recordOf({ ...refused, status: 503 }))?.kind).toBe('unavailable');
  });
});
