// biome-ignore-all lint/suspicious/noTemplateCurlyInString: references to the environment look like this
import { afterEach, beforeEach, describe, expect, test } from 'bun:test';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { createGateway, type PlexusGateway } from '../../src/index.ts';
import { createLog } from '../../src/log.ts';

/** The whole gateway on a configuration file of its own, with the demo provider. */
const CONFIG = {
  admin: { apiKey: '${ADMIN}' },
  apiKeys: { app: { secret: 'client-secret' } },
  providers: { demo: { type: 'demo' }, off: { type: 'demo', enabled: false } },
  models: { demo: 'demo/echo' },
  pricing: { models: { echo: { inputPer1M: 1, outputPer1M: 1 } } },
};
const ADMIN = { authorization: 'Bearer admin-secret' };

let cwd: string;
let file: string;
let gateway: PlexusGateway;
beforeEach(async () => {
  cwd = fs.mkdtempSync(path.join(os.tmpdir(), 'plexus-manage-'));
  file = path.join(cwd, 'plexus.json');
  fs.writeFileSync(file, JSON.stringify(CONFIG));
  gateway = await createGateway({
    cwd,
    config: file,
    env: { ADMIN: 'admin-secret' },
    log: createLog({ level: 'silent', format: 'text' }),
  });
});
afterEach(async () => {
  await gateway.close();
  fs.rmSync(cwd, { recursive: true, force: true });
});

async function call(method: string, where: string, body?: unknown, headers: object = ADMIN) {
  const init = { method, headers: { ...headers } };
  const request = new Request(
    `http://localhost${where}`,
    body === undefined ? init : { ...init, body: JSON.stringify(body) },
  );
  const response = await gateway.fetch(request, { ip: '127.0.0.1' });
  const text = await response.text();
  return { status: response.status, headers: response.headers, text, json: parsed(text) };
}

