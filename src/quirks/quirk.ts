/**
 * One provider's deviation from its format, or a way of using a model that a llms configuration
 * names. A quirk is plain functions on values; `transform/` runs it as a hook of the chain. One file
 * each, one line in `index.ts`.
 */
import type { JsonObject } from '../json.ts';
import type { Ledger } from '../ledger.ts';
import type { Stage } from '../stream/stage.ts';
import type { FormatName, UnifiedChatRequest, UnifiedChunk, UnifiedReply } from '../unified.ts';

export interface QuirkContext {
  /** The provider's name in the configuration, and its base URL. */
  readonly provider: string;
  readonly baseUrl: string;
  /** The provider's own name of the model. */
  readonly model: string;
  /** The format in which the provider is addressed. */
  readonly format: FormatName;
  readonly ledger: Ledger;
}

/** What a quirk may reach of the world; handed in, so that tests stay offline. */
export interface QuirkEffects {
  /** A request of the quirk's own, as for an access token. */
  request(url: string, init: RequestInit): Promise<Response>;
  /** The text of a file; undefined when there is none. */
  readFile(path: string): Promise<string | undefined>;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Unix milliseconds. */
  now(): number;
}

export interface Quirk {
  /** The name under which a configuration uses it. */
  readonly name: string;
  /** Makes it ready for one provider, with the options of the configuration. */
  create(options: JsonObject, effects: QuirkEffects): QuirkHooks;
}

export interface QuirkHooks {
  /** The format in which the provider takes no URLs of images and files, only their content. */
  readonly inlineOnly?: FormatName;
  /** Changes the request; gives a new value and leaves its argument as it is. */
  request?(request: UnifiedChatRequest, context: QuirkContext): UnifiedChatRequest;
  /** Changes the provider's body, after the format has written it. Gives a new value. */
  body?(body: JsonObject, request: UnifiedChatRequest, context: QuirkContext): JsonObject;
  /** Another URL, or further headers (undefined removes one), for the upstream request. */
  target?(
    url: string,
    request: UnifiedChatRequest,
    context: QuirkContext,
  ): Promise<TargetChange> | TargetChange;
  /** Changes the chunks of an answer. A reply that is not streamed takes the same way. */
  stage?(request: UnifiedChatRequest, context: QuirkContext): Stage<UnifiedChunk, UnifiedChunk>;
  /** Changes a whole reply; without it, `stage` serves both. */
  reply?(reply: UnifiedReply, context: QuirkContext): UnifiedReply;
}

export interface TargetChange {
  url?: string;
  headers?: Record<string, string | undefined>;
}
