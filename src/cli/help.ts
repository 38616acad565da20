/** `plexus --help`: everything that can be typed. */
import { near } from '../config/near.ts';
import { helpText } from './arguments.ts';
import { COMMANDS } from './commands.ts';
import { SERVE } from './serve-usage.ts';
import { columns } from './terminal.ts';

/** The first page of help. */
export function mainHelp(): string {
  const rows = Object.entries(COMMANDS).map(([name, { summary }]) => [name, summary]);
  const [, , ...serving] = helpText(SERVE).split('\n\n');
  return `plexus: one small gateway for LLM APIs

usage: plexus [command] [options]

${columns(rows)}
Each command has a --help of its own. Without a command it serves:

${serving.join('\n\n')}
Exit codes: 0 fine, 1 a problem was found or something failed, 2 wrong usage.
`;
}

/** For a command that does not exist. */
export function unknownCommand(name: string): string {
  const [meant] = near(name, Object.keys(COMMANDS), 1);
  const hint = meant === undefined ? '' : `; did you mean "${meant}"?`;
  return `plexus: there is no command "${name}"${hint}\nTry: plexus --help\n`;
}
