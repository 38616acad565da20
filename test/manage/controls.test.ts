import { describe, expect, test } from 'bun:test';
import type { CooldownEntry } from '../../src/health/cooldowns.ts';
import { createLog } from '../../src/log.ts';
import { Controls } from '../../src/manage/controls.ts';
import { CooldownEvents } from '../../src/manage/cooldown-events.ts';
import { heardLog, type LogEvent } from '../../src/manage/heard-log.ts';
import { otelProviderName } from '../../src/manage/provider-name.ts';
import { configOf } from '../support/gateway.ts';
import { recordOf } from '../usage/support/record.ts';

const config = configOf({
  providers: {
    demo: { type: 'demo' },
    openai: { type: 'chat', baseUrl: 'https://api.openai.com/v1', apiKey: 'k' },
    mine: { type: 'chat', baseUrl: 'http://localhost:1/v1', enabled: false },
  },
  models: { a: { targets: ['demo/echo', 'openai/x'], aliases: ['b'] } },
});

describe('controls', () => {
  test('leave a configuration alone until something is switched', () => {
    const controls = new Controls();
    expect(controls.apply(config)).toBe(config);
    controls.setProvider('demo', true);
    expect(controls.apply(config)).toBe(config);
  });

  test('switch providers, in a configuration of its own', () => {
    const controls = new Controls();
    controls.setProvider('demo', false);
    controls.setProvider('mine', true);
    const applied = controls.apply(config);
    const enabled = [...applied.providers.values()].map((provider) => provider.enabled);
    expect(enabled).toEqual([false, true, true]);
    expect(config.providers.get('demo')?.enabled).toBe(true);
    // What was made of an alias before must not be found by it.
    expect(applied.aliasNames.get('b')).not.toBe(config.aliasNames.get('b'));
    expect(applied.aliasNames.get('b')).toBe(applied.aliases.get('a'));
  });

  test('win over the configured mode of traces until they are given back', () => {
    const controls = new Controls();
    expect(controls.traceMode(config)).toBe('off');
    controls.setTraceMode('errors');
    expect(controls.traceMode(config)).toBe('errors');
    controls.setTraceMode(undefined);
    expect(controls.traceMode(config)).toBe('off');
  });
});

describe('cooldown events', () => {
  test('tell once when a rest begins, and when it is over', () => {
    const told: object[] = [];
    let resting: CooldownEntry[] = [
      { provider: 'acme', cooldown: { until: 5000, reason: 'server', failures: 2, at: 0 } },
    ];
    const events = new CooldownEvents(
      { list: () => resting },
      { publish: (_type, data) => void told.push(data) },
    );
    const failure = recordOf({ outcome: 'error' });
    events.look(recordOf());
    expect(told).toEqual([]);
    events.look(failure);
    events.look(failure);
    expect(told).toEqual([
      {
        change: 'cooldown',
        provider: 'acme',
        model: null,
        reason: 'server',
        failures: 2,
        until: '1970-01-01T00:00:05.000Z',
      },
    ]);
    resting = [];
    events.look(recordOf());
    expect(told[1]).toEqual({ change: 'cooldown-ended', provider: 'acme', model: null });
  });
});

describe('a log that is heard', () => {
  test('tells warnings and errors without secrets, whatever its level', () => {
    const heard: LogEvent[] = [];
    const written: string[] = [];
    const log = heardLog(
      createLog({ level: 'error', format: 'text', write: (text) => written.push(text) }),
      { hear: (event) => heard.push(event), secrets: () => ['s3cr3t'], now: () => 0 },
    );
    log.info('quiet');
    log.warn('the s3cr3t is out', () => ({ where: 's3cr3t\nstack', count: 2, deep: { a: 1 } }));
    log.error('bad');
    expect(heard).toEqual([
      {
        time: '1970-01-01T00:00:00.000Z',
        level: 'warn',
        message: 'the *** is out',
        fields: { where: '***', count: 2 },
      },
      { time: '1970-01-01T00:00:00.000Z', level: 'error', message: 'bad' },
    ]);
    expect(written).toHaveLength(1);
  });
});

describe("OpenTelemetry's name of a provider", () => {
  test('goes by its address, else it is its own', () => {
    const names = [...config.providers.values()].map(otelProviderName);
    expect(names).toEqual(['demo', 'openai', 'mine']);
  });
});

test('what one process switches, another takes', () => {
  const [one, two, later] = [new Controls(), new Controls(), new Controls()];
  one.onSwitch = (change) => two.take(change);
  two.onSwitch = () => expect.unreachable();
  one.setProvider('demo', false);
  one.setTraceMode('on');
  one.setLogLevel('debug');
  expect(two.save()).toEqual(one.save());
  expect(two.apply(config).providers.get('demo')?.enabled).toBe(false);
  expect([two.traceMode(config), two.logLevel]).toEqual(['on', 'debug']);
  one.setTraceMode(undefined);
  expect(two.traceMode(config)).toBe('off');
  for (const change of one.save()) later.take(change);
  expect(later.save()).toEqual(one.save());
});
