/** Alias → ordered targets. Pure: what it needs to know of the world is handed in. */
import type { AliasConfig, Config, ProviderConfig, SelectorName } from './config/config.ts';
import { near } from './config/near.ts';
import { GatewayError } from './errors.ts';
import type { FormatName } from './unified.ts';

/** Where a request may go. */
export interface Target {
  readonly provider: ProviderConfig;
  readonly model: string;
  /** The format in which the provider is addressed. */
  readonly format: FormatName | 'demo';
}

export interface Route {
  /** Name of the alias; for a literal `provider/model` that text. */
  readonly alias: string;
  readonly config: AliasConfig | undefined;
  /** In the order in which they are to be tried; none is unconfigured, disabled or cooling. */
  readonly targets: readonly Target[];
}

/** What the world looks like at the moment of choice. */
export interface World {
  /** A number in [0, 1). */
  random(): number;
  /** The count of earlier choices of an alias, for `round_robin`. */
  turn(alias: string): number;
  /** False when certainly no target rests. */
  anyCooling(): boolean;
  /** Unix ms until which a target rests; undefined when it is well. */
  coolingUntil(provider: string, model: string): number | undefined;
  /** Unix ms before which the provider itself said that it would refuse; undefined when it named no time. */
  namedUntil(provider: string, model: string): number | undefined;
  /** Orders targets by what was measured; undefined when there is nothing to go by. */
  rank?(selector: SelectorName, targets: readonly Target[]): readonly Target[] | undefined;
  now(): number;
}

interface Candidate extends Target {
  readonly weight: number;
}

/**
 * @throws GatewayError `unknown_model` with near names; `unavailable` when no target can be used, saying why
 */
export function resolve(
  config: Config,
  model: string,
  clientFormat: FormatName,
  world: World,
): Route {
  const alias = config.aliasNames.get(model);
  const { all, usable } = alias
    ? aliasCandidates(config, alias, clientFormat)
    : literalCandidates(config, model, clientFormat);
  if (usable.length === 0) throw unavailable(model, all);
  const awake = world.anyCooling() ? withoutCooling(usable, world) : usable;
  const ready = awake.length > 0 ? awake : lastResort(usable, world);
  if (ready.length === 0) throw allCooling(model, usable, world);
  const ordered = order(alias?.selector ?? 'in_order', alias?.name ?? model, ready, world);
  const targets = alias?.apiMatch === true ? ownFormatFirst(ordered, clientFormat) : ordered;
  return { alias: alias?.name ?? model, config: alias, targets };
}

function withoutCooling(usable: readonly Candidate[], world: World): readonly Candidate[] {
  return usable.filter(
    ({ provider, model }) => world.coolingUntil(provider.name, model) === undefined,
  );
}

function ownFormatFirst(targets: readonly Target[], own: FormatName): readonly Target[] {
  return [
    ...targets.filter(({ format }) => format === own),
    ...targets.filter(({ format }) => format !== own),
  ];
}

/** With a single target a certain refusal is all that sparing it would bring, unless it said so itself. */
function lastResort(usable: readonly Candidate[], world: World): readonly Candidate[] {
  const [only] = usable;
  if (usable.length > 1 || only === undefined) return [];
  return world.namedUntil(only.provider.name, only.model) === undefined ? usable : [];
}

/** The targets of an alias, and those of them that are configured and switched on. */
interface Candidates {
  readonly all: readonly Candidate[];
  readonly usable: readonly Candidate[];
}

function sorted(all: readonly Candidate[]): Candidates {
  const usable = all.filter(({ provider }) => provider.enabled && provider.missing.length === 0);
  return { all, usable };
}

/** They follow from the configuration alone, which is frozen; an alias belongs to one configuration. */
const knownAliases = new WeakMap<AliasConfig, Map<FormatName, Candidates>>();

function aliasCandidates(config: Config, alias: AliasConfig, clientFormat: FormatName): Candidates {
  let byFormat = knownAliases.get(alias);
  if (byFormat === undefined) {
    byFormat = new Map();
    knownAliases.set(alias, byFormat);
  }
  let candidates = byFormat.get(clientFormat);
  if (candidates === undefined) {
    candidates = sorted(listCandidates(config, alias, clientFormat));
    byFormat.set(clientFormat, candidates);
  }
  return candidates;
}

