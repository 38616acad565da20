/** `plexus usage`: what requests used and cost, from the usage log. */
import type { LogFilter } from '../usage/query.ts';
import {
  GROUPINGS,
  type Group,
  type Grouping,
  type Summary,
  summarizeUsage,
} from '../usage/summary.ts';
import { EXIT, readArguments, type Usage, wrongUsage } from './arguments.ts';
import { cellText, costText, countText, durationText } from './figures.ts';
import { FILTER_OPTIONS, FOLDER_OPTIONS, filterOf, foldersOf } from './log-options.ts';
import { columns, paint, processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus usage',
  summary: 'show what requests used and cost',
  options: {
    ...FOLDER_OPTIONS,
    by: { value: 'WHAT', help: 'day, provider, model, alias or key (default: day)' },
    ...FILTER_OPTIONS,
    follow: { short: 'f', help: 'show it again every two seconds' },
    json: { help: 'as JSON' },
  },
  more: 'Without --from the last seven days count. Times are of successful requests; days are UTC.',
};

const DAY_MS = 86_400_000;
const REFRESH_MS = 2000;

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
  signal?: AbortSignal,
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const by = groupingOf(given.values.get('by') ?? 'day');
  if (by === undefined) {
    return wrongUsage(USAGE, '--by is day, provider, model, alias or key', terminal);
  }
  const filter = filterOf(given, Date.now());
  if (typeof filter === 'string') return wrongUsage(USAGE, filter, terminal);
  const folders = await foldersOf(given, terminal);
  if (folders === undefined) return EXIT.problem;
  for (;;) {
    const summary = await summarizeUsage(folders.usage, { ...withDefault(filter), by });
    const isFollowing = given.switches.has('follow');
    if (given.switches.has('json')) {
      terminal.out(`${JSON.stringify(summary, null, isFollowing ? 0 : 2)}\n`);
    } else {
      const home = isFollowing && terminal.color ? CLEAR : '';
      terminal.out(home + tableOf(summary, terminal));
    }
    if (!isFollowing || signal?.aborted) return EXIT.ok;
    await Bun.sleep(REFRESH_MS);
  }
}

/** Top left, and everything below gone. */
export const CLEAR = '\x1b[H\x1b[2J';

function groupingOf(word: string): Grouping | undefined {
  return word === 'key' ? 'apiKey' : GROUPINGS.find((grouping) => grouping === word);
}

function withDefault(filter: LogFilter): LogFilter {
  if (filter.from !== undefined) return filter;
  const today = Math.floor(Date.now() / DAY_MS) * DAY_MS;
  return { ...filter, from: today - 6 * DAY_MS };
}

const NUMBERS = [
  'REQUESTS',
  'ERRORS',
  'IN',
  'CACHED',
  'OUT',
  'REASONING',
  'COST',
  'TTFT p50',
  'p95',
  'TOOK p50',
  'p95',
];

function tableOf({ by, groups, total }: Summary, terminal: Terminal): string {
  if (groups.length === 0) return `${paint(terminal, 'dim', 'no requests in this time')}\n`;
  const head = [by === 'apiKey' ? 'KEY' : by.toUpperCase(), ...NUMBERS];
  const rows = groups.map((group) => rowOf(group, cellText(group.key ?? '-', 48)));
  const all = [head, ...rows, ...(groups.length > 1 ? [rowOf(total, 'total')] : [])];
  const widths = head.map((_, index) =>
    Math.max(...all.map((row) => Bun.stringWidth(row[index] ?? ''))),
  );
  const lines = all.map((row, line) =>
    row.map((cell, index) => {
      const room = ' '.repeat((widths[index] ?? 0) - Bun.stringWidth(cell));
      const shown = line === 0 ? paint(terminal, 'dim', cell) : cell;
      return index === 0 ? shown + room : room + shown;
    }),
  );
  const note =
    total.unpriced === 0 ? '' : `\nNo price is known for ${countText(total.unpriced)} of them.\n`;
  return columns(lines, 0) + note;
}

function rowOf(group: Group, name: string): string[] {
  const { tokens, requests, errors, cost, ttftMs, durationMs } = group;
  return [
    name,
    countText(requests),
    countText(errors),
    countText(tokens.input + tokens.cached + tokens.cacheWrite),
    countText(tokens.cached),
    countText(tokens.output),
    countText(tokens.reasoning),
    costText(cost),
    durationText(ttftMs.p50),
    durationText(ttftMs.p95),
    durationText(durationMs.p50),
    durationText(durationMs.p95),
  ];
}
