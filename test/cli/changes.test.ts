import { expect, test } from 'bun:test';
import { configChanges } from '../../src/config/changes.ts';
import { configOf } from '../support/gateway.ts';

const BASE = {
  providers: {
    a: { type: 'chat', baseUrl: 'http://a.test/v1', apiKey: 'secret-one' },
    demo: { type: 'demo' },
  },
  models: { m: 'a/x', demo: 'demo/echo' },
};

function changes(next: object): string[] {
  return configChanges(configOf(BASE), configOf(next));
}

test('the same configuration has no changes', () => {
  expect(changes(structuredClone(BASE))).toEqual([]);
});

test('each section is named once, with the names in it and no values', () => {
  const next = {
    ...BASE,
    server: { onLoss: 'refuse', port: 5001 },
    apiKeys: { me: { secret: 'a-new-secret' } },
    admin: { apiKey: 'another-secret' },
    providers: {
      a: { ...BASE.providers.a, apiKey: 'secret-two' },
      b: { type: 'demo' },
      demo: BASE.providers.demo,
    },
    models: { demo: 'b/echo', n: 'a/x' },
    logging: { level: 'debug' },
  };
  const told = changes(next);
  expect(told.sort()).toEqual([
    'admin',
    'apiKeys: +me',
    'logging',
    'models: +n, -m, ~demo',
    'providers: +b, ~a',
    'server.onLoss',
    'server.port (at the next start)',
  ]);
  expect(told.join()).not.toContain('secret');
});
