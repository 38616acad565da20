/**
 * What a translation could not carry. Every field that the other side has no place for is reported
 * here by its path in the client's (or the provider's) body; nothing is dropped in silence. A body of
 * a hundred thousand unknown fields gets a list that people can still read.
 */
export class Ledger {
  /** Paths of what was left out. */
  readonly dropped: string[] = [];
  /** Paths of what was carried in another form, with what became of it. */
  readonly approximated: string[] = [];
  /** What is in either list; made with the first entry. */
  #known: Set<string> | undefined;

  /** The field at `path` could not be carried; a path covers everything below it. */
  drop(path: string): void {
    this.#add(this.dropped, path);
  }

  /** The field at `path` was carried as something near, e.g. an effort as a token budget. */
  approximate(path: string, as: string): void {
    const entry = `${path} (${as})`;
    // No path ends like that, so the two kinds share a set.
    this.#add(this.approximated, entry);
  }

  /** Gives every path another spelling, or several. */
  respell(spell: (path: string) => readonly string[]): void {
    if (this.dropped.length + this.approximated.length === 0) return;
    this.#known = undefined;
    const dropped = this.dropped.splice(0);
    for (const path of dropped.flatMap(spell)) this.drop(path);
    const approximated = this.approximated.splice(0);
    for (const entry of approximated) {
      const end = entry.indexOf(' (');
      for (const path of spell(entry.slice(0, end))) {
        this.approximate(path, entry.slice(end + 2, -1));
      }
    }
  }

  /** What was reported as dropped was carried after all. */
  keep(path: string): void {
    const at = this.dropped.indexOf(path);
    if (at < 0) return;
    this.dropped.splice(at, 1);
    this.#known?.delete(path);
  }

  #add(list: string[], entry: string): void {
    this.#known ??= new Set();
    if (this.#known.has(entry)) return;
    this.#known.add(entry);
    if (list.length < MAX_ENTRIES) list.push(entry);
    else list[MAX_ENTRIES] = 'and more';
  }
}

const MAX_ENTRIES = 1000;
