/**
 * What a person wrote → `Config`, or everything that is wrong with it at once. First each value by
 * itself (`table.ts`), then the rules between distant parts of the file.
 */
import { resolve } from 'node:path';
import { isObject } from '../json.ts';
import { checkAliases } from './check-aliases.ts';
import { checkApiKeys } from './check-keys.ts';
import { checkPricing } from './check-pricing.ts';
import { checkProviders } from './check-providers.ts';
import { checkResilience } from './check-resilience.ts';
import {
  checkTransformers,
  knownTransformers,
  type TransformerOptions,
} from './check-transformers.ts';
import type { Config, ServerConfig } from './config.ts';
import type { Environment } from './environment.ts';
import { deepFreeze } from './freeze.ts';
import type { Check, Finding } from './problem.ts';
import { table, type Written } from './table.ts';

export interface CheckOptions extends TransformerOptions {
  readonly env: Environment;
  /** The file itself, for `Config.path`. */
  readonly path?: string | undefined;
}

/** A configuration is given only when there are no problems; warnings never stand in its way. */
export interface Checked {
  readonly config: Config | undefined;
  readonly problems: readonly Finding[];
  readonly warnings: readonly Finding[];
}

/** Checks a parsed file. Never throws for what a user wrote. */
export function checkConfig(raw: unknown, options: CheckOptions): Checked {
  const problems: Finding[] = [];
  const warnings: Finding[] = [];
  const check: Check = {
    problem: (finding) => void problems.push(finding),
    warning: (finding) => void warnings.push(finding),
  };
  const written = table.read(raw, { path: [], env: options.env, report: check.problem });
  const config = written === undefined ? undefined : build(written, raw, options, check);
  return { config: problems.length === 0 ? config : undefined, problems, warnings };
}

function build(written: Written, raw: unknown, options: CheckOptions, check: Check): Config {
  const transformers = checkTransformers(written.transformers, options, check);
  const resilience = checkResilience(written.resilience, check);
  const providers = checkProviders(written.providers ?? new Map(), {
    check,
    resilience,
    transformers: knownTransformers(transformers, options),
  });
  const { aliases, aliasNames } = checkAliases(written.models, {
    providers,
    declared: declaredProviders(raw),
    check,
  });
  const { apiKeys, adminKey } = checkApiKeys(written.apiKeys, written.admin, check);
  const server: ServerConfig = { ...written.server, host: withoutBrackets(written.server.host) };
  checkServer(server, apiKeys.size === 0, raw, check);
  return deepFreeze({
    server,
    apiKeys,
    adminKey,
    providers,
    aliases,
    aliasNames,
    pricing: checkPricing(written.pricing, check),
    logging: written.logging,
    resilience,
    events: written.events,
    responses: written.responses,
    transformers,
    dataDir: resolve(options.cwd, written.dataDir),
    path: options.path,
  });
}

/** Names under `providers`, also of those that could not be read: a target of one is no mistake. */
function declaredProviders(raw: unknown): ReadonlySet<string> {
  const providers = isObject(raw) ? raw['providers'] : undefined;
  return new Set(isObject(providers) ? Object.keys(providers) : []);
}

// ------------------------------------------------------------------------------ server

const LOOPBACK = /^(localhost|.+\.localhost|127(\.\d{1,3}){3}|::1|::ffff:127(\.\d{1,3}){3})$/i;

/** True when only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return LOOPBACK.test(host);
}

function withoutBrackets(host: string): string {
  return host.replace(/^\[(.*)\]$/, '$1');
}

function checkServer(server: ServerConfig, isOpen: boolean, raw: unknown, check: Check): void {
  const reachable = server.unix === undefined && !isLoopback(server.host);
  if (reachable && isOpen && !server.allowAnonymous) {
    const expected = 'a loopback address, apiKeys, or "allowAnonymous": true';
    check.problem({
      at: ['server', 'host'],
      message: `is ${JSON.stringify(server.host)}, which others can reach, and there are no apiKeys: everyone could use your providers' keys. Expected ${expected}`,
      found: JSON.stringify(server.host),
      expected,
    });
  }
  const written = isObject(raw) ? raw['server'] : undefined;
  if (!isObject(written) || written['unix'] === undefined) return;
  for (const key of ['host', 'port']) {
    if (written[key] === undefined) continue;
    check.warning({ at: ['server', key], message: 'is not used, because server.unix is set' });
  }
}
