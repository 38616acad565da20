/** `plexus setup`: the lines that point a client at the gateway, and on request the change itself. */
import { existsSync } from 'node:fs';
import type { Config } from '../config/config.ts';
import { usableAliases } from '../config/describe.ts';
import { maskSecrets } from '../config/mask.ts';
import { near } from '../config/near.ts';
import { mask } from '../log.ts';
import {
  CONFIG_OPTION,
  EXIT,
  type Given,
  readArguments,
  type Usage,
  wrongUsage,
} from './arguments.ts';
import { commandConfig } from './configuration.ts';
import { diffLines } from './diff.ts';
import { applyEdits, type Edit, revertEdits, valueAt } from './edit-file.ts';
import { SettingsFile } from './settings-file.ts';
import { CLIENTS, type Client, type Connection, KEY_VARIABLE } from './setup-clients.ts';
import { paint, processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus setup',
  summary: 'point a client at the gateway',
  positionals: { CLIENT: Object.keys(CLIENTS).join(', ') },
  options: {
    write: { help: 'change its settings file; shows the difference, keeps a backup' },
    undo: { help: 'take that change back' },
    model: {
      value: 'MODEL',
      help: 'what it asks for (default: "smart", else the first usable alias)',
    },
    'small-model': {
      value: 'MODEL',
      help: 'what it asks for small tasks (default: "fast", else MODEL)',
    },
    key: { value: 'NAME', help: 'the client key that it uses (default: the first enabled one)' },
    url: { value: 'URL', help: 'where the gateway is (default: as the configuration says)' },
    ...CONFIG_OPTION,
  },
  more: 'Without --write it only prints. No other setting of the client is touched.',
};

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const client = clientOf(given);
  if (typeof client === 'string') return wrongUsage(USAGE, client, terminal);
  const config = await commandConfig(given, terminal);
  if (config === undefined) return EXIT.problem;
  const connection = connectionOf(config, given);
  if (typeof connection === 'string') {
    terminal.err(`${connection}\n`);
    return EXIT.problem;
  }
  try {
    if (given.switches.has('undo')) return undo(client, connection, terminal);
    if (given.switches.has('write')) return write(client, connection, terminal);
    terminal.out(lines(client, connection, given.positionals[0] ?? '', terminal));
    return EXIT.ok;
  } catch (cause) {
    terminal.err(
      `Nothing was changed: ${cause instanceof Error ? cause.message : String(cause)}.\n`,
    );
    return EXIT.problem;
  }
}

function clientOf({ positionals, switches }: Given): Client | string {
  const [name] = positionals;
  if (name === undefined) return 'one client is expected';
  const client = Object.hasOwn(CLIENTS, name) ? CLIENTS[name] : undefined;
  if (client === undefined) {
    const [meant] = near(name, Object.keys(CLIENTS), 1);
    return `no client is called "${name}"${meant === undefined ? '' : `; did you mean ${meant}?`}`;
  }
  if (switches.has('write') && switches.has('undo')) return '--write and --undo exclude each other';
  if (client.settings === undefined && (switches.has('write') || switches.has('undo'))) {
    return `${client.title} takes its settings from the environment; there is no file to change`;
  }
  return client;
}

/** @returns what is in the way, as a sentence */
function connectionOf(config: Config, { values }: Given): Connection | string {
  const url = values.get('url') ?? urlOf(config);
  if (url === undefined)
    return 'The gateway listens on a unix socket, which this client cannot use; name a --url.';
  const keyName = values.get('key');
  const keys = [...config.apiKeys.values()];
  const key =
    keyName === undefined ? keys.find(({ enabled }) => enabled) : config.apiKeys.get(keyName);
  if (key === undefined && (keyName !== undefined || keys.length > 0)) {
    return keyName === undefined
      ? 'No client key is enabled.'
      : `There is no client key "${keyName}".`;
  }
  const models = [...usableAliases(config)].filter(([, targets]) => targets.length > 0);
  const names = models.map(([name]) => name);
  const model = values.get('model') ?? names.find((name) => name === 'smart') ?? names[0];
  if (model === undefined)
    return 'No alias is usable yet, so there is nothing to ask for; name a --model.';
  const smallModel = values.get('small-model') ?? names.find((name) => name === 'fast') ?? model;
  return { url: url.replace(/\/+$/, ''), key: key?.secret, model, smallModel, models: names };
}

function urlOf({ server }: Config): string | undefined {
  if (server.unix !== undefined) return undefined;
  const host = /^(0\.0\.0\.0|::)$/.test(server.host) ? '127.0.0.1' : server.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
}

// ------------------------------------------------------------------------------ printing

