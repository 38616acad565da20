/** `plexus schema`: the configuration's rules for editors. */
import { configSchema } from '../config/table.ts';
import { EXIT, readArguments, type Usage } from './arguments.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus schema',
  summary: 'print the JSON Schema of the configuration',
  options: {},
  more: 'An editor takes it from "$schema": plexus schema > config/plexus.schema.json',
};

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  terminal.out(`${JSON.stringify(configSchema(), null, 2)}\n`);
  return EXIT.ok;
}