function listCandidates(config: Config, alias: AliasConfig, clientFormat: FormatName): Candidate[] {
  const candidates: Candidate[] = [];
  for (const target of alias.targets) {
    const provider = config.providers.get(target.provider);
    if (provider === undefined || !target.enabled) continue;
    candidates.push({
      provider,
      model: target.model,
      format: formatFor(provider, clientFormat),
      weight: target.weight,
    });
  }
  return candidates;
}

/** The same of literal names. */
const knownLiterals = new WeakMap<Config, Map<string, Candidates>>();
/** The names are the clients' own. */
const MAX_LITERALS = 1000;

function literalCandidates(config: Config, name: string, clientFormat: FormatName): Candidates {
  const literals = knownLiterals.get(config) ?? new Map<string, Candidates>();
  const key = `${clientFormat} ${name}`;
  const known = literals.get(key);
  if (known !== undefined) return known;
  const candidates = sorted(literalCandidate(config, name, clientFormat));
  if (literals.size < MAX_LITERALS) knownLiterals.set(config, literals.set(key, candidates));
  return candidates;
}

/** A literal `provider/model`; the model's own name may hold slashes. */
function literalCandidate(config: Config, name: string, clientFormat: FormatName): Candidate[] {
  const slash = name.indexOf('/');
  const provider = slash > 0 ? config.providers.get(name.slice(0, slash)) : undefined;
  const model = name.slice(slash + 1);
  if (provider === undefined || model === '') throw unknownModel(config, name);
  return [{ provider, model, format: formatFor(provider, clientFormat), weight: 1 }];
}

/** The client's own format when the provider speaks it, else the provider's first. */
function formatFor(provider: ProviderConfig, clientFormat: FormatName): FormatName | 'demo' {
  if (provider.kind === 'demo') return 'demo';
  if (provider.formats.has(clientFormat)) return clientFormat;
  const [first] = provider.formats.keys();
  return first ?? 'demo';
}

function order(
  selector: SelectorName,
  alias: string,
  targets: readonly Candidate[],
  world: World,
): readonly Target[] {
  switch (selector) {
    case 'in_order':
      return targets;
    case 'round_robin': {
      const first = world.turn(alias) % targets.length;
      return [...targets.slice(first), ...targets.slice(0, first)];
    }
    case 'random':
      return shuffled(targets, world);
    default:
      return world.rank?.(selector, targets) ?? shuffled(targets, world);
  }
}

/** Drawn one after the other without putting back, each by its weight. */
function shuffled(targets: readonly Candidate[], world: World): Candidate[] {
  const left = [...targets];
  const out: Candidate[] = [];
  while (left.length > 0) {
    const total = left.reduce((sum, target) => sum + target.weight, 0);
    let point = world.random() * total;
    let chosen = left.findIndex((target) => {
      point -= target.weight;
      return point < 0;
    });
    if (chosen < 0) chosen = left.length - 1;
    out.push(...left.splice(chosen, 1));
  }
  return out;
}

function unknownModel(config: Config, name: string): GatewayError {
  const names = near(name, config.aliasNames.keys());
  const hint =
    names.length === 0 ? '' : ` Did you mean ${names.map((n) => `"${n}"`).join(' or ')}?`;
  return new GatewayError('unknown_model', `The model "${name}" does not exist.${hint}`, {
    field: 'model',
    code: 'model_not_found',
  });
}

function unavailable(model: string, candidates: readonly Candidate[]): GatewayError {
  const reasons = candidates.map(({ provider }) =>
    provider.enabled
      ? `provider "${provider.name}" waits for ${provider.missing.join(', ')}`
      : `provider "${provider.name}" is disabled`,
  );
  const why = reasons.length === 0 ? 'it has no enabled target' : [...new Set(reasons)].join('; ');
  return new GatewayError('unavailable', `The model "${model}" cannot be used now: ${why}.`, {
    retryAfter: 60,
    code: 'no_target_configured',
  });
}

function allCooling(model: string, targets: readonly Candidate[], world: World): GatewayError {
  const until = targets.map(
    ({ provider, model: name }) => world.coolingUntil(provider.name, name) ?? world.now(),
  );
  const soonest = Math.min(...until);
  const retryAfter = Math.max(1, Math.ceil((soonest - world.now()) / 1000));
  const list = targets.map(({ provider, model: name }) => `${provider.name}/${name}`).join(', ');
  return new GatewayError(
    'unavailable',
    `Every target of "${model}" is cooling down after failures (${list}); the first is back at ${new Date(soonest).toISOString()}.`,
    { retryAfter, code: 'all_targets_cooling' },
  );
}
