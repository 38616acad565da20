import { describe, expect, test } from 'bun:test';
import { missingSettings } from '../../src/cli/runtime-settings.ts';

describe('what Bun is told before it starts', () => {
  test('is all of it where nothing is said', () => {
    expect(missingSettings({}, '1.4.4')).toEqual({
      BUN_CONFIG_MAX_HTTP_REQUESTS: '65535',
      BUN_JSC_useFTLJIT: '0',
      BUN_JSC_largeHeapSize: '67108864',
    });
  });

  test('leaves what somebody has set', () => {
    const env = { BUN_JSC_useFTLJIT: '1', BUN_JSC_largeHeapSize: '9' };
    expect(missingSettings(env, '1.4.4')).toEqual({ BUN_CONFIG_MAX_HTTP_REQUESTS: '65535' });
    expect(missingSettings({ ...env, BUN_CONFIG_MAX_HTTP_REQUESTS: '9' }, '1.4.4')).toEqual({});
  });

  test('is nothing that a version might refuse to start with', () => {
    expect(missingSettings({}, '1.5.0')).toEqual({ BUN_CONFIG_MAX_HTTP_REQUESTS: '65535' });
    expect(missingSettings({}, '2.0.0')).toEqual({ BUN_CONFIG_MAX_HTTP_REQUESTS: '65535' });
  });
});
