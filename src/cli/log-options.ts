/** What the readers of logs have in common: where the logs lie, and which lines are meant. */
import { resolve } from 'node:path';
import { type LogFolders, logFolders } from '../usage/log-folders.ts';
import type { LogFilter } from '../usage/query.ts';
import { parseTime } from '../usage/time.ts';
import { CONFIG_OPTION, type Given, type Option } from './arguments.ts';
import { commandConfig } from './configuration.ts';
import type { Terminal } from './terminal.ts';

export const FILTER_OPTIONS: Readonly<Record<string, Option>> = {
  provider: { value: 'NAME', help: 'only requests that this provider served' },
  model: { value: 'NAME', help: "only this model, by the provider's name of it" },
  alias: { value: 'NAME', help: 'only this model, as clients asked for it' },
  key: { value: 'NAME', help: 'only this client key' },
  outcome: { value: 'WORD', help: 'success, error, timeout, stall, cancelled, or failed' },
  from: { value: 'TIME', help: 'since: 2030-12-31T18:00, 2030-12-31, or 24h, 7d' },
  to: { value: 'TIME', help: 'before' },
};

export const FOLDER_OPTIONS: Readonly<Record<string, Option>> = {
  ...CONFIG_OPTION,
  'data-dir': { value: 'DIR', help: 'where the logs are kept (default: as configured)' },
};

/** Where the logs lie; undefined when the configuration that says so has problems, which were told. */
export async function foldersOf(given: Given, terminal: Terminal): Promise<LogFolders | undefined> {
  const own = given.values.get('data-dir');
  if (own !== undefined) return logFolders(resolve(terminal.cwd, own));
  const config = await commandConfig(given, terminal);
  return config && logFolders(config.dataDir);
}

/** The filter, or what is wrong with it as a sentence. */
export function filterOf({ values }: Given, now: number): LogFilter | string {
  const times: { from?: number; to?: number } = {};
  for (const name of ['from', 'to'] as const) {
    const text = values.get(name);
    if (text === undefined) continue;
    const at = parseTime(text, now);
    if (at === undefined) return `--${name} is a time such as 2030-12-31, 2030-12-31T18:00 or 24h`;
    times[name] = at;
  }
  return {
    provider: values.get('provider'),
    model: values.get('model'),
    alias: values.get('alias'),
    apiKey: values.get('key'),
    outcome: values.get('outcome'),
    q: values.get('q'),
    ...times,
  };
}
