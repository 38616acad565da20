/** `plexus top`: what a running gateway does now. */
import type { Config } from '../config/config.ts';
import { array, isObject, type JsonObject, number, object, text } from '../json.ts';
import { CONFIG_OPTION, EXIT, readArguments, type Usage, wrongUsage } from './arguments.ts';
import { type Asked, ask } from './ask.ts';
import { commandConfig } from './configuration.ts';
import { cellText, countText, durationText, shareText } from './figures.ts';
import { columns, paint, processTerminal, type Terminal } from './terminal.ts';
import { CLEAR } from './usage.ts';

const USAGE: Usage = {
  command: 'plexus top',
  summary: 'show what the running gateway does now',
  options: {
    ...CONFIG_OPTION,
    url: { value: 'URL', help: 'where it listens (default: as configured)' },
    key: { value: 'KEY', help: 'its admin key (default: as configured)' },
    once: { help: 'show it once' },
    follow: { short: 'f', help: 'go on although this is no terminal' },
    json: { help: "the gateway's own JSON" },
  },
  more: 'On a terminal it is shown every second until Ctrl-C, elsewhere once.',
};

const REFRESH_MS = 1000;

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
  signal?: AbortSignal,
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const config = await commandConfig(given, terminal);
  if (config === undefined) return EXIT.problem;
  const url = given.values.get('url') ?? addressOf(config);
  if (url === undefined) {
    return wrongUsage(USAGE, 'the port is chosen at each start: --url must say which', terminal);
  }
  const key = given.values.get('key') ?? config.adminKey;
  const unix = given.values.has('url') ? undefined : config.server.unix;
  const isJson = given.switches.has('json');
  const goesOn = given.switches.has('follow') || (terminal.color && !isJson);
  for (;;) {
    const asked = await ask(`${url.replace(/\/$/, '')}/v0/state`, {
      headers: key === undefined ? {} : { authorization: `Bearer ${key}` },
      unix,
    });
    const state = stateOf(asked);
    if (typeof state === 'string') {
      terminal.err(`plexus top: the gateway at ${unix ?? url} ${state}\n`);
      return EXIT.problem;
    }
    if (isJson) terminal.out(`${JSON.stringify(state, null, goesOn ? 0 : 2)}\n`);
    else terminal.out((goesOn && terminal.color ? CLEAR : '') + pageOf(state, terminal));
    if (!goesOn || given.switches.has('once') || signal?.aborted) return EXIT.ok;
    await Bun.sleep(REFRESH_MS);
  }
}

/** Where the configured gateway can be reached from this machine. */
function addressOf({ server }: Config): string | undefined {
  if (server.unix !== undefined) return 'http://localhost';
  if (server.port === 0) return undefined;
  const host = server.host === '0.0.0.0' || server.host === '::' ? '127.0.0.1' : server.host;
  return `http://${host.includes(':') ? `[${host}]` : host}:${server.port}`;
}

/** @returns why there is none, as the end of a sentence */
function stateOf(asked: Asked | string): JsonObject | string {
  if (typeof asked === 'string') return `cannot be reached: ${asked}`;
  if (asked.status === 401 || asked.status === 403) return 'wants its admin key (--key)';
  if (asked.status !== 200 || !isObject(asked.body)) return `answers ${asked.status}`;
  return asked.body;
}

function pageOf(state: JsonObject, terminal: Terminal): string {
  const requests = object(state['requests']);
  const head = [
    `plexus ${text(state['version']) ?? ''}`,
    `up ${durationText((number(state['uptime']) ?? 0) * 1000)}`,
    `${countText(number(requests?.['inFlight']))} running`,
    `${countText(number(requests?.['openStreams']))} streams`,
  ].join(' · ');
  const parts = [
    `${paint(terminal, 'bold', head)}\n`,
    tableOf(terminal, TARGETS, targetRows(state, terminal)),
    tableOf(terminal, RUNNING, runningRows(state)),
  ];
  return parts.filter((part) => part !== '').join('\n');
}

const TARGETS = ['TARGET', 'HEALTH', 'RUNNING', 'REQUESTS 5m', 'ERRORS', 'TTFT', 'TOK/S'];
const RUNNING = ['REQUEST', 'MODEL', 'SERVED BY', 'FOR', 'OUTPUT', 'TRY'];

function tableOf(terminal: Terminal, head: readonly string[], rows: readonly string[][]): string {
  if (rows.length === 0) return '';
  return columns([head.map((cell) => paint(terminal, 'dim', cell)), ...rows], 0);
}

function targetRows(state: JsonObject, terminal: Terminal): string[][] {
  return Object.entries(object(state['providers']) ?? {}).flatMap(([name, value]) => {
    const provider = object(value) ?? {};
    const health = healthCell(text(provider['health']) ?? '', terminal);
    const models = Object.entries(object(provider['models']) ?? {});
    if (models.length === 0) {
      return [[name, health, countText(number(provider['inFlight'])), '-', '-', '-', '-']];
    }
    return models.map(([model, figures]) => {
      const of = object(figures) ?? {};
      return [
        cellText(`${name}/${model}`, 48),
        health,
        countText(number(of['inFlight'])),
        countText(number(of['attempts'])),
        shareText(number(of['errorRate'])),
        durationText(number(of['ttftMs'])),
        countText(number(of['tokensPerSecond'])),
      ];
    });
  });
}

function healthCell(health: string, terminal: Terminal): string {
  const color = health === 'ok' ? 'green' : health === 'cooling' ? 'red' : 'dim';
  return paint(terminal, color, health);
}

function runningRows(state: JsonObject): string[][] {
  return array(state['running'])
    .filter(isObject)
    .slice(0, 50)
    .map((entry) => [
      (text(entry['id']) ?? '').slice(0, 12),
      cellText(text(entry['alias']) ?? '-', 32),
      cellText(`${text(entry['provider']) ?? ''}/${text(entry['model']) ?? ''}`, 48),
      durationText(number(entry['ms'])),
      `${countText(number(entry['outputChars']))} chars`,
      String(number(entry['attempts']) ?? 1),
    ]);
}
