/** Names that may have been meant, for configuration keys and for unknown models. */

/**
 * Up to `limit` of `candidates` that a person may have meant by `name`, the nearest first: other
 * case, a slip or two (edit distance grows with the length), or one name inside the other.
 */
export function near(name: string, candidates: Iterable<string>, limit = 3): string[] {
  const wanted = plain(name);
  if (wanted === '') return [];
  const bound = wanted.length < 6 ? 1 : Math.max(2, Math.floor(wanted.length / 3));
  const scored: { candidate: string; score: number }[] = [];
  for (const candidate of new Set(candidates)) {
    const score = distanceTo(wanted, plain(candidate), bound);
    if (score !== undefined && candidate !== name) scored.push({ candidate, score });
  }
  scored.sort((a, b) => a.score - b.score || (a.candidate < b.candidate ? -1 : 1));
  return scored.slice(0, limit).map((entry) => entry.candidate);
}

/** Case and the marks between words are what people get wrong without noticing. */
function plain(name: string): string {
  return name.toLowerCase().replace(/[\s_.-]+/g, '');
}

function distanceTo(wanted: string, candidate: string, bound: number): number | undefined {
  if (wanted === candidate) return 0;
  const slips = editDistance(wanted, candidate, bound);
  if (slips <= bound) return slips;
  // `gpt-5-mini` for `openai/gpt-5-mini`, or `claude-sonnet-4-5-20250929` for `claude-sonnet-4-5`.
  const [short, long] =
    wanted.length < candidate.length ? [wanted, candidate] : [candidate, wanted];
  return short.length >= 4 && long.includes(short) ? bound + 1 : undefined;
}

/** Insertions, deletions, replacements and swaps of neighbours; anything above `bound` is `bound + 1`. */
export function editDistance(a: string, b: string, bound = Number.POSITIVE_INFINITY): number {
  if (Math.abs(a.length - b.length) > bound) return bound + 1;
  let beforeLast: number[] = [];
  let last = Array.from({ length: b.length + 1 }, (_, index) => index);
  for (let i = 1; i <= a.length; i++) {
    const row = [i];
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1;
      let cost = Math.min((last[j] ?? 0) + 1, (row[j - 1] ?? 0) + 1, (last[j - 1] ?? 0) + same);
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1]) {
        cost = Math.min(cost, (beforeLast[j - 2] ?? 0) + 1);
      }
      row.push(cost);
    }
    beforeLast = last;
    last = row;
  }
  return Math.min(last[b.length] ?? 0, bound + 1);
}
