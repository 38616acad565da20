/**
 * The HTTP surface: every path on one screen, and how a request finds its way. A function from
 * Request to Response; `server.ts` puts it on a port.
 */

import { type CountCall, createTokenCounter } from './count-tokens/count-tokens.ts';
import { GatewayError } from './errors.ts';
import type { Call, GatewayDeps, Peer } from './exchange.ts';
import type { Format } from './formats/format.ts';
import { FORMATS } from './formats/index.ts';
import { errorReply, type Gateway } from './gateway.ts';
import { healthReport, isReady } from './health/report.ts';
import type { ManagementRoute } from './manage/manage.ts';
import { modelEntry, modelList } from './models.ts';
import {
  deleteStored,
  type StoredQuery,
  storedInput,
  storedResponse,
} from './responses-store/serve-stored.ts';
import { eventArray } from './stream/event-array.ts';
import type { Traces } from './usage/traces.ts';

export type App = (request: Request, peer: Peer) => Promise<Response>;

/** A URL taken apart. */
interface Place {
  /** Path without a version prefix or a trailing slash. */
  readonly path: string;
  /** `v1`, `v1beta` or '' as it stood in the URL. */
  readonly version: string;
  readonly search: string;
}

function placeOf(url: string): Place {
  const start = url.indexOf('/', url.indexOf('//') + 2);
  const mark = url.indexOf('?', start);
  const full = start < 0 ? '/' : url.slice(start, mark < 0 ? undefined : mark);
  const version = VERSION.exec(full)?.[1] ?? '';
  const path = full.slice(version === '' ? 0 : version.length + 1);
  return {
    path: path.endsWith('/') ? path.replace(/\/+$/, '') : path,
    version,
    search: mark < 0 ? '' : url.slice(mark + 1),
  };
}

/** A request and the place that it asks for. */
class Visit {
  readonly id: string;
  readonly request: Request;
  readonly peer: Peer;
  readonly place: Place;
  /** What the pattern's groups matched, decoded. */
  params: readonly string[] = NONE;
  #query: URLSearchParams | undefined;

  constructor(id: string, request: Request, peer: Peer, place: Place) {
    this.id = id;
    this.request = request;
    this.peer = peer;
    this.place = place;
  }

  get path(): string {
    return this.place.path;
  }

  get version(): string {
    return this.place.version;
  }

  get query(): URLSearchParams {
    this.#query ??= new URLSearchParams(this.place.search);
    return this.#query;
  }
}

const NONE: readonly string[] = [];
const VERSION = /^\/(v1beta|v1)(?=\/|$)/;

interface Route {
  readonly method: 'GET' | 'POST' | 'DELETE';
  /** The whole path, or what its groups give the parameters of. */
  readonly pattern: string | RegExp;
  /** The format whose clients call this; decides the envelope of errors. */
  readonly format?: Format;
  answer(visit: Visit): Promise<Response> | Response;
  /** The answer is one of the gateway's own, which fails in its format's words and tells the peer so. */
  readonly isCall?: true;
}

/** What is kept of requests, as far as the surface has to do with it. */
export interface AppBooks {
  /** The management API. */
  readonly routes: readonly ManagementRoute[];
  readonly traces?: Pick<Traces, 'open'>;
}

