/** `plexus route`: which target a model leads to, in what order the others follow, and why. */
import type { AliasConfig, Config } from '../config/config.ts';
import { GatewayError } from '../errors.ts';
import { FORMATS } from '../formats/index.ts';
import { array, isObject } from '../json.ts';
import { type Route, resolve, type Target } from '../resolve.ts';
import { createSettings } from '../settings.ts';
import { FORMAT_NAMES, type FormatName } from '../unified.ts';
import { CONFIG_OPTION, EXIT, readArguments, type Usage, wrongUsage } from './arguments.ts';
import { ask } from './ask.ts';
import { commandConfig } from './configuration.ts';
import { whyNot } from './models.ts';
import { columns, paint, processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus route',
  summary: 'show which target a model leads to, and why',
  positionals: { MODEL: 'an alias, one of its further names, or "provider/model"' },
  options: {
    ...CONFIG_OPTION,
    from: {
      value: 'FORMAT',
      help: `the client's format: ${FORMAT_NAMES.join(', ')} (default: chat)`,
    },
    json: { help: 'as JSON' },
  },
  more: 'A gateway that runs with this configuration is asked which targets rest after failures.',
};

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const [model] = given.positionals;
  if (model === undefined) {
    return wrongUsage(USAGE, 'one model is expected', terminal);
  }
  const from = formatNamed(given.values.get('from') ?? 'chat');
  if (from === undefined) {
    return wrongUsage(USAGE, `--from is one of ${FORMAT_NAMES.join(', ')}`, terminal);
  }
  const config = await commandConfig(given, terminal);
  if (config === undefined) return EXIT.problem;
  const cooling = await askCooldowns(config);
  const found = await findRoute(config, model, from, cooling ?? new Map());
  if (typeof found === 'string') {
    terminal.err(`${found}\n`);
    return EXIT.problem;
  }
  const asked = cooling !== undefined;
  terminal.out(
    given.switches.has('json')
      ? `${JSON.stringify({ model, from, ...found, gatewayAsked: asked }, null, 2)}\n`
      : describe(model, from, found, asked, terminal),
  );
  return EXIT.ok;
}

/** The format of that name. */
export function formatNamed(name: string): FormatName | undefined {
  return FORMAT_NAMES.find((format) => format === name);
}

interface Step {
  readonly target: string;
  readonly format: string;
  /** True when bodies are forwarded as they are. */
  readonly passthrough: boolean;
  /** Part of the requests that come here first, in per cent; only of random choice. */
  readonly share?: number;
}
interface Found {
  readonly alias: string;
  readonly selector: string;
  readonly steps: readonly Step[];
  readonly leftOut: readonly { readonly target: string; readonly why: string }[];
}

/** @returns the gateway's own words when there is no way */
async function findRoute(
  config: Config,
  model: string,
  from: FormatName,
  cooling: ReadonlyMap<string, number>,
): Promise<Found | string> {
  let route: Route;
  try {
    route = resolve(config, model, from, {
      // The order of the file, not a throw of the dice: the shares tell the rest.
      random: () => 0,
      turn: () => 0,
      anyCooling: () => cooling.size > 0,
      coolingUntil: (provider, name) => cooling.get(provider) ?? cooling.get(`${provider}/${name}`),
      namedUntil: () => undefined,
      now: () => Date.now(),
    });
  } catch (cause) {
    if (cause instanceof GatewayError) return cause.message;
    throw cause;
  }
  const settings = await createSettings(config, {
    // A dry run reaches nothing.
    request: () => Promise.reject(new Error('a dry run sends nothing')),
    readFile: () => Promise.resolve(undefined),
    environment: {},
    now: () => Date.now(),
  });
  const steps = await Promise.all(
    route.targets.map(async (target): Promise<Step> => {
      const { provider, format } = target;
      const about = { target: nameOf(target), format };
      if (format === 'demo') return { ...about, passthrough: false };
      const chain = await settings.chain(FORMATS[from], target);
      const passthrough = format === from && chain.isPlain && provider.extraBody === undefined;
      const share = shareOf(target, route);
      return share === undefined ? { ...about, passthrough } : { ...about, passthrough, share };
    }),
  );
  const { alias, config: aliasConfig } = route;
  return {
    alias,
    selector: aliasConfig?.selector ?? 'in_order',
    steps,
    leftOut: leftOut(config, aliasConfig, steps, cooling),
  };
}

