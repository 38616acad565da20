/** From the start of the executable to its first answers. */
import { join, resolve } from 'node:path';
import type { Sample } from './figures.ts';
import { executableGateway } from './gateways.ts';
import { readAnswer } from './load.ts';
import { alone, type Bench, type Scenario } from './scenario.ts';

const builder = resolve(import.meta.dir, '../../src/cli/build.ts');

export const coldStart: Scenario = {
  name: 'cold-start',
  title: 'Cold start of the executable',
  async run(bench) {
    const { scale, upstream, folder } = bench;
    if (scale.coldStarts === 0) return [];
    const file = bench.executable ?? (await build(bench));
    const samples: Sample[] = [];
    for (let round = 0; round < scale.coldStarts; round += 1) {
      bench.progress(`cold start ${round + 1} of ${scale.coldStarts}`);
      const gateway = executableGateway(file, upstream, folder);
      const began = performance.now();
      const healthy = await gateway.start();
      await readAnswer(gateway.target(['messages', 'chat'], 'plain'));
      const answered = performance.now() - began;
      await gateway.stop();
      samples.push({ 'to /health, ms': healthy, 'to the first translated answer, ms': answered });
    }
    const row = alone('executable', samples, {
      'to /health, ms': ['alone', { most: 60 }],
      'to the first translated answer, ms': ['alone', { most: 120 }],
    });
    return [row];
  },
};

async function build({ folder, progress }: Bench): Promise<string> {
  progress('building the executable');
  const file = join(folder, 'plexus-executable');
  const built = Bun.spawn([process.execPath, builder, '--outfile', file], {
    stdout: 'ignore',
    stderr: 'pipe',
  });
  const complaints = await new Response(built.stderr).text();
  if ((await built.exited) !== 0) throw new Error(`the executable was not built: ${complaints}`);
  return file;
}
