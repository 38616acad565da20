/** Plexus as a library, imported by the name under which its users have it. */
import { afterAll, describe, expect, test } from 'bun:test';
import { existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import Anthropic from '@anthropic-ai/sdk';
import { ConfigError, createGateway, type UsageRecord } from 'plexus';
import { runToEnd } from './support/process.ts';
import { inFolder } from './support/terminal.ts';

const DEMO = { providers: { demo: { type: 'demo' } }, models: { demo: 'demo/echo' } };

function ask(path: string, body: object): Request {
  return new Request(`http://localhost${path}`, { method: 'POST', body: JSON.stringify(body) });
}
const HELLO = { model: 'demo', messages: [{ role: 'user', content: 'Hello!' }] };

describe('inside another server', () => {
  const records: UsageRecord[] = [];
  const ready = createGateway({ config: DEMO, onRecord: (record) => records.push(record) });
  const host = Bun.serve({
    port: 0,
    hostname: '127.0.0.1',
    routes: {
      '/v1/*': async (request, server) => (await ready).fetch(request, server),
      '/': new Response('my own page'),
    },
  });
  afterAll(() => host.stop(true));

  test('an SDK gets its stream, the own pages stay, the record knows who called', async () => {
    const client = new Anthropic({ baseURL: `http://127.0.0.1:${host.port}`, apiKey: 'any' });
    const stream = client.messages.stream({
      model: 'demo',
      max_tokens: 100,
      messages: [{ role: 'user', content: 'Hello!' }],
    });
    expect(await stream.finalText()).toContain('Hello!');
    expect(await (await fetch(host.url)).text()).toBe('my own page');
    expect(records).toHaveLength(1);
    expect(records[0]).toMatchObject({ clientFormat: 'messages', clientIp: '127.0.0.1' });
  });
});

describe('createGateway', () => {
  test('asks the given fetch instead of the network', async () => {
    const sent: [string, unknown][] = [];
    const gateway = await createGateway({
      config: {
        providers: { p: { type: 'messages', baseUrl: 'http://p.test/v1', apiKey: `\${KEY}` } },
        models: { demo: 'p/real' },
      },
      env: { KEY: 'the-key' },
      async fetch(url, init) {
        sent.push([url, new Headers(init.headers).get('x-api-key')]);
        return Response.json({
          id: 'msg_1',
          type: 'message',
          role: 'assistant',
          model: 'real',
          content: [{ type: 'text', text: 'Hi.' }],
          stop_reason: 'end_turn',
          usage: { input_tokens: 1, output_tokens: 1 },
        });
      },
    });
    const reply = await gateway.fetch(ask('/v1/chat/completions', HELLO));
    expect(await reply.json()).toMatchObject({ choices: [{ message: { content: 'Hi.' } }] });
    expect(sent).toEqual([['http://p.test/v1/messages', 'the-key']]);
  });

  test('throws every problem of a bad configuration', async () => {
    const config = { providers: { p: { type: 'chatt' } }, colour: 1 };
    const error = await createGateway({ config }).catch((cause) => cause);
    expect(error).toBeInstanceOf(ConfigError);
    expect(error.problems.map(({ path }: { path: string }) => path)).toContain('colour');
    expect(error.message).toContain('Did you mean "chat"?');
  });

  test('writes nothing to the disk for a configuration that is given as a value', async () => {
    await inFolder(async (cwd) => {
      const gateway = await createGateway({ config: DEMO, cwd });
      await gateway.fetch(ask('/v1/chat/completions', HELLO));
      await gateway.close();
      expect(existsSync(join(cwd, 'data'))).toBe(false);
    });
  });

  test('keeps the usage log of a configuration from a file', async () => {
    await inFolder(async (cwd) => {
      writeFileSync(join(cwd, 'mine.json'), JSON.stringify(DEMO));
      const gateway = await createGateway({ config: 'mine.json', cwd, env: {} });
      await gateway.fetch(ask('/v1/chat/completions', HELLO));
      await gateway.close();
      const day = new Date().toISOString().slice(0, 10);
      const log = await Bun.file(join(cwd, `data/logs/usage/${day}.jsonl`)).text();
      expect(JSON.parse(log)).toMatchObject({ alias: 'demo', outcome: 'success' });
    });
  });

  test('reload takes another configuration, or says why not and keeps the old one', async () => {
    const gateway = await createGateway({ config: DEMO });
    const bad = await gateway.reload({ ...DEMO, models: { demo: 'dmo/echo' } });
    expect(bad).toMatchObject({ ok: false, problems: [{ path: 'models.demo' }] });
    expect((await gateway.fetch(ask('/v1/chat/completions', HELLO))).status).toBe(200);
    const next = { ...DEMO, models: { other: 'demo/echo' } };
    expect(await gateway.reload(next)).toEqual({ ok: true, changes: ['models: +other, -demo'] });
    expect((await gateway.fetch(ask('/v1/chat/completions', HELLO))).status).toBe(404);
    expect(await gateway.reload()).toEqual({ ok: true, changes: [] });
    expect([...gateway.config.aliases.keys()]).toEqual(['other']);
  });

  test('runs beside another one, each with its own configuration', async () => {
    const one = await createGateway({ config: DEMO });
    const two = await createGateway({ config: { ...DEMO, models: { two: 'demo/echo' } } });
    expect((await one.fetch(ask('/v1/chat/completions', HELLO))).status).toBe(200);
    expect((await two.fetch(ask('/v1/chat/completions', HELLO))).status).toBe(404);
  });
});

test("the README's example works for somebody who has installed the package", async () => {
  const readme = await Bun.file(resolve(import.meta.dir, '../../README.md')).text();
  const example = /```ts\n(import \{ createGateway \}[\s\S]*?)```/.exec(readme)?.[1] ?? '';
  await inFolder(async (folder) => {
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(resolve(import.meta.dir, '../..'), join(folder, 'node_modules', 'plexus'));
    const served = example.replace('Bun.serve({ port: 3000', 'const server = Bun.serve({ port: 0');
    expect(served).not.toBe(example);
    const body = JSON.stringify(HELLO);
    const asking = `
const url = new URL('/v1/chat/completions', server.url);
const reply = await fetch(url, { method: 'POST', body: ${JSON.stringify(body)} });
console.log((await reply.json()).choices[0].message.content);
console.log(await (await fetch(server.url)).text());
server.stop(true);
await gateway.close();
`;
    writeFileSync(join(folder, 'example.ts'), served + asking);
    const command = [process.execPath, 'example.ts'];
    const { code, out, err } = await runToEnd([], { cwd: folder, command });
    expect(err).toBe('');
    expect(out).toContain('Hello!');
    expect(out).toContain('my own page');
    expect(out).toMatch(/^demo \{/m);
    expect(code).toBe(0);
  });
});
