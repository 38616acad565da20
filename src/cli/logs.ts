/** `plexus logs`: the requests that were served, from the files in which they are kept. */
import { isObject, type JsonObject, number, object, text } from '../json.ts';
import { followLog } from '../usage/follow.ts';
import type { LogFolders } from '../usage/log-folders.ts';
import { findRecord, type LogFilter, queryLog } from '../usage/query.ts';
import { readTrace } from '../usage/traces.ts';
import { EXIT, type Given, readArguments, type Usage, wrongUsage } from './arguments.ts';
import { cellText, costText, countText, durationText, timeText } from './figures.ts';
import { FILTER_OPTIONS, FOLDER_OPTIONS, filterOf, foldersOf } from './log-options.ts';
import { columns, paint, processTerminal, type Terminal } from './terminal.ts';

const USAGE: Usage = {
  command: 'plexus logs',
  summary: 'show the requests that were served',
  positionals: { '[ID]': 'everything that is known of this request' },
  options: {
    ...FOLDER_OPTIONS,
    ...FILTER_OPTIONS,
    q: { value: 'TEXT', help: 'only lines that contain this' },
    type: { value: 'TYPE', help: 'usage, error or trace (default: usage)' },
    limit: { value: 'N', short: 'n', help: 'how many, 1 to 1000 (default: 20)' },
    follow: { short: 'f', help: 'go on with requests as they end' },
    json: { help: 'a line of JSON for each' },
  },
};

const FOLDERS = { usage: 'usage', error: 'errors', trace: 'traces' } as const;

export async function run(
  args: readonly string[],
  terminal: Terminal = processTerminal(),
  signal?: AbortSignal,
): Promise<number> {
  const given = readArguments(USAGE, args, terminal);
  if (typeof given === 'number') return given;
  const wish = wishOf(given, Date.now());
  if (typeof wish === 'string') return wrongUsage(USAGE, wish, terminal);
  const folders = await foldersOf(given, terminal);
  if (folders === undefined) return EXIT.problem;
  const [id] = given.positionals;
  if (id !== undefined) return showOne(folders, id, terminal);
  const { filter, limit, type } = wish;
  const dir = folders[FOLDERS[type]];
  const isJson = given.switches.has('json');
  const table = new Table(terminal, type);
  const { records } = await queryLog(dir, { ...filter, limit });
  // As in any log the newest stands last.
  for (const record of records.toReversed()) table.add(record);
  terminal.out(isJson ? jsonLines(records.toReversed()) : table.page());
  if (!given.switches.has('follow')) return EXIT.ok;
  for await (const record of followLog(dir, filter, signal === undefined ? {} : { signal })) {
    terminal.out(isJson ? jsonLines([record]) : table.line(record));
  }
  return EXIT.ok;
}

interface Wish {
  readonly filter: LogFilter;
  readonly limit: number;
  readonly type: keyof typeof FOLDERS;
}

/** @returns what is wrong, as a sentence without its full stop */
function wishOf(given: Given, now: number): Wish | string {
  const { values } = given;
  const type = values.get('type') ?? 'usage';
  if (type !== 'usage' && type !== 'error' && type !== 'trace') {
    return `--type is usage, error or trace, not "${type}"`;
  }
  const limit = values.get('limit') ?? '20';
  if (!/^\d{1,4}$/.test(limit) || Number(limit) < 1 || Number(limit) > 1000) {
    return '--limit is a number from 1 to 1000';
  }
  const filter = filterOf(given, now);
  return typeof filter === 'string' ? filter : { filter, limit: Number(limit), type };
}

async function showOne(folders: LogFolders, id: string, terminal: Terminal): Promise<number> {
  const usage = await findRecord(folders.usage, id);
  const error = await findRecord(folders.errors, id);
  const known = usage ?? error ?? (await findRecord(folders.traces, id));
  const trace = await readTrace(folders.traces, String(known?.['timestamp'] ?? ''), id);
  if (known === undefined) {
    terminal.err(`plexus logs: nothing is known of a request "${cellText(id)}"\n`);
    return EXIT.problem;
  }
  const { record: _, ...bodies } = trace ?? {};
  const all = { usage: usage ?? null, error: error ?? null, trace: trace ? bodies : null };
  terminal.out(`${JSON.stringify(all, null, 2)}\n`);
  return EXIT.ok;
}

