/** Usage, errors, models: the small tables. */
import { describe, expect, test } from 'bun:test';
import { effortOfBudget } from '../../../src/effort.ts';
import { GatewayError, invalid } from '../../../src/errors.ts';
import {
  decodeError,
  decodeStreamError,
  encodeError,
  encodeFailure,
} from '../../../src/formats/responses/errors.ts';
import { modelTraits, nearestEffort } from '../../../src/formats/responses/models.ts';
import { decodeUsage, encodeUsage } from '../../../src/formats/responses/usage.ts';

describe('usage', () => {
  test('cached and written tokens are taken out of the input and put back', () => {
    const wire = {
      input_tokens: 120,
      input_tokens_details: { cached_tokens: 100, cache_write_tokens: 5 },
      output_tokens: 40,
      output_tokens_details: { reasoning_tokens: 25 },
      total_tokens: 160,
    };
    const usage = decodeUsage(wire);
    expect(usage).toEqual({ input: 15, cached: 100, cacheWrite: 5, output: 40, reasoning: 25 });
    expect(usage && encodeUsage(usage)).toEqual(wire);
  });

  test('both details are always there, also for a provider that names none', () => {
    expect(encodeUsage({ input: 3, cached: 0, cacheWrite: 0, output: 2 })).toEqual({
      input_tokens: 3,
      input_tokens_details: { cached_tokens: 0, cache_write_tokens: 0 },
      output_tokens: 2,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: 5,
    });
  });

  test('what the provider charged is read in dollars and in ticks', () => {
    expect(decodeUsage({ input_tokens: 1, output_tokens: 1, cost: 0.25 })?.costUsd).toBe(0.25);
    const ticks = { input_tokens: 1, output_tokens: 1, cost_in_usd_ticks: 37_756_000 };
    expect(decodeUsage(ticks)?.costUsd).toBeCloseTo(0.0037756, 10);
  });

  test('no counts are not zero counts', () => {
    expect(decodeUsage(null)).toBeUndefined();
    expect(decodeUsage({})).toBeUndefined();
  });
});

describe('errors of providers', () => {
  test.each([
    [{ error: { message: 'No.', type: 'invalid_request_error', code: 'x' } }, 'No.', 'x'],
    [{ code: 'invalid-argument', error: 'Grok says no' }, 'Grok says no', 'invalid-argument'],
    [{ detail: 'Sign in again' }, 'Sign in again', undefined],
    [{ detail: [{ loc: ['body'] }] }, '[{"loc":["body"]}]', undefined],
    [
      { error: { message: 'Provider error', code: 502, metadata: { raw: 'too busy' } } },
      'Provider error: too busy',
      '502',
    ],
    ['upstream timed out\n', 'upstream timed out', undefined],
    [{}, 'HTTP 418', undefined],
  ])('%j is understood', (body, message, code) => {
    const fault = decodeError(418, body);
    expect(fault.message).toBe(message);
    expect(fault.code).toBe(code);
    expect(fault.status).toBe(418);
  });

  test('inside a stream the code gives the status', () => {
    expect(decodeStreamError({ code: 'rate_limit_exceeded', message: 'm' }).status).toBe(429);
    expect(decodeStreamError({ type: 'error', code: 'server_error', message: 'm' })).toEqual({
      message: 'm',
      code: 'server_error',
      status: 500,
    });
  });
});

describe('errors for clients', () => {
  test('all four fields are there', () => {
    expect(encodeError(invalid('input.3.role', 'must be user'))).toEqual({
      error: {
        message: 'input.3.role: must be user',
        type: 'invalid_request_error',
        param: 'input.3.role',
        code: null,
      },
    });
    expect(encodeError(new GatewayError('unknown_model', 'no such model'))).toEqual({
      error: {
        message: 'no such model',
        type: 'invalid_request_error',
        param: 'model',
        code: 'model_not_found',
      },
    });
  });

  test.each([
    ['rate_limit_exceeded', { status: 429 }],
    ['context_length_exceeded', { status: 400, code: 'context_length_exceeded' }],
    ['invalid_prompt', { status: 400, code: 'something_else' }],
    ['server_error', { status: 529, type: 'overloaded_error' }],
  ])('a failed response says %s', (code, evidence) => {
    expect(encodeFailure(new GatewayError('upstream_refused', 'm', evidence)).code).toBe(code);
  });

  test('the time to wait stands in the message, once', () => {
    const error = (message: string) =>
      new GatewayError('upstream_refused', message, { status: 429, retryAfter: 2 });
    expect(encodeFailure(error('Slow.')).message).toBe('Slow. Please try again in 2s.');
    expect(encodeFailure(error('Please try again in 2s.')).message).toBe('Please try again in 2s.');
  });
});

describe('models', () => {
  test.each([
    ['gpt-4o-mini', [], 'always'],
    ['o4-mini-2025-04-16', ['low', 'medium', 'high'], 'never'],
    ['gpt-5-nano', ['minimal', 'low', 'medium', 'high'], 'never'],
    ['openai/gpt-5.1', ['none', 'low', 'medium', 'high'], 'without-reasoning'],
    ['openai.gpt-5.6-luna', ['none', 'low', 'medium', 'high', 'xhigh', 'max'], 'without-reasoning'],
    ['gpt-5.2-pro', ['medium', 'high', 'xhigh'], 'never'],
  ])('%s', (name, efforts, sampling) => {
    expect<unknown>(modelTraits(name)?.efforts).toEqual(efforts);
    expect<unknown>(modelTraits(name)?.sampling).toBe(sampling);
  });

  test('nothing is claimed of models of other makers', () => {
    for (const name of ['grok-4', 'deepseek-v4', 'my-deployment', 'gpt-oss-120b']) {
      expect(modelTraits(name)).toBeUndefined();
    }
  });

  test('the nearest effort never switches reasoning off', () => {
    expect(nearestEffort('minimal', ['none', 'low', 'medium'])).toBe('low');
    expect(nearestEffort('max', ['low', 'medium', 'high'])).toBe('high');
    expect(nearestEffort('none', ['minimal', 'low'])).toBe('minimal');
  });

  test('budgets in words', () => {
    expect([1024, 1025, 8192, 8193].map(effortOfBudget)).toEqual([
      'low',
      'medium',
      'medium',
      'high',
    ]);
  });
});
