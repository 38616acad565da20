import { describe, expect, test } from 'bun:test';
import { InFlight } from '../../src/health/in-flight.ts';
import { Ranking } from '../../src/health/ranking.ts';
import { Statistics } from '../../src/health/statistics.ts';
import { Steering } from '../../src/health/steering.ts';
import { Sticky } from '../../src/health/sticky.ts';
import type { World } from '../../src/resolve.ts';
import { configOf } from '../support/gateway.ts';
import { recordOf } from '../usage/support/record.ts';

const provider = { type: 'chat', baseUrl: 'http://localhost/v1' };
const targets = ['slow/large', 'fast/large', 'cheap/large'];
const config = configOf({
  providers: { slow: provider, fast: provider, cheap: provider },
  models: {
    latency: { selector: 'latency', targets },
    cost: { selector: 'cost', targets },
    sticky: { selector: 'random', sticky: true, targets },
    plain: { selector: 'in_order', targets },
  },
  pricing: {
    models: {
      'slow/large': { inputPer1M: 5, outputPer1M: 5 },
      'fast/large': { inputPer1M: 9, outputPer1M: 9 },
      'cheap/large': { inputPer1M: 1, outputPer1M: 1 },
    },
  },
});

function scene() {
  const statistics = new Statistics(() => 0);
  const inFlight = new InFlight(() => 0);
  const ranking = new Ranking({ statistics, inFlight, random: () => 0.5, now: () => 0 });
  const cooling = new Set<string>();
  let seed = 3;
  const world: World = {
    random() {
      seed = (seed * 16807) % 2147483647;
      return seed / 2147483647;
    },
    turn: () => 0,
    anyCooling: () => cooling.size > 0,
    coolingUntil: (name) => (cooling.has(name) ? 60_000 : undefined),
    namedUntil: () => undefined,
    now: () => 0,
  };
  const steering = new Steering(ranking, new Sticky(() => 0));
  const route = (model: string, first = 'hello') =>
    steering.route(config, world, {
      model,
      format: 'chat',
      apiKey: 'app',
      headers: new Headers(),
      body: () => ({ messages: [{ role: 'user', content: first }] }),
      inputTokens: () => 1000,
    });
  const names = (model: string, first?: string) =>
    route(model, first).targets.map((target) => target.provider.name);
  const measure = (name: string, ttftMs: number) => {
    const attempts = [{ provider: name, model: 'large', status: 200, reason: null, ms: 5 }];
    statistics.add(recordOf({ provider: name, ttftMs, attempts }));
  };
  return { steering, route, names, measure, cooling };
}

describe('steering', () => {
  test('orders an alias by what was measured of its targets', () => {
    const { names, measure } = scene();
    measure('slow', 900);
    measure('fast', 100);
    measure('cheap', 500);
    expect(names('latency')).toEqual(['fast', 'cheap', 'slow']);
  });

  test('orders an alias by price', () => {
    expect(scene().names('cost')).toEqual(['cheap', 'slow', 'fast']);
  });

  test('leaves other aliases as they are', () => {
    const { route, names } = scene();
    expect(names('plain')).toEqual(['slow', 'fast', 'cheap']);
    expect(route('plain').conversation).toBeUndefined();
    expect(() => route('unknown')).toThrow('does not exist');
  });

  test('keeps a conversation on its target, and lets it move when that cools', () => {
    const { steering, route, names, cooling } = scene();
    const first = route('sticky');
    const [own, other] = first.targets;
    if (own === undefined || other === undefined) throw new Error('no targets');
    steering.answered(first, own);
    for (let n = 0; n < 20; n += 1) expect(names('sticky')[0]).toBe(own.provider.name);
    const strangers = Array.from({ length: 20 }, (_, n) => names('sticky', `other ${n}`)[0]);
    expect(new Set(strangers).size).toBeGreaterThan(1);
    cooling.add(own.provider.name);
    expect(names('sticky')).not.toContain(own.provider.name);
    steering.answered(route('sticky'), other);
    cooling.clear();
    for (let n = 0; n < 20; n += 1) expect(names('sticky')[0]).toBe(other.provider.name);
  });
});
