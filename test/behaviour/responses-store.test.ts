/** Answers that refer to earlier ones, with every provider format. */
import { describe, expect, test } from 'bun:test';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createGateway } from '../../src/index.ts';
import { array, isObject, type JsonObject, parseJson } from '../../src/json.ts';
import type { Log } from '../../src/log.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { eventsOf } from '../support/answer.ts';
import { oneProvider, type TestGateway, testGateway } from '../support/gateway.ts';
import { type Step, scriptedReply, sentBody, wantsStream } from '../support/vocabulary/scripted.ts';

/** A gateway whose one provider answers step after step. */
function scripted(
  format: FormatName,
  steps: readonly Step[],
  more: object = {},
): Promise<TestGateway> {
  return testGateway({ ...oneProvider(format), ...more }, (request, attempt) =>
    scriptedReply(format, steps[attempt - 1] ?? { text: 'Nothing more.' }, wantsStream(request)),
  );
}

const silent: Log = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  isOn: () => false,
};

/** The response object of a reply, plain or streamed. */
async function responseOf(reply: Response): Promise<JsonObject> {
  const text = await reply.text();
  const last = text.startsWith('{') ? text : (eventsOf(text).at(-1)?.data ?? '');
  const value = parseJson(last);
  const response = isObject(value) && isObject(value['response']) ? value['response'] : value;
  if (!isObject(response)) throw new Error(text);
  return response;
}

/** The order in which the texts occur. */
function order(body: string, texts: readonly string[]): string[] {
  return texts
    .filter((each) => body.includes(each))
    .toSorted((a, b) => body.indexOf(a) - body.indexOf(b));
}

const ask = (input: unknown, more: object = {}): object => ({ model: 'm', input, ...more });

describe.each(FORMAT_NAMES)('with a %s provider', (format) => {
  test.each([false, true])(
    'previous_response_id brings the conversation (stream: %p)',
    async (stream) => {
      const gateway = await scripted(format, [{ text: 'I am Ann.' }, { text: 'You said 17.' }]);
      const first = await responseOf(
        await gateway.post('/v1/responses', ask('I say 17.', { stream })),
      );
      const reply = await gateway.post(
        '/v1/responses',
        ask('What did I say?', { stream, previous_response_id: first['id'] }),
      );
      const second = await responseOf(reply);
      expect(reply.status).toBe(200);
      if (format !== 'responses') expect(second['previous_response_id']).toBe(first['id']);
      const third = await responseOf(
        await gateway.post('/v1/responses', ask('Sure?', { previous_response_id: second['id'] })),
      );
      expect(third['status']).toBe('completed');
      if (format === 'responses') {
        expect(sentBody(gateway.sent[2])['previous_response_id']).toBe(second['id']);
        return;
      }
      const texts = ['I say 17.', 'I am Ann.', 'What did I say?', 'You said 17.', 'Sure?'];
      expect(order(gateway.sent[2]?.body ?? '', texts)).toEqual(texts);
    },
  );

  test('a tool result alone goes on from the call before it', async () => {
    const gateway = await scripted(format, [
      { calls: [{ id: 'call_1', name: 'look_up', input: { q: 'moon' } }] },
      { text: 'Full.' },
    ]);
    const tools = [
      { type: 'function', name: 'look_up', parameters: { type: 'object' }, strict: false },
    ];
    const first = await responseOf(await gateway.post('/v1/responses', ask('Moon?', { tools })));
    const [call] = array(first['output']).filter(isObject);
    const output = [
      { type: 'function_call_output', call_id: call?.['call_id'], output: 'it is full' },
    ];
    const reply = await gateway.post(
      '/v1/responses',
      ask(output, { tools, previous_response_id: first['id'] }),
    );
    expect(reply.status).toBe(200);
    expect(reply.headers.get('x-plexus-approximated')).toBeNull();
    const body = gateway.sent[1]?.body ?? '';
    expect(body).toContain('it is full');
    if (format !== 'responses')
      expect(order(body, ['Moon?', 'moon', 'it is full'])).toHaveLength(3);
  });

  test('item_reference brings the item', async () => {
    const gateway = await scripted(format, [
      { text: 'Let me see.', calls: [{ id: 'call_1', name: 'look_up', input: { q: 'moon' } }] },
      { text: 'Full.' },
    ]);
    const tools = [
      { type: 'function', name: 'look_up', parameters: { type: 'object' }, strict: false },
    ];
    const first = await responseOf(await gateway.post('/v1/responses', ask('Moon?', { tools })));
    const items = array(first['output']).filter(isObject);
    const call = items.find((item) => item['type'] === 'function_call');
    const input = [
      { role: 'user', content: 'Moon?' },
      ...items.map((item) => ({ type: 'item_reference', id: item['id'] })),
      { type: 'function_call_output', call_id: call?.['call_id'], output: 'it is full' },
    ];
    const reply = await gateway.post('/v1/responses', ask(input, { tools }));
    expect(reply.status).toBe(200);
    const body = gateway.sent[1]?.body ?? '';
    if (format === 'responses') expect(sentBody(gateway.sent[1])['input']).toEqual(input);
    else {
      const texts = ['Moon?', 'Let me see.', 'it is full'];
      expect(order(body, texts)).toEqual(texts);
    }
  });
});

