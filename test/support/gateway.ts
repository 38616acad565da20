/** The whole gateway as a function from Request to Response, with a provider that a test plays. */
import { type App, createApp } from '../../src/app.ts';
import { checkConfig } from '../../src/config/check.ts';
import type { Config } from '../../src/config/config.ts';
import type { GatewayDeps } from '../../src/exchange.ts';
import { createGateway } from '../../src/gateway.ts';
import { Cooldowns } from '../../src/health/cooldowns.ts';
import { isPieced } from '../../src/json-span.ts';
import { createLog } from '../../src/log.ts';
import type { QuirkEffects } from '../../src/quirks/quirk.ts';
import { ResponsesStore } from '../../src/responses-store/responses-store.ts';
import { createSettings } from '../../src/settings.ts';
import { createEnvelope } from '../../src/transform/envelope.ts';
import { KNOWN_TRANSFORMERS } from '../../src/transform/registry.ts';
import type { UpstreamRequest } from '../../src/upstream.ts';
import type { UsageRecord } from '../../src/usage/record.ts';

/** Quirks reach nothing in tests. */
const offline: QuirkEffects = {
  request: () => Promise.reject(new Error('tests are offline')),
  readFile: () => Promise.resolve(undefined),
  environment: {},
  now: () => 0,
};

/** A configuration from what a user would write. */
export function configOf(raw: object, env: Record<string, string> = {}): Config {
  const { config, problems } = checkConfig(raw, {
    cwd: import.meta.dir,
    env,
    knownTransformers: KNOWN_TRANSFORMERS,
  });
  if (config === undefined) throw new Error(JSON.stringify(problems, null, 1));
  return config;
}

/** A request as the provider saw it, its body as text. */
export type Sent = Omit<UpstreamRequest, 'body' | 'stop'> & { body: string; signal: AbortSignal };

/** Plays the provider. */
export type Play = (request: Sent, attempt: number) => Response | Promise<Response>;

export interface TestGateway {
  app: App;
  /** What was sent upstream, in order. */
  sent: Sent[];
  /** The usage records, in order. */
  records: UsageRecord[];
  /** What was logged. */
  logged: string[];
  cooldowns: Cooldowns;
  post(path: string, body: unknown, headers?: Record<string, string>): Promise<Response>;
  get(path: string, headers?: Record<string, string>): Promise<Response>;
}

export async function testGateway(
  raw: object,
  play: Play = () => {
    throw new Error('no provider in this test');
  },
  more: Partial<GatewayDeps> = {},
): Promise<TestGateway> {
  const sent: Sent[] = [];
  const records: UsageRecord[] = [];
  const logged: string[] = [];
  const now = (): number => 1_750_000_000_000;
  const settings = await createSettings(configOf(raw), { ...offline, now });
  const cooldowns = new Cooldowns(now);
  let ids = 0;
  const deps: GatewayDeps = {
    settings: () => settings,
    async send(request) {
      const { stop, ...rest } = request;
      const { signal, reason, isStopped } = stop;
      const seen = { ...rest, signal, body: textOf(request.body) };
      sent.push(seen);
      if (isStopped) throw reason;
      return play(seen, sent.length);
    },
    clock: { now, monotonic: () => performance.now() },
    random: () => 0,
    newId(prefix) {
      ids += 1;
      return `${prefix}${String(ids).padStart(24, '0')}`;
    },
    envelope: createEnvelope('a secret of the tests'),
    cooldowns,
    responses: new ResponsesStore(now),
    log: createLog({ level: 'debug', format: 'json', write: (line) => logged.push(line) }),
    onRecord: (record) => records.push(record),
    ...more,
  };
  const app = createApp(createGateway(deps), deps, '0.0.0-test');
  const visit = (request: Request): Promise<Response> => app(request, { ip: '127.0.0.1' });
  return {
    app,
    sent,
    records,
    logged,
    cooldowns,
    post: (path, body, headers = {}) =>
      visit(
        new Request(`http://127.0.0.1${path}`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: typeof body === 'string' ? body : JSON.stringify(body),
        }),
      ),
    get: (path, headers = {}) => visit(new Request(`http://127.0.0.1${path}`, { headers })),
  };
}

/** One provider `p` of a type and one alias `m` for its model `up`. */
export function oneProvider(type: string | string[], more: object = {}): object {
  return {
    providers: { p: { type, baseUrl: 'http://provider.test/v1', apiKey: 'up-key', ...more } },
    models: { m: 'p/up' },
  };
}

export function jsonReply(value: unknown, status = 200, headers: Record<string, string> = {}) {
  return new Response(typeof value === 'string' ? value : JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json', ...headers },
  });
}

/** A stream of these pieces that then ends, breaks off, or stays silent until it is cancelled. */
export function streamReply(
  pieces: readonly string[],
  then: 'end' | 'break' | 'silence' = 'end',
  onCancel: () => void = () => undefined,
): Response {
  let next = 0;
  const body = new ReadableStream<Uint8Array>(
    {
      pull(controller) {
        const piece = pieces[next];
        next += 1;
        if (piece !== undefined) controller.enqueue(new TextEncoder().encode(piece));
        else if (then === 'end') controller.close();
        else if (then === 'break') controller.error(new Error('ECONNRESET'));
        else return new Promise(() => undefined);
      },
      cancel: onCancel,
    },
    { highWaterMark: 0 },
  );
  return new Response(body, { headers: { 'content-type': 'text/event-stream' } });
}

/** The body of a request to a provider. */
export function textOf(body: UpstreamRequest['body']): string {
  return Buffer.from(isPieced(body) ? body.copy() : body).toString();
}
