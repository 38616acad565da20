/**
 * Makes the executables: `bun run build` that of this machine, `bun run build:all` those of every
 * platform. The commit is put in; the version is in package.json, which is part of the bundle.
 */
import { existsSync, mkdirSync, rmSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { EXIT, readArguments, type Usage } from './arguments.ts';
import { processTerminal, type Terminal } from './terminal.ts';
import { sourceCommit } from './version.ts';

const USAGE: Usage = {
  command: 'bun src/cli/build.ts',
  summary: 'make executables',
  options: {
    all: { help: 'for every platform, into dist/' },
    outfile: { value: 'FILE', help: 'where the one of this machine goes (default: plexus)' },
  },
  more: 'What cannot be built here, for want of its runtime, is skipped; ends with 1 when nothing was built.',
};

/** Bun's names of the platforms. */
const TARGETS = [
  'bun-linux-x64',
  'bun-linux-arm64',
  'bun-darwin-arm64',
  'bun-darwin-x64',
  'bun-windows-x64',
] as const;

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const commit = sourceCommit() ?? 'unknown';
  if (!given.switches.has('all')) {
    const outfile = resolve(terminal.cwd, given.values.get('outfile') ?? 'plexus');
    const problem = await build(outfile, commit, undefined);
    terminal.err(problem === undefined ? `built ${outfile}\n` : `${problem}\n`);
    return problem === undefined ? EXIT.ok : EXIT.problem;
  }
  const folder = resolve(terminal.cwd, 'dist');
  mkdirSync(folder, { recursive: true });
  let built = 0;
  for (const target of TARGETS) {
    const name = target.replace(/^bun/, 'plexus') + (target.includes('windows') ? '.exe' : '');
    const problem = await build(join(folder, name), commit, target);
    if (problem === undefined) built += 1;
    terminal.err(problem === undefined ? `built dist/${name}\n` : `skipped ${name}: ${problem}\n`);
  }
  terminal.err(`${built} of ${TARGETS.length} built, from commit ${commit}\n`);
  return built > 0 ? EXIT.ok : EXIT.problem;
}

/** @returns why nothing was built, in a line */
async function build(
  outfile: string,
  commit: string,
  target: string | undefined,
): Promise<string | undefined> {
  // An old one must not pass for a new one.
  rmSync(outfile, { force: true });
  const bun = Bun.spawn(
    [
      process.execPath,
      'build',
      '--compile',
      '--minify',
      '--bytecode',
      // What is loaded on demand stays on the disk until then: 4 MB idle, 10 ms of each start.
      '--splitting',
      '--format=esm',
      '--production',
      // A bunfig.toml where it is started could have it run foreign code.
      '--no-compile-autoload-bunfig',
      `--define=PLEXUS_COMMIT=${JSON.stringify(commit)}`,
      ...(target === undefined ? [] : [`--target=${target}`]),
      join(import.meta.dir, '../main.ts'),
      `--outfile=${outfile}`,
    ],
    { stdout: 'ignore', stderr: 'pipe' },
  );
  const complaints = await new Response(bun.stderr).text();
  const code = await bun.exited;
  const file = existsSync(outfile) ? statSync(outfile) : undefined;
  if (code === 0 && file !== undefined && file.size > 0) return undefined;
  const lines = complaints.trim().split('\n');
  return lines.find((line) => /error|failed/i.test(line)) ?? lines.at(-1) ?? `exit code ${code}`;
}

if (import.meta.main) process.exitCode = await run(process.argv.slice(2));
