/** `plexus doctor`: looks at everything that a gateway needs, and runs it once against itself. */
import { accessSync, constants, existsSync, statfsSync } from 'node:fs';
import { createServer } from 'node:net';
import { dirname } from 'node:path';
import type { Config } from '../config/config.ts';
import { unconfiguredProviders, usableAliases } from '../config/describe.ts';
import { loadAll } from '../config/load-all.ts';
import { isObject } from '../json.ts';
import { CONFIG_OPTION, EXIT, readArguments, type Usage } from './arguments.ts';
import { ask } from './ask.ts';
import { configName, problemCount } from './configuration.ts';
import { askProviders } from './live.ts';
import { portHolder } from './port-holder.ts';
import { columns, paint, processTerminal, type Terminal } from './terminal.ts';
import { tryClients } from './try-clients.ts';

const USAGE: Usage = {
  command: 'plexus doctor',
  summary:
    'look for what is wrong: configuration, keys, port, disk, clock, and a request of each kind',
  options: {
    ...CONFIG_OPTION,
    live: { help: 'also ask each provider for its models' },
    json: { help: 'as JSON' },
  },
  more: 'The requests go to the demo model in this process. Ends with 1 when something is wrong.',
};

/** `note` is worth knowing and stands in nobody's way. */
export interface Finding {
  readonly what: string;
  readonly state: 'fine' | 'note' | 'wrong';
  readonly says: string;
}

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const { cwd, env } = terminal;
  const { config, problems } = await loadAll({ config: given.values.get('config'), cwd, env });
  const findings: Finding[] =
    config === undefined
      ? [
          {
            what: 'config',
            state: 'wrong',
            says: `${problemCount(problems ?? [])}; plexus check tells`,
          },
        ]
      : await lookAt(config, given.switches.has('live'));
  findings.push(clockFinding(Date.now()), ...(await tryClients()));
  const isFine = findings.every(({ state }) => state !== 'wrong');
  terminal.out(
    given.switches.has('json')
      ? `${JSON.stringify({ ok: isFine, findings }, null, 2)}\n`
      : table(findings, terminal),
  );
  return isFine ? EXIT.ok : EXIT.problem;
}

function table(findings: readonly Finding[], terminal: Terminal): string {
  const color = { fine: 'green', note: 'yellow', wrong: 'red' } as const;
  const rows = findings.map(({ what, state, says }) => [
    paint(terminal, color[state], state),
    what,
    says,
  ]);
  return columns(rows, 0);
}

async function lookAt(config: Config, live: boolean): Promise<Finding[]> {
  return [
    { what: 'config', state: 'fine', says: configName(config) },
    ...keyFindings(config),
    await portFinding(config),
    diskFinding(config.dataDir),
    ...(live ? await liveFindings(config) : []),
  ];
}

function keyFindings(config: Config): Finding[] {
  const usable = [...usableAliases(config).values()].filter((targets) => targets.length > 0);
  const waiting = [...unconfiguredProviders(config)].map(
    ([name, variables]) => `${name} waits for ${variables.join(', ')}`,
  );
  return [
    {
      what: 'models',
      state: usable.length === 0 ? 'wrong' : 'fine',
      says: `${usable.length} of ${config.aliases.size} aliases usable`,
    },
    ...waiting.map((says): Finding => ({ what: 'keys', state: 'note', says })),
  ];
}

async function portFinding({ server }: Config): Promise<Finding> {
  const { unix, host, port } = server;
  if (unix !== undefined) {
    const folder = dirname(unix);
    const fine = existsSync(folder);
    return {
      what: 'socket',
      state: fine ? 'fine' : 'wrong',
      says: fine ? unix : `${folder} does not exist`,
    };
  }
  const what = 'port';
  const code = await listenCode(host, port);
  if (code === undefined) return { what, state: 'fine', says: `${port} on ${host} is free` };
  if (code !== 'EADDRINUSE') return { what, state: 'wrong', says: `${port} on ${host}: ${code}` };
  const asked = await ask(`http://${host.includes(':') ? `[${host}]` : host}:${port}/`, {
    timeoutMs: 1000,
  });
  const isPlexus =
    typeof asked !== 'string' && isObject(asked.body) && asked.body['name'] === 'plexus';
  return isPlexus
    ? { what, state: 'fine', says: `a Plexus answers on ${host}:${port}` }
    : {
        what,
        state: 'wrong',
        says: `${port} on ${host} is taken by ${portHolder(port) ?? 'another program'}`,
      };
}

/** Why the address cannot be listened on; undefined when it can. */
function listenCode(host: string, port: number): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const server = createServer();
  server.once('error', (error) => resolve('code' in error ? String(error.code) : error.message));
  server.listen(port, host, () => server.close(() => resolve(undefined)));
  return promise;
}

/** Less than this and the log may soon stop. */
const LITTLE_SPACE = 100 * 1024 * 1024;

function diskFinding(dataDir: string): Finding {
  const what = 'disk';
  let place = dataDir;
  while (!existsSync(place) && dirname(place) !== place) place = dirname(place);
  try {
    accessSync(place, constants.W_OK);
  } catch {
    // Nothing stops for it, but nothing is kept either.
    return {
      what,
      state: 'note',
      says: `${dataDir} cannot be written: no usage log, no kept state`,
    };
  }
  const { bavail, bsize } = statfsSync(place);
  const free = bavail * bsize;
  const says = `${dataDir}, ${Math.floor(free / 1024 / 1024)} MB free`;
  return { what, state: free < LITTLE_SPACE ? 'wrong' : 'fine', says };
}

/** A clock before this program was written is wrong; TLS and expiry dates would suffer. */
const WRITTEN = Date.parse('2025-06-01');

function clockFinding(now: number): Finding {
  const says = new Date(now).toISOString();
  return { what: 'clock', state: now < WRITTEN ? 'wrong' : 'fine', says };
}

/** More than this and signed requests are refused. */
const CLOCK_MS = 120_000;

async function liveFindings(config: Config): Promise<Finding[]> {
  const answers = await askProviders(config);
  return answers.flatMap(({ provider, problem, models, clockAheadMs = 0 }): Finding[] => {
    const what = provider;
    const own: Finding =
      problem === undefined
        ? { what, state: 'fine', says: `answers, ${models?.length ?? 0} models` }
        : { what, state: 'wrong', says: problem };
    if (Math.abs(clockAheadMs) < CLOCK_MS) return [own];
    const says = `${Math.round(clockAheadMs / 1000)} s ahead of ${provider}`;
    return [own, { what: 'clock', state: 'wrong', says }];
  });
}
