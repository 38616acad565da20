/** `plexus models`: what clients can ask for. */
import type { AliasConfig, Config } from '../config/config.ts';
import { usableTargets } from '../config/describe.ts';
import { CONFIG_OPTION, EXIT, readArguments, type Usage } from './arguments.ts';
import { commandConfig } from './configuration.ts';
import { columns, paint, processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus models',
  summary: 'list the models that clients can ask for',
  options: { ...CONFIG_OPTION, json: { help: 'as JSON' } },
  more: 'Besides these, "provider/model" works with every model of a provider.',
};

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const config = await commandConfig(given, terminal);
  if (config === undefined) return EXIT.problem;
  const models = [...config.aliases.values()].map((alias) => describe(alias, config));
  if (given.switches.has('json')) {
    terminal.out(`${JSON.stringify(models, null, 2)}\n`);
    return EXIT.ok;
  }
  const rows = models.map(({ names, selector, targets, usable }) => [
    usable ? names.join(', ') : paint(terminal, 'dim', names.join(', ')),
    targets.length > 1 ? selector : '',
    targets
      .map(({ target, waitsFor }) => (waitsFor === undefined ? target : `${target} (${waitsFor})`))
      .join(', '),
  ]);
  terminal.out(rows.length === 0 ? 'no models\n' : columns(rows, 0));
  return EXIT.ok;
}

function describe(alias: AliasConfig, config: Config) {
  return {
    names: [alias.name, ...alias.aliases],
    selector: alias.selector,
    usable: usableTargets(alias, config).length > 0,
    targets: alias.targets.map((target) => {
      const waitsFor = whyNot(config, target.provider, target.enabled);
      const name = `${target.provider}/${target.model}`;
      return waitsFor === undefined ? { target: name } : { target: name, waitsFor };
    }),
  };
}

/** Why a target cannot be used as things stand in the configuration; undefined when it can. */
export function whyNot(config: Config, name: string, enabled: boolean): string | undefined {
  const provider = config.providers.get(name);
  if (!enabled || provider?.enabled === false) return 'disabled';
  if (provider === undefined) return `waits for a provider "${name}"`;
  return provider.missing.length === 0 ? undefined : `waits for ${provider.missing.join(', ')}`;
}
