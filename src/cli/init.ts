/** `plexus init`: a first configuration from the keys that are there. */
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Environment } from '../config/environment.ts';
import { findConfig } from '../config/load.ts';
import { configSchema } from '../config/table.ts';
import { EXIT, readArguments, type Usage } from './arguments.ts';
import { KNOWN_PROVIDERS, type KnownProvider } from './known-providers.ts';
import { processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus init',
  summary: 'write config/plexus.jsonc from the keys found in the environment',
  options: { print: { help: 'print it instead' } },
  more: 'Never overwrites. Keys themselves are not written, only the names of their variables.',
};

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const text = firstConfig(terminal.env);
  if (given.switches.has('print')) {
    terminal.out(text);
    return EXIT.ok;
  }
  const existing = findConfig(terminal.cwd);
  if (existing !== undefined) {
    terminal.err(`${existing} is there already and stays as it is. Try: plexus init --print\n`);
    return EXIT.problem;
  }
  const path = join(terminal.cwd, 'config', 'plexus.jsonc');
  const schema = join(dirname(path), 'plexus.schema.json');
  try {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text, { flag: 'wx' });
    if (!existsSync(schema)) writeFileSync(schema, `${JSON.stringify(configSchema(), null, 2)}\n`);
  } catch (cause) {
    terminal.err(
      `${path} cannot be written: ${cause instanceof Error ? cause.message : String(cause)}\n`,
    );
    return EXIT.problem;
  }
  const found = foundProviders(terminal.env).map(({ variable }) => variable);
  const keys =
    found.length === 0 ? 'no key found; the demo model answers' : `keys found: ${found.join(', ')}`;
  terminal.out(`written: ${path}\n${keys}\nNext: plexus check --live, then plexus\n`);
  return EXIT.ok;
}

interface Found {
  readonly provider: KnownProvider;
  readonly variable: string;
}

function foundProviders(env: Environment): Found[] {
  return KNOWN_PROVIDERS.flatMap((provider) => {
    const variable = provider.variables.find((name) => Boolean(env[name]));
    return variable === undefined ? [] : [{ provider, variable }];
  });
}

/** The file's text; strict about what it holds, free with comments. */
export function firstConfig(env: Environment): string {
  const found = foundProviders(env);
  const missing = KNOWN_PROVIDERS.filter(
    (known) => !found.some(({ provider }) => provider === known),
  );
  return `// Plexus. Every key is explained by the schema; what is saved here counts at once.
{
  "$schema": "./plexus.schema.json",

  // An open gateway listens on this machine only. For others: "host", and "apiKeys" further down.
  "server": { "host": "127.0.0.1", "port": 4000 },

  // \${NAME} comes from the environment, or from .env where Plexus is started.
  "providers": {
${found.map(({ provider, variable }) => `    ${entry(provider, variable)},\n`).join('')}    // These wait for a key: set the variable, take the slashes away.
${missing.map((provider) => `    // ${entry(provider, provider.variables[0] ?? '')},\n`).join('')}    // In this process, free of charge: for trying things out, and as a mock in tests.
    "demo": { "type": "demo" }
  },

  // What clients ask for, and where it leads: the first target that is well. "provider/model" works too.
  "models": {
${alias('smart', found, ({ smart }) => smart)}${alias('fast', found, ({ fast }) => fast)}    "demo": "demo/echo"
  }

  // With a key clients must show it. "openssl rand -hex 24" makes one.
  // "apiKeys": { "me": { "secret": "\${PLEXUS_API_KEY}" } }
}
`;
}

function entry({ name, entry: fields }: KnownProvider, variable: string): string {
  const value = { ...fields, apiKey: `\${${variable}}` };
  return `${JSON.stringify(name)}: ${inline(value)}`;
}

/** JSON in one line, with air. */
function inline(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(inline).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value);
  const members = Object.entries(value).map(
    ([key, inner]) => `${JSON.stringify(key)}: ${inline(inner)}`,
  );
  return `{ ${members.join(', ')} }`;
}

function alias(
  name: string,
  found: readonly Found[],
  modelOf: (provider: KnownProvider) => string | undefined,
): string {
  const targets = found.flatMap(({ provider }) => {
    const model = modelOf(provider);
    return model === undefined ? [] : [`${provider.name}/${model}`];
  });
  if (targets.length === 0) return '';
  const value = targets.length === 1 ? targets[0] : { selector: 'in_order', targets };
  return `    ${JSON.stringify(name)}: ${inline(value)},\n`;
}
