import { afterAll, describe, expect, test } from 'bun:test';
import { createGateway } from '../src/index.ts';
import { Stop } from '../src/stop.ts';
import { sendWithFetch } from '../src/upstream.ts';

/** What a provider was sent, and how it answers. */
function provider(status: number) {
  const bodies: string[] = [];
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    async fetch(request) {
      bodies.push(await request.text());
      const choices = [{ index: 0, message: { role: 'assistant', content: 'Hi' } }];
      return Response.json({ model: 'm', choices }, { status });
    },
  });
  afterAll(() => server.stop(true));
  return { bodies, url: `http://127.0.0.1:${server.port}/v1` };
}

describe('the body of a request', () => {
  test('is copied by fetch before it gives its promise', async () => {
    const { bodies, url } = provider(200);
    const body = Buffer.from('x'.repeat(100_000));
    const sent = sendWithFetch({ url, headers: {}, body, stop: new Stop() });
    body.fill('y');
    await sent;
    expect(bodies).toEqual(['x'.repeat(100_000)]);
  });

  test('a large one reaches each target byte for byte, with its own model in it', async () => {
    const first = provider(503);
    const second = provider(200);
    const gateway = await createGateway({
      config: {
        providers: {
          one: { type: 'chat', baseUrl: first.url },
          two: { type: 'chat', baseUrl: second.url },
        },
        models: {
          'a-long-alias': {
            targets: [
              { provider: 'one', model: 'm' },
              { provider: 'two', model: 'model-2' },
            ],
          },
        },
      },
    });
    const of = (model: string): string =>
      `{ "n": 1, "model":"${model}","messages":[{"role":"user","content":"${'é\\n'.repeat(20_000)}"}],"stream":false}`;
    const answers = await Promise.all(
      Array.from({ length: 8 }, () =>
        gateway.fetch(
          new Request('http://127.0.0.1/v1/chat/completions', {
            method: 'POST',
            body: of('a-long-alias'),
          }),
        ),
      ),
    );
    expect(answers.map(({ status }) => status)).toEqual(answers.map(() => 200));
    expect(new Set(first.bodies)).toEqual(new Set([of('m')]));
    expect(second.bodies).toEqual(answers.map(() => of('model-2')));
    await gateway.close();
  });
});

describe('a provider that takes its time', () => {
  test('is not asked for another connection while one stands: it may take no more of them', async () => {
    const busy: Bun.TCPSocketListener = Bun.listen({
      hostname: '127.0.0.1',
      port: 0,
      socket: {
        open(): void {
          busy.stop();
        },
        async data(socket) {
          await Bun.sleep(300);
          const body = JSON.stringify({
            model: 'm',
            choices: [{ index: 0, message: { role: 'assistant', content: 'Hi' } }],
          });
          socket.end(`HTTP/1.1 200 OK\r\ncontent-length: ${body.length}\r\n\r\n${body}`);
        },
      },
    });
    const gateway = await createGateway({
      config: {
        providers: {
          busy: {
            type: 'chat',
            baseUrl: `http://127.0.0.1:${busy.port}/v1`,
            timeoutMs: { connect: 100, firstOutput: 1500 },
          },
        },
        models: { a: 'busy/m' },
        resilience: { retries: { max: 0 } },
      },
    });
    const answer = await gateway.fetch(
      new Request('http://127.0.0.1/v1/chat/completions', {
        method: 'POST',
        body: '{"model":"a","messages":[{"role":"user","content":"Hello"}]}',
      }),
    );
    expect([answer.status, await answer.text()]).toEqual([200, expect.stringContaining('Hi')]);
  });
});
