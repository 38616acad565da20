import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { reply } from '../support/http-ask.ts';
import { type Peer, rawServer } from '../support/raw-server.ts';

const SRC = join(import.meta.dir, '../../src');

/** What a process prints that does this with `ask` and then nothing more; it must end by itself. */
async function printed(url: string, script: string): Promise<string> {
  const child = Bun.spawn({
    cmd: [
      process.execPath,
      '-e',
      `import { HttpClient } from ${JSON.stringify(join(SRC, 'http/http-client.ts'))};
       import { Stop } from ${JSON.stringify(join(SRC, 'stop.ts'))};
       const client = new HttpClient();
       const ask = (stop = new Stop()) =>
         client.send({ url: ${JSON.stringify(url)}, headers: {}, body: '{}', stop });
       ${script}
       console.log('end');`,
    ],
    stdout: 'pipe',
    stderr: 'pipe',
  });
  const [out, errors, status] = await Promise.all([
    child.stdout.text(),
    child.stderr.text(),
    child.exited,
  ]);
  expect([status, errors]).toEqual([0, '']);
  return out;
}

/** Answers each request late, in two parts. */
async function slowly(peer: Peer): Promise<void> {
  try {
    for (;;) {
      await peer.request();
      await Bun.sleep(50);
      peer.write('HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\nab');
      await Bun.sleep(50);
      peer.write('cd');
    }
  } catch {
    // The process is over.
  }
}

describe('a process', () => {
  test('waits for its replies, and not for the connections behind them', async () => {
    const server = rawServer(slowly);
    const out = await printed(
      server.url,
      `for (let i = 0; i < 2; i += 1) {
         const { status, body } = await ask();
         const reader = body.getReader();
         let size = 0;
         for (let value; (value = (await reader.read()).value); ) size += value.length;
         console.log(status, size);
       }`,
    );
    expect(out).toBe('200 4\n200 4\nend\n');
    expect(server.peers.length).toBe(1);
  });

  test('waits for a whole body', async () => {
    const server = rawServer(slowly);
    expect(await printed(server.url, 'console.log((await (await ask()).bytes()).length);')).toBe(
      '4\nend\n',
    );
  });

  test('does not wait for what was stopped or cancelled, nor for a connection nobody needs', async () => {
    const server = rawServer(async (peer) => {
      await peer.request().catch(() => undefined);
      peer.write(reply('').replace('length: 0', 'length: 9'));
    });
    const out = await printed(
      server.url,
      `await (await ask()).body.cancel();
       const late = new Stop();
       const reply = await ask(late);
       late.now(new Error('enough'));
       const early = new Stop();
       const sent = ask(early);
       early.now(new Error('enough'));
       await sent.catch(({ message }) => console.log(message));`,
    );
    expect(out).toBe('enough\nend\n');
  });
});