export function createApp(
  gateway: Gateway,
  deps: GatewayDeps,
  version: string,
  { routes: management, traces }: AppBooks = { routes: [] },
): App {
  const { chat, messages, responses, gemini } = FORMATS;
  const call = (format: Format) => ({
    isCall: true as const,
    answer(visit: Visit): Promise<Response> {
      const trace = traces?.open(visit.id);
      const answer = shaped(gateway.answer(callOf(visit, format)), visit);
      // The same answer; what the client reads of it is kept where traces are.
      return trace === undefined ? answer : answer.then((reply) => trace.clientReply(reply));
    },
  });
  const settings = () => deps.settings();
  const countTokens = createTokenCounter(deps);
  const count = (format: Format) => (visit: Visit) => countTokens(countCallOf(visit, format));
  /** The answer that a visit asks for, of those that belong to its key. */
  const stored = (visit: Visit): StoredQuery => {
    const { name } = settings().auth.identify(visit.request.headers, null);
    return { store: deps.responses, owner: name ?? '', id: visit.params[0] ?? '' };
  };

  /** A pattern is for the path without `/v1`, `/v1beta` or a trailing slash. */
  const routes: readonly Route[] = [
    { method: 'POST', pattern: '/chat/completions', format: chat, ...call(chat) },
    { method: 'POST', pattern: '/messages', format: messages, ...call(messages) },
    { method: 'POST', pattern: '/responses', format: responses, ...call(responses) },
    {
      method: 'POST',
      pattern: /^\/models\/(.+):(generateContent|streamGenerateContent)$/,
      format: gemini,
      ...call(gemini),
    },
    {
      method: 'POST',
      pattern: '/messages/count_tokens',
      format: messages,
      answer: count(messages),
    },
    {
      method: 'POST',
      pattern: '/responses/input_tokens',
      format: responses,
      answer: count(responses),
    },
    {
      method: 'POST',
      pattern: /^\/models\/(.+):countTokens$/,
      format: gemini,
      answer: count(gemini),
    },
    {
      method: 'GET',
      pattern: /^\/responses\/([^/]+)$/,
      format: responses,
      answer: async (visit) => json(await storedResponse(stored(visit), visit.query)),
    },
    {
      method: 'GET',
      pattern: /^\/responses\/([^/]+)\/input_items$/,
      format: responses,
      answer: async (visit) => json(await storedInput(stored(visit), visit.query)),
    },
    {
      method: 'DELETE',
      pattern: /^\/responses\/([^/]+)$/,
      format: responses,
      answer: async (visit) => json(await deleteStored(stored(visit))),
    },
    { method: 'GET', pattern: '/models', answer: (visit) => listModels(visit) },
    { method: 'GET', pattern: /^\/models\/(.+)$/, answer: (visit) => showModel(visit) },
    { method: 'GET', pattern: '', answer: () => json({ name: 'plexus', version }) },
    { method: 'GET', pattern: '/health', answer: (visit) => health(visit) },
    { method: 'GET', pattern: '/ready', answer: () => ready() },
    ...management.map((route) => ({ ...route, format: chat })),
  ];

  function listModels(visit: Visit): Response {
    settings().auth.identify(visit.request.headers, queryKey(visit));
    return json(modelList(settings().config, modelFormat(visit).name, visit.query));
  }
  function showModel(visit: Visit): Response {
    settings().auth.identify(visit.request.headers, queryKey(visit));
    const [id = ''] = visit.params;
    return json(modelEntry(settings().config, modelFormat(visit).name, id));
  }
  function health(visit: Visit): Response {
    const detail = visit.query.get('detail') === 'true';
    return json(healthReport(settings().config, deps, version, detail));
  }
  function ready(): Response {
    const isUp = isReady(settings().config);
    return json({ status: isUp ? 'ready' : 'no usable alias' }, isUp ? 200 : 503);
  }

  /** Where calls went whose URL is nothing but a path: few such URLs are there, and most requests are for one. */
  const calls = new Map<string, { place: Place; route: Route }>();

  return (request, peer) => {
    const { url, method } = request;
    const known = method === 'POST' ? calls.get(url) : undefined;
    const place = known?.place ?? placeOf(url);
    const visit = new Visit(deps.newId('req_'), request, peer, place);
    const route = known?.route ?? findRoute(routes, visit);
    if (!route?.isCall || request.headers.get('origin') !== null) return anyAnswer(visit, route);
    const isPlain = route.pattern === place.path && url.endsWith(place.path);
    if (known === undefined && isPlain && calls.size < MAX_CALLS) calls.set(url, { place, route });
    return Promise.resolve(route.answer(visit));
  };

  async function anyAnswer(visit: Visit, route: Route | undefined): Promise<Response> {
    const { request, peer } = visit;
    const hasKeys = settings().config.apiKeys.size > 0;
    const origin = request.headers.get('origin');
    if (request.method === 'OPTIONS') return preflight(request, origin, hasKeys);
    let response: Response;
    try {
      if (origin !== null) refuseForeignOrigin(origin, hasKeys);
      if (route === undefined) throw noRoute(visit, methodsAt(routes, visit));
      response = await route.answer(visit);
    } catch (cause) {
      const error =
        cause instanceof GatewayError
          ? cause
          : new GatewayError('internal', 'The gateway failed to serve this request.', { cause });
      if (error.kind === 'internal') {
        deps.log.error('a fault in the gateway', () => ({ error: describe(cause) }));
      }
      response = errorReply(error, route?.format ?? guessFormat(visit), visit.id);
    }
    if (response.status >= 400) peer.refused?.(response.status);
    if (origin !== null) allowOrigin(response, origin);
    return response;
  }
}

const MAX_CALLS = 100;

function callOf(visit: Visit, format: Format): Call {
  const { id, request, peer, params } = visit;
  const [model, action] = params;
  if (model === undefined) return { id, request, format, peer, queryKey: null };
  const fromPath = { model, stream: action === 'streamGenerateContent' };
  return { id, request, format, peer, queryKey: queryKey(visit), fromPath };
}

/** Gemini's streams are an array of JSON where nobody asks for events. */
function shaped(answer: Promise<Response>, visit: Visit): Promise<Response> {
  const isStream = visit.params[1] === 'streamGenerateContent';
  return isStream && visit.query.get('alt') !== 'sse' ? answer.then(eventArray) : answer;
}

