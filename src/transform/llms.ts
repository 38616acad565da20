/**
 * The surface of `@musistudio/llms` 1.0.53, which ships no types, under its own names; and the one
 * place that loads the package. Loading costs 20 ms and 20 MB, so it waits until a configuration uses
 * one of its transformers.
 */
import type { UnifiedChatRequest } from '../unified.ts';

/** A provider as llms hooks see it. */
export interface LLMProvider {
  name: string;
  baseUrl: string;
  apiKey: string;
  models: string[];
}

/** What hooks are given beside the request; llms itself promises `req.id` only. */
export interface TransformerContext {
  req: { id: string; [key: string]: unknown };
  [key: string]: unknown;
}

/** What a request hook may give instead of the bare request. */
export interface TransformedRequest {
  body: unknown;
  config?: { url?: string | URL; headers?: Record<string, string | undefined> };
}

type MaybePromise<T> = T | Promise<T>;

export interface Transformer {
  name?: string;
  /** The path under which a llms server would offer this format. */
  endPoint?: string;
  logger?: unknown;
  /** Client's body → unified. */
  transformRequestOut?(body: unknown, context: TransformerContext): MaybePromise<unknown>;
  /** Unified → unified, or → provider's body for the last hook. */
  transformRequestIn?(
    request: UnifiedChatRequest,
    provider: LLMProvider,
    context: TransformerContext,
  ): MaybePromise<unknown>;
  /** Provider's reply → unified, or unified → unified. */
  transformResponseOut?(response: Response, context: TransformerContext): MaybePromise<Response>;
  /** Unified → client's reply. */
  transformResponseIn?(response: Response, context: TransformerContext): MaybePromise<Response>;
}

export type TransformerConstructor = new (options?: unknown) => Transformer;

/** The package's registry. Names → an instance, or a class where the transformer takes options. */
export interface TransformerService {
  registerTransformer(name: string, transformer: Transformer): void;
  getTransformer(name: string): Transformer | TransformerConstructor | undefined;
  getAllTransformers(): Map<string, Transformer | TransformerConstructor>;
  hasTransformer(name: string): boolean;
  initialize(): Promise<void>;
}

/** The transformers of the package that are sound and are used as they are (measured on 1.0.53). */
export const LLMS_TRANSFORMERS: readonly string[] = [
  'maxtoken',
  'maxcompletiontokens',
  'sampling',
  'streamoptions',
  'customparams',
  'cleancache',
  'cerebras',
];

let service: Promise<TransformerService> | undefined;

/** The package's registry, with `own` registered in it; loaded once. */
export function llmsService(own: Iterable<[string, Transformer]>): Promise<TransformerService> {
  service ??= load(own);
  return service;
}

async function load(own: Iterable<[string, Transformer]>): Promise<TransformerService> {
  const { default: Server } = await import('@musistudio/llms');
  const server = new Server({ logger: false, initialConfig: { providers: [] } });
  const registry = server.transformerService;
  if (!registry.hasTransformer('maxtoken')) await registry.initialize();
  for (const [name, transformer] of own) registry.registerTransformer(name, transformer);
  return registry;
}

/** Makes a transformer ready for use: a class is constructed with the options. */
export function instantiate(
  found: Transformer | TransformerConstructor,
  options: unknown,
): Transformer {
  return typeof found === 'function' ? new found(options) : found;
}
