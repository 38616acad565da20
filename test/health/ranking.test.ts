import { describe, expect, test } from 'bun:test';
import type { ModelPrice, SelectorName } from '../../src/config/config.ts';
import { type RankedTarget, Ranking } from '../../src/health/ranking.ts';
import type { Figures } from '../../src/health/statistics.ts';

const NOTHING: Figures = {
  attempts: 0,
  errors: 0,
  errorRate: null,
  ttftMs: null,
  tokensPerSecond: null,
  durationMs: null,
  outputTokens: null,
};

interface Scene {
  readonly figures?: Readonly<Record<string, Partial<Figures>>>;
  readonly load?: Readonly<Record<string, number>>;
  readonly prices?: Readonly<Record<string, ModelPrice>>;
  readonly tiered?: Readonly<Record<string, readonly (ModelPrice & { upTo?: number })[]>>;
  readonly inputTokens?: number;
  readonly random?: () => number;
}

function scene({ figures = {}, load = {}, prices = {}, tiered = {}, ...more }: Scene) {
  const clock = { now: 1_000_000 };
  const ranking = new Ranking({
    statistics: {
      figures: (provider) => {
        const known = figures[provider];
        return known ? { ...NOTHING, attempts: 1, ...known } : NOTHING;
      },
    },
    inFlight: { at: (provider) => load[provider] ?? 0 },
    random: more.random ?? (() => 0.5),
    now: () => clock.now,
  });
  const pricing = {
    models: new Map(Object.entries(prices)),
    tiered: new Map(Object.entries(tiered)),
    perRequest: new Map<string, number>(),
  };
  const request = {
    config: { providers: new Map(), pricing },
    inputTokens: () => more.inputTokens ?? 1000,
  };
  const rank = (selector: SelectorName, ...names: string[]) => {
    const targets: RankedTarget[] = names.map((name) => ({ provider: { name }, model: 'm' }));
    return ranking.rank(selector, targets, request)?.map(({ provider }) => provider.name);
  };
  return { rank, clock };
}

describe('selectors', () => {
  test('without data leave the choice to chance', () => {
    const { rank } = scene({});
    for (const selector of ['cost', 'latency', 'performance', 'least_busy', 'random'] as const) {
      expect(rank(selector, 'a', 'b')).toBeUndefined();
    }
  });

  test('latency: the lowest mean time to the first token first', () => {
    const figures = { a: { ttftMs: 300 }, b: { ttftMs: 100 }, c: { ttftMs: 200 } };
    expect(scene({ figures }).rank('latency', 'a', 'b', 'c')).toEqual(['b', 'c', 'a']);
  });

  test('latency: where nobody streams the whole answer counts', () => {
    const figures = { a: { durationMs: 900 }, b: { durationMs: 400 } };
    expect(scene({ figures }).rank('latency', 'a', 'b')).toEqual(['b', 'a']);
  });

  test('performance: the most tokens per second first', () => {
    const figures = { a: { tokensPerSecond: 30 }, b: { tokensPerSecond: 90 } };
    expect(scene({ figures }).rank('performance', 'a', 'b')).toEqual(['b', 'a']);
  });

  test('least_busy: the fewest running first; alike is no data', () => {
    const { rank } = scene({ load: { a: 2, b: 0, c: 1 } });
    expect(rank('least_busy', 'a', 'b', 'c')).toEqual(['b', 'c', 'a']);
    expect(scene({ load: { a: 2, b: 2 } }).rank('least_busy', 'a', 'b')).toBeUndefined();
  });

  test('cost: the lowest price for the size of this request, an unknown one last', () => {
    const prices = {
      'cheap-in/m': { inputPer1M: 1, outputPer1M: 100 },
      'cheap-out/m': { inputPer1M: 10, outputPer1M: 1 },
    };
    const names = ['unknown', 'cheap-in', 'cheap-out'];
    const long = scene({ prices, inputTokens: 100_000 }).rank('cost', ...names);
    expect(long).toEqual(['cheap-in', 'cheap-out', 'unknown']);
    const short = scene({ prices, inputTokens: 10 }).rank('cost', ...names);
    expect(short).toEqual(['cheap-out', 'cheap-in', 'unknown']);
  });

  test('cost: takes the step of a tiered price that holds for this size', () => {
    const tiered = {
      'a/m': [
        { inputPer1M: 1, outputPer1M: 1, upTo: 1000 },
        { inputPer1M: 50, outputPer1M: 50 },
      ],
    };
    const prices = { 'b/m': { inputPer1M: 5, outputPer1M: 5 } };
    expect(scene({ tiered, prices, inputTokens: 900 }).rank('cost', 'a', 'b')).toEqual(['a', 'b']);
    expect(scene({ tiered, prices, inputTokens: 2000 }).rank('cost', 'a', 'b')).toEqual(['b', 'a']);
  });

  test('cost: the output that was measured counts', () => {
    const prices = {
      'a/m': { inputPer1M: 1, outputPer1M: 10 },
      'b/m': { inputPer1M: 2, outputPer1M: 2 },
    };
    const figures = { a: { outputTokens: 1 }, b: { outputTokens: 1 } };
    expect(scene({ prices }).rank('cost', 'a', 'b')).toEqual(['b', 'a']);
    expect(scene({ prices, figures }).rank('cost', 'a', 'b')).toEqual(['a', 'b']);
  });

  test('equal targets take turns by chance', () => {
    const figures = { a: { ttftMs: 100 }, b: { ttftMs: 100 } };
    let seed = 1;
    const random = () => {
      seed = (seed * 16807) % 2147483647;
      return seed / 2147483647;
    };
    const { rank } = scene({ figures, random });
    const firsts = Array.from({ length: 100 }, () => rank('latency', 'a', 'b')?.[0]);
    const share = firsts.filter((name) => name === 'a').length;
    expect(share).toBeWithin(30, 71);
  });
});

describe('exploration', () => {
  test('a target without figures is tried, but not again and again', () => {
    const { rank, clock } = scene({ figures: { a: { ttftMs: 100 } } });
    expect(rank('latency', 'a', 'new')).toEqual(['new', 'a']);
    expect(rank('latency', 'a', 'new')).toEqual(['a', 'new']);
    clock.now += 31_000;
    expect(rank('latency', 'a', 'new')).toEqual(['new', 'a']);
  });

  test('a target that is being tried is not tried twice', () => {
    const { rank } = scene({ figures: { a: { ttftMs: 100 } }, load: { new: 1 } });
    expect(rank('latency', 'a', 'new')).toEqual(['a', 'new']);
  });

  test('about one request in twenty goes to another than the best', () => {
    let seed = 7;
    const random = () => {
      seed = (seed * 16807) % 2147483647;
      return seed / 2147483647;
    };
    const figures = { a: { ttftMs: 100 }, b: { ttftMs: 900 }, c: { ttftMs: 800 } };
    const { rank } = scene({ figures, random });
    const firsts = Array.from({ length: 2000 }, () => rank('latency', 'a', 'b', 'c')?.[0]);
    const others = firsts.filter((name) => name !== 'a').length;
    expect(others).toBeWithin(60, 150);
    expect(firsts).toContain('b');
    expect(firsts).toContain('c');
  });
});