function countCallOf(visit: Visit, format: Format): CountCall {
  const { id, request } = visit;
  const [model] = visit.params;
  const key = format.name === 'gemini' ? queryKey(visit) : null;
  return { id, request, format, queryKey: key, ...(model === undefined ? {} : { model }) };
}

function queryKey(visit: Visit): string | null {
  return visit.query.get('key');
}

// ------------------------------------------------------------------------------ finding the way

/** The route for a method and a path. Gives the visit its parameters. */
function findRoute(routes: readonly Route[], visit: Visit): Route | undefined {
  const { method } = visit.request;
  // A HEAD is answered like a GET; the server leaves the body out.
  const wanted = method === 'HEAD' ? 'GET' : method;
  for (const route of routes) {
    if (route.method !== wanted) continue;
    const { pattern } = route;
    if (typeof pattern === 'string') {
      if (pattern === visit.path) return route;
      continue;
    }
    const match = pattern.exec(visit.path);
    if (match === null) continue;
    if (match.length > 1) visit.params = match.slice(1).map(decode);
    return route;
  }
  return undefined;
}

/** The methods that a path has. */
function methodsAt(routes: readonly Route[], { path }: Visit): string[] {
  const methods = new Set<string>();
  for (const { method, pattern } of routes) {
    const isHere = typeof pattern === 'string' ? pattern === path : pattern.test(path);
    if (!isHere) continue;
    methods.add(method);
    if (method === 'GET') methods.add('HEAD');
  }
  return [...methods];
}

function decode(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    // A stray percent sign is a character like any other.
    return part;
  }
}

function noRoute(visit: Visit, allow: readonly string[]): GatewayError {
  const { method, headers } = visit.request;
  if (headers.get('upgrade')?.toLowerCase() === 'websocket') {
    // Codex goes on over HTTP at once at this status, after seven tries at any other.
    return new GatewayError(
      'invalid_request',
      'WebSockets are not served here; POST to /v1/responses instead.',
      { status: 426, code: 'websocket_not_supported', headers: { upgrade: 'HTTP/1.1' } },
    );
  }
  if (allow.length > 0) {
    return new GatewayError(
      'method_not_allowed',
      `${method} is not allowed here; ${allow.join(', ')} is.`,
      { headers: { allow: allow.join(', ') } },
    );
  }
  return new GatewayError('not_found', `There is nothing at ${method} ${visit.path || '/'}.`);
}

/** Whose envelope an error wears where the path does not say. */
function guessFormat(visit: Visit): Format {
  if (visit.version === 'v1beta' || visit.request.headers.has('x-goog-api-key')) {
    return FORMATS.gemini;
  }
  if (visit.path.startsWith('/messages') || visit.request.headers.has('anthropic-version')) {
    return FORMATS.messages;
  }
  return visit.path.startsWith('/responses') ? FORMATS.responses : FORMATS.chat;
}

/** In whose shape models are listed. */
function modelFormat(visit: Visit): Format {
  if (visit.version === 'v1beta') return FORMATS.gemini;
  return visit.request.headers.has('anthropic-version') ? FORMATS.messages : FORMATS.chat;
}

// ------------------------------------------------------------------------------ browsers

const LOOPBACK_ORIGIN = /^https?:\/\/(localhost|127\.\d+\.\d+\.\d+|\[::1\])(:\d+)?$/;

/** Without keys any web page could spend the user's money through the open gateway on loopback. */
function refuseForeignOrigin(origin: string, hasKeys: boolean): void {
  if (hasKeys || LOOPBACK_ORIGIN.test(origin)) return;
  throw new GatewayError(
    'forbidden',
    'This gateway has no API keys and therefore serves no web pages of other origins.',
  );
}

function allowOrigin(response: Response, origin: string): void {
  response.headers.set('access-control-allow-origin', origin);
  response.headers.set('access-control-expose-headers', '*');
  response.headers.append('vary', 'origin');
}

function preflight(request: Request, origin: string | null, hasKeys: boolean): Response {
  const headers: Record<string, string> = { allow: 'GET, HEAD, POST, DELETE, OPTIONS' };
  if (origin !== null && (hasKeys || LOOPBACK_ORIGIN.test(origin))) {
    headers['access-control-allow-origin'] = origin;
    headers['access-control-allow-methods'] = 'GET, HEAD, POST, DELETE, OPTIONS';
    headers['access-control-allow-headers'] =
      request.headers.get('access-control-request-headers') ?? '*';
    headers['access-control-max-age'] = '86400';
    headers['vary'] = 'origin';
  }
  return new Response(null, { status: 204, headers });
}

function json(value: object, status = 200): Response {
  return new Response(JSON.stringify(value), {
    status,
    headers: { 'content-type': 'application/json' },
  });
}

function describe(cause: unknown): string {
  return cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
}
