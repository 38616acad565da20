#!/usr/bin/env bun
/** The process: which command, and its exit code. */
import { COMMANDS } from './cli/commands.ts';
import { settleRuntime } from './cli/runtime-settings.ts';
import { processTerminal, type Terminal } from './cli/terminal.ts';

/** Runs what the arguments ask for; without a command it serves. */
async function runCommand(args: readonly string[], terminal: Terminal): Promise<number> {
  const [first = '', ...rest] = args;
  if (first === '--version' || first === '-v') {
    return (await import('./cli/version.ts')).run([], terminal);
  }
  if (first === 'help' && rest.length > 0) return runCommand([...rest, '--help'], terminal);
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
  if (name === 'serve') await settleRuntime(args);
  return (await command.load()).run(own, terminal);
}

const code = await runCommand(process.argv.slice(2), processTerminal());
// What is written to a pipe may still be on its way; the exit waits for it.
process.stdout.write('', () => process.stderr.write('', () => process.exit(code)));
