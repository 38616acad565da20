/**
 * Counting tokens before asking: `POST /v1/messages/count_tokens`, Gemini's `:countTokens` and
 * `POST /v1/responses/input_tokens`. A target that speaks the client's format is asked; where it has
 * no such endpoint or does not answer, the count is an estimate and says so in a header. It is never
 * 0, which would switch off a client's own compaction (test/README.md, 63).
 */
import type { Authenticator } from '../auth.ts';
import type { Config, ProviderConfig } from '../config/config.ts';
import { GatewayError } from '../errors.ts';
import type { Envelope, Format } from '../formats/format.ts';
import { isObject, type JsonObject, object, parseJson, textOf } from '../json.ts';
import { Ledger } from '../ledger.ts';
import { bodyModel, type RequestBody, readRequestBody } from '../request-body.ts';
import { resolve, type Target, type World } from '../resolve.ts';
import { Stop } from '../stop.ts';
import { readWhole } from '../stream/read-whole.ts';
import { mayHoldSealed } from '../transform/envelope.ts';
import { ClientSide } from '../transform/hook-context.ts';
import { forwardedHeaders, refusal, type Send, upstreamUrl } from '../upstream.ts';
import { estimateTokens } from './estimate-request.ts';

/** The parts of the gateway that counting needs. */
export interface CountDeps {
  settings(): {
    readonly config: Config;
    readonly auth: Authenticator;
    headers(
      provider: ProviderConfig,
      format: Format,
      stream: boolean,
    ): Readonly<Record<string, string>>;
  };
  readonly send: Send;
  readonly envelope: Envelope;
  readonly clock: { now(): number };
  newId(prefix: string): string;
}

/** A call for a count. */
export interface CountCall {
  readonly id: string;
  readonly request: Request;
  readonly format: Format;
  /** Gemini names the model in the path. */
  readonly model?: string;
  readonly queryKey: string | null;
}

/** How a format's endpoint is called and what it answers. */
interface CountWire {
  /** From the URL of a request to that of a count; undefined when it cannot be told. */
  url(url: string): string | undefined;
  /** The count in a reply. */
  read(reply: JsonObject): unknown;
  reply(tokens: number): object;
}

const WIRES: Partial<Record<Format['name'], CountWire>> = {
  messages: {
    url: (url) => replaced(url, /\/messages(?=\?|$)/, '/messages/count_tokens'),
    read: (reply) => reply['input_tokens'],
    reply: (tokens) => ({ input_tokens: tokens }),
  },
  responses: {
    url: (url) => replaced(url, /\/responses(?=\?|$)/, '/responses/input_tokens'),
    read: (reply) => reply['input_tokens'],
    reply: (tokens) => ({ object: 'response.input_tokens', input_tokens: tokens }),
  },
  gemini: {
    url: (url) => replaced(url, /:generateContent(?=\?|$)/, ':countTokens'),
    read: (reply) => reply['totalTokens'],
    reply: (tokens) => ({ totalTokens: tokens }),
  },
};

function replaced(url: string, pattern: RegExp, by: string): string | undefined {
  return pattern.test(url) ? url.replace(pattern, by) : undefined;
}

/** A client waits for its count before it asks anything; an estimate now is worth more. */
const PATIENCE_MS = 5000;
/** How long a provider that has no such endpoint is not asked again. */
const FORGET_MS = 10 * 60 * 1000;
/** What a server answers that does not know the path. */
const NO_ENDPOINT = new Set([404, 405, 501]);
/** What says that the body itself is at fault; the client is told. */
const CLIENTS_FAULT = new Set([400, 413, 422]);