describe('what is unknown', () => {
  test('an answer: OpenAI’s own 400', async () => {
    const gateway = await scripted('chat', []);
    const reply = await gateway.post(
      '/v1/responses',
      ask('Hi', { previous_response_id: 'resp_no' }),
    );
    expect(reply.status).toBe(400);
    expect(await reply.json()).toEqual({
      error: {
        message: "Previous response with id 'resp_no' not found.",
        type: 'invalid_request_error',
        param: 'previous_response_id',
        code: 'previous_response_not_found',
      },
    });
    expect(gateway.sent).toEqual([]);
  });

  test('an item: OpenAI’s own 404', async () => {
    const gateway = await scripted('messages', []);
    const input = [{ type: 'item_reference', id: 'msg_no' }];
    const reply = await gateway.post('/v1/responses', ask(input));
    expect(reply.status).toBe(404);
    expect(await reply.json()).toMatchObject({
      error: { message: "Item with id 'msg_no' not found.", param: 'input', code: null },
    });
  });

  test('goes to a provider that may know it, as it is, also through a transformer', async () => {
    for (const more of [{}, { extraBody: { x: 1 } }]) {
      const gateway = await testGateway(oneProvider('responses', more), () =>
        scriptedReply('responses', { text: 'Hi.' }, false),
      );
      const input = [{ type: 'function_call_output', call_id: 'call_9', output: 'done' }];
      const reply = await gateway.post(
        '/v1/responses',
        ask(input, { previous_response_id: 'resp_o' }),
      );
      expect(reply.status).toBe(200);
      expect(sentBody(gateway.sent[0])).toMatchObject({ previous_response_id: 'resp_o', input });
    }
  });

  test('is not asked for at a provider that cannot know it', async () => {
    const raw = {
      providers: {
        a: { type: 'chat', baseUrl: 'http://a.test/v1', apiKey: 'k' },
        b: { type: 'responses', baseUrl: 'http://b.test/v1', apiKey: 'k' },
      },
      models: { m: { selector: 'in_order', targets: ['a/x', 'b/y'] } },
    };
    const gateway = await testGateway(raw, () =>
      scriptedReply('responses', { text: 'Hi.' }, false),
    );
    await gateway.post('/v1/responses', ask('Hi', { previous_response_id: 'resp_o' }));
    expect(gateway.sent.map(({ url }) => url)).toEqual(['http://b.test/v1/responses']);
  });
});

describe('what lives with a provider', () => {
  test.each([
    ['conversation', { conversation: 'conv_1' }, 404],
    ['prompt', { prompt: { id: 'pmpt_1' } }, 400],
  ])(
    'a %s is refused where nobody can know it, and goes on where it is known',
    async (field, more, status) => {
      const foreign = await scripted('chat', [{ text: 'Hi.' }]);
      const refused = await foreign.post('/v1/responses', ask('Hi', more));
      expect(refused.status).toBe(status);
      expect(await refused.json()).toMatchObject({ error: { param: field } });
      expect(foreign.sent).toEqual([]);
      const own = await scripted('responses', [{ text: 'Hi.' }]);
      expect((await own.post('/v1/responses', ask('Hi', more))).status).toBe(200);
      expect(sentBody(own.sent[0])).toMatchObject(more);
    },
  );
});

