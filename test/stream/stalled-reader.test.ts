import { expect, test } from 'bun:test';
import { StalledReader } from '../../src/stream/stalled-reader.ts';

const MB = 1024 * 1024;

/** A reader with what its collections are answered with. */
function stalled(answers: boolean[]) {
  const { promise: swept, resolve } = Promise.withResolvers<void>();
  const state = { sweeps: 0 };
  const reader = new StalledReader(() => {
    state.sweeps += 1;
    if (answers[state.sweeps - 1] === false) return false;
    resolve();
    return true;
  }, 5);
  return { state, reader, swept };
}

test('what a large answer left behind is collected once its reader has stopped', async () => {
  const { state, reader, swept } = stalled([]);
  reader.gave(1 * MB);
  await Bun.sleep(30);
  expect(state.sweeps).toBe(0);
  reader.gave(2 * MB);
  await swept;
  await Bun.sleep(30);
  expect(state.sweeps).toBe(1);
});

test('when the last collection was just now, it is asked for again', async () => {
  const { state, reader, swept } = stalled([false, false, true]);
  reader.gave(5 * MB);
  await swept;
  expect(state.sweeps).toBe(3);
});

test('nothing is collected after the end', async () => {
  const { state, reader } = stalled([]);
  reader.gave(5 * MB);
  reader.end();
  await Bun.sleep(30);
  expect(state.sweeps).toBe(0);
});