/** Counts; throws a `GatewayError` for a call that is itself wrong. */
export function createTokenCounter(deps: CountDeps): (call: CountCall) => Promise<Response> {
  /** Providers and formats without the endpoint → when to ask again, Unix ms. */
  const without = new Map<string, number>();
  const world: World = {
    random: () => 0,
    turn: () => 0,
    anyCooling: () => false,
    coolingUntil: () => undefined,
    namedUntil: () => undefined,
    now: () => deps.clock.now(),
  };

  return async (call) => {
    const { format, request } = call;
    const { config, auth } = deps.settings();
    const identity = auth.identify(request.headers, call.queryKey);
    const body = await readRequestBody(request, config.server.maxBodyBytes);
    const model = call.model ?? bodyModel(body);
    if (!identity.mayUse(model)) {
      throw new GatewayError('forbidden', `This API key may not use the model "${model}".`, {
        field: 'model',
      });
    }
    const { targets } = resolve(config, model, format.name, world);
    const target = targets.find((each) => each.format === format.name);
    if (target !== undefined && isAsked(target, body)) {
      const counted = await ask(call, body, target);
      if (counted !== undefined) return counted;
    }
    const unified = format.decodeRequest(
      countedBody(body.json, model),
      clientSide(model, body.json),
    );
    const provider = (target ?? targets[0])?.format ?? format.name;
    const tokens = estimateTokens(unified, provider === 'demo' ? format.name : provider);
    const reply = WIRES[format.name]?.reply(tokens) ?? { input_tokens: tokens };
    return Response.json(reply, {
      headers: { 'x-request-id': call.id, 'x-plexus-estimated': 'true' },
    });
  };

  /** A token that only we can open would be refused by any provider. */
  function isAsked({ provider, format }: Target, body: RequestBody): boolean {
    if ((without.get(`${provider.name} ${format}`) ?? 0) > deps.clock.now()) return false;
    return !mayHoldSealed(body.bytes);
  }

  /** The provider's own count; undefined when it gives none. */
  async function ask(
    { id, request, format }: CountCall,
    body: RequestBody,
    target: Target,
  ): Promise<Response | undefined> {
    const { provider } = target;
    const url = WIRES[format.name]?.url(upstreamUrl(provider, format, target.model, false));
    if (url === undefined) return undefined;
    const response = await deps
      .send({
        url,
        headers: {
          ...deps.settings().headers(provider, format, false),
          ...forwardedHeaders(format.name, request.headers),
        },
        body: JSON.stringify(withModel(body.json, target.model)),
        stop: Stop.by(AbortSignal.any([request.signal, AbortSignal.timeout(PATIENCE_MS)])),
        ...(provider.proxy === undefined ? {} : { proxy: provider.proxy }),
      })
      // Whatever is wrong with the provider, an estimate is still possible.
      .catch(() => undefined);
    if (response === undefined) return undefined;
    if (NO_ENDPOINT.has(response.status)) {
      without.set(`${provider.name} ${format.name}`, deps.clock.now() + FORGET_MS);
    }
    if (CLIENTS_FAULT.has(response.status)) {
      throw await refusal(response, provider, format, true, deps.clock.now());
    }
    const reply = object(parseJson(textOf(await readWhole(response))));
    const tokens = reply && WIRES[format.name]?.read(reply);
    if (response.status !== 200 || typeof tokens !== 'number' || tokens <= 0) return undefined;
    return Response.json(reply, {
      headers: { 'x-request-id': id, 'x-plexus-provider': provider.name },
    });
  }

  function clientSide(model: string, body: JsonObject): ClientSide {
    return new ClientSide({
      model,
      body,
      bytes: 0,
      ledger: new Ledger(),
      envelope: deps.envelope,
      newId: deps.newId,
      now: () => deps.clock.now(),
    });
  }
}

/** Google's count may hold the whole request, with a model of its own. */
function wholeRequest(body: JsonObject): { key: string; request: JsonObject } | undefined {
  for (const key of ['generateContentRequest', 'generate_content_request']) {
    const request = body[key];
    if (isObject(request)) return { key, request };
  }
  return undefined;
}

function withModel(body: JsonObject, model: string): JsonObject {
  const whole = wholeRequest(body);
  if (whole) return { ...body, [whole.key]: { ...whole.request, model: `models/${model}` } };
  return body['model'] === undefined ? body : { ...body, model };
}

/** What is counted, as a request of the format. */
function countedBody(body: JsonObject, model: string): JsonObject {
  return { ...(wholeRequest(body)?.request ?? body), model };
}
