import { describe, expect, test } from 'bun:test';
import { type ErrorEvidence, type ErrorKind, GatewayError } from '../../src/errors.ts';
import { type CooldownChange, Cooldowns } from '../../src/health/cooldowns.ts';

const CONFIG = { enabled: true, minMs: 5_000, maxMs: 3_600_000 };
const START = 1_750_000_000_000;

/** Cooldowns with a clock that the test moves. */
function clocked() {
  const clock = { now: START };
  const cooldowns = new Cooldowns(() => clock.now);
  return {
    cooldowns,
    pass(seconds: number) {
      clock.now += seconds * 1000;
    },
    /** A failure now, of an attempt that began so many seconds ago. */
    fail(kind: ErrorKind, evidence: ErrorEvidence = {}, beganAgo = 0) {
      const error = new GatewayError(kind, 'no', evidence);
      cooldowns.fail('p', 'm', error, CONFIG, clock.now - beganAgo * 1000);
    },
    /** Seconds that the target still rests. */
    rests(model = 'm') {
      const until = cooldowns.until('p', model);
      return until === undefined ? 0 : (until - clock.now) / 1000;
    },
  };
}

describe('how long', () => {
  const reasons: [string, ErrorKind, ErrorEvidence, number][] = [
    ['a rate limit', 'upstream_refused', { status: 429 }, 60],
    ['refused credentials', 'upstream_credentials', {}, 3600],
    ['a timeout', 'upstream_timeout', {}, 30],
    ['a 408', 'upstream_refused', { status: 408 }, 30],
    ['a server error', 'upstream_refused', { status: 503 }, 120],
    ['an overload', 'upstream_refused', { status: 529 }, 120],
    ['garbage', 'upstream_garbled', {}, 120],
    ['a lost connection', 'upstream_unreachable', {}, 60],
    [
      'an account without credit',
      'upstream_refused',
      { status: 429, code: 'insufficient_quota' },
      3600,
    ],
    ['a conflict', 'upstream_refused', { status: 409 }, 0],
    ['a conflict that names a time', 'upstream_refused', { status: 409, retryAfter: 9 }, 9],
    ['a bad request', 'upstream_refused', { status: 400 }, 0],
    ['a client that left', 'client_left', {}, 0],
    ['a shutdown', 'unavailable', {}, 0],
    ['the time that the provider names', 'upstream_refused', { status: 429, retryAfter: 7 }, 7],
    ['no less than the bound', 'upstream_refused', { status: 429, retryAfter: 0.2 }, 5],
    ['no more than the bound', 'upstream_refused', { status: 429, retryAfter: 90_000 }, 3600],
  ];
  test.each(reasons)('%s', (_name, kind, evidence, seconds) => {
    const { fail, rests } = clocked();
    fail(kind, evidence);
    expect(rests()).toBe(seconds);
  });

  test('doubled for each failure in a row, up to the bound; a success ends the row', () => {
    const { cooldowns, fail, rests, pass } = clocked();
    const rested: number[] = [];
    for (let i = 0; i < 8; i += 1) {
      fail('upstream_unreachable');
      rested.push(rests());
      pass(rests());
    }
    expect(rested).toEqual([60, 120, 240, 480, 960, 1920, 3600, 3600]);
    cooldowns.succeed('p', 'm');
    fail('upstream_unreachable');
    expect(rests()).toBe(60);
  });

  test('a longer rest is not cut short by a shorter one', () => {
    const { cooldowns, fail, rests, pass } = clocked();
    fail('upstream_refused', { status: 429, retryAfter: 300 });
    pass(10);
    fail('upstream_timeout');
    expect(rests()).toBe(290);
    expect(cooldowns.list()[0]?.cooldown.reason).toBe('rate_limit');
  });
});

describe('a burst that fails together', () => {
  test('counts once', () => {
    const { fail, rests, cooldowns, pass } = clocked();
    fail('upstream_refused', { status: 429 }, 1);
    for (let i = 0; i < 50; i += 1) {
      pass(0.01);
      fail('upstream_refused', { status: 429 }, 2);
    }
    expect(cooldowns.list()[0]?.cooldown.failures).toBe(1);
    expect(rests()).toBeCloseTo(59.5, 5);
  });

  test('still hears a later time that the provider names', () => {
    const { fail, rests } = clocked();
    fail('upstream_refused', { status: 429 });
    fail('upstream_refused', { status: 429, retryAfter: 200 }, 1);
    expect(rests()).toBe(200);
  });

  test('an answer that began before the failure proves nothing', () => {
    const { cooldowns, fail, rests, pass } = clocked();
    pass(100);
    fail('upstream_unreachable');
    cooldowns.succeed('p', 'm', START);
    expect(rests()).toBe(60);
    cooldowns.succeed('p', 'm', START + 100_000);
    expect(rests()).toBe(0);
  });
});