function jsonLines(records: readonly JsonObject[]): string {
  return records.map((record) => `${JSON.stringify(record)}\n`).join('');
}

const HEADS = {
  usage: ['TIME', 'STATUS', 'MODEL', 'SERVED BY', 'IN', 'OUT', 'COST', 'TTFT', 'TOOK', 'KEY'],
  error: ['TIME', 'STATUS', 'MODEL', 'SERVED BY', 'KIND', 'MESSAGE', 'ID'],
  trace: ['TIME', 'STATUS', 'MODEL', 'SERVED BY', 'TOOK', 'ID'],
} as const;

/** Rows below each other, also those that come later. */
class Table {
  readonly #terminal: Terminal;
  readonly #type: keyof typeof HEADS;
  readonly #rows: string[][] = [];
  /** As wide as the page needed. */
  #widths: number[] = [];

  constructor(terminal: Terminal, type: keyof typeof HEADS) {
    this.#terminal = terminal;
    this.#type = type;
    this.#rows.push([...HEADS[type]]);
  }

  add(record: JsonObject): void {
    this.#rows.push(this.#cells(record));
  }

  page(): string {
    const [head = [], ...rows] = this.#rows;
    this.#widths = head.map((_, index) =>
      Math.max(...this.#rows.map((row) => Bun.stringWidth(row[index] ?? ''))),
    );
    if (rows.length === 0) return `${paint(this.#terminal, 'dim', 'no requests yet')}\n`;
    const shown = [head.map((cell) => paint(this.#terminal, 'dim', cell)), ...rows];
    return columns(shown, 0);
  }

  line(record: JsonObject): string {
    const cells = this.#cells(record);
    return `${cells
      .map((cell, index) => {
        const room = Math.max(0, (this.#widths[index] ?? 0) - Bun.stringWidth(cell));
        return cell + ' '.repeat(room);
      })
      .join('  ')
      .trimEnd()}\n`;
  }

  #cells(record: JsonObject): string[] {
    const head = [
      timeText(text(record['timestamp']) ?? '', Date.now()),
      statusCell(record, this.#terminal),
      cellText(text(record['alias']) ?? '-', 32),
      servedBy(record),
    ];
    const duration = durationText(number(record['durationMs']));
    const id = text(record['id']) ?? '-';
    if (this.#type === 'trace') return [...head, duration, id];
    if (this.#type === 'error') {
      const message = cellText(text(record['message']) ?? '', 80);
      return [...head, text(record['kind']) ?? '-', message, id];
    }
    const usage = object(record['usage']);
    const input = usage && sum(usage, ['input', 'cached', 'cacheWrite']);
    return [
      ...head,
      countText(input),
      countText(number(usage?.['output'])),
      costText(number(object(record['cost'])?.['total'])),
      durationText(number(record['ttftMs'])),
      duration,
      text(record['apiKey']) ?? '-',
    ];
  }
}

function statusCell(record: JsonObject, terminal: Terminal): string {
  const outcome = text(record['outcome']) ?? '?';
  const status = String(number(record['status']) ?? '');
  if (outcome === 'success') return paint(terminal, 'green', status || 'ok');
  return paint(terminal, outcome === 'cancelled' ? 'yellow' : 'red', `${status} ${outcome}`.trim());
}

function servedBy(record: JsonObject): string {
  const provider = text(record['provider']);
  if (provider === undefined) return '-';
  const attempts = record['attempts'];
  const others = Array.isArray(attempts) ? attempts.filter(isObject).length - 1 : 0;
  const again = others > 0 ? ` (+${others})` : '';
  return cellText(`${provider}/${text(record['model']) ?? ''}`, 48) + again;
}

function sum(counts: JsonObject, names: readonly string[]): number {
  return names.reduce((total, name) => total + (number(counts[name]) ?? 0), 0);
}
