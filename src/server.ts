/** The app on a port or a unix socket: the one place that calls `Bun.serve`. */
import type { App } from './app.ts';
import type { ServerConfig } from './config/config.ts';
import type { Peer } from './exchange.ts';
import { IdleSweep } from './idle-sweep.ts';

export interface RunningServer {
  /** Where it listens, for people and for a base URL. */
  readonly address: string;
  readonly port: number | undefined;
  /**
   * Stops accepting; running requests have `graceMs` to end. Then `interrupt` is called, which tells
   * the rest to end, and what does not is cut.
   */
  stop(graceMs: number, interrupt: () => void): Promise<void>;
}

/** Who comes to these addresses comes from there: the system need not be asked (bench: plain, 1 KB). */
const LOOPBACK: ReadonlySet<string> = new Set(['127.0.0.1', '::1']);

/** Seconds; a connection between two requests is closed after so much silence. */
const IDLE_SECONDS = 60;
/** How long requests that were told to end may take over their last words, ms. */
const FAREWELL_MS = 1000;

/**
 * How a port is shared with other processes, which the system then gives connections in turn: `first`
 * takes it, if nobody has it, and `next` joins.
 */
export type Sharing = 'alone' | 'first' | 'next';

/** @throws Error with code `EADDRINUSE` when the port is taken */
export function serve(app: App, config: ServerConfig, sharing: Sharing = 'alone'): RunningServer {
  const idle = new IdleSweep(
    () => server.pendingRequests,
    () => Bun.gc(true),
  );
  const isLoopback = config.unix === undefined && LOOPBACK.has(config.host);
  const onlyPeer = isLoopback ? config.host : undefined;
  const options = {
    // Bun shows sources to clients in development, which is its default.
    development: false,
    // Bun's own refusal has no body; ours counts and answers in the client's envelope.
    maxRequestBodySize: Number.MAX_SAFE_INTEGER,
    error: () => internalError(),
    fetch(request: Request, server: Bun.Server<undefined>) {
      idle.request();
      const ip = onlyPeer ?? server.requestIP(request)?.address ?? null;
      if (request.method !== 'POST') return app(request, { ip });
      // Streams and slow answers are judged by progress, not by Bun's idle timer.
      server.timeout(request, 0);
      return app(request, new Poster(ip, request, server));
    },
  };
  const server =
    config.unix === undefined
      ? Bun.serve<undefined>({
          ...options,
          hostname: config.host,
          port: sharing === 'first' ? freePort(config) : config.port,
          reusePort: sharing !== 'alone',
          idleTimeout: IDLE_SECONDS,
        })
      : Bun.serve<undefined>({ ...options, unix: config.unix });
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    address: config.unix ? `unix:${config.unix}` : `http://${host}:${server.port}`,
    port: server.port,
    async stop(graceMs, interrupt) {
      const ended = server.stop();
      const isOver = ended.then(() => true);
      if (await Promise.race([isOver, Bun.sleep(graceMs)])) return;
      interrupt();
      if (await Promise.race([isOver, Bun.sleep(FAREWELL_MS)])) return;
      await server.stop(true);
    },
  };
}

/** Who sent a POST. */
class Poster implements Peer {
  readonly ip: string | null;
  readonly isHere = true;
  readonly #request: Request;
  readonly #server: Bun.Server<undefined>;

  constructor(ip: string | null, request: Request, server: Bun.Server<undefined>) {
    this.ip = ip;
    this.#request = request;
    this.#server = server;
  }

  refused(status: number): void {
    // The rest of a body that was refused is not waited for.
    const isCut = status === 413 || status === 408;
    this.#server.timeout(this.#request, isCut ? 1 : IDLE_SECONDS);
  }
}

/**
 * The port, or the one that 0 stands for. A port that is opened for sharing joins whoever shares it
 * already, also another gateway of the same user: so it is opened alone first.
 */
function freePort({ host, port }: ServerConfig): number {
  const probe = Bun.serve({ hostname: host, port, fetch: () => internalError() });
  probe.stop(true);
  return probe.port ?? port;
}

function internalError(): Response {
  const message = 'The gateway failed to serve this request.';
  return Response.json({ error: { message, type: 'server_error', code: null } }, { status: 500 });
}
