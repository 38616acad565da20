/** What a new configuration changes, in words for the log: names only, never a value that may be secret. */
import type { Config, ServerConfig } from './config.ts';

/** What is decided when the program starts: it is said, and counts from the next start on. */
const AT_START: ReadonlySet<string> = new Set(['server.host', 'server.port', 'server.unix']);

/** One entry a section that differs, such as `providers: +acme, -old, ~openai`; [] when none does. */
export function configChanges(before: Config, after: Config): string[] {
  return [
    ...serverChanges(before.server, after.server),
    ...mapChange('apiKeys', before.apiKeys, after.apiKeys),
    ...valueChange('admin', before.adminKey, after.adminKey),
    ...mapChange('providers', before.providers, after.providers),
    ...mapChange('models', before.aliases, after.aliases),
    ...valueChange('pricing', before.pricing, after.pricing),
    ...valueChange('logging', before.logging, after.logging),
    ...valueChange('resilience', before.resilience, after.resilience),
    ...valueChange('events', before.events, after.events),
    ...valueChange('responses', before.responses, after.responses),
    ...valueChange('transformers', before.transformers, after.transformers),
    ...valueChange('dataDir (at the next start)', before.dataDir, after.dataDir),
  ];
}

function serverChanges(before: ServerConfig, after: ServerConfig): string[] {
  const old = new Map<string, unknown>(Object.entries(before));
  return Object.entries(after)
    .filter(([key, value]) => !Bun.deepEquals(old.get(key), value))
    .map(([key]) => `server.${key}`)
    .map((path) => (AT_START.has(path) ? `${path} (at the next start)` : path));
}

function valueChange(name: string, before: unknown, after: unknown): string[] {
  return Bun.deepEquals(before, after) ? [] : [name];
}

function mapChange<T>(
  section: string,
  before: ReadonlyMap<string, T>,
  after: ReadonlyMap<string, T>,
): string[] {
  const added = [...after.keys()].filter((name) => !before.has(name)).map((name) => `+${name}`);
  const removed = [...before.keys()].filter((name) => !after.has(name)).map((name) => `-${name}`);
  const changed = [...after]
    .filter(([name, value]) => before.has(name) && !Bun.deepEquals(before.get(name), value))
    .map(([name]) => `~${name}`);
  const all = [...added, ...removed, ...changed];
  return all.length === 0 ? [] : [`${section}: ${all.join(', ')}`];
}
