/** `plexus check`: everything that is wrong with a configuration, without starting it. */
import type { Config } from '../config/config.ts';
import { unconfiguredProviders, usableAliases } from '../config/describe.ts';
import { loadAll } from '../config/load-all.ts';
import { formatProblems } from '../config/problem.ts';
import { CONFIG_OPTION, EXIT, readArguments, type Usage } from './arguments.ts';
import { configName, problemCount } from './configuration.ts';
import { askProviders, type ProviderAnswer, unlistedTargets } from './live.ts';
import { columns, paint, processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus check',
  summary: 'check the configuration, all of it at once',
  positionals: { '[FILE]': 'the same as --config FILE' },
  options: {
    ...CONFIG_OPTION,
    live: { help: 'also ask each provider for its models' },
    json: { help: 'as JSON' },
  },
  more: 'Ends with 1 when there is a problem; a provider that waits for its key is none.',
};

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const [file] = given.positionals;
  const { cwd, env } = terminal;
  const loaded = await loadAll({ config: given.values.get('config') ?? file, cwd, env });
  const { config, problems = [], warnings } = loaded;
  const answers =
    config !== undefined && given.switches.has('live') ? await askProviders(config) : undefined;
  const isFine = problems.length === 0 && !answers?.some((answer) => answer.problem !== undefined);
  if (given.switches.has('json')) {
    const live = answers === undefined ? {} : { live: answers };
    terminal.out(`${JSON.stringify({ ok: isFine, problems, warnings, ...live }, null, 2)}\n`);
    return isFine ? EXIT.ok : EXIT.problem;
  }
  if (warnings.length > 0) terminal.err(`${formatProblems(warnings, terminal)}\n`);
  if (config === undefined) {
    terminal.err(`${formatProblems(problems, terminal)}\n`);
    terminal.err(`${problemCount(problems)}\n`);
    return EXIT.problem;
  }
  terminal.out(summary(config, terminal));
  if (answers !== undefined) terminal.out(liveSummary(config, answers, terminal));
  return isFine ? EXIT.ok : EXIT.problem;
}

function summary(config: Config, terminal: Terminal): string {
  const aliases = [...usableAliases(config)];
  const idle = aliases.filter(([, targets]) => targets.length === 0).map(([name]) => name);
  const lines = [
    `${paint(terminal, 'green', 'fine')}: ${configName(config)}`,
    `${config.providers.size} providers, ${aliases.length} aliases, ${config.apiKeys.size} keys`,
    ...[...unconfiguredProviders(config)].map(
      ([name, variables]) => `${name} waits for ${variables.join(', ')}`,
    ),
    ...(idle.length === 0 ? [] : [`no target yet: ${idle.join(', ')}`]),
  ];
  return `${lines.join('\n')}\n`;
}

function liveSummary(
  config: Config,
  answers: readonly ProviderAnswer[],
  terminal: Terminal,
): string {
  if (answers.length === 0) return 'no provider to ask\n';
  const rows = answers.map(({ provider, problem, models }) =>
    problem === undefined
      ? [provider, `${paint(terminal, 'green', 'answers')}, ${models?.length ?? 0} models`]
      : [provider, paint(terminal, 'red', problem)],
  );
  const unlisted = unlistedTargets(config, answers).map((text) => `${text}\n`);
  return columns(rows) + unlisted.join('');
}
