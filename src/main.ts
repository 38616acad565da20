#!/usr/bin/env bun
/** The process: which command, and its exit code. */
import { COMMANDS } from './cli/commands.ts';
import { processTerminal, type Terminal } from './cli/terminal.ts';

/**
 * Bun holds 256 fetches in one process unless told otherwise before it starts, and the 257th waits in
 * silence. A process cannot change that for itself, so it starts itself again, once, in its place.
 */
function raiseFetchLimit(): void {
  if (process.env['BUN_CONFIG_MAX_HTTP_REQUESTS'] || process.execve === undefined) return;
  const args = Bun.isStandaloneExecutable
    ? [process.execPath, ...process.argv.slice(2)]
    : [process.execPath, Bun.main, ...process.argv.slice(2)];
  process.execve(process.execPath, args, {
    ...process.env,
    BUN_CONFIG_MAX_HTTP_REQUESTS: '65535',
  });
}

/** Runs what the arguments ask for; without a command it serves. */
async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const [first = '', ...rest] = args;
  if (first === '--version' || first === '-v') {
    return (await import('./cli/version.ts')).run([], terminal);
  }
  if (first === '--help' || first === '-h' || first === 'help') {
    terminal.out((await import('./cli/help.ts')).mainHelp());
    return 0;
  }
  const name = first === '' || first.startsWith('-') ? 'serve' : first;
  const command = Object.hasOwn(COMMANDS, name) ? COMMANDS[name] : undefined;
  if (command === undefined) {
    terminal.err((await import('./cli/help.ts')).unknownCommand(name));
    return 2;
  }
  const own = name === first ? rest : args;
  if (name === 'serve' && !own.includes('--help') && !own.includes('-h')) raiseFetchLimit();
  return (await command.load()).run(own, terminal);
}

const code = await runCommand(process.argv.slice(2), processTerminal());
// What is written to a pipe may still be on its way; the exit waits for it.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
