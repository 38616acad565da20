/** Another program's settings file on the disk: read, backed up, replaced as a whole. */
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';

export class SettingsFile {
  readonly path: string;
  /** The file itself when `path` is a link, as in a folder of dotfiles. */
  readonly #real: string;

  constructor(path: string) {
    this.path = path;
    this.#real = existsSync(path) ? realpathSync(path) : path;
  }

  /** Its text; undefined when there is no file. */
  read(): string | undefined {
    return readIfThere(this.#real);
  }

  get backupPath(): string {
    return `${this.#real}.before-plexus`;
  }

  /** What stood in it before Plexus first changed it. */
  readBackup(): string | undefined {
    return readIfThere(this.backupPath);
  }

  /** Keeps the file as it is now. An older backup is moved aside, never lost. */
  backUp(): void {
    const { backupPath } = this;
    if (existsSync(backupPath)) renameSync(backupPath, `${backupPath}.${Date.now()}`);
    copyFileSync(this.#real, backupPath);
  }

  dropBackup(): void {
    rmSync(this.backupPath, { force: true });
  }

  /** Never leaves half a file: the text is written beside it and put in its place. */
  replace(text: string): void {
    mkdirSync(dirname(this.#real), { recursive: true });
    const mode = statSync(this.#real, { throwIfNoEntry: false })?.mode ?? 0o600;
    const draft = `${this.#real}.plexus-${process.pid}`;
    writeFileSync(draft, text, { mode: mode & 0o777 });
    renameSync(draft, this.#real);
  }

  delete(): void {
    rmSync(this.#real);
  }
}

function readIfThere(path: string): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8') : undefined;
}
