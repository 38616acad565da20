/** What a request leaves behind when it is over, whatever became of it: nothing. */

import { heapStats } from 'bun:jsc';
import { expect, test } from 'bun:test';
import { FORMAT_NAMES } from '../src/unified.ts';
import { misbehave, pick, randomOf } from './support/chaos.ts';
import { testGateway } from './support/gateway.ts';
import { pathOf, requestOf } from './support/matrix.ts';

test('thousands of requests in chaos leave no objects behind', async () => {
  const random = randomOf(8);
  const gateway = await testGateway(
    {
      providers: Object.fromEntries(
        FORMAT_NAMES.map((type) => [
          type,
          {
            type,
            baseUrl: `http://${type}.test/v1`,
            apiKey: 'k',
            timeoutMs: { firstOutput: 10, stall: 10 },
          },
        ]),
      ),
      models: { m: { selector: 'random', targets: FORMAT_NAMES.map((name) => `${name}/up`) } },
      resilience: { cooldown: false, retries: { max: 0 }, keepAliveMs: 5 },
      responses: { store: 'off' },
    },
    (request) => {
      const format = FORMAT_NAMES.find((name) => request.url.startsWith(`http://${name}.test`));
      const isStream =
        request.url.includes('stream') || /"stream":\s*true/.test(String(request.body));
      return misbehave(random, format ?? 'chat', isStream, request, true);
    },
    { random },
  );
  async function one(): Promise<void> {
    const client = pick(random, FORMAT_NAMES);
    const stream = random() < 0.7;
    const response = await gateway.post(pathOf(client, stream), requestOf(client, 'calls', stream));
    if (random() < 0.1) await response.body?.cancel();
    else await response.text();
  }
  async function objectsAfter(requests: number): Promise<number> {
    let begun = 0;
    const worker = async (): Promise<void> => {
      while (begun < requests) {
        begun += 1;
        await one();
      }
    };
    await Promise.all(Array.from({ length: 50 }, worker));
    await Bun.sleep(40);
    // What the test itself keeps is no leak.
    gateway.sent.length = 0;
    gateway.records.length = 0;
    gateway.logged.length = 0;
    Bun.gc(true);
    return heapStats().objectCount;
  }
  // The first requests make what all others share.
  await objectsAfter(400);
  const before = await objectsAfter(400);
  const after = await objectsAfter(800);
  expect(after - before).toBeLessThan(800);
}, 20_000);
