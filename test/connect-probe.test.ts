import { describe, expect, test } from 'bun:test';
import { createConnectProbe } from '../src/connect-probe.ts';

/** A server that counts its connections. */
function listener() {
  const seen = { connections: 0 };
  const server = Bun.listen({
    hostname: '127.0.0.1',
    port: 0,
    socket: {
      open: () => {
        seen.connections += 1;
      },
      data: () => undefined,
    },
  });
  return { seen, server, url: `http://127.0.0.1:${server.port}/v1/x?key=secret` };
}
/** A port that nobody listens on. */
function closedUrl(): string {
  const { server, url } = listener();
  server.stop(true);
  return url;
}

describe('whether a provider takes connections', () => {
  test('one that does', async () => {
    const { server, url } = listener();
    expect(await createConnectProbe({})(url, undefined, 1000)).toBe(true);
    server.stop(true);
  });

  test('one that refuses', async () => {
    expect(await createConnectProbe({})(closedUrl(), undefined, 1000)).toBe(false);
  });

  test('many requests that wait make one connection', async () => {
    const { server, url, seen } = listener();
    const probe = createConnectProbe({});
    const all = Array.from({ length: 20 }, () => probe(url, undefined, 1000));
    expect((await Promise.all(all)).every(Boolean)).toBe(true);
    await Bun.sleep(5);
    expect(seen.connections).toBe(1);
    server.stop(true);
  });

  test('a failure is not remembered', async () => {
    const probe = createConnectProbe({});
    const url = closedUrl();
    expect(await probe(url, undefined, 100)).toBe(false);
    const port = Number(new URL(url).port);
    const server = Bun.listen({ hostname: '127.0.0.1', port, socket: { data: () => undefined } });
    expect(await probe(url, undefined, 1000)).toBe(true);
    server.stop(true);
  });
});

describe('with a proxy, the proxy is asked', () => {
  test('that of the provider', async () => {
    const { server, url } = listener();
    const probe = createConnectProbe({});
    expect(await probe('https://api.test/v1', url, 1000)).toBe(true);
    expect(await createConnectProbe({})(url, closedUrl(), 1000)).toBe(false);
    server.stop(true);
  });

  test('that of the environment, unless the provider goes without', async () => {
    const { server, url } = listener();
    const env = { HTTP_PROXY: closedUrl() };
    expect(await createConnectProbe(env)(url, undefined, 1000)).toBe(false);
    expect(await createConnectProbe(env)(url, false, 1000)).toBe(true);
    server.stop(true);
  });

  test('where NO_PROXY decides nobody is asked', async () => {
    const env = { HTTPS_PROXY: closedUrl(), NO_PROXY: 'api.test' };
    expect(await createConnectProbe(env)('https://api.test/v1', undefined, 1000)).toBe(true);
  });
});
