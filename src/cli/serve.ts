/** `plexus`: the gateway on a port, until it is told to stop. */
import { resolve } from 'node:path';
import type { Config, ServerConfig } from '../config/config.ts';
import { unconfiguredProviders, usableAliases } from '../config/describe.ts';
import { CONFIG_PLACES } from '../config/load.ts';
import { formatProblems } from '../config/problem.ts';
import { watchFiles } from '../config/watch.ts';
import { ConfigError, createGateway, type PlexusGateway } from '../index.ts';
import { type RunningServer, serve } from '../server.ts';
import { VERSION } from '../version.ts';
import { EXIT, type Given, readArguments, wrongUsage } from './arguments.ts';
import { configName } from './configuration.ts';
import { portHolder } from './port-holder.ts';
import { tellReady } from './ready.ts';
import { SERVE } from './serve-usage.ts';
import { processTerminal, type Terminal } from './terminal.ts';
import { freeSocket, withPrivateFiles } from './unix-socket.ts';

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(SERVE, args, terminal);
  if (typeof given === 'number') return given;
  const wrong = wrongValue(given);
  if (wrong !== undefined) return wrongUsage(SERVE, wrong, terminal);
  const gateway = await open(given, terminal);
  if (gateway === undefined) return EXIT.problem;
  const server = await listen(gateway);
  if (server === undefined) {
    await gateway.close();
    return EXIT.problem;
  }
  const stopFollowing = followConfig(gateway, terminal.cwd);
  const toldToStop = untilToldToStop(gateway, given.switches.has('with-parent'));
  sayReady(gateway, server, given, terminal);
  await toldToStop;
  stopFollowing();
  gateway.stopEvents();
  await server.stop(gateway.config.server.graceMs, gateway.interrupt);
  await gateway.close();
  return EXIT.ok;
}

function wrongValue({ values }: Given): string | undefined {
  const format = values.get('log-format');
  if (format !== undefined && format !== 'text' && format !== 'json') {
    return `--log-format is text or json, not "${format}"`;
  }
  const descriptor = values.get('ready-fd');
  if (descriptor !== undefined && !/^\d{1,4}$/.test(descriptor)) {
    return `--ready-fd is the number of a descriptor, not "${descriptor}"`;
  }
  return undefined;
}

async function open(given: Given, terminal: Terminal): Promise<PlexusGateway | undefined> {
  const { values, switches } = given;
  const quiet = switches.has('quiet');
  const { cwd, env } = terminal;
  const color = process.stderr.isTTY === true && !env['NO_COLOR'];
  const config = values.get('config');
  const format = values.get('log-format');
  try {
    const gateway = await createGateway({
      ...(config === undefined ? {} : { config }),
      overrides: {
        host: values.get('host'),
        port: values.get('port'),
        dataDir: values.get('data-dir'),
        logLevel: values.get('log-level') ?? (quiet ? 'error' : undefined),
      },
      cwd,
      env,
      color,
      ...(format === 'text' || format === 'json' ? { logFormat: format } : {}),
    });
    if (gateway.warnings.length > 0 && !quiet) {
      terminal.err(`${formatProblems(gateway.warnings, { color })}\n`);
    }
    return gateway;
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    terminal.err(`${formatProblems([...cause.warnings, ...cause.problems], { color })}\n`);
    return undefined;
  }
}

async function listen({ config, fetch, log }: PlexusGateway): Promise<RunningServer | undefined> {
  const { server } = config;
  try {
    if (server.unix === undefined) return serve(fetch, server);
    await freeSocket(server.unix);
    return withPrivateFiles(() => serve(fetch, server));
  } catch (cause) {
    log.error(listenProblem(cause, server));
    return undefined;
  }
}

function listenProblem(cause: unknown, { unix, host, port }: ServerConfig): string {
  const code = typeof cause === 'object' && cause !== null && 'code' in cause ? cause.code : '';
  const place = unix ?? `port ${port} on ${host}`;
  if (code === 'EADDRINUSE') {
    const holder = unix === undefined ? portHolder(port) : undefined;
    const change = unix === undefined ? '--port, PLEXUS_PORT or server.port' : 'server.unix';
    const by = holder === undefined ? '' : ` by ${holder}`;
    return `${place} is taken${by}: end the program that holds it, or choose another with ${change}`;
  }
  return `cannot listen on ${place}: ${cause instanceof Error ? cause.message : String(cause)}`;
}

