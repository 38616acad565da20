/**
 * Ids of calls as this format takes them. Other providers' hold further letters (`functions.look:3`
 * of Kimi, whose chat template reads them): those are escaped on the way to a client and read back
 * when the client returns them, so that their maker sees its own id on every turn.
 */

/** Ids that every client of this format takes and may send back. */
const LEGAL = /^[a-zA-Z0-9_-]{1,256}$/;
const PREFIX = 'plexus_';

/** The id for a client; undefined when it has no spelling that this format takes. */
export function wireCallId(id: string): string | undefined {
  if (LEGAL.test(id) && !id.startsWith(PREFIX)) return id;
  const escaped = Buffer.from(id)
    .toString('latin1')
    .replace(
      /[^a-zA-Z0-9-]/g,
      (letter) => `_${letter.charCodeAt(0).toString(16).padStart(2, '0')}`,
    );
  const wire = PREFIX + escaped;
  return id !== '' && LEGAL.test(wire) ? wire : undefined;
}

/** The id that `wireCallId` was given; any other id as it is. */
export function readCallId(wire: string): string {
  if (!wire.startsWith(PREFIX)) return wire;
  const bytes = wire
    .slice(PREFIX.length)
    .replace(/_([0-9a-f]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)));
  const id = Buffer.from(bytes, 'latin1').toString();
  return wireCallId(id) === wire ? id : wire;
}
