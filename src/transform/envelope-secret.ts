/** The secret of the envelopes, kept in the data folder so that a restart can open what it sealed. */
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  unlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';

const FILE_NAME = 'envelope.key';
const SECRET_BYTES = 32;
/** What link(2) says on a file system without hard links, as FAT and some mounts are. */
const LINKLESS = ['EPERM', 'ENOTSUP', 'EOPNOTSUPP', 'ENOSYS'];

interface EnvelopeSecret {
  secret: Uint8Array;
  /**
   * Set when the secret could not be kept and lives in memory only: why. What this process seals can
   * then not be opened after a restart, nor by another process.
   */
  reason?: string;
}

/**
 * Reads `envelope.key` in `dataDir`, or makes it: 32 random bytes, for the owner's eyes only. Of two
 * processes that make it at the same time, both get the one that was first. Never throws.
 */
export function loadSecret(dataDir: string): EnvelopeSecret {
  const file = join(dataDir, FILE_NAME);
  try {
    const kept = readSecret(file) ?? createSecret(dataDir, file);
    if (kept.length === SECRET_BYTES) return { secret: kept };
    return inMemory(`${file} holds ${kept.length} bytes instead of ${SECRET_BYTES}; remove it`);
  } catch (error) {
    return inMemory(error instanceof Error ? error.message : String(error));
  }
}

function inMemory(reason: string): EnvelopeSecret {
  return { secret: randomSecret(), reason };
}

function randomSecret(): Uint8Array {
  return crypto.getRandomValues(new Uint8Array(SECRET_BYTES));
}

function readSecret(file: string): Uint8Array | undefined {
  try {
    return readFileSync(file);
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}

/**
 * Writes the whole file under another name and links it into place: a link fails when the name is
 * taken (POSIX link(2)), so nobody ever sees half a key and nobody's key is overwritten.
 */
function createSecret(dataDir: string, file: string): Uint8Array {
  mkdirSync(dataDir, { recursive: true });
  const secret = randomSecret();
  const draft = `${file}.${process.pid}.${crypto.randomUUID()}`;
  const descriptor = openSync(draft, 'wx', 0o600);
  try {
    writeSync(descriptor, secret);
    fsyncSync(descriptor);
    linkSync(draft, file);
    return secret;
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return readFileSync(file);
    if (!LINKLESS.some((code) => hasCode(error, code))) throw error;
    writeFileSync(file, secret, { flag: 'wx', mode: 0o600 });
    return secret;
  } finally {
    closeSync(descriptor);
    unlinkSync(draft);
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
