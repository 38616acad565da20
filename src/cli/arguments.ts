/** The arguments of a command, read by its own description, which is its help as well. */
import { near } from '../config/near.ts';
import { columns, type Terminal } from './terminal.ts';

export interface Usage {
  /** As it is typed: `plexus route`. */
  readonly command: string;
  /** One sentence. */
  readonly summary: string;
  /** What may follow: name → meaning. More than these is wrong usage; fewer is for the command to judge. */
  readonly positionals?: Readonly<Record<string, string>>;
  readonly options: Readonly<Record<string, Option>>;
  /** Paragraphs below the options. */
  readonly more?: string;
}

export interface Option {
  /** What its value is called; without it the option is a switch. */
  readonly value?: string;
  readonly short?: string;
  readonly help: string;
}

export interface Given {
  readonly positionals: readonly string[];
  /** Values by option. */
  readonly values: ReadonlyMap<string, string>;
  readonly switches: ReadonlySet<string>;
}

/** Exit codes of every command. */
export const EXIT = { ok: 0, problem: 1, usage: 2 } as const;

/** Options of every command that reads the configuration. */
export const CONFIG_OPTION: Readonly<Record<string, Option>> = {
  config: { value: 'FILE', help: 'the configuration (default: config/plexus.json and its kin)' },
};

/** What was given, or the exit code when that was `--help` or cannot be understood. */
export function readArguments(
  usage: Usage,
  args: readonly string[],
  terminal: Terminal,
): Given | number {
  const given = parse(usage, args);
  if (typeof given === 'string') return wrongUsage(usage, given, terminal);
  if (!given.switches.has('help')) return given;
  terminal.out(helpText(usage));
  return EXIT.ok;
}

/** Says what is wrong with the arguments and where help is. */
export function wrongUsage(usage: Usage, message: string, terminal: Terminal): number {
  terminal.err(`${usage.command}: ${message}\nTry: ${usage.command} --help\n`);
  return EXIT.usage;
}

const HELP: Option = { short: 'h', help: 'print this' };

/** @returns what is wrong, as a sentence without its full stop */
function parse(usage: Usage, args: readonly string[]): Given | string {
  const options: Readonly<Record<string, Option>> = { ...usage.options, help: HELP };
  const positionals: string[] = [];
  const values = new Map<string, string>();
  const switches = new Set<string>();
  for (let next = 0; next < args.length; next++) {
    const arg = args[next] ?? '';
    if (arg === '--') {
      positionals.push(...args.slice(next + 1));
      break;
    }
    if (!arg.startsWith('-') || arg === '-') {
      positionals.push(arg);
      continue;
    }
    const [flag, inline] = split(arg);
    const name = nameOf(flag, options);
    const option = name === undefined ? undefined : options[name];
    if (name === undefined || option === undefined) return unknownOption(flag, options);
    if (option.value === undefined) {
      if (inline !== undefined) return `${flag} takes no value`;
      switches.add(name);
      continue;
    }
    const value = inline ?? args[next + 1];
    if (value === undefined) return `${flag} needs a value (${option.value})`;
    if (inline === undefined) next += 1;
    values.set(name, value);
  }
  const extra = positionals[Object.keys(usage.positionals ?? {}).length];
  if (extra !== undefined) return `there is nothing to do with "${extra}"`;
  return { positionals, values, switches };
}

function split(arg: string): [string, string | undefined] {
  const equals = arg.indexOf('=');
  return equals < 0 ? [arg, undefined] : [arg.slice(0, equals), arg.slice(equals + 1)];
}

function nameOf(flag: string, options: Readonly<Record<string, Option>>): string | undefined {
  if (flag.startsWith('--'))
    return Object.hasOwn(options, flag.slice(2)) ? flag.slice(2) : undefined;
  return Object.keys(options).find((name) => options[name]?.short === flag.slice(1));
}

function unknownOption(flag: string, options: Readonly<Record<string, Option>>): string {
  const [meant] = near(flag.replace(/^-+/, ''), Object.keys(options), 1);
  return `there is no option ${flag}${meant === undefined ? '' : `; did you mean --${meant}?`}`;
}

/** The command's page. */
export function helpText(usage: Usage): string {
  const { command, summary, positionals = {}, options, more } = usage;
  const names = Object.keys(positionals);
  const rows = Object.entries({ ...options, help: HELP }).map(([name, option]) => [
    `${option.short === undefined ? '' : `-${option.short}, `}--${name}${option.value === undefined ? '' : ` ${option.value}`}`,
    option.help,
  ]);
  const parts = [
    `${command}: ${summary}\n`,
    `usage: ${[command, ...names].join(' ')} [options]\n`,
    names.length === 0 ? '' : columns(Object.entries(positionals)),
    columns(rows),
    more === undefined ? '' : `${more.trim()}\n`,
  ];
  return parts.filter((part) => part !== '').join('\n');
}