describe('what is kept', () => {
  test('store: false keeps nothing, nor does responses.store "off"', async () => {
    for (const [more, body] of [
      [{}, { store: false }],
      [{ responses: { store: 'off' } }, {}],
    ]) {
      const gateway = await scripted('chat', [{ text: 'Hi.' }], more);
      const first = await responseOf(await gateway.post('/v1/responses', ask('Hi', body)));
      expect(first['store']).toBe(false);
      expect((await gateway.get(`/v1/responses/${first['id']}`)).status).toBe(404);
    }
  });

  test('GET gives the answer as the client got it, DELETE ends it', async () => {
    const gateway = await scripted('gemini', [{ text: 'Hi.' }]);
    const first = await responseOf(await gateway.post('/v1/responses', ask('Hello')));
    const path = `/v1/responses/${first['id']}`;
    expect(await (await gateway.get(path)).json()).toEqual(first);
    const remove = (): Promise<Response> =>
      gateway.app(new Request(`http://127.0.0.1${path}`, { method: 'DELETE' }), { ip: null });
    expect(await (await remove()).json()).toEqual({
      id: first['id'],
      object: 'response',
      deleted: true,
    });
    const gone = await gateway.get(path);
    expect(gone.status).toBe(404);
    expect(await gone.json()).toEqual({
      error: {
        message: `Response with id '${first['id']}' not found.`,
        type: 'invalid_request_error',
        param: null,
        code: null,
      },
    });
    expect((await remove()).status).toBe(404);
    const next = await gateway.post(
      '/v1/responses',
      ask('?', { previous_response_id: first['id'] }),
    );
    expect(next.status).toBe(400);
  });

  test.each(FORMAT_NAMES)(
    'a streamed answer is kept just as its last event says it (%s)',
    async (format) => {
      const gateway = await scripted(format, [{ reasoning: 'hm', text: 'Grüezi \u{1f600}.' }]);
      const first = await responseOf(
        await gateway.post('/v1/responses', ask('Hi', { stream: true })),
      );
      const kept = await gateway.get(`/v1/responses/${first['id']}`);
      expect(kept.status).toBe(200);
      expect(await kept.json()).toEqual(first);
      expect(first['model']).toBe('m');
    },
  );

  test('survives a restart in files, and nothing else does', async () => {
    const dir = mkdtempSync(join(tmpdir(), 'answers-'));
    const answers: string[] = [];
    for (const store of ['file', 'memory']) {
      const config = {
        models: { m: 'demo/echo' },
        providers: { demo: { type: 'demo' } },
        responses: { store },
        dataDir: join(dir, store),
      };
      const open = () => createGateway({ config, persist: true, log: silent });
      const request = (path: string, body?: object): Request =>
        new Request(
          `http://127.0.0.1${path}`,
          body && { method: 'POST', body: JSON.stringify(body) },
        );
      const before = await open();
      const first = await responseOf(await before.fetch(request('/v1/responses', ask('Hi'))));
      await before.close();
      const after = await open();
      const path = `/v1/responses/${first['id']}`;
      answers.push(`${store} ${(await after.fetch(request(path))).status}`);
      const next = ask('And?', { previous_response_id: first['id'] });
      answers.push(`${store} ${(await after.fetch(request('/v1/responses', next))).status}`);
      await after.close();
    }
    rmSync(dir, { recursive: true });
    expect(answers).toEqual(['file 200', 'file 200', 'memory 404', 'memory 400']);
  });

  test('input_items lists what was asked, in pages', async () => {
    const gateway = await scripted('chat', [{ text: 'Hi.' }]);
    const input = ['one', 'two', 'three'].map((content) => ({ role: 'user', content }));
    const first = await responseOf(await gateway.post('/v1/responses', ask(input)));
    const path = `/v1/responses/${first['id']}/input_items`;
    const page: unknown = await (await gateway.get(`${path}?limit=2&order=asc`)).json();
    expect(page).toMatchObject({
      object: 'list',
      has_more: true,
      data: [{ content: 'one', type: 'message' }, { content: 'two' }],
    });
    const after = isObject(page) ? page['last_id'] : '';
    const rest = await gateway.get(`${path}?order=asc&after=${after}`);
    expect(await rest.json()).toMatchObject({ has_more: false, data: [{ content: 'three' }] });
    const newest: unknown = await (await gateway.get(path)).json();
    expect(newest).toMatchObject({ data: [{ content: 'three' }, { content: 'two' }, {}] });
  });

  test('a broken stream is not kept', async () => {
    const gateway = await testGateway(oneProvider('responses'), () => {
      const whole = scriptedReply('responses', { text: 'Hi.' }, true);
      return new Response(
        new ReadableStream({
          async start(controller) {
            const text = await whole.text();
            controller.enqueue(
              new TextEncoder().encode(text.slice(0, text.indexOf('event: response.completed'))),
            );
            controller.close();
          },
        }),
        { headers: { 'content-type': 'text/event-stream' } },
      );
    });
    const reply = await gateway.post('/v1/responses', ask('Hi', { stream: true }));
    const id = /"id":"(resp_[^"]+)"/.exec(await reply.text())?.[1];
    expect(id).toBeDefined();
    expect((await gateway.get(`/v1/responses/${id}`)).status).toBe(404);
  });

  test('one key never reads what belongs to another', async () => {
    const keys = { apiKeys: { ann: { secret: 'key-a' }, bob: { secret: 'key-b' } } };
    for (const format of ['chat', 'responses'] as const) {
      const gateway = await scripted(format, [{ text: 'Secret.' }], keys);
      const ann = { authorization: 'Bearer key-a' };
      const bob = { authorization: 'Bearer key-b' };
      const first = await responseOf(await gateway.post('/v1/responses', ask('Hi'), ann));
      const path = `/v1/responses/${first['id']}`;
      expect((await gateway.get(path, ann)).status).toBe(200);
      expect((await gateway.get(path, bob)).status).toBe(404);
      expect((await gateway.get(path)).status).toBe(401);
      const next = ask('What?', { previous_response_id: first['id'] });
      const refused = await gateway.post('/v1/responses', next, bob);
      expect(refused.status).toBe(400);
      const [item] = array(first['output']).filter(isObject);
      const reference = ask([{ type: 'item_reference', id: item?.['id'] }]);
      expect((await gateway.post('/v1/responses', reference, bob)).status).toBe(404);
      expect(gateway.sent).toHaveLength(1);
    }
  });
});