function lines(client: Client, connection: Connection, name: string, terminal: Terminal): string {
  const shown = {
    ...connection,
    key: connection.key === undefined ? undefined : `$${KEY_VARIABLE}`,
  };
  const parts: string[] = [];
  if (client.variables !== undefined) {
    const rows = Object.entries(client.variables(shown)).map(
      ([variable, value]) =>
        `export ${variable}=${/^[\w$./:@-]+$/.test(value) ? value : JSON.stringify(value)}\n`,
    );
    parts.push(`# ${client.title}, in its shell:\n${rows.join('')}`);
  }
  if (client.settings !== undefined) {
    const path = pathOf(client.settings, terminal);
    const { editor, edits } = client.settings;
    const text = applyEdits(editor, '', edits(shown));
    parts.push(`# ${client.title}, in ${path} (plexus setup ${name} --write):\n${text}`);
  }
  return `${parts.join('\n')}\n# ${client.next(connection)}\n`;
}

function pathOf(settings: NonNullable<Client['settings']>, { home, env }: Terminal): string {
  const [first = '', ...others] = settings.path(home, env);
  return [first, ...others].find((path) => existsSync(path)) ?? first;
}

// ------------------------------------------------------------------------------ changing

function write(client: Client, connection: Connection, terminal: Terminal): number {
  const { settings } = client;
  if (settings === undefined) return EXIT.usage;
  const file = new SettingsFile(pathOf(settings, terminal));
  const before = file.read();
  const edits = settings.edits(connection);
  const after = applyEdits(settings.editor, before ?? '', edits);
  if (after === before) {
    terminal.out(`${file.path} says so already.\n`);
    return EXIT.ok;
  }
  showDiff(before ?? '', after, edits, connection, terminal);
  if (before !== undefined && !isOurs(settings, before, connection, file)) {
    file.backUp();
    terminal.out(`backup: ${file.backupPath}\n`);
  }
  file.replace(after);
  terminal.out(`written: ${file.path}\n${client.next(connection)}\n`);
  return EXIT.ok;
}

/** True when the file was changed by us before: then its backup is the one to keep. */
function isOurs(
  { editor, edits }: NonNullable<Client['settings']>,
  text: string,
  connection: Connection,
  file: SettingsFile,
): boolean {
  const value = editor.parse(text);
  const all = edits(connection).every(({ path }) => valueAt(value, path) !== undefined);
  return all && file.readBackup() !== undefined;
}

function undo(client: Client, connection: Connection, terminal: Terminal): number {
  const { settings } = client;
  if (settings === undefined) return EXIT.usage;
  const file = new SettingsFile(pathOf(settings, terminal));
  const now = file.read();
  if (now === undefined) {
    terminal.out(`There is no ${file.path}, so there is nothing to undo.\n`);
    return EXIT.ok;
  }
  const edits = settings.edits(connection);
  const backup = file.readBackup();
  const after = revertEdits(settings.editor, now, edits, backup ?? '');
  if (after === now) {
    terminal.out(`${file.path} holds nothing of Plexus.\n`);
    return EXIT.ok;
  }
  showDiff(now, after, edits, connection, terminal);
  // What was changed and changed back differs in white space at most: then the very bytes return.
  const same =
    backup !== undefined &&
    Bun.deepEquals(settings.editor.parse(after), settings.editor.parse(backup));
  if (backup === undefined && /^\s*(\{\s*\})?\s*$/.test(after)) {
    file.delete();
    terminal.out(`deleted: ${file.path}, which held nothing else\n`);
    return EXIT.ok;
  }
  file.replace(same ? backup : after);
  file.dropBackup();
  terminal.out(`restored: ${file.path}\n`);
  return EXIT.ok;
}

/** The difference. Of what the file held before, nothing that looks like a secret is shown. */
function showDiff(
  before: string,
  after: string,
  edits: readonly Edit[],
  { key }: Connection,
  terminal: Terminal,
): void {
  const own = edits.flatMap(({ value }) => wordsOf(value));
  const color = { '+': 'green', '-': 'red', ' ': 'dim' } as const;
  for (const { mark: sign, text } of diffLines(before, after)) {
    const shown = uncovered(maskSecrets(text, 1), text, sign === '+' ? own : []);
    const line = `${sign} ${mask(shown, key === undefined ? [] : [key])}`;
    terminal.out(`${paint(terminal, color[sign], line)}\n`);
  }
}

/** The texts in a value, as JSON spells them. */
function wordsOf(value: unknown): string[] {
  if (typeof value !== 'object' || value === null) return [JSON.stringify(value)];
  return Object.values(value).flatMap(wordsOf);
}

/** A masked text is as long as its original: what may be seen is put back at its place. */
function uncovered(masked: string, original: string, words: readonly string[]): string {
  let result = masked;
  for (const word of words) {
    for (let at = original.indexOf(word); at >= 0; at = original.indexOf(word, at + word.length)) {
      result = result.slice(0, at) + word + result.slice(at + word.length);
    }
  }
  return result;
}