function nameOf({ provider, model }: Target): string {
  return `${provider.name}/${model}`;
}

/** With `apiMatch`, the targets of the client's format come before all others, whatever is drawn. */
function shareOf(target: Target, { config, targets }: Route): number | undefined {
  if (config?.selector !== 'random' || targets.length < 2 || config.apiMatch) return undefined;
  const weightOf = ({ provider, model }: Target): number =>
    config.targets.find((entry) => entry.provider === provider.name && entry.model === model)
      ?.weight ?? 0;
  const total = targets.reduce((sum, each) => sum + weightOf(each), 0);
  return total === 0 ? undefined : Math.round((100 * weightOf(target)) / total);
}

function leftOut(
  config: Config,
  alias: AliasConfig | undefined,
  steps: readonly Step[],
  cooling: ReadonlyMap<string, number>,
): Found['leftOut'] {
  return (alias?.targets ?? []).flatMap(({ provider, model, enabled }) => {
    const target = `${provider}/${model}`;
    if (steps.some((step) => step.target === target)) return [];
    const until = cooling.get(provider) ?? cooling.get(target);
    const rest =
      until === undefined ? 'rests' : `rests after failures until ${new Date(until).toISOString()}`;
    return [{ target, why: whyNot(config, provider, enabled) ?? rest }];
  });
}

/** How long a gateway on this machine may take to answer. */
const LOCAL_MS = 500;

/** Resting targets, and providers as a whole, → until when; undefined when no gateway answers. */
async function askCooldowns({ server }: Config): Promise<Map<string, number> | undefined> {
  const { unix, host, port } = server;
  const authority =
    unix === undefined ? `${host.includes(':') ? `[${host}]` : host}:${port}` : 'plexus';
  const asked = await ask(`http://${authority}/health?detail=true`, { unix, timeoutMs: LOCAL_MS });
  if (typeof asked === 'string' || asked.status !== 200 || !isObject(asked.body)) return undefined;
  const cooling = new Map<string, number>();
  for (const entry of array(asked.body['cooldowns'])) {
    if (!isObject(entry)) continue;
    const { provider, model, until } = entry;
    const name = model === undefined ? String(provider) : `${provider}/${model}`;
    cooling.set(name, Date.parse(String(until)));
  }
  return cooling;
}

const SELECTION: Readonly<Record<string, string>> = {
  in_order: 'tried in order',
  random: 'the first drawn by weight, then the others',
  round_robin: 'each in turn first, then the others',
};

function describe(
  model: string,
  from: FormatName,
  { alias, selector, steps, leftOut: out }: Found,
  asked: boolean,
  terminal: Terminal,
): string {
  const what = alias === model ? '' : ` (${alias})`;
  const how = steps.length < 2 ? '' : `, ${SELECTION[selector] ?? `by ${selector}`}`;
  const rows = [
    ...steps.map(({ target, format, passthrough, share }, index) => [
      `${index + 1}`,
      index === 0 ? paint(terminal, 'green', target) : target,
      way(from, format, passthrough),
      share === undefined ? '' : `${share} %`,
    ]),
    ...out.map(({ target, why }) => ['-', paint(terminal, 'dim', target), why]),
  ];
  const health = asked ? '' : 'No gateway answers here, so nothing is known of targets at rest.\n';
  return `${model}${what} for a ${from} client${how}:\n${columns(rows)}${health}`;
}

function way(from: string, format: string, passthrough: boolean): string {
  if (format === 'demo') return 'answered in the gateway';
  if (passthrough) return `${format}, byte for byte`;
  return format === from ? `${format}, through transformers` : `${from} to ${format}`;
}
