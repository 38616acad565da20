import { describe, expect, test } from 'bun:test';
import { Gate, type Leave } from '../../src/limits/gate.ts';

const nobody = (): void => undefined;

function gateOf(max: number, maxQueued = 10, maxWaitMs = 1000): Gate {
  return new Gate({ max, maxQueued, maxWaitMs });
}

/** Enters and must be let in. */
async function inside(gate: Gate): Promise<Leave> {
  const leave = await gate.enter(nobody);
  if (leave === undefined) throw new Error('was not let in');
  return leave;
}

describe('a gate', () => {
  test('lets so many in, and the next when one leaves, in the order of coming', async () => {
    const gate = gateOf(2);
    const first = await inside(gate);
    await inside(gate);
    const order: string[] = [];
    const third = inside(gate).then((leave) => {
      order.push('third');
      return leave;
    });
    const fourth = inside(gate).then(() => order.push('fourth'));
    await Bun.sleep(1);
    expect({ inside: gate.inside, queued: gate.queued, order }).toEqual({
      inside: 2,
      queued: 2,
      order: [],
    });
    first();
    (await third)();
    await fourth;
    expect(order).toEqual(['third', 'fourth']);
    expect(gate.inside).toBe(2);
  });

  test('gives a place back once, however often it is told', async () => {
    const gate = gateOf(1);
    const leave = await inside(gate);
    leave();
    leave();
    expect(gate.inside).toBe(0);
    await inside(gate);
    leave();
    expect(gate.inside).toBe(1);
  });

  test('refuses at once when its line is full', async () => {
    const gate = gateOf(1, 1, 1000);
    await inside(gate);
    const waiting = gate.enter(nobody);
    expect(await gate.enter(nobody)).toBeUndefined();
    expect(gate.queued).toBe(1);
    expect(Bun.peek.status(waiting)).toBe('pending');
  });

  test('refuses who waited too long, and forgets them', async () => {
    const gate = gateOf(1, 10, 15);
    const leave = await inside(gate);
    expect(await gate.enter(nobody)).toBeUndefined();
    expect(gate.queued).toBe(0);
    leave();
    expect(gate.inside).toBe(0);
  });

  test('forgets who gave up', async () => {
    const gate = gateOf(1);
    const leave = await inside(gate);
    let giveUp = nobody;
    const waiting = gate.enter((stop) => {
      giveUp = stop;
    });
    giveUp();
    expect(await waiting).toBeUndefined();
    leave();
    expect({ inside: gate.inside, queued: gate.queued }).toEqual({ inside: 0, queued: 0 });
  });

  test('does not let a newcomer overtake', async () => {
    const gate = gateOf(1);
    const leave = await inside(gate);
    const waiting = gate.enter(nobody);
    leave();
    expect(gate.tryEnter()).toBeUndefined();
    expect(await waiting).toBeFunction();
  });

  test('takes new bounds for those who come from then on', async () => {
    const gate = gateOf(1);
    await inside(gate);
    gate.bounds = { max: 3, maxQueued: 10, maxWaitMs: 1000 };
    await inside(gate);
    expect(gate.inside).toBe(2);
  });
});
