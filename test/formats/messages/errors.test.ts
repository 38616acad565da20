import { describe, expect, test } from 'bun:test';
import { GatewayError, invalid } from '../../../src/errors.ts';
import { messages } from '../../../src/formats/messages/messages.ts';

describe('encodeError', () => {
  test('has the envelope with a request id', () => {
    expect(messages.encodeError(invalid('messages', 'is required'), 'req_1')).toEqual({
      type: 'error',
      error: { type: 'invalid_request_error', message: 'messages: is required' },
      request_id: 'req_1',
    });
  });

  const types: [number, string][] = [
    [401, 'authentication_error'],
    [402, 'billing_error'],
    [403, 'permission_error'],
    [404, 'not_found_error'],
    [413, 'request_too_large'],
    [422, 'invalid_request_error'],
    [429, 'rate_limit_error'],
    [500, 'api_error'],
    [502, 'api_error'],
    [503, 'overloaded_error'],
    [504, 'timeout_error'],
    [529, 'overloaded_error'],
  ];
  test.each(types)('status %d is %s', (status, type) => {
    const error = new GatewayError('upstream_refused', 'no', { status, type: 'their_own_word' });
    expect(messages.encodeError(error, 'r')).toMatchObject({ error: { type } });
  });

  test('a documented type of the provider stays', () => {
    const error = new GatewayError('upstream_refused', 'x', {
      status: 409,
      type: 'conflict_error',
    });
    expect(messages.encodeError(error, 'r')).toMatchObject({ error: { type: 'conflict_error' } });
  });
});

describe('decodeError', () => {
  test('an empty account is told by its sentence, and no other 400 is taken for one', () => {
    const body = (message: string) => ({ error: { type: 'invalid_request_error', message } });
    const empty = 'Your credit balance is too low to access the Anthropic API. Please go to Plans.';
    expect(messages.decodeError(400, body(empty)).status).toBe(402);
    expect(
      messages.decodeError(400, body('messages: the word "credit balance is too low"')).status,
    ).toBe(400);
    expect(messages.decodeError(500, body(empty)).status).toBe(500);
  });

  test('reads the envelope and keeps the message text', () => {
    const body = { type: 'error', error: { type: 'overloaded_error', message: 'Overloaded' } };
    const fault = { message: 'Overloaded', type: 'overloaded_error', status: 529 };
    expect(messages.decodeError(529, body)).toEqual(fault);
    // Inside a 200 the type tells the status.
    expect(messages.decodeError(200, body)).toEqual(fault);
    expect(messages.decodeError(529, JSON.stringify(body))).toEqual(fault);
  });

  test('reads what other makers send', () => {
    expect(messages.decodeError(400, { error: 'bad' }).message).toBe('bad');
    expect(messages.decodeError(400, { message: 'worse' }).message).toBe('worse');
    expect(messages.decodeError(502, '<html>Bad Gateway</html>').message).toContain('Bad Gateway');
    expect(messages.decodeError(500, '').message).toBe('HTTP 500');
  });
});
