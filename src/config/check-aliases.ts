/** `models`: aliases and their targets, against the providers. */
import type { AliasConfig, ProviderConfig, TargetConfig } from './config.ts';
import { near } from './near.ts';
import { type Check, type Path, pathText, quotedList } from './problem.ts';
import type { Located } from './shape.ts';
import type { Written, WrittenAlias, WrittenTarget } from './table.ts';

interface Surroundings {
  readonly providers: ReadonlyMap<string, ProviderConfig>;
  /** Names of all providers in the file, also of those with problems of their own. */
  readonly declared: ReadonlySet<string>;
  readonly check: Check;
}

interface Aliases {
  readonly aliases: ReadonlyMap<string, AliasConfig>;
  readonly aliasNames: ReadonlyMap<string, AliasConfig>;
}

/** Aliases by name, and by each of their names, which must differ. */
export function checkAliases(written: Written['models'], around: Surroundings): Aliases {
  const aliases = new Map<string, AliasConfig>();
  const aliasNames = new Map<string, AliasConfig>();
  for (const [name, { at, value }] of written) {
    const alias = buildAlias(name, value, around);
    aliases.set(name, alias);
    aliasNames.set(name, alias);
    warnOfLiteral({ at, value: name }, around);
  }
  // After all first names, because a further name must not hide any of them.
  for (const [name, { value }] of written) {
    const alias = aliases.get(name);
    if (alias === undefined) continue;
    for (const further of value.aliases) {
      const owner = aliasNames.get(further.value);
      if (owner !== undefined) reportTaken(further, owner.name, around.check);
      else aliasNames.set(further.value, alias);
      warnOfLiteral(further, around);
    }
  }
  return { aliases, aliasNames };
}

function buildAlias(name: string, written: WrittenAlias, around: Surroundings): AliasConfig {
  const targets = (written.targets ?? []).flatMap((target) => buildTarget(target, around));
  return {
    name,
    aliases: written.aliases.map((further) => further.value),
    selector: written.selector ?? (targets.length > 1 ? 'random' : 'in_order'),
    targets,
    sticky: written.sticky,
    apiMatch: written.apiMatch,
    onLoss: written.onLoss,
  };
}

function buildTarget(
  { at, value }: WrittenTarget,
  { providers, declared, check }: Surroundings,
): TargetConfig[] {
  const { provider: name, model, weight, enabled, isShort } = value;
  if (name === undefined || model === undefined) return [];
  const provider = providers.get(name);
  const within = (key: string): Path => (isShort ? at : [...at, key]);
  if (provider === undefined && !declared.has(name)) {
    reportUnknown({
      at: within('provider'),
      what: `a provider ${JSON.stringify(name)}, which is not in providers`,
      name,
      known: [...providers.keys()],
      check,
    });
  } else if (provider?.modelsListed === true && !provider.models.has(model)) {
    reportUnknown({
      at: within('model'),
      what: `${JSON.stringify(model)}, which is not among providers.${name}.models`,
      name: model,
      known: [...provider.models.keys()],
      check,
    });
  }
  return [{ provider: name, model, weight, enabled }];
}

interface Unknown {
  readonly at: Path;
  readonly what: string;
  readonly name: string;
  readonly known: readonly string[];
  readonly check: Check;
}
function reportUnknown({ at, what, name, known, check }: Unknown): void {
  const expected = quotedList(known.slice(0, 12));
  check.problem({
    at,
    message: `names ${what}${expected === '' ? '' : ` (known: ${expected})`}`,
    found: JSON.stringify(name),
    expected,
    near: near(name, known, 2),
  });
}

function reportTaken(further: Located<string>, owner: string, check: Check): void {
  check.problem({
    at: further.at,
    message: `is already a name of ${pathText(['models', owner])}`,
    found: JSON.stringify(further.value),
    expected: 'a name that no other alias has',
  });
}

/** `provider/model` is how clients reach a model without an alias; an alias of that form wins. */
function warnOfLiteral(
  { at, value: name }: Located<string>,
  { providers, check }: Surroundings,
): void {
  const provider = name.slice(0, Math.max(0, name.indexOf('/')));
  if (!providers.has(provider)) return;
  check.warning({
    at,
    message: `hides the model of that name at the provider ${JSON.stringify(provider)}`,
    found: JSON.stringify(name),
  });
}