function parsed(text: string) {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

async function ask(model = 'demo', stream = false) {
  const body = { model, stream, messages: [{ role: 'user', content: 'hello' }] };
  const headers = { authorization: 'Bearer client-secret' };
  return call('POST', '/v1/chat/completions', body, headers);
}

const PATHS = [
  '/v0/config',
  '/v0/state',
  '/v0/logs',
  '/v0/logs/x',
  '/v0/logs/summary',
  '/v0/events',
];

describe('the admin key', () => {
  test.each([...PATHS, '/metrics'])("guards %s; a client's key is none", async (where) => {
    for (const headers of [{}, { authorization: 'Bearer client-secret' }]) {
      const { status, json } = await call('GET', where, undefined, headers);
      expect(status).toBe(401);
      expect(json.error).toEqual({
        message: 'The admin key is required.',
        type: 'invalid_request_error',
        param: null,
        code: 'invalid_api_key',
      });
    }
  });

  test('does not open the client side', async () => {
    const body = { model: 'demo', messages: [] };
    expect((await call('POST', '/v1/chat/completions', body, ADMIN)).status).toBe(401);
  });
});

describe('/v0/state', () => {
  test('describes providers, aliases and keys, without secrets', async () => {
    await ask();
    const { json, text } = await call('GET', '/v0/state');
    expect(json).toMatchObject({
      status: 'ok',
      providers: {
        demo: { health: 'ok', models: { echo: { attempts: 1, errors: 0 } } },
        off: { health: 'disabled' },
      },
      aliases: { demo: { targets: [{ provider: 'demo', model: 'echo', usable: true }] } },
      apiKeys: { app: { enabled: true, models: ['*'] } },
      debug: { enabled: false, traces: 'off' },
      logLevel: 'info',
      cooldowns: [],
    });
    expect(text).not.toContain('client-secret');
    expect(text).not.toContain('admin-secret');
  });

  test('switches a provider off and on, also after a reload', async () => {
    expect((await ask()).status).toBe(200);
    const off = { action: 'disable-provider', provider: 'demo' };
    expect((await call('POST', '/v0/state', off)).json).toMatchObject({ ok: true, enabled: false });
    expect((await ask()).status).toBe(503);
    await gateway.reload();
    expect((await ask()).status).toBe(503);
    await call('POST', '/v0/state', { action: 'enable-provider', payload: { provider: 'demo' } });
    expect((await ask()).status).toBe(200);
  });

  test.each([
    [{}, 'action'],
    [{ action: 'dance' }, 'action'],
    [{ action: 'set-debug' }, 'enabled'],
    [{ action: 'set-debug', mode: 'loud' }, 'mode'],
    [{ action: 'set-log-level', level: 'loud' }, 'level'],
    [{ action: 'disable-provider' }, 'provider'],
    [{ action: 'disable-provider', provider: 'dmeo' }, 'provider'],
  ])('refuses %p and names the field', async (body, field) => {
    const { status, json } = await call('POST', '/v0/state', body);
    expect(status).toBeWithin(400, 405);
    expect(json.error.param).toBe(field);
  });

  test('sets the level of the log and the mode of traces', async () => {
    await call('POST', '/v0/state', { action: 'set-log-level', level: 'debug' });
    await call('POST', '/v0/state', { action: 'set-debug', enabled: true });
    const { json } = await call('GET', '/v0/state');
    expect(json).toMatchObject({ logLevel: 'debug', debug: { enabled: true, traces: 'on' } });
  });
});

describe('/v0/config', () => {
  test('shows the file and takes it back changed, at once in force', async () => {
    const { json: shown, headers } = await call('GET', '/v0/config');
    expect(shown).toMatchObject({ path: file, problems: [] });
    expect(shown.config.admin.apiKey).toBe('${ADMIN}');
    expect(shown.config.apiKeys.app.secret).toBe('***');
    expect(headers.get('etag')).toBe(`"${shown.checksum}"`);
    shown.config.models.more = 'demo/echo';
    const change = { config: shown.config, previousChecksum: shown.checksum };
    const changed = await call('POST', '/v0/config', change);
    expect(changed.json).toMatchObject({ written: true, reloaded: true, problems: [] });
    expect((await ask('more')).status).toBe(200);
    const written = JSON.parse(fs.readFileSync(file, 'utf8'));
    expect(written).toEqual({ ...CONFIG, models: { demo: 'demo/echo', more: 'demo/echo' } });
    expect((await call('POST', '/v0/config', change)).status).toBe(409);
    const header = { ...ADMIN, 'if-match': `"${shown.checksum}"` };
    expect((await call('POST', '/v0/config', { config: CONFIG }, header)).status).toBe(409);
  });

  test('writes without taking into force when told so', async () => {
    const config = { ...CONFIG, models: { other: 'demo/echo' } };
    const { json } = await call('POST', '/v0/config', { config, reload: false });
    expect(json).toMatchObject({ written: true, reloaded: false });
    expect((await ask('demo')).status).toBe(200);
    await gateway.reload();
    expect((await ask('demo')).status).toBe(404);
  });

  test('refuses what is not valid with all problems, in the usual envelope', async () => {
    const config = { ...CONFIG, models: { a: 'nope/x', b: 'demo' } };
    const { status, json } = await call('POST', '/v0/config', { config });
    expect(status).toBe(400);
    expect(json.error).toMatchObject({ type: 'invalid_request_error', code: 'invalid_config' });
    expect(json.problems.map((problem: { path: string }) => problem.path)).toEqual([
      'models.a',
      'models.b',
    ]);
    expect((await ask()).status).toBe(200);
  });

  test.each([[''], ['[]'], ['{'], ['{}']])('refuses the body %p', async (text) => {
    const request = new Request('http://localhost/v0/config', {
      method: 'POST',
      headers: ADMIN,
      body: text,
    });
    expect((await gateway.fetch(request, { ip: '127.0.0.1' })).status).toBe(400);
  });
});

describe('/v0/logs', () => {
  test('finds requests by filter and everything about one', async () => {
    await ask();
    await ask('nope');
    const { json } = await call('GET', '/v0/logs?outcome=error');
    expect(json).toMatchObject({ type: 'usage', records: [{ alias: 'nope', status: 404 }] });
    expect(json.cursor).toBeNull();
    const [record] = json.records;
    const { json: one } = await call('GET', `/v0/logs/${record.id}`);
    expect(one).toMatchObject({
      id: record.id,
      usage: record,
      error: { kind: 'unknown_model' },
      trace: null,
      running: null,
    });
    const errors = await call('GET', '/v0/logs?type=error');
    expect(errors.json.records).toHaveLength(1);
  });

  test('sums up', async () => {
    await ask();
    await ask();
    const { json } = await call('GET', '/v0/logs/summary?by=key');
    expect(json).toMatchObject({ by: 'apiKey', groups: [{ key: 'app', requests: 2, errors: 0 }] });
    expect(json.total.cost).toBeGreaterThan(0);
  });

  test.each([
    ['/v0/logs?limit=0', 'limit'],
    ['/v0/logs?limit=1001', 'limit'],
    ['/v0/logs?type=x', 'type'],
    ['/v0/logs?from=yesterday', 'from'],
    ['/v0/logs?cursor=x', 'cursor'],
    ['/v0/logs/summary?by=x', 'by'],
  ])('refuses %s and names the parameter', async (where, param) => {
    const { status, json } = await call('GET', where);
    expect([status, json.error.param]).toEqual([400, param]);
  });

  test('knows nothing of an unknown request', async () => {
    const { status, json } = await call('GET', '/v0/logs/req_unknown');
    expect([status, json.error.code]).toEqual([404, 'unknown_request']);
  });

  test('are deleted only by a clear word, and written on afterwards', async () => {
    await ask();
    expect((await call('DELETE', '/v0/logs')).status).toBe(400);
    expect((await call('DELETE', '/v0/logs?before=2999-01-01')).status).toBe(400);
    expect((await call('DELETE', '/v0/logs?olderThanDays=0')).status).toBe(400);
    const kept = await call('DELETE', '/v0/logs?olderThanDays=1');
    expect(kept.json.deleted).toEqual({ usage: [], error: [], trace: [] });
    const { json } = await call('DELETE', '/v0/logs?all=true&type=usage');
    expect(json.deleted.usage).toHaveLength(1);
    expect((await call('GET', '/v0/logs')).json.records).toEqual([]);
    await ask();
    expect((await call('GET', '/v0/logs')).json.records).toHaveLength(1);
  });
});

describe('/v0/events', () => {
  test('tell of requests, switches and configurations', async () => {
    const request = new Request(
      'http://localhost/v0/events?types=usage,state_change,config_change',
      {
        headers: ADMIN,
      },
    );
    const response = await gateway.fetch(request, { ip: '127.0.0.1' });
    expect(response.headers.get('content-type')).toContain('text/event-stream');
    await ask();
    await call('POST', '/v0/state', { action: 'set-log-level', level: 'warn' });
    const config = { ...CONFIG, models: { ...CONFIG.models, more: 'demo/echo' } };
    await call('POST', '/v0/config', { config });
    await gateway.close();
    const text = await response.text();
    const types = [...text.matchAll(/^event: (.+)$/gm)].map(([, type]) => type);
    expect(types).toEqual(['usage', 'state_change', 'config_change']);
    expect(text).toContain('"changes":["models: +more"]');
  });

  test('refuse unknown types', async () => {
    expect((await call('GET', '/v0/events?types=usage,nope')).status).toBe(400);
  });
});

describe('within another program', () => {
  const value = { providers: { demo: { type: 'demo' } }, models: { demo: 'demo/echo' } };
  const get = async (peer?: { ip: string | null }) => {
    const inner = await createGateway({ config: value, env: {}, cwd });
    const visit = (where: string, init: RequestInit = {}) =>
      inner.fetch(new Request(`http://localhost${where}`, init), peer);
    return { inner, visit };
  };

  test('whoever cannot be told from a stranger may not manage without a key', async () => {
    const { visit } = await get();
    expect((await visit('/v0/state')).status).toBe(403);
    const { visit: local } = await get({ ip: '127.0.0.1' });
    expect((await local('/v0/state')).status).toBe(200);
  });

  test('a configuration that is a value is shown, and changed only by the program', async () => {
    const { visit, inner } = await get({ ip: null });
    // A file that is not in use.
    expect(fs.existsSync(file)).toBe(true);
    expect(await (await visit('/v0/config')).json()).toMatchObject({ config: value, path: null });
    const change = { method: 'POST', body: JSON.stringify({ config: value }) };
    expect((await visit('/v0/config', change)).status).toBe(409);
    await inner.reload({ ...value, models: { other: 'demo/echo' } });
    expect(await (await visit('/v0/config')).json()).toMatchObject({
      config: { models: { other: 'demo/echo' } },
    });
    expect(JSON.parse(fs.readFileSync(file, 'utf8'))).toEqual(CONFIG);
  });
});

test('/metrics is Prometheus text of what happened', async () => {
  await ask();
  const { headers, text } = await call('GET', '/metrics');
  expect(headers.get('content-type')).toStartWith('text/plain; version=0.0.4');
  expect(text).toContain(
    'plexus_requests_total{client_format="chat",outcome="success",status="2xx"} 1',
  );
  expect(text).toContain('gen_ai_server_request_duration_seconds_count{');
});

test('other methods and paths get OpenAI errors', async () => {
  const wrong = await call('DELETE', '/v0/state');
  expect([wrong.status, wrong.headers.get('allow')]).toEqual([405, 'GET, HEAD, POST']);
  expect((await call('GET', '/v0/nothing')).json.error.code).toBe('not_found');
});
