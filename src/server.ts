/** The app on a port or a unix socket: the one place that calls `Bun.serve`. */
import type { App } from './app.ts';
import type { ServerConfig } from './config/config.ts';

export interface RunningServer {
  /** Where it listens, for people and for a base URL. */
  readonly address: string;
  readonly port: number | undefined;
  /** Stops accepting; running requests have `graceMs` to end, the rest is cut. */
  stop(graceMs: number): Promise<void>;
}

/** Seconds; a connection between two requests is closed after so much silence. */
const IDLE_SECONDS = 60;

/** @throws Error with code `EADDRINUSE` when the port is taken */
export function serve(app: App, config: ServerConfig): RunningServer {
  const options = {
    // Bun shows sources to clients in development, which is its default.
    development: false,
    // A little above our own limit, so that ours answers, in the client's envelope.
    maxRequestBodySize: config.maxBodyBytes + 1024 * 1024,
    error: () => internalError(),
    fetch(request: Request, server: Bun.Server<undefined>) {
      // Streams and slow answers are judged by progress, not by Bun's idle timer.
      if (request.method === 'POST') server.timeout(request, 0);
      return app(request, { ip: server.requestIP(request)?.address ?? null });
    },
  };
  const server =
    config.unix === undefined
      ? Bun.serve<undefined>({
          ...options,
          hostname: config.host,
          port: config.port,
          idleTimeout: IDLE_SECONDS,
        })
      : Bun.serve<undefined>({ ...options, unix: config.unix });
  const host = config.host.includes(':') ? `[${config.host}]` : config.host;
  return {
    address: config.unix ? `unix:${config.unix}` : `http://${host}:${server.port}`,
    port: server.port,
    async stop(graceMs) {
      const ended = server.stop();
      await Promise.race([ended, Bun.sleep(graceMs)]);
      await server.stop(true);
    },
  };
}

function internalError(): Response {
  const message = 'The gateway failed to serve this request.';
  return Response.json({ error: { message, type: 'server_error', code: null } }, { status: 500 });
}
