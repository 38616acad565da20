/** The memory of a large body is given back as soon as its request is over, and not before. */
import { describe, expect, test } from 'bun:test';
import { RequestBody, readRequestBody } from '../src/request-body.ts';
import { FORMAT_NAMES } from '../src/unified.ts';
import { goodReply } from './support/failing.ts';
import { jsonReply, oneProvider, testGateway } from './support/gateway.ts';
import { pathOf, readFixture, requestOf } from './support/matrix.ts';

/** White space, which every format takes. */
const PADDING = ' '.repeat(64 * 1024);

function large(body: unknown): string {
  return JSON.stringify(body).replace(/\}$/, `${PADDING}}`);
}

describe('a body', () => {
  test('that is large and alone in its memory is given back', async () => {
    const request = new Request('http://127.0.0.1/', {
      method: 'POST',
      headers: { 'content-length': String(PADDING.length + 13) },
      body: `{"model":"m"${PADDING}}`,
    });
    const body = await readRequestBody(request, 1 << 20);
    expect(body.json).toEqual({ model: 'm' });
    body.release();
    expect(body.bytes).toHaveLength(0);
    // What was parsed stays.
    expect(body.json).toEqual({ model: 'm' });
  });

  test('that shares its memory keeps it', () => {
    const shared = Buffer.alloc(256 * 1024, 'a');
    const body = new RequestBody(shared.subarray(0, 128 * 1024));
    body.release();
    expect(body.bytes).toHaveLength(128 * 1024);
    expect(shared.toString('latin1', 0, 3)).toBe('aaa');
  });

  test('that is small keeps it', () => {
    const body = new RequestBody(Buffer.from('{"model":"m"}'));
    body.release();
    expect(body.json).toEqual({ model: 'm' });
  });
});

describe.each([false, true])('a large body, stream: %p', (stream) => {
  test.each(FORMAT_NAMES)('%s: goes up whole to each target that is asked', async (format) => {
    const made = await testGateway(
      {
        providers: {
          bad: { type: format, baseUrl: 'http://bad.test/v1', apiKey: 'k' },
          good: { type: format, baseUrl: 'http://good.test/v1', apiKey: 'k' },
        },
        models: { m: { selector: 'in_order', targets: ['bad/m', 'good/m'] } },
      },
      ({ url }) =>
        url.startsWith('http://bad.test')
          ? jsonReply({ error: { message: 'no' } }, 500)
          : goodReply(format, stream),
    );
    const body = large(requestOf(format, 'text', stream));
    const response = await made.post(pathOf(format, stream), body);
    expect(response.status).toBe(200);
    await response.text();
    expect(made.sent.map((sent) => sent.body.length > PADDING.length)).toEqual([true, true]);
    expect(made.sent[0]?.body).toBe(made.sent[1]?.body ?? '');
    expect(made.records).toMatchObject([{ outcome: 'success', attempts: [{}, {}] }]);
  });
});

test('an answer to a large question is kept with it', async () => {
  const reply = readFixture('responses/text.reply.json');
  const made = await testGateway(oneProvider('responses'), () => jsonReply(reply));
  const asked = { ...requestOf('responses', 'text', false), store: true };
  const first = await made.post('/v1/responses', large(asked));
  const { id } = JSON.parse(await first.text());
  const input = await made.get(`/v1/responses/${id}/input_items`);
  expect(JSON.stringify(await input.json())).toContain('Say two words.');
});
