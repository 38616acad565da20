// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment look like this
import { describe, expect, test } from 'bun:test';
import { maskConfig, unmaskConfig } from '../../src/manage/mask-config.ts';

const CONFIG = {
  admin: { apiKey: '${ADMIN}' },
  apiKeys: { app: { secret: 'literal', models: ['*'] }, web: { secret: '${WEB:-fallback}' } },
  providers: {
    acme: {
      type: 'chat',
      baseUrl: 'https://user:pass@acme.test/v1?api-version=2&key=sesame',
      apiKey: 'pre-${A}-post',
      headers: {
        authorization: 'Bearer ${TOKEN}',
        'x-team': 'red',
        'anthropic-version': '2023-06-01',
        cookie: 'Bearer abc',
      },
      proxy: 'http://proxy.test:8080',
      models: { large: { maxOutputTokens: 5 } },
      transformer: { use: [['customparams', { max_tokens: 4, auth_token: 'xyz' }]] },
    },
  },
  models: { fast: 'acme/large' },
};

describe('a configuration that is shown', () => {
  test('has references as they are written, and no secret', () => {
    expect(maskConfig(CONFIG)).toEqual({
      admin: { apiKey: '${ADMIN}' },
      apiKeys: { app: { secret: '***', models: ['*'] }, web: { secret: '${WEB:-***}' } },
      providers: {
        acme: {
          type: 'chat',
          baseUrl: 'https://user:***@acme.test/v1?api-version=2&key=***',
          apiKey: '***${A}***',
          headers: {
            authorization: 'Bearer ${TOKEN}',
            'x-team': '***',
            'anthropic-version': '2023-06-01',
            cookie: 'Bearer ***',
          },
          proxy: 'http://proxy.test:8080',
          models: { large: { maxOutputTokens: 5 } },
          transformer: { use: [['customparams', { max_tokens: 4, auth_token: '***' }]] },
        },
      },
      models: { fast: 'acme/large' },
    });
  });

  test('shows no known secret in a place where none is expected', () => {
    const known = ['a-long-known-secret', 'short'];
    expect(maskConfig({ models: { x: 'a/a-long-known-secret', short: 'short' } }, known)).toEqual({
      models: { x: 'a/***', short: 'short' },
    });
  });

  test('is left as it was', () => {
    const before = JSON.stringify(CONFIG);
    maskConfig(CONFIG);
    expect(JSON.stringify(CONFIG)).toBe(before);
  });
});

describe('a configuration that comes back', () => {
  test('keeps the values that were masked', () => {
    expect(unmaskConfig(maskConfig(CONFIG), CONFIG)).toEqual({ value: CONFIG, lost: [] });
  });

  test('takes new values for old secrets', () => {
    const now = { apiKeys: { app: { secret: 'new' }, web: { secret: '${WEB:-***}' } } };
    expect(unmaskConfig(now, CONFIG).value).toEqual({
      apiKeys: { app: { secret: 'new' }, web: { secret: '${WEB:-fallback}' } },
    });
  });

  test('names each mask that stands for nothing known', () => {
    const now = {
      apiKeys: { renamed: { secret: '***' } },
      providers: { acme: { apiKey: '***', list: [{ key: '***' }] } },
    };
    expect(unmaskConfig(now, CONFIG).lost).toEqual([
      ['apiKeys', 'renamed', 'secret'],
      ['providers', 'acme', 'apiKey'],
      ['providers', 'acme', 'list', 0, 'key'],
    ]);
  });
});
