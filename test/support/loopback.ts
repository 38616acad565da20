/** Gateway and provider on real ports of this machine, for what only sockets show. */
import { connect, type Socket } from 'node:net';
import { createGateway, type PlexusGateway, type UsageRecord } from '../../src/index.ts';
import type { JsonObject } from '../../src/json.ts';
import { type RunningServer, serve } from '../../src/server.ts';
import type { FormatName } from '../../src/unified.ts';

export interface Loopback {
  url: string;
  port: number;
  gateway: PlexusGateway;
  server: RunningServer;
  records: UsageRecord[];
  stop(): Promise<void>;
}

/** A gateway in this process on a free port. */
export async function listening(config: JsonObject): Promise<Loopback> {
  const records: UsageRecord[] = [];
  const gateway = await createGateway({
    config: { server: { port: 0 }, ...config },
    env: {},
    persist: false,
    onRecord: (record) => records.push(record),
    log: { error: note, warn: note, info: note, debug: note, isOn: () => false },
  });
  const server = serve(gateway.fetch, { ...gateway.config.server, port: 0 });
  return {
    url: server.address,
    port: server.port ?? 0,
    gateway,
    server,
    records,
    async stop() {
      await server.stop(0, gateway.interrupt);
      await gateway.close();
    },
  };
}

function note(): void {
  // What is logged is of no interest here.
}

/** One provider `p` of a format at an address, and the alias `m`. */
export function providerAt(type: FormatName, url: string, more: object = {}): JsonObject {
  return {
    providers: { p: { type, baseUrl: `${url}/v1`, apiKey: 'up-key', proxy: false, ...more } },
    models: { m: 'p/up' },
  };
}

export interface RawClient {
  socket: Socket;
  /** What came so far. */
  text(): string;
  /** Resolves when the other side closed. */
  closed: Promise<void>;
}

/** A client that writes bytes, as a test wants them. */
export function rawClient(port: number, bytes: string | Uint8Array): RawClient {
  const chunks: Buffer[] = [];
  const socket = connect(port, '127.0.0.1');
  socket.on('data', (chunk) => chunks.push(Buffer.from(chunk)));
  const closed = new Promise<void>((resolve) => {
    socket.on('close', () => resolve());
    socket.on('error', () => resolve());
  });
  socket.write(bytes);
  return { socket, text: () => Buffer.concat(chunks).toString(), closed };
}
