import { describe, expect, test } from 'bun:test';
import { IdleSweep } from '../src/idle-sweep.ts';

function swept() {
  const state = { running: 0, sweeps: 0 };
  const idle = new IdleSweep(
    () => state.running,
    () => {
      state.sweeps += 1;
    },
  );
  const requests = (count: number): void => {
    for (let n = 0; n < count; n += 1) idle.request();
  };
  const ticks = (count: number): void => {
    for (let n = 0; n < count; n += 1) idle.tick();
  };
  return { state, requests, ticks };
}

describe('memory is collected', () => {
  test('once, when a crowd has gone for a while', () => {
    const { state, requests, ticks } = swept();
    requests(300);
    ticks(5);
    expect(state.sweeps).toBe(0);
    ticks(1);
    expect(state.sweeps).toBe(1);
  });

  test('not while anything runs, or has just run', () => {
    const { state, requests, ticks } = swept();
    requests(300);
    state.running = 1;
    ticks(50);
    state.running = 0;
    ticks(3);
    requests(1);
    ticks(5);
    expect(state.sweeps).toBe(0);
    ticks(1);
    expect(state.sweeps).toBe(1);
  });
});
