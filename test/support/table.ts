/** The matrix as the section of the README that `bun run table` writes. */
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { VERSION } from '../../src/version.ts';
import { allCells, CASES, runCell } from './matrix.ts';
import { NOT_CARRIED } from './not-carried.ts';

const BEGIN = '<!-- bun run table: begin -->';
const END = '<!-- bun run table: end -->';

export interface Figures {
  /** By `client provider`: cells that passed, of how many. */
  pairs: ReadonlyMap<string, { passed: number; all: number }>;
  passed: number;
  all: number;
  /** What is wrong, cell by cell. */
  problems: readonly string[];
}

/** Runs the whole matrix. */
export async function measure(): Promise<Figures> {
  const pairs = new Map<string, { passed: number; all: number }>();
  const problems: string[] = [];
  let passed = 0;
  const cells = allCells();
  for (const id of cells) {
    const cell = await runCell(id);
    const key = `${id.client} ${id.provider}`;
    const pair = pairs.get(key) ?? { passed: 0, all: 0 };
    const isGood = cell.problems.length === 0;
    pairs.set(key, { passed: pair.passed + (isGood ? 1 : 0), all: pair.all + 1 });
    if (isGood) passed += 1;
    else problems.push(`${key} ${id.name}: ${cell.problems.join('; ')}`);
  }
  return { pairs, passed, all: cells.length, problems };
}

/** The section, markers included. */
export function section({ pairs, passed, all }: Figures, date: string): string {
  const row = (client: FormatName): string => {
    const cells = FORMAT_NAMES.map((provider) => {
      const { passed: good = 0, all: of = 0 } = pairs.get(`${client} ${provider}`) ?? {};
      return `${good}/${of}`;
    });
    return `| ${client} | ${cells.join(' | ')} |`;
  };
  const names = Object.keys(CASES);
  return [
    BEGIN,
    `Measured ${date} with Plexus ${VERSION} on Bun ${Bun.version}: **${passed} of ${all} cells pass.**`,
    '',
    `| client ↓ provider → | ${FORMAT_NAMES.join(' | ')} |`,
    `|---|${FORMAT_NAMES.map(() => '---|').join('')}`,
    ...FORMAT_NAMES.map(row),
    '',
    `A cell is one pair of formats, one of ${names.length} cases, and plain or streamed. The cases:`,
    `${names.join(', ')}.`,
    'It passes when the provider',
    'was told what the client asked, the client understands what the provider answered, tokens are counted right, and',
    'whatever could not be carried was reported. What cannot be carried, and why:',
    '',
    '| what | to providers of format | because |',
    '|---|---|---|',
    ...NOT_CARRIED.map(
      ({ what, providers, why }) => `| ${what} | ${providers.join(', ')} | ${why} |`,
    ),
    END,
  ].join('\n');
}

/** The text with the section in place of the old one. */
export function withSection(readme: string, fresh: string): string {
  const from = readme.indexOf(BEGIN);
  const to = readme.indexOf(END);
  if (from < 0 || to < from) throw new Error('the README has no place for the table');
  return readme.slice(0, from) + fresh + readme.slice(to + END.length);
}

/** The section as it stands in a text, without its line of date and versions. */
export function undated(text: string): string {
  const from = text.indexOf(BEGIN);
  const to = text.indexOf(END);
  return text.slice(from, to).replace(/^Measured .*:/m, 'Measured:');
}
