import { describe, expect, test } from 'bun:test';
import { GatewayError, invalid } from '../../../src/errors.ts';
import { decodeError, encodeError } from '../../../src/formats/chat/errors.ts';

describe('decodeError', () => {
  test.each([
    [{ error: { message: 'Bad', type: 'invalid_request_error', code: 'x' } }, 'Bad'],
    [{ error: 'Model not found' }, 'Model not found'],
    [{ object: 'error', message: 'too long', code: 400 }, 'too long'],
    [{ detail: 'Unauthorized' }, 'Unauthorized'],
    [{ detail: [{ loc: ['body', 'top_k'], msg: 'Extra inputs' }] }, 'body.top_k: Extra inputs'],
    [[{ error: { message: 'Quota', status: 'RESOURCE_EXHAUSTED' } }], 'Quota'],
    ['plain words', 'plain words'],
    ['<html><body>502</body></html>', 'The provider answered HTTP 418 with a page instead of JSON'],
    [undefined, 'The provider answered HTTP 418 without a message'],
  ] as [unknown, string][])('finds the message in %j', (body, message) => {
    expect(decodeError(418, body)).toMatchObject({ message, status: 418 });
  });

  test('keeps type and code, and the status that an error inside a 200 names', () => {
    const body = { error: { message: 'No', type: 'invalid_request_error', code: 402 } };
    expect(decodeError(200, body)).toEqual({
      message: 'No',
      type: 'invalid_request_error',
      code: '402',
      status: 402,
    });
  });

  test("shows what OpenRouter's provider said", () => {
    const body = {
      error: {
        message: 'Provider returned error',
        code: 429,
        metadata: { raw: '{"error":{"message":"slow down"}}' },
      },
    };
    expect(decodeError(429, body).message).toBe('Provider returned error: slow down');
  });

  test("reads Google's delay", () => {
    const body = { error: { message: 'Quota', details: [{ retryDelay: '38.5s' }] } };
    expect(decodeError(429, body).retryAfter).toBe(38.5);
  });

  test('a megabyte of message is cut', () => {
    expect(decodeError(500, 'x'.repeat(1_000_000)).message.length).toBeLessThan(5000);
  });
});

describe('encodeError', () => {
  test('has all four fields and names the field at fault', () => {
    expect(encodeError(invalid('messages.0.role', 'is required'))).toEqual({
      error: {
        message: 'messages.0.role: is required',
        type: 'invalid_request_error',
        param: 'messages.0.role',
        code: null,
      },
    });
  });

  test("a provider's own type and code are kept", () => {
    const error = new GatewayError('upstream_refused', 'Slow', {
      status: 429,
      type: 'requests',
      code: 'rate_limit_exceeded',
    });
    expect(encodeError(error).error).toMatchObject({
      type: 'requests',
      code: 'rate_limit_exceeded',
    });
  });
});
