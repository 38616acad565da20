/**
 * The management API: every path of it on one screen. Routes have the shape of those in `app.ts`;
 * errors are thrown and get OpenAI's envelope there.
 */
import type { Config } from '../config/config.ts';
import { GatewayError, invalid } from '../errors.ts';
import { isObject, type JsonObject, parseJson } from '../json.ts';
import { maskedJson } from '../usage/masked-json.ts';
import { requireAdmin } from './admin.ts';
import type { ConfigFile } from './config-file.ts';
import { EVENT_HEADERS, EVENT_TYPES, type EventHub, type EventType } from './events.ts';
import { deleteLogs, type LogsParts, listLogs, showLog, summarizeLogs } from './logs.ts';
import type { Metrics } from './metrics.ts';
import { act, describeState, type StateParts } from './state.ts';

/** A request to the management API, as `app.ts` has taken it apart. */
export interface ManagementVisit {
  readonly request: Request;
  readonly peer: { readonly ip: string | null; readonly isUnknown?: boolean };
  readonly query: URLSearchParams;
  /** What the pattern's groups matched, decoded. */
  readonly params: readonly string[];
}

export interface ManagementRoute {
  readonly method: 'GET' | 'POST' | 'DELETE';
  readonly pattern: RegExp;
  answer(visit: ManagementVisit): Promise<Response> | Response;
}

/** What a reload came to. */
export interface Reloaded {
  readonly ok: boolean;
  /** Why the running configuration stays. */
  readonly message?: string;
}

export interface ManagementParts {
  settings(): {
    readonly config: Config;
    readonly auth: { isAdmin(presented: string | undefined): boolean };
  };
  /** Values that no answer may show. */
  secrets(): Iterable<string>;
  readonly configFile: ConfigFile;
  /** Takes the file's configuration into force. */
  reload(): Promise<Reloaded>;
  readonly state: StateParts;
  readonly logs: LogsParts;
  readonly events: EventHub;
  readonly metrics: Pick<Metrics, 'text'>;
}

/** A configuration larger than this is none. */
const MAX_BODY_BYTES = 8 * 1024 * 1024;

export function createManagement(parts: ManagementParts): readonly ManagementRoute[] {
  const json = (value: object, headers?: Record<string, string>): Response =>
    respond(maskedJson(value, parts.secrets()), headers);

  async function showConfig(): Promise<Response> {
    const shown = await parts.configFile.read();
    // Masked by its own rules, which are also known on the way back.
    return respond(JSON.stringify(shown), { etag: `"${shown.checksum}"` });
  }

  async function changeConfig({ request }: ManagementVisit): Promise<Response> {
    const body = await readBody(request);
    if (body['config'] === undefined) throw invalid('config', 'is required (an object)');
    const { reload = true } = body;
    if (typeof reload !== 'boolean') throw invalid('reload', 'must be true or false');
    const changed = await parts.configFile.write({
      config: body['config'],
      expected: expectedChecksum(request, body),
      dryRun: body['dryRun'] === true || body['validate'] === 'only',
    });
    const { path, checksum, written } = changed;
    const reloaded = written && reload ? await parts.reload() : undefined;
    // A reload tells what it changed by itself.
    if (written && reloaded?.ok !== true) {
      parts.events.publish('config_change', { path, checksum, reloaded: false });
    }
    return json(
      {
        ...changed,
        problems: [],
        reloaded: reloaded?.ok === true,
        ...(reloaded?.message !== undefined && { message: reloaded.message }),
      },
      { etag: `"${checksum}"` },
    );
  }

  async function changeState({ request }: ManagementVisit): Promise<Response> {
    return json(act(parts.state, await readBody(request)));
  }

  async function showRequest({ request, params }: ManagementVisit): Promise<Response> {
    const [id = ''] = params;
    const running = parts.state.inFlight.progress(id);
    return json(await showLog(parts.logs, id, running, request.signal));
  }

  function listen({ request, query }: ManagementVisit): Response {
    // Whoever only looks does not listen.
    if (request.method === 'HEAD') return new Response(null, { headers: EVENT_HEADERS });
    const since = request.headers.get('last-event-id') ?? query.get('lastEventId');
    return parts.events.connect(readTypes(query), since);
  }

  function metrics(): Response {
    return new Response(parts.metrics.text(), {
      headers: { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' },
    });
  }

  const logs = parts.logs;
  const routes: readonly ManagementRoute[] = [
    { method: 'GET', pattern: /^\/v0\/config$/, answer: showConfig },
    { method: 'POST', pattern: /^\/v0\/config$/, answer: changeConfig },
    { method: 'GET', pattern: /^\/v0\/state$/, answer: () => json(describeState(parts.state)) },
    { method: 'POST', pattern: /^\/v0\/state$/, answer: changeState },
    {
      method: 'GET',
      pattern: /^\/v0\/logs$/,
      answer: async ({ query, request }) => json(await listLogs(logs, query, request.signal)),
    },
    {
      method: 'DELETE',
      pattern: /^\/v0\/logs$/,
      answer: async ({ query }) => json(await deleteLogs(logs, query)),
    },
    {
      method: 'GET',
      pattern: /^\/v0\/logs\/summary$/,
      answer: async ({ query, request }) => json(await summarizeLogs(logs, query, request.signal)),
    },
    { method: 'GET', pattern: /^\/v0\/logs\/([^/]+)$/, answer: showRequest },
    { method: 'GET', pattern: /^\/v0\/events$/, answer: listen },
    { method: 'GET', pattern: /^\/metrics$/, answer: metrics },
  ];

  return routes.map((route) => ({
    ...route,
    answer(visit) {
      const { config, auth } = parts.settings();
      const { ip, isUnknown } = visit.peer;
      requireAdmin(visit.request, { config, auth, ip: isUnknown ? 'unknown' : ip });
      return route.answer(visit);
    },
  }));
}

function respond(text: string, headers?: Record<string, string>): Response {
  return new Response(text, {
    headers: { 'content-type': 'application/json', 'cache-control': 'no-store', ...headers },
  });
}

/** @throws GatewayError when the body is not a JSON object */
async function readBody(request: Request): Promise<JsonObject> {
  const declared = Number(request.headers.get('content-length') ?? 0);
  const text = declared > MAX_BODY_BYTES ? undefined : await request.text();
  if (text === undefined || text.length > MAX_BODY_BYTES) {
    throw new GatewayError('too_large', `The body is larger than ${MAX_BODY_BYTES} bytes.`);
  }
  const value = parseJson(text);
  if (!isObject(value))
    throw new GatewayError('invalid_request', 'The body must be a JSON object.');
  return value;
}

/** What the change was made upon, by header or field. */
function expectedChecksum(request: Request, body: JsonObject): string | undefined {
  const header = request.headers.get('if-match');
  if (header !== null) return header;
  const field = body['previousChecksum'];
  if (field === undefined || field === null) return undefined;
  if (typeof field !== 'string') throw invalid('previousChecksum', 'must be a string');
  return field;
}

/** `?types=usage,log`; all of them by default. */
function readTypes(query: URLSearchParams): readonly EventType[] {
  const value = query.get('types') ?? query.get('type');
  if (value === null || value === '') return EVENT_TYPES;
  return value.split(',').map((name) => {
    const type = EVENT_TYPES.find((known) => known === name.trim());
    if (type === undefined) throw invalid('types', `must be of ${EVENT_TYPES.join(', ')}`);
    return type;
  });
}
