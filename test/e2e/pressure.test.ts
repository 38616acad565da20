/** A client that reads slowly costs kilobytes, not what the provider would like to send. */
import { afterAll, beforeAll, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { measurePressure } from '../soak/pressure.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'plexus-pressure-'));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

test.each(['messages', 'chat'] as const)(
  'a chat provider that offers 200 MB to a %s client that reads 64 KB/s',
  async (client) => {
    const { grownMb, peakMb, offeredMb, readKb } = await measurePressure({
      client,
      folder,
      ms: 1000,
    });
    // It reads: how much in a second depends on how the network cuts it.
    expect(readKb).toBeGreaterThan(32);
    expect(offeredMb).toBeLessThan(40);
    expect(grownMb).toBeLessThan(8);
    expect(peakMb).toBeLessThan(24);
  },
  20_000,
);
