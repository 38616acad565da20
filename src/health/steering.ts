/**
 * Alias → targets with what the gateway has learnt: measured and priced targets in their order, a
 * conversation that is kept on its target there first.
 */
import type { AliasConfig, Config } from '../config/config.ts';
import type { JsonObject } from '../json.ts';
import { type Route, resolve, type World } from '../resolve.ts';
import type { FormatName } from '../unified.ts';
import type { RankedTarget, Ranking } from './ranking.ts';
import { conversationKey, type Sticky } from './sticky.ts';

/** What is known of a request; asked only where it matters. */
export interface SteeredRequest {
  /** The model as the client asked for it. */
  readonly model: string;
  readonly format: FormatName;
  /** Name of the client's key. */
  readonly apiKey: string | undefined;
  readonly headers: Headers;
  body(): JsonObject;
  /** Estimated. */
  inputTokens(): number;
}

export interface SteeredRoute extends Route {
  /** What the conversation is known by, when it is kept on its target. */
  readonly conversation?: string;
}

/** Selectors that go by what was measured or by prices. */
const MEASURED: ReadonlySet<AliasConfig['selector']> = new Set([
  'cost',
  'latency',
  'performance',
  'least_busy',
]);

export class Steering {
  readonly #ranking: Ranking;
  readonly #sticky: Sticky;

  constructor(ranking: Ranking, sticky: Sticky) {
    this.#ranking = ranking;
    this.#sticky = sticky;
  }

  /** False where the configuration alone orders the targets of a model. */
  concerns(config: Config, model: string): boolean {
    const alias = config.aliasNames.get(model);
    return alias !== undefined && (alias.sticky || MEASURED.has(alias.selector));
  }

  /** As `resolve`, and throws what it throws. */
  route(config: Config, world: World, request: SteeredRequest): SteeredRoute {
    const { model, format } = request;
    const alias = config.aliasNames.get(model);
    const route = resolve(config, model, format, this.#worldFor(config, alias, world, request));
    if (alias?.sticky !== true || route.targets.length === 0) return route;
    const { apiKey, headers } = request;
    const facts = { alias: alias.name, apiKey, headers, body: request.body() };
    const conversation = conversationKey(facts);
    return { ...route, targets: this.#sticky.order(conversation, route.targets), conversation };
  }

  /** A target has begun to answer; its conversation goes there the next time too. */
  answered(route: SteeredRoute, target: RankedTarget): void {
    if (route.conversation !== undefined) this.#sticky.hold(route.conversation, target);
  }

  #worldFor(
    config: Config,
    alias: AliasConfig | undefined,
    world: World,
    request: SteeredRequest,
  ): World {
    if (alias === undefined || !MEASURED.has(alias.selector)) return world;
    const inputTokens = (): number => request.inputTokens();
    return {
      ...world,
      rank: (selector, targets) => this.#ranking.rank(selector, targets, { config, inputTokens }),
    };
  }
}