describe('what rests', () => {
  test('the model that failed, not its neighbours', () => {
    const { fail, rests } = clocked();
    fail('upstream_refused', { status: 500 });
    expect(rests('m')).toBe(120);
    expect(rests('other')).toBe(0);
  });

  test('the whole provider when it is about the account', () => {
    const { fail, rests } = clocked();
    fail('upstream_credentials');
    expect(rests('other')).toBe(3600);
  });

  test('nothing where cooldowns are switched off', () => {
    const { cooldowns, rests } = clocked();
    const error = new GatewayError('upstream_timeout', 'no');
    cooldowns.fail('p', 'm', error, { ...CONFIG, enabled: false });
    expect(rests()).toBe(0);
  });
});

test('the time that a provider named is known apart from the rest', () => {
  const { cooldowns, fail, pass } = clocked();
  fail('upstream_refused', { status: 500 });
  expect(cooldowns.namedUntil('p', 'm')).toBeUndefined();
  fail('upstream_refused', { status: 429, retryAfter: 2 });
  expect(cooldowns.namedUntil('p', 'm')).toBe(START + 2000);
  pass(3);
  expect(cooldowns.namedUntil('p', 'm')).toBeUndefined();
  expect(cooldowns.until('p', 'm')).toBeNumber();
});

describe('of several processes', () => {
  /** One that decides and two that have copies: each reports to the first and takes what it says. */
  function three() {
    const clock = { now: START };
    const [all, ann, bob] = [1, 2, 3].map(() => new Cooldowns(() => clock.now));
    if (all === undefined || ann === undefined || bob === undefined) throw new Error('three');
    /** What was reported and is not yet heard. */
    const reports: CooldownChange[] = [];
    for (const copy of [ann, bob]) copy.onChange = (change) => reports.push(change);
    const hear = (): void => {
      for (const report of reports.splice(0)) {
        const remembered = all.apply(report);
        for (const copy of [ann, bob]) copy.take(JSON.parse(JSON.stringify(remembered)));
      }
    };
    return { clock, all, ann, bob, hear };
  }
  const refused = (retryAfter?: number): GatewayError =>
    new GatewayError('upstream_refused', 'no', {
      status: 429,
      ...(retryAfter === undefined ? {} : { retryAfter }),
    });

  test('a failure that one has seen makes the target rest for all', () => {
    const { all, ann, bob, hear } = three();
    ann.fail('p', 'm', refused(), CONFIG, START);
    expect(bob.until('p', 'm')).toBeUndefined();
    hear();
    expect(bob.list()).toEqual(ann.list());
    expect(all.save()).toEqual(ann.save());
  });

  test('a burst that fails at both is one failure, and the longer rest counts', () => {
    const { clock, all, ann, bob, hear } = three();
    ann.fail('p', 'm', refused(1800), CONFIG, START - 50);
    clock.now += 10;
    bob.fail('p', 'm', refused(), CONFIG, START - 40);
    hear();
    for (const each of [all, ann, bob]) {
      expect(each.until('p', 'm')).toBe(START + 1_800_000);
      expect(each.list()[0]?.cooldown.failures).toBe(1);
    }
  });

  test('failures in a row are counted on, whoever sees them; a success anywhere ends the rest', () => {
    const { clock, ann, bob, hear } = three();
    for (const each of [ann, bob, ann]) {
      clock.now += 1000;
      each.fail('p', 'm', refused(), CONFIG, clock.now);
      hear();
    }
    expect(bob.list()[0]?.cooldown.failures).toBe(3);
    clock.now += 1000;
    bob.succeed('p', 'm', clock.now);
    hear();
    expect(ann.list()).toEqual([]);
  });

  test('an answer that began before the failure of another proves nothing', () => {
    const { clock, ann, bob, hear } = three();
    ann.fail('p', 'm', refused(), CONFIG, START);
    hear();
    clock.now += 10;
    bob.succeed('p', 'm', START - 1000);
    hear();
    expect(ann.until('p', 'm')).toBeNumber();
    expect(bob.until('p', 'm')).toBeNumber();
  });

  test('what one clears is cleared', () => {
    const { ann, bob, hear } = three();
    ann.fail('p', 'm', refused(), CONFIG, START);
    ann.fail('q', 'm', refused(), CONFIG, START);
    hear();
    bob.clear('p');
    hear();
    expect(ann.list().map(({ provider }) => provider)).toEqual(['q']);
  });
});
