/**
 * What a slow reader costs: a gateway in a process of its own, a provider that offers 200 MB as fast
 * as they are taken, a client that reads 64 KB/s. By hand: `bun test/soak/pressure.ts`.
 */
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { start } from '../cli/support/process.ts';
import { providerAt } from '../support/loopback.ts';
import { pathOf, requestOf } from '../support/matrix.ts';

const OFFER = 200 * 1024 * 1024;
const RATE = 64 * 1024;

export interface Pressure {
  /** Growth of the gateway's resident memory once the sockets' buffers are full. */
  grownMb: number;
  /** The same at its highest, while they fill at full speed. */
  peakMb: number;
  /** What the provider got rid of. */
  offeredMb: number;
  readKb: number;
}

/** Resident memory of a process, bytes (Linux; elsewhere unknown). */
export function rssOf(pid: number): number {
  try {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1] ?? 0) * 1024;
  } catch {
    // The process is gone, or the system keeps no such file.
    return 0;
  }
}

/** A provider that streams text as fast as it is taken. */
function generousProvider() {
  const seen = { offered: 0 };
  const event = `data: ${JSON.stringify({
    id: 'c',
    object: 'chat.completion.chunk',
    created: 1,
    model: 'up',
    choices: [{ index: 0, delta: { content: 'x'.repeat(900) }, finish_reason: null }],
  })}\n\n`;
  const piece = new TextEncoder().encode(event.repeat(16));
  const server = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    idleTimeout: 0,
    async fetch(request) {
      await request.text();
      const body = new ReadableStream<Uint8Array>(
        {
          pull(controller) {
            seen.offered += piece.length;
            if (seen.offered > OFFER) controller.close();
            else controller.enqueue(piece);
          },
        },
        { highWaterMark: 0 },
      );
      return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
    },
  });
  return { seen, server, url: `http://127.0.0.1:${server.port}` };
}

export async function measurePressure(options: {
  client: 'messages' | 'chat';
  folder: string;
  ms: number;
}): Promise<Pressure> {
  const { client, folder, ms } = options;
  const provider = generousProvider();
  const config = join(folder, `pressure-${client}.json`);
  writeFileSync(
    config,
    JSON.stringify({ dataDir: join(folder, 'data'), ...providerAt('chat', provider.url) }),
  );
  const plexus = await start(['--config', config], { cwd: folder });
  const body = JSON.stringify(requestOf(client, 'text', true));
  const small = JSON.stringify(requestOf(client, 'text', false));
  const { hostname, port } = new URL(plexus.url);
  // What only the first requests cost is not what a slow reader costs.
  for (let i = 0; i < 3; i += 1) {
    const warm = new AbortController();
    const response = await fetch(plexus.url + pathOf(client, true), {
      method: 'POST',
      body: i === 0 ? body : i === 1 ? body : small.replace(/\}$/, ',"stream":true}'),
      signal: warm.signal,
    });
    const reader = response.body?.getReader();
    for (let read = 0; read < 50; read += 1) await reader?.read();
    warm.abort();
  }
  await Bun.sleep(100);
  provider.seen.offered = 0;
  const before = rssOf(plexus.pid);
  const sizes: number[] = [];
  let read = 0;
  const socket = connect(Number(port), hostname);
  socket.on('data', (bytes) => {
    read += bytes.length;
    socket.pause();
    setTimeout(() => socket.resume(), (bytes.length / RATE) * 1000);
  });
  socket.on('error', () => undefined);
  socket.write(
    `POST ${pathOf(client, true)} HTTP/1.1\r\nhost: x\r\ncontent-length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
  );
  const until = performance.now() + ms;
  while (performance.now() < until) {
    await Bun.sleep(50);
    sizes.push(rssOf(plexus.pid));
  }
  const offered = provider.seen.offered;
  socket.destroy();
  await plexus.stop();
  await provider.server.stop(true);
  const mb = (bytes: number): number => Math.round((bytes / 1024 / 1024) * 10) / 10;
  const settled = Math.max(...sizes.slice(sizes.length / 2));
  return {
    grownMb: mb(settled - before),
    peakMb: mb(Math.max(...sizes) - before),
    offeredMb: mb(offered),
    readKb: Math.round(read / 1024),
  };
}

if (import.meta.main) {
  const folder = mkdtempSync(join(tmpdir(), 'plexus-pressure-'));
  for (const client of ['chat', 'messages'] as const) {
    const result = await measurePressure({ client, folder, ms: 20_000 });
    process.stdout.write(`${client} client, chat provider: ${JSON.stringify(result)}\n`);
  }
  rmSync(folder, { recursive: true, force: true });
}
