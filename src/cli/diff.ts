/** What two texts differ in, by lines, as `diff -u` shows it without its headers. */

export interface DiffLine {
  readonly mark: ' ' | '-' | '+';
  readonly text: string;
}

/** Differing lines with up to `around` equal ones on each side; '…' stands where lines are left out. */
export function diffLines(before: string, after: string, around = 2): DiffLine[] {
  const all = compare(split(before), split(after));
  const near = (index: number): boolean =>
    all.slice(Math.max(0, index - around), index + around + 1).some(({ mark }) => mark !== ' ');
  const shown: DiffLine[] = [];
  for (const [index, line] of all.entries()) {
    if (near(index)) shown.push(line);
    else if (index > 0 && near(index - 1)) shown.push({ mark: ' ', text: '…' });
  }
  return shown;
}

function split(text: string): string[] {
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

/** Longest common subsequence; settings files are short. */
function compare(old: readonly string[], next: readonly string[]): DiffLine[] {
  const lengths = Array.from({ length: old.length + 1 }, () =>
    new Array<number>(next.length + 1).fill(0),
  );
  const at = (i: number, j: number): number => lengths[i]?.[j] ?? 0;
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = next.length - 1; j >= 0; j--) {
      const row = lengths[i];
      if (row === undefined) continue;
      row[j] = old[i] === next[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1));
    }
  }
  const lines: DiffLine[] = [];
  for (let i = 0, j = 0; i < old.length || j < next.length; ) {
    if (i < old.length && j < next.length && old[i] === next[j]) {
      lines.push({ mark: ' ', text: old[i] ?? '' });
      i += 1;
      j += 1;
    } else if (i < old.length && (j >= next.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push({ mark: '-', text: old[i] ?? '' });
      i += 1;
    } else {
      lines.push({ mark: '+', text: next[j] ?? '' });
      j += 1;
    }
  }
  return lines;
}
