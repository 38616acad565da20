/** Orders targets by what was measured of them, or by what they cost. */
import type { Config, SelectorName } from '../config/config.ts';
import { findPrice } from '../usage/price.ts';
import type { InFlight } from './in-flight.ts';
import { targetKey } from './in-flight.ts';
import type { Figures, Statistics } from './statistics.ts';

/** What a target must have to be ranked. */
export interface RankedTarget {
  readonly provider: { readonly name: string };
  readonly model: string;
}

/** What is known of the request for which targets are ranked. */
export interface RankedRequest {
  readonly config: Pick<Config, 'providers' | 'pricing'>;
  /** Estimated; asked only by `cost`. */
  readonly inputTokens: () => number;
}

export interface RankingOptions {
  readonly statistics: Pick<Statistics, 'figures'>;
  readonly inFlight: Pick<InFlight, 'at'>;
  /** A number in [0, 1). */
  readonly random: () => number;
  /** Unix ms. */
  readonly now: () => number;
}

/** How often another than the best is tried, so that a target that got faster is noticed. */
const EXPLORE = 0.05;
/** A target without figures is tried first, but not more often than this. */
const PROBE_MS = 30_000;
/** The output that is assumed where none was measured. */
const USUAL_OUTPUT = 500;
/** Targets whose last probe is remembered. */
const MAX_PROBED = 1000;

export class Ranking {
  readonly #options: RankingOptions;
  /** Unix ms of the last probe, by target. */
  readonly #probed = new Map<string, number>();

  constructor(options: RankingOptions) {
    this.#options = options;
  }

  /** The targets, best first; undefined when there is nothing to go by. */
  rank<T extends RankedTarget>(
    selector: SelectorName,
    targets: readonly T[],
    request: RankedRequest,
  ): readonly T[] | undefined {
    if (targets.length < 2) return targets;
    switch (selector) {
      case 'cost': {
        const inputTokens = request.inputTokens();
        return this.#sorted(targets, (target) => this.#cost(target, request, inputTokens));
      }
      case 'latency':
        return this.#explored(targets, this.#byLatency(targets));
      case 'performance':
        return this.#explored(
          targets,
          this.#sorted(targets, (target) => negative(this.#figures(target).tokensPerSecond)),
        );
      case 'least_busy':
        return this.#byLoad(targets);
      default:
        return undefined;
    }
  }

  #figures(target: RankedTarget): Figures {
    return this.#options.statistics.figures(target.provider.name, target.model);
  }

  /** Time to the first token; where nobody streams, the time of a whole answer says the same. */
  #byLatency<T extends RankedTarget>(targets: readonly T[]): T[] | undefined {
    return (
      this.#sorted(targets, (target) => this.#figures(target).ttftMs) ??
      this.#sorted(targets, (target) => this.#figures(target).durationMs)
    );
  }

  #byLoad<T extends RankedTarget>(targets: readonly T[]): T[] | undefined {
    const { inFlight } = this.#options;
    const load = (target: T): number => inFlight.at(target.provider.name, target.model);
    const first = targets[0];
    // All alike: the draw by weight decides.
    if (first === undefined || targets.every((target) => load(target) === load(first))) {
      return undefined;
    }
    return this.#sorted(targets, load);
  }

  #cost(target: RankedTarget, { config }: RankedRequest, inputTokens: number): number | null {
    const provider = target.provider.name;
    const found = findPrice({ provider, model: target.model, config }, inputTokens);
    if (found === null) return null;
    const { price, discount } = found;
    const perTokens = price.inputPer1M !== undefined || price.outputPer1M !== undefined;
    if (perTokens && (price.inputPer1M === undefined || price.outputPer1M === undefined))
      return null;
    const output = this.#figures(target).outputTokens ?? USUAL_OUTPUT;
    const tokens = inputTokens * (price.inputPer1M ?? 0) + output * (price.outputPer1M ?? 0);
    return (tokens / 1e6 + (price.perRequest ?? 0)) * discount;
  }

  /** The lowest first, equal ones in random order, those of which nothing is known last. */
  #sorted<T extends RankedTarget>(
    targets: readonly T[],
    value: (target: T) => number | null,
  ): T[] | undefined {
    const valued = targets.map((target) => ({
      target,
      value: value(target),
      tie: this.#options.random(),
    }));
    if (valued.every((entry) => entry.value === null)) return undefined;
    return valued
      .sort((a, b) => {
        if (a.value === b.value) return a.tie - b.tie;
        if (a.value === null) return 1;
        return b.value === null ? -1 : a.value - b.value;
      })
      .map(({ target }) => target);
  }

  /** Puts another than the best first where that one has not been measured for a while, or by chance. */
  #explored<T extends RankedTarget>(
    targets: readonly T[],
    ranked: readonly T[] | undefined,
  ): readonly T[] | undefined {
    const [best, ...others] = ranked ?? [];
    if (best === undefined) return undefined;
    const unknown = targets.find((target) => this.#mayProbe(target));
    const chosen =
      unknown ??
      (this.#options.random() < EXPLORE
        ? others[Math.floor(this.#options.random() * others.length)]
        : undefined);
    if (chosen === undefined) return ranked;
    return [chosen, ...[best, ...others].filter((target) => target !== chosen)];
  }

  #mayProbe(target: RankedTarget): boolean {
    const { inFlight, now } = this.#options;
    if (this.#figures(target).attempts > 0) return false;
    if (inFlight.at(target.provider.name, target.model) > 0) return false;
    const key = targetKey(target.provider.name, target.model);
    if (now() - (this.#probed.get(key) ?? Number.NEGATIVE_INFINITY) < PROBE_MS) return false;
    if (this.#probed.size >= MAX_PROBED) this.#probed.clear();
    this.#probed.set(key, now());
    return true;
  }
}

function negative(value: number | null): number | null {
  return value === null ? null : -value;
}
