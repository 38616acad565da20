/** A process that writes many lines through a day writer: `append-lines.ts <dir> <name> <count> [exit]`. */
import { createDayWriter } from '../../../src/usage/writer.ts';

const [dir = '', name = '', count = '0', ending] = process.argv.slice(2);
const writer = createDayWriter({
  dir,
  now: () => Date.UTC(2025, 0, 2),
  onProblem: (message) => console.error(message),
  flushMs: 1,
});
process.on('exit', () => writer.drainSync());

for (let number = 0; number < Number(count); number += 1) {
  writer.push({ name, number, filler: 'x'.repeat((number * 37) % 3000) });
  if (number % 100 === 0) await Bun.sleep(1);
}
if (ending === 'exit') process.exit(0);
await writer.drain();
