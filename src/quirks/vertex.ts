/**
 * Google's Vertex AI (llms `vertex-gemini`, `vertex-claude`, `vertex-openai`): other paths, an OAuth
 * token instead of a key, and for Claude the version in the body instead of the header.
 *
 * Options: `project`, `location`, and `credentials` (a path or the key itself), or `client_email` with
 * `private_key`, or a ready `accessToken`; what is missing comes from `GOOGLE_CLOUD_PROJECT`,
 * `GOOGLE_CLOUD_LOCATION` and `GOOGLE_APPLICATION_CREDENTIALS`, as llms has it.
 */
import { array, isObject, type JsonObject, text } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import { GoogleAuth } from './google-auth.ts';
import type { Quirk, QuirkContext, QuirkEffects, QuirkHooks, TargetChange } from './quirk.ts';

/** The keys of other auth styles, which must not go to Google beside the token. */
const NO_KEYS = { 'x-goog-api-key': undefined, 'x-api-key': undefined, 'api-key': undefined };

interface Vertex {
  /** The URL of a path below the project and location. */
  url(context: QuirkContext, version: string, path: string): Promise<string>;
  headers(): Promise<Record<string, string | undefined>>;
  /** True when the configuration says where, so that the URL can be made. */
  readonly hasPlace: boolean;
}

function connect(options: JsonObject, deps: QuirkEffects, defaultLocation: string): Vertex {
  const auth = new GoogleAuth(options, deps);
  const location =
    text(options['location']) || deps.environment['GOOGLE_CLOUD_LOCATION'] || defaultLocation;
  return {
    hasPlace: options['project'] !== undefined || options['location'] !== undefined,
    async url({ baseUrl }, version, path) {
      const place = `projects/${await auth.project()}/locations/${location}`;
      return `${originOf(baseUrl) ?? hostOf(location)}/${version}/${place}/${path}`;
    },
    async headers() {
      return { ...NO_KEYS, authorization: `Bearer ${await auth.accessToken()}` };
    },
  };
}

/** The origin of the provider's base URL, which may be a proxy or a private endpoint. */
function originOf(baseUrl: string): string | undefined {
  const url = URL.parse(baseUrl);
  // The Gemini API's own host knows nothing of projects.
  return url === null || url.hostname === 'generativelanguage.googleapis.com'
    ? undefined
    : url.origin;
}

/** cloud.google.com/vertex-ai/docs/general/locations: global and multi-regions have hosts of their own. */
function hostOf(location: string): string {
  if (location === 'global') return 'https://aiplatform.googleapis.com';
  if (location === 'us' || location === 'eu') {
    return `https://aiplatform.${location}.rep.googleapis.com`;
  }
  return `https://${location}-aiplatform.googleapis.com`;
}

/** Version suffixes (`claude-sonnet-4-5@20250929`) stand in the path as they are. */
function inPath(model: string): string {
  return encodeURIComponent(model).replaceAll('%40', '@');
}

type Make = (vertex: Vertex, options: JsonObject) => QuirkHooks;

function vertexQuirk(name: string, location: string, make: Make): Quirk {
  return {
    name,
    create: (options, effects) => make(connect(options, effects, location), options),
  };
}

/** Gemini: `v1beta1` has what the Gemini API's `v1beta` has. */
export const vertexGemini: Quirk = vertexQuirk('vertex-gemini', 'us-central1', (vertex) => ({
  async target(_url, { stream }, context): Promise<TargetChange> {
    const method = stream ? 'streamGenerateContent?alt=sse' : 'generateContent';
    const path = `publishers/google/models/${inPath(context.model)}:${method}`;
    return { url: await vertex.url(context, 'v1beta1', path), headers: await vertex.headers() };
  },
}));

/**
 * Claude (platform.claude.com/docs/en/build-with-claude/claude-on-vertex-ai): model in the URL, version
 * in the body. Betas go in the body too and unknown ones are refused (litellm#31607), so that those of
 * a client stay away; option `betas` names the ones to use.
 */
export const vertexClaude: Quirk = vertexQuirk('vertex-claude', 'us-east5', (vertex, options) => ({
  // "base64 image sources only" (platform.claude.com/docs/en/build-with-claude/vision, Google Cloud).
  inlineOnly: 'messages',
  body({ model: _, ...body }, _request, { ledger }) {
    const betas = array(options['betas']);
    return {
      anthropic_version: 'vertex-2023-10-16',
      ...(betas.length > 0 ? { anthropic_beta: betas } : {}),
      ...withoutScopes(body, ledger),
    };
  },
  async target(_url, { stream }, context): Promise<TargetChange> {
    const method = stream ? 'streamRawPredict' : 'rawPredict';
    const path = `publishers/anthropic/models/${inPath(context.model)}:${method}`;
    const headers = await vertex.headers();
    return {
      url: await vertex.url(context, 'v1', path),
      headers: { ...headers, 'anthropic-version': undefined, 'anthropic-beta': undefined },
    };
  },
}));

/** Chat completions, also of partners' models: `google/gemini-2.5-pro`, `xai/grok-4.1-fast-reasoning`. */
export const vertexOpenAi: Quirk = vertexQuirk('vertex-openai', 'us-central1', (vertex) => ({
  async target(_url, _request, context): Promise<TargetChange> {
    const headers = await vertex.headers();
    if (!vertex.hasPlace) return { headers };
    const path = 'endpoints/openapi/chat/completions';
    return { url: await vertex.url(context, 'v1', path), headers };
  },
}));

/**
 * Vertex knows neither a mark for the whole request (inspect_ai#3851) nor a mark's `scope`
 * (bifrost#1558): "Extra inputs are not permitted".
 */
function withoutScopes(body: JsonObject, ledger: Ledger): JsonObject {
  const { cache_control: whole, ...rest } = body;
  if (whole !== undefined) ledger.drop('cache_control');
  return {
    ...rest,
    ...(rest['system'] === undefined ? {} : { system: plainMarks(rest['system'], ledger) }),
    ...(rest['tools'] === undefined ? {} : { tools: plainMarks(rest['tools'], ledger) }),
    messages: plainMarks(rest['messages'], ledger),
  };
}

/** Marks stand on blocks, and the blocks of messages and results below `content`. */
function plainMarks(value: unknown, ledger: Ledger): unknown {
  if (Array.isArray(value)) return value.map((entry) => plainMarks(entry, ledger));
  if (!isObject(value)) return value;
  const { cache_control: mark, content } = value;
  let block = value;
  if (isObject(mark) && mark['scope'] !== undefined) {
    const { scope: _, ...plain } = mark;
    ledger.drop('cache_control.scope');
    block = { ...block, cache_control: plain };
  }
  return Array.isArray(content) ? { ...block, content: plainMarks(content, ledger) } : block;
}
