/** Over real sockets: what a client sends too much of, or too slowly. */
import { afterAll, beforeAll, describe, expect, test } from 'bun:test';
import { gzipSync } from 'node:zlib';
import { parseJson } from '../../src/json.ts';
import { FORMAT_NAMES } from '../../src/unified.ts';
import { type Loopback, listening, rawClient } from '../support/loopback.ts';
import { pathOf } from '../support/matrix.ts';

const MB = 1024 * 1024;
let plexus: Loopback;
beforeAll(async () => {
  plexus = await listening({
    server: { port: 0, maxBodyBytes: MB },
    providers: { p: { type: 'demo' } },
    models: { m: 'p/echo' },
  });
});
afterAll(() => plexus.stop());

/** Writes a body as far as it is taken, and gives the reply. */
async function send(path: string, headers: string, body: () => Uint8Array | undefined) {
  const client = rawClient(plexus.port, `POST ${path} HTTP/1.1\r\nhost: x\r\n${headers}\r\n`);
  let isOver = false;
  const over = client.closed.then(() => {
    isOver = true;
  });
  let sent = 0;
  for (let piece = body(); piece !== undefined && !isOver; piece = body()) {
    sent += piece.length;
    const { socket } = client;
    if (!socket.write(piece)) {
      await Promise.race([new Promise((resolve) => socket.once('drain', resolve)), over]);
    }
    if (/\r\n\r\n\{.*\}$/s.test(client.text())) break;
  }
  for (let waited = 0; waited < 200 && !/\r\n\r\n./s.test(client.text()); waited += 1) {
    await Bun.sleep(10);
  }
  client.socket.destroy();
  const [head = '', reply = ''] = client.text().split('\r\n\r\n');
  return { sent, status: Number(head.split(' ')[1]), json: parseJson(reply) };
}

function pieces(count: number, wrap = (piece: Uint8Array): Uint8Array => piece) {
  const piece = new Uint8Array(64 * 1024).fill(32);
  let left = count;
  return () => {
    left -= 1;
    return left < 0 ? undefined : wrap(piece);
  };
}

describe('a body that is too large', () => {
  test.each(FORMAT_NAMES)('gets a 413 in the envelope of a %s client', async (client) => {
    const { status, json } = await send(
      pathOf(client, false),
      `content-length: ${200 * MB}\r\n`,
      pieces(1),
    );
    expect(status).toBe(413);
    expect(json).toMatchObject({ error: { message: expect.stringContaining('1 MB') } });
  });

  test('without a length is counted, not kept', async () => {
    const before = process.memoryUsage.rss();
    const chunk = (piece: Uint8Array): Uint8Array =>
      Buffer.concat([Buffer.from('10000\r\n'), piece, Buffer.from('\r\n')]);
    const { status, json } = await send(
      '/v1/messages',
      'transfer-encoding: chunked\r\n',
      pieces(3200, chunk),
    );
    expect(status).toBe(413);
    expect(json).toMatchObject({ type: 'error' });
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MB);
  }, 20_000);

  test('when unpacked is not unpacked', async () => {
    const bomb = gzipSync(Buffer.alloc(200 * MB, 32));
    const before = process.memoryUsage.rss();
    let isSent = false;
    const { status } = await send(
      '/v1/chat/completions',
      `content-encoding: gzip\r\ncontent-length: ${bomb.length}\r\n`,
      () => {
        if (isSent) return undefined;
        isSent = true;
        return bomb;
      },
    );
    expect(status).toBe(413);
    expect(process.memoryUsage.rss() - before).toBeLessThan(64 * MB);
  });

  test('leaves the gateway well', async () => {
    const response = await fetch(`${plexus.url}/health`);
    expect(response.status).toBe(200);
  });
});

test('headers that are too large are refused', async () => {
  const client = rawClient(
    plexus.port,
    `GET /health HTTP/1.1\r\nhost: x\r\nx-big: ${'a'.repeat(100_000)}\r\n\r\n`,
  );
  await client.closed;
  expect(client.text()).toStartWith('HTTP/1.1 431');
});
