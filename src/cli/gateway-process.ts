/** The process that serves: alone, or as one of several workers. */
import { resolve } from 'node:path';
import type { Config, ServerConfig } from '../config/config.ts';
import { unconfiguredProviders, usableAliases } from '../config/describe.ts';
import { CONFIG_PLACES } from '../config/load.ts';
import { formatProblems } from '../config/problem.ts';
import { watchFiles } from '../config/watch.ts';
import { ConfigError, createGateway, type PlexusGateway } from '../index.ts';
import { createLog } from '../log.ts';
import { type RunningServer, type Sharing, serve } from '../server.ts';
import { VERSION } from '../version.ts';
import type { Listening } from '../workers/messages.ts';
import { OtherWorkers } from '../workers/other-workers.ts';
import { removeScratch } from '../workers/scratch.ts';
import { EXIT, type Given } from './arguments.ts';
import { configName } from './configuration.ts';
import { portHolder } from './port-holder.ts';
import { type Ready, sayReady } from './ready.ts';
import { outliveFaults, watchParent } from './stopping.ts';
import type { Terminal } from './terminal.ts';
import { freeSocket, withPrivateFiles } from './unix-socket.ts';
import type { TakenSeat } from './worker-seat.ts';

/**
 * Serves until told to stop; resolves with the exit code.
 * @param taken the place of this process, where several serve behind one port
 */
export async function runGateway(
  given: Given,
  terminal: Terminal,
  taken: TakenSeat | undefined,
): Promise<number> {
  const others = taken && new OtherWorkers(taken.seat, taken.channel);
  const gateway = await open(given, terminal, others);
  if (gateway === undefined) return EXIT.problem;
  const server = await listen(gateway, others);
  if (server === undefined) {
    await gateway.close();
    return EXIT.problem;
  }
  const stopFollowing = followConfig(gateway, terminal.cwd, taken);
  const toldToStop = untilToldToStop(gateway, given, taken);
  if (taken === undefined) sayReady(readyOf(gateway, server), given, terminal, gateway.log);
  else taken.channel.send({ kind: 'listening', listening: listeningOf(gateway, server) });
  await toldToStop;
  stopFollowing();
  gateway.stopEvents();
  await server.stop(gateway.config.server.graceMs, gateway.interrupt);
  await gateway.close();
  return EXIT.ok;
}

async function open(
  given: Given,
  terminal: Terminal,
  others: OtherWorkers | undefined,
): Promise<PlexusGateway | undefined> {
  const { values, switches } = given;
  // What is unusual about the configuration is said by one, once.
  const isSilent =
    switches.has('quiet') || (others && !(others.isSpeaker && others.seat.isFirstStart));
  const { cwd, env } = terminal;
  const color = process.stderr.isTTY === true && !env['NO_COLOR'];
  const config = values.get('config');
  const format = values.get('log-format');
  const listen = others?.seat.listen;
  try {
    const gateway = await createGateway({
      ...(config === undefined ? {} : { config }),
      overrides: {
        host: listen?.host ?? values.get('host'),
        port: listen === undefined ? values.get('port') : String(listen.port),
        dataDir: values.get('data-dir'),
        logLevel: values.get('log-level') ?? (switches.has('quiet') ? 'error' : undefined),
      },
      cwd,
      env,
      color,
      ...(format === 'text' || format === 'json' ? { logFormat: format } : {}),
      ...(others === undefined ? {} : { others }),
    });
    if (gateway.warnings.length > 0 && !isSilent) {
      terminal.err(`${formatProblems(gateway.warnings, { color })}\n`);
    }
    return gateway;
  } catch (cause) {
    if (!(cause instanceof ConfigError)) throw cause;
    terminal.err(`${formatProblems([...cause.warnings, ...cause.problems], { color })}\n`);
    return undefined;
  }
}

async function listen(
  { config, fetch, log }: PlexusGateway,
  others: OtherWorkers | undefined,
): Promise<RunningServer | undefined> {
  const { server } = config;
  try {
    if (server.unix === undefined) return serve(fetch, server, sharingOf(others));
    if (others !== undefined) {
      log.error('server.unix cannot be shared by several workers: take a port, or --workers 1');
      return undefined;
    }
    await freeSocket(server.unix);
    return withPrivateFiles(() => serve(fetch, server));
  } catch (cause) {
    log.error(listenProblem(cause, server));
    return undefined;
  }
}

function sharingOf(others: OtherWorkers | undefined): Sharing {
  if (others === undefined) return 'alone';
  return others.seat.listen === undefined ? 'first' : 'next';
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

function readyOf({ config }: PlexusGateway, { address, port }: RunningServer): Ready {
  const { unix } = config.server;
  return {
    place: unix === undefined ? { url: address, port } : { unix },
    lines: startLines(config, address),
    format: config.logging.format,
  };
}

/** What the supervisor needs to say it, when all listen. */
function listeningOf({ config }: PlexusGateway, { address, port = 0 }: RunningServer): Listening {
  const { format, level } = config.logging;
  const { host } = config.server;
  const lines = startLines(config, address);
  return { host, port, address, lines, logFormat: format, logLevel: level };
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

/** Reads the configuration again when it was saved, and at SIGHUP, which a worker's supervisor hears. */
function followConfig(
  gateway: PlexusGateway,
  cwd: string,
  taken: TakenSeat | undefined,
): () => void {
  const log = isSpeaker(taken) ? gateway.log : SILENT;
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
  if (taken === undefined) process.on('SIGHUP', onHangUp);
  taken?.channel.listen(({ kind }) => {
    if (kind === 'reload') onHangUp();
  });
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

/**
 * Resolves at the first SIGTERM or SIGINT; a second one ends the process at once. A worker is told by its
 * supervisor and ends when that is gone; a SIGINT from the keyboard reaches both and is the supervisor's.
 */
function untilToldToStop(
  { log }: PlexusGateway,
  { switches }: Given,
  taken: TakenSeat | undefined,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  let told = false;
  const begin = (reason: string): void => {
    if (told) return;
    told = true;
    // Where all of a service are told at once, the supervisor says it for its workers.
    const level = taken !== undefined && process.connected ? 'debug' : 'info';
    log[level](`${reason}: letting running requests end`);
    resolve();
  };
  const onSignal = (signal: string): void => {
    if (told) process.exit(EXIT.problem);
    begin(signal);
  };
  process.on('SIGTERM', onSignal);
  process.on('SIGINT', taken === undefined ? onSignal : () => undefined);
  if (taken !== undefined) obey(taken, resolve, () => begin('the supervisor ended'));
  else if (switches.has('with-parent')) watchParent(() => begin('the parent ended'));
  outliveFaults(() => log);
  return promise;
}

function obey(
  { seat, channel, stopped }: TakenSeat,
  stop: () => void,
  onOrphaned: () => void,
): void {
  process.on('SIGHUP', () => undefined);
  stopped.then(stop);
  channel.listen(({ kind }) => {
    if (kind === 'end') process.exit(EXIT.problem);
  });
  const orphaned = (): void => {
    process.on('exit', () => removeScratch(seat.scratchDir));
    onOrphaned();
  };
  if (process.connected) process.on('disconnect', orphaned);
  else orphaned();
}

function isSpeaker(taken: TakenSeat | undefined): boolean {
  return taken === undefined || taken.seat.worker === 1;
}
const SILENT = createLog({ level: 'silent', format: 'text' });
