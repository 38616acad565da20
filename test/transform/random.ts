/** Seeded pseudo-random values for property tests: the same ones on every run (mulberry32). */
export function randomFrom(seed: number) {
  let state = seed;
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
  const below = (end: number): number => Math.floor(next() * end);
  const pick = <T>(from: readonly T[]): T => {
    const picked = from[below(from.length)];
    if (picked === undefined) throw new Error('nothing to pick from');
    return picked;
  };
  const letters = [...'aZ09_-."\\/{}:,\n\t\u0001é漢👋 input'];
  return {
    below,
    pick,
    text: (length: number): string => Array.from({ length }, () => pick(letters)).join(''),
    /** The text in pieces of random length, cut between any two UTF-16 units. */
    pieces(text: string): string[] {
      const out: string[] = [];
      for (let at = 0; at < text.length; ) {
        const end = at + 1 + below(6);
        out.push(text.slice(at, end));
        at = end;
      }
      return out;
    },
  };
}