describe('a provider with its own state', () => {
  const TWO = {
    providers: {
      a: { type: 'responses', baseUrl: 'http://a.test/v1', apiKey: 'k' },
      b: { type: 'messages', baseUrl: 'http://b.test/v1', apiKey: 'k' },
    },
    models: {
      m: { selector: 'in_order', targets: ['b/claude-sonnet-4-5', 'a/x'] },
      only: 'a/x',
    },
  };

  test('is asked first, with the reference; another gets the items, without foreign reasoning', async () => {
    let isDown = false;
    const gateway = await testGateway(TWO, (request) => {
      const isHome = request.url.startsWith('http://a.test');
      if (isHome && isDown) return new Response('{"error":{"message":"down"}}', { status: 503 });
      return scriptedReply(
        isHome ? 'responses' : 'messages',
        { reasoning: 'hm', token: 'native-token', text: 'Hi, Ann.' },
        false,
      );
    });
    const first = await responseOf(
      await gateway.post('/v1/responses', { model: 'only', input: 'I am Ann.' }),
    );
    const next = ask('Who am I?', { previous_response_id: first['id'] });
    await gateway.post('/v1/responses', next);
    expect(gateway.sent[1]?.url).toBe('http://a.test/v1/responses');
    expect(sentBody(gateway.sent[1])).toEqual({ ...next, model: 'x' });

    isDown = true;
    const reply = await gateway.post('/v1/responses', next);
    expect(gateway.sent.at(-1)?.url).toBe('http://b.test/v1/messages');
    const body = gateway.sent.at(-1)?.body ?? '';
    const texts = ['I am Ann.', 'Hi, Ann.', 'Who am I?'];
    expect(order(body, texts)).toEqual(texts);
    expect(body).not.toContain('native-token');
    expect(reply.headers.get('x-plexus-dropped')).toContain('previous_response_id.1');
  });

  test('that says it keeps nothing gets the items', async () => {
    const gateway = await testGateway(oneProvider('responses'), async () => {
      const reply = await scriptedReply('responses', { text: 'Hi, Ann.' }, false).text();
      return new Response(reply.replace('"store":true', '"store":false'), {
        headers: { 'content-type': 'application/json' },
      });
    });
    const first = await responseOf(await gateway.post('/v1/responses', ask('I am Ann.')));
    await gateway.post('/v1/responses', ask('Who?', { previous_response_id: first['id'] }));
    const sent = sentBody(gateway.sent[1]);
    expect(sent['previous_response_id']).toBeUndefined();
    const texts = ['I am Ann.', 'Hi, Ann.', 'Who?'];
    expect(order(gateway.sent[1]?.body ?? '', texts)).toEqual(texts);
  });
});

test('losses are named where the client wrote them, not where the items came to stand', async () => {
  const gateway = await scripted('chat', [{ text: 'Hi.' }]);
  const first = await responseOf(await gateway.post('/v1/responses', ask('Hello')));
  const content = [
    { type: 'input_text', text: 'a', prompt_cache_breakpoint: { mode: 'explicit' } },
  ];
  const reply = await gateway.post(
    '/v1/responses',
    ask([{ role: 'user', content }], { previous_response_id: first['id'] }),
  );
  expect(reply.headers.get('x-plexus-dropped')).toBe('input.0.content.0.prompt_cache_breakpoint');
  expect(gateway.records[1]?.dropped).toEqual(['input.0.content.0.prompt_cache_breakpoint']);
});

test('a WebSocket is refused at once, as JSON', async () => {
  const gateway = await scripted('chat', []);
  const reply = await gateway.get('/v1/responses', { upgrade: 'websocket', connection: 'Upgrade' });
  expect(reply.status).toBe(426);
  expect(await reply.json()).toMatchObject({ error: { code: 'websocket_not_supported' } });
});
