import { afterEach, beforeEach, expect, test } from 'bun:test';
import { followLog } from '../../src/usage/follow.ts';
import { type LogDir, logDir } from './support/log-dir.ts';
import { recordOf } from './support/record.ts';

let log: LogDir;
beforeEach(() => {
  log = logDir();
});
afterEach(() => log.remove());

test('following gives what is written from now on, over midnight, and nothing twice', async () => {
  log.append('2025-01-01', recordOf({ id: 'before' }));
  const stop = new AbortController();
  const seen: unknown[] = [];
  const following = (async () => {
    const options = { signal: stop.signal, pollMs: 2 };
    for await (const record of followLog(log.dir, { provider: 'acme' }, options)) {
      seen.push(record['id']);
      if (seen.length === 3) stop.abort();
    }
  })();
  await Bun.sleep(20);
  const line = JSON.stringify(recordOf({ id: 'torn' }));
  log.append('2025-01-01', recordOf({ id: 'a' }), recordOf({ provider: 'x' }), line.slice(0, 40));
  await Bun.sleep(20);
  log.append('2025-01-01', `${line.slice(40)}\n`);
  log.append('2025-01-02', recordOf({ id: 'b' }));
  await following;
  expect(seen).toEqual(['a', 'torn', 'b']);
});