// ------------------------------------------------------------------------------ ready

function sayReady(
  gateway: PlexusGateway,
  server: RunningServer,
  { values, switches }: Given,
  terminal: Terminal,
): void {
  const { config, log } = gateway;
  const ready = {
    event: 'ready',
    version: VERSION,
    pid: process.pid,
    ...(config.server.unix === undefined
      ? { url: server.address, port: server.port }
      : { unix: config.server.unix }),
  };
  if (!switches.has('quiet')) {
    const format = values.get('log-format') ?? config.logging.format;
    terminal.out(
      format === 'json' ? `${JSON.stringify(ready)}\n` : startLines(config, server.address),
    );
  }
  const descriptor = values.get('ready-fd');
  if (descriptor === undefined) return;
  const problem = tellReady(Number(descriptor), `${JSON.stringify(ready)}\n`);
  if (problem !== undefined) log.warn(`descriptor ${descriptor} could not be told`, { problem });
}

/** What a start says: the address, the aliases that work, and what each other provider waits for. */
function startLines(config: Config, address: string): string {
  const aliases = [...usableAliases(config)].filter(([, targets]) => targets.length > 0);
  const waiting = [...unconfiguredProviders(config)];
  const lines = [
    `plexus ${VERSION} listens on ${address}`,
    `configuration: ${configName(config)}`,
    aliases.length === 0
      ? 'no alias is usable yet'
      : `aliases: ${aliases.map(([name, [first]]) => `${name} (${first?.provider}/${first?.model})`).join(', ')}`,
    ...waiting.map(([name, variables]) => `${name} waits for ${variables.join(', ')}`),
  ];
  return `${lines.join('\n')}\n`;
}

// ------------------------------------------------------------------------------ while it runs

/** Reads the configuration again when it was saved, and at SIGHUP. */
function followConfig(gateway: PlexusGateway, cwd: string): () => void {
  const { log } = gateway;
  const reload = async (): Promise<void> => {
    const result = await gateway.reload();
    files.follow(filesOf(gateway.config, cwd));
    if (!result.ok) {
      const problems = formatProblems(result.problems);
      log.error(`the new configuration is refused, the old one stays:\n${problems}`);
    } else if (result.changes.length === 0) {
      log.info('the configuration was read again: no change');
    } else {
      log.info(`the configuration was read again: ${result.changes.join('; ')}`);
    }
  };
  const files = watchFiles(() => void reload());
  files.follow(filesOf(gateway.config, cwd));
  const onHangUp = (): void => void reload();
  process.on('SIGHUP', onHangUp);
  return () => {
    process.off('SIGHUP', onHangUp);
    files.close();
  };
}

/** The file, or those that would be one, and the user's transformer files that it names. */
function filesOf(config: Config, cwd: string): string[] {
  const own = config.transformers.map(({ path }) => path);
  const file =
    config.path === undefined ? CONFIG_PLACES.map((place) => resolve(cwd, place)) : [config.path];
  return [...file, ...own];
}

/** How often to look whether the parent is still there. */
const PARENT_MS = 500;

/** Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. */
function untilToldToStop({ log }: PlexusGateway, withParent: boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let told = false;
  const stop = (reason: string): void => {
    if (told) process.exit(EXIT.problem);
    told = true;
    log.info(`${reason}: letting running requests end`);
    resolve();
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
  if (withParent) {
    const parent = process.ppid;
    const timer = setInterval(() => {
      // An orphan is given to another parent.
      if (process.ppid === parent) return;
      clearInterval(timer);
      if (!told) stop('the parent ended');
    }, PARENT_MS);
    timer.unref();
  }
  // A fault in one request must not take the others with it.
  process.on('uncaughtException', (error) => {
    log.error('uncaught exception', { error: error.stack ?? error.message });
  });
  process.on('unhandledRejection', (reason) => {
    log.error('unhandled rejection', {
      error: reason instanceof Error ? (reason.stack ?? reason.message) : String(reason),
    });
  });
  return promise;
}
