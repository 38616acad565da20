/**
 * What a translation could not carry. Every field that the other side has no place for is reported
 * here by its path in the client's (or the provider's) body; nothing is dropped in silence. A body of
 * a hundred thousand unknown fields gets a list that people can still read.
 */
export class Ledger {
  /** Paths of what was left out. A list of its own is made with the first: most requests lose nothing. */
  dropped: readonly string[] = NONE;
  /** Paths of what was carried in another form, with what became of it. */
  approximated: readonly string[] = NONE;
  /** What is in either list. */
  #known: Set<string> | undefined;

  /** The field at `path` could not be carried; a path covers everything below it. */
  drop(path: string): void {
    this.dropped = this.#with(this.dropped, path);
  }

  /** The field at `path` was carried as something near, e.g. an effort as a token budget. */
  approximate(path: string, as: string): void {
    const entry = `${path} (${as})`;
    // No path ends like that, so the two kinds share a set.
    this.approximated = this.#with(this.approximated, entry);
  }

  /** Gives every path another spelling, or several. */
  respell(spell: (path: string) => readonly string[]): void {
    const { dropped, approximated } = this;
    if (dropped.length + approximated.length === 0) return;
    this.#known = undefined;
    this.dropped = NONE;
    this.approximated = NONE;
    for (const path of dropped.flatMap(spell)) this.drop(path);
    for (const entry of approximated) {
      const end = entry.indexOf(' (');
      for (const path of spell(entry.slice(0, end))) {
        this.approximate(path, entry.slice(end + 2, -1));
      }
    }
  }

  /** What was reported as dropped was carried after all. */
  keep(path: string): void {
    if (!this.dropped.includes(path)) return;
    this.dropped = this.dropped.filter((one) => one !== path);
    this.#known?.delete(path);
  }

  #with(list: readonly string[], entry: string): readonly string[] {
    this.#known ??= new Set();
    if (this.#known.has(entry)) return list;
    this.#known.add(entry);
    if (list.length < MAX_ENTRIES) return [...list, entry];
    return list.length === MAX_ENTRIES ? [...list, 'and more'] : list;
  }
}

/** Of what is forwarded as it is nothing is lost, whatever its reader has no place for. */
export class NothingLost extends Ledger {
  override drop(): void {}
  override approximate(): void {}
}

const NONE: readonly string[] = [];
const MAX_ENTRIES = 1000;
