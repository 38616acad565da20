/**
 * What a translation could not carry. Every field that the other side has no place for is reported
 * here by its path in the client's (or the provider's) body; nothing is dropped in silence.
 */
export class Ledger {
  /** Paths of what was left out. */
  readonly dropped: string[] = [];
  /** Paths of what was carried in another form, with what became of it. */
  readonly approximated: string[] = [];

  /** The field at `path` could not be carried; a path covers everything below it. */
  drop(path: string): void {
    if (!this.dropped.includes(path)) this.dropped.push(path);
  }

  /** The field at `path` was carried as something near, e.g. an effort as a token budget. */
  approximate(path: string, as: string): void {
    const entry = `${path} (${as})`;
    if (!this.approximated.includes(entry)) this.approximated.push(entry);
  }

  /** Gives every path another spelling, or several. */
  respell(spell: (path: string) => readonly string[]): void {
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
    if (at >= 0) this.dropped.splice(at, 1);
  }
}
