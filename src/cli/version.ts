/** `plexus version`: the version, and the commit that it was made from. */
import { VERSION } from '../version.ts';
import { EXIT, readArguments, type Usage } from './arguments.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus version',
  summary: 'print version, commit and platform',
  options: { json: { help: 'as JSON' } },
};

/** Put in by `build.ts`; not there when run from source. */
declare const PLEXUS_COMMIT: string | undefined;

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const about = {
    version: VERSION,
    commit: typeof PLEXUS_COMMIT === 'string' ? PLEXUS_COMMIT : sourceCommit(),
    bun: Bun.version,
    platform: `${process.platform}-${process.arch}`,
  };
  if (given.switches.has('json')) {
    terminal.out(`${JSON.stringify(about)}\n`);
    return EXIT.ok;
  }
  const commit = about.commit === undefined ? '' : ` (${about.commit})`;
  terminal.out(`plexus ${about.version}${commit}, Bun ${about.bun}, ${about.platform}\n`);
  return EXIT.ok;
}

/** The commit of a source folder that git knows; undefined anywhere else. */
export function sourceCommit(): string | undefined {
  const git = Bun.which('git');
  if (git === null || Bun.isStandaloneExecutable) return undefined;
  const options = { cwd: import.meta.dir, stderr: 'ignore' } as const;
  const head = Bun.spawnSync([git, 'rev-parse', '--short=12', 'HEAD'], options);
  if (!head.success) return undefined;
  const changes = Bun.spawnSync([git, 'status', '--porcelain'], options);
  const isChanged = changes.stdout.toString().trim() !== '';
  return head.stdout.toString().trim() + (isChanged ? '+' : '');
}
