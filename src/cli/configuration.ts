/** The configuration for a command that needs a good one. */
import type { Config } from '../config/config.ts';
import { loadAll } from '../config/load-all.ts';
import { formatProblems } from '../config/problem.ts';
import type { Given } from './arguments.ts';
import type { Terminal } from './terminal.ts';

/** How messages call where a configuration came from. */
export function configName(config: Config): string {
  return config.path ?? 'built in (no config/plexus.json here)';
}

/** `1 problem`, `4 problems`. */
export function problemCount({ length }: readonly unknown[]): string {
  return length === 1 ? '1 problem' : `${length} problems`;
}

/** The configuration that `--config` or the usual places hold; undefined when its problems were told. */
export async function commandConfig(given: Given, terminal: Terminal): Promise<Config | undefined> {
  const { cwd, env } = terminal;
  const { config, problems } = await loadAll({ config: given.values.get('config'), cwd, env });
  if (config !== undefined) return config;
  terminal.err(`${formatProblems(problems ?? [], terminal)}\n`);
  return undefined;
}
