/** Long results of tools reach a provider as they are written, and as if all had been read. */
import { describe, expect, test } from 'bun:test';
import { join } from 'node:path';
import { FORMATS } from '../src/formats/index.ts';
import { isObject, type JsonObject } from '../src/json.ts';
import type { FormatName } from '../src/unified.ts';
import { Verbatim } from '../src/verbatim.ts';
import { jsonReply, oneProvider, streamReply, testGateway } from './support/gateway.ts';
import { pathOf, readFixture } from './support/matrix.ts';
import { randomFrom } from './transform/random.ts';

const CODE =
  '1\texport function look(path: string) {\n\t\treturn { "path": path, \'ok\': `\\u0000` };\r\n}\n';
const LONG: Record<string, string> = {
  code: CODE.repeat(30),
  'letters beyond ASCII': `Überall – 漢字 🙂 \u00a0${'ein Wort und "noch eins" é '.repeat(80)}`,
  'half a character': `a lone one: \ud83d ${CODE.repeat(20)}`,
  'white space': ' \n\t'.repeat(600),
  'white space first': `${' '.repeat(300)}${CODE.repeat(20)}`,
  'a JSON object': JSON.stringify({ rows: Array(60).fill({ name: 'a "b"', at: 'C:\\x' }) }),
  'a JSON list': JSON.stringify(Array(60).fill(CODE)),
  'a data URL': `data:image/png;base64,${'iVBORw0KGgoAAAANSUhEUgAA'.repeat(60)}`,
  'base64 alone': 'iVBORw0KGgoAAAANSUhEUgAA'.repeat(60),
  'backslashes at the end': `${CODE.repeat(20)}\\\\\\`,
  'a quote at the end': `${CODE.repeat(20)}"`,
  'nothing but quotes': '"'.repeat(1500),
  'nothing but backslashes': '\\'.repeat(1500),
  'what looks like the end': `${CODE.repeat(20)}"}]},{"role":"user","content":"x"}`,
  'an error': `Error: it failed\n${CODE.repeat(20)}`,
  'an error behind a line': `${'='.repeat(70)} error: it failed\n${CODE.repeat(20)}`,
  'control characters': `\u0001${CODE.repeat(15)}\u0001\u0002\u007f${CODE.repeat(15)}`,
  'letters that may be written as escapes': `${'\uabcd'.repeat(80)}${CODE.repeat(20)}`,
  short: 'ok',
  nothing: '',
};
const RESULTS = Object.values(LONG);

/** A conversation in which a tool gave these results, as clients of the format write it. */
const CONVERSATIONS: Record<'chat' | 'messages' | 'responses', (model: string) => JsonObject> = {
  chat: (model) => ({
    model,
    messages: [
      { role: 'system', content: CODE.repeat(20) },
      { role: 'user', content: `Find it.\n${CODE.repeat(10)}` },
      ...RESULTS.flatMap((content, i) => [
        {
          role: 'assistant',
          content: null,
          tool_calls: [{ id: `call_${i}`, type: 'function', function: call(i) }],
        },
        { role: 'tool', tool_call_id: `call_${i}`, content },
      ]),
      { role: 'user', content: [{ type: 'text', text: CODE.repeat(20) }] },
    ],
    tools: [{ type: 'function', function: TOOL }],
  }),
  messages: (model) => ({
    model,
    max_tokens: 99,
    system: CODE.repeat(20),
    messages: [
      { role: 'user', content: CODE.repeat(20) },
      ...RESULTS.flatMap((content, i) => [
        {
          role: 'assistant',
          content: [{ type: 'tool_use', id: `call_${i}`, name: 'look', input: { content } }],
        },
        {
          role: 'user',
          content: [
            i % 2 === 0 || i > 12
              ? {
                  type: 'tool_result',
                  tool_use_id: `call_${i}`,
                  content,
                  is_error: / error|^Error/.test(content),
                }
              : {
                  type: 'tool_result',
                  tool_use_id: `call_${i}`,
                  content: [
                    { type: 'text', text: content || 'empty' },
                    { type: 'text', text: CODE.repeat(12) },
                  ],
                },
          ],
        },
      ]),
    ],
    tools: [{ name: 'look', description: TOOL.description, input_schema: TOOL.parameters }],
  }),
  responses: (model) => ({
    model,
    store: false,
    instructions: CODE.repeat(20),
    input: [
      { role: 'user', content: [{ type: 'input_text', text: CODE.repeat(20) }] },
      ...RESULTS.flatMap((output, i) => [
        { type: 'function_call', call_id: `call_${i}`, ...call(i) },
        { type: 'function_call_output', call_id: `call_${i}`, output },
      ]),
      { type: 'custom_tool_call', call_id: 'last', name: 'free', input: CODE.repeat(20) },
      { type: 'custom_tool_call_output', call_id: 'last', output: CODE.repeat(20) },
    ],
    tools: [
      { type: 'function', strict: false, ...TOOL },
      { type: 'custom', name: 'free', description: 'Takes text.' },
    ],
  }),
};
const TOOL = {
  name: 'look',
  description: CODE.repeat(12),
  parameters: { type: 'object', properties: { content: { type: 'string' } } },
};
function call(i: number): JsonObject {
  return { name: 'look', arguments: JSON.stringify({ content: RESULTS[i] }) };
}

type Client = keyof typeof CONVERSATIONS;
const CLIENTS: readonly Client[] = ['chat', 'messages', 'responses'];
const PAIRS = CLIENTS.flatMap((client) =>
  (['chat', 'messages', 'responses', 'gemini'] as const)
    .filter((provider) => provider !== client)
    .map((provider): [Client, FormatName] => [client, provider]),
);

/** The same JSON, spelled so that no result is recognised in its bytes. */
function inDisguise(body: string): string {
  return body
    .replaceAll('"tool_call_id"', '"tool_call\\u005fid"')
    .replaceAll('"tool_result"', '"tool\\u005fresult"')
    .replaceAll('call_output"', 'call\\u005foutput"');
}

/** A spelling that JSON.stringify does not choose. */
const withEscapes = (body: string): string => body.replaceAll('function', 'f\\u0075nction');

/** As Python writes JSON. */
function inAscii(body: string): string {
  const escaped = (letter: string): string =>
    `\\u${letter.charCodeAt(0).toString(16).padStart(4, '0')}`;
  return body.replace(/[^\0-\x7f]/g, escaped);
}

async function through(client: Client, provider: FormatName, body: string, stream = false) {
  const gateway = await testGateway(oneProvider(provider), () =>
    stream
      ? streamReply([readFixture(`${provider}/text.reply.sse`)])
      : jsonReply(readFixture(`${provider}/text.reply.json`)),
  );
  const response = await gateway.post(pathOf(client, stream), body);
  const [record] = gateway.records;
  return {
    sent: gateway.sent[0]?.body ?? '',
    status: response.status,
    headers: Object.fromEntries(response.headers),
    reply: await response.text(),
    told: { usage: record?.usage, lost: record?.dropped, outcome: record?.outcome },
  };
}

describe.each(PAIRS)('%s client, %s provider', (client, provider) => {
  const conversation = CONVERSATIONS[client]('m');

  test.each([
    ['as clients write it', JSON.stringify(conversation)],
    ['indented', JSON.stringify(conversation, null, 2)],
    ['in escapes', withEscapes(JSON.stringify(conversation))],
    ['in ASCII', inAscii(JSON.stringify(conversation))],
  ])('what is sent and told is the same, %s', async (_, body) => {
    const short = await through(client, provider, body);
    const long = await through(client, provider, inDisguise(body));
    expect(short.status).toBe(200);
    expect(JSON.parse(short.sent)).toEqual(JSON.parse(long.sent));
    expect({ ...short, sent: '' }).toEqual({ ...long, sent: '' });
    expect(short.sent).not.toContain('\u0001');
  });

  test('and of a stream', async () => {
    const body = JSON.stringify({ ...conversation, stream: true });
    const short = await through(client, provider, body, true);
    const long = await through(client, provider, inDisguise(body), true);
    expect(short.status).toBe(200);
    expect(short.reply).toBe(long.reply);
    expect(JSON.parse(short.sent)).toEqual(JSON.parse(long.sent));
  });

  const isLeft = provider !== 'gemini';
  test(`results go ${isLeft ? 'as they are spelled' : 'anew'}`, async () => {
    const { sent } = await through(client, provider, withEscapes(JSON.stringify(conversation)));
    expect(sent.includes('f\\u0075nction')).toBe(isLeft);
  });
});

describe('what is left unread and is no JSON', () => {
  test.each([
    ['a line break', 'export\nfunction'],
    ['a tab', 'export\tfunction'],
    ['a carriage return', 'export\rfunction'],
  ])('%s, as people forget to escape it, is refused before a provider is asked', async (_, raw) => {
    const { sent, status, reply } = await through('chat', 'messages', inLastResult(raw));
    expect(sent).toBe('');
    expect(status).toBe(400);
    expect(reply).toContain('not valid JSON');
  });

  test.each([
    ['an escape that is none', '\\x'],
    ['half an escape', '\\u12'],
    ['a control character', '\u0002'],
  ])('%s is the client’s fault when the provider refuses it', async (_, raw) => {
    const gateway = await testGateway(
      { ...oneProvider('messages'), resilience: { retries: { max: 0 } } },
      () =>
        jsonReply({ type: 'error', error: { type: 'invalid_request_error', message: '?' } }, 400),
    );
    const response = await gateway.post('/v1/chat/completions', inLastResult(raw));
    expect(response.status).toBe(400);
    expect(response.headers.get('x-plexus-error-source')).toBe('gateway');
    expect(await response.text()).toContain('not valid JSON');
    expect(gateway.records[0]?.outcome).toBe('error');
  });

  test('bytes that are not UTF-8 become what they become elsewhere', async () => {
    const gateway = await testGateway(oneProvider('messages'), () =>
      jsonReply(readFixture('messages/text.reply.json')),
    );
    const [before = '', behind = ''] = inLastResult('@@').split('@@');
    const bytes = Buffer.concat([
      Buffer.from(before),
      Buffer.from([0xff, 0xc3]),
      Buffer.from(behind),
    ]);
    const request = new Request('http://127.0.0.1/v1/chat/completions', {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: bytes,
    });
    expect((await gateway.app(request, { ip: '127.0.0.1' })).status).toBe(200);
    expect(gateway.sent[0]?.body).toContain('\ufffd');
  });
});

/** A Chat request whose last result holds this, as it stands. */
function inLastResult(raw: string): string {
  const whole = JSON.stringify({
    model: 'm',
    messages: [
      { role: 'user', content: CODE.repeat(20) },
      { role: 'assistant', tool_calls: [{ id: 'c', type: 'function', function: call(0) }] },
      { role: 'tool', tool_call_id: 'c', content: CODE.repeat(200) },
    ],
    tools: [{ type: 'function', function: TOOL }],
  });
  const at = whole.lastIndexOf('return', whole.indexOf('"tools"'));
  return whole.slice(0, at) + raw + whole.slice(at);
}

test('the first event of a stream counts what is unread also when the answer breaks at once', async () => {
  const ask = async (body: string) => {
    const words = { id: 'c', model: 'up', choices: [{ index: 0, delta: { content: 'hello' } }] };
    const gateway = await testGateway(oneProvider('chat'), () =>
      streamReply([
        `data: ${JSON.stringify(words)}\n\ndata: {"error":{"message":"overloaded"}}\n\n`,
      ]),
    );
    const response = await gateway.post('/v1/messages', body);
    return /"input_tokens":(\d+)/.exec(await response.text())?.[1];
  };
  const body = JSON.stringify({ ...CONVERSATIONS.messages('m'), stream: true });
  const counted = await ask(body);
  expect(Number(counted)).toBeGreaterThan(1000);
  expect(counted).toBe((await ask(inDisguise(body))) ?? '');
});

test('what is no JSON is counted, too, when a provider takes it', async () => {
  const gateway = await testGateway(oneProvider('messages'), () =>
    jsonReply({
      type: 'message',
      role: 'assistant',
      content: [{ type: 'text', text: 'ok' }],
      stop_reason: 'end_turn',
    }),
  );
  const response = await gateway.post('/v1/chat/completions', inLastResult('\\x'));
  expect(response.status).toBe(200);
  expect(gateway.records[0]?.usage?.input).toBeGreaterThan(3000);
});

describe('the next target', () => {
  const two = (second: FormatName, more: object = {}): object => ({
    providers: {
      one: { type: 'messages', baseUrl: 'http://one.test/v1', apiKey: 'k' },
      two: { type: second, baseUrl: 'http://two.test/v1', apiKey: 'k', ...more },
    },
    models: { m: { selector: 'in_order', targets: ['one/a', 'two/b'] } },
  });

  test.each([
    ['gemini', {}],
    ['messages', {}],
    ['chat', {}],
    ['responses', {}],
    ['chat', { transformer: { use: ['enhancetool'] } }],
  ] as const)('%s %o gets the whole request', async (second, more) => {
    const ask = async (body: string) => {
      const gateway = await testGateway(two(second, more), ({ url }) =>
        url.startsWith('http://one')
          ? jsonReply({ error: {} }, 500)
          : jsonReply(readFixture(`${second}/text.reply.json`)),
      );
      const response = await gateway.post('/v1/chat/completions', body);
      const last = gateway.sent.at(-1);
      expect(last?.url).toStartWith('http://two');
      return { status: response.status, sent: JSON.parse(last?.body ?? '') };
    };
    const body = JSON.stringify(CONVERSATIONS.chat('m'));
    const short = await ask(body);
    expect(short.status).toBe(200);
    expect(short).toEqual(await ask(inDisguise(body)));
  });
});

test('the demo provider tells whole results', async () => {
  const ask = async (body: string) => {
    const gateway = await testGateway(
      {
        providers: {
          one: { type: 'messages', baseUrl: 'http://one.test/v1', apiKey: 'k' },
          demo: { type: 'demo' },
        },
        models: { m: { selector: 'in_order', targets: ['one/a', 'demo/demo'] } },
      },
      () => jsonReply({ error: {} }, 500),
    );
    const response = await gateway.post('/v1/chat/completions', body);
    const reply: unknown = await response.json();
    return JSON.stringify(isObject(reply) ? reply['choices'] : reply);
  };
  const body = inLastResult('');
  const told = await ask(body);
  expect(told).toContain('The tool answered');
  expect(told).toBe(await ask(inDisguise(body)));
});

test('a transformer of a user’s own reads whole results', async () => {
  const path = join(import.meta.dir, 'fixtures/transformers/count.ts');
  const gateway = await testGateway(
    { transformers: [{ path }], ...oneProvider('messages', { transformer: { use: ['count'] } }) },
    () => jsonReply(readFixture('messages/text.reply.json')),
  );
  const body = JSON.stringify(CONVERSATIONS.chat('m'));
  for (const each of [body, inDisguise(body)]) await gateway.post('/v1/chat/completions', each);
  expect(gateway.sent[0]?.body).toContain(`… ${LONG['code']?.length} characters`);
  expect(gateway.sent[0]?.body).toBe(gateway.sent[1]?.body);
});

describe('marks', () => {
  const bytes = Buffer.from(inLastResult(''));
  function verbatimOf(body: Buffer): Verbatim {
    const { results } = FORMATS.chat;
    const made = results && Verbatim.of(body, results);
    if (made === undefined) throw new Error('nothing was left unread');
    return made;
  }
  const { json } = verbatimOf(bytes);
  const texts = (value: unknown): string[] => JSON.stringify(value).match(/\\u0001[^"]*/g) ?? [];

  test('stand for one long result, and nothing else', () => {
    expect(texts(json)).toHaveLength(1);
    expect(JSON.stringify(json).length).toBeLessThan(bytes.length / 2);
  });

  test('are not left where nobody asks what stands there', () => {
    const whole: JsonObject = JSON.parse(bytes.toString());
    const elsewhere = { ...whole, functions: [{ content: CODE.repeat(20) }] };
    expect(FORMATS.chat.results).toBeDefined();
    if (!FORMATS.chat.results) return;
    const written = Buffer.from(JSON.stringify(elsewhere));
    expect(Verbatim.of(written, FORMATS.chat.results)).toBeUndefined();
  });

  test('are not set in bytes that are not UTF-8', () => {
    const spoilt = Buffer.from(bytes);
    spoilt[spoilt.lastIndexOf('return')] = 0xff;
    expect(FORMATS.chat.results && Verbatim.of(spoilt, FORMATS.chat.results)).toBeUndefined();
  });

  test('are told from texts that end as they do', () => {
    const { results } = FORMATS.messages;
    const body = (content: string): Buffer =>
      Buffer.from(
        JSON.stringify({
          messages: [
            { role: 'assistant', content: [{ input: { deep: { text: CODE.repeat(200) } } }] },
            { role: 'user', content: [{ type: 'tool_result', tool_use_id: 'c', content }] },
          ],
        }),
      );
    expect(results && Verbatim.of(body('ends so \u0001'), results)).toBeUndefined();
    expect(results && Verbatim.of(body('ends otherwise'), results)).toBeUndefined();
  });

  test('become what they stand for wherever they are in the text', () => {
    const verbatim = verbatimOf(bytes);
    const twice = verbatim.spell(
      JSON.stringify([verbatim.json, `before ${resultIn(verbatim)} behind`]),
    );
    const whole: JsonObject = JSON.parse(bytes.toString());
    const told: unknown = JSON.parse(twice?.copy().toString() ?? '');
    expect(told).toEqual([whole, `before ${CODE.repeat(200)} behind`]);
  });

  test('are not found in a JSON text within the JSON text, nor when they were cut', () => {
    const verbatim = verbatimOf(bytes);
    const text = JSON.stringify(verbatim.json);
    expect(verbatim.spell(JSON.stringify({ arguments: text }))).toBeUndefined();
    expect(verbatim.spell(JSON.stringify(resultIn(verbatim).slice(0, -1)))).toBeUndefined();
    expect(verbatim.spell(JSON.stringify(resultIn(verbatim).replace(':1', ':7')))).toBeUndefined();
  });

  test('are no one’s to guess', () => {
    const [mark = ''] = texts(json);
    expect(mark).toMatch(/^\\u0001[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}:1\\u0001$/);
  });

  test('any body comes back as it was', () => {
    let left = 0;
    for (let seed = 1; seed <= 300; seed += 1) {
      const { below, pick, text } = randomFrom(seed);
      const long = (): string =>
        Array.from({ length: pick([0, 1, 200, 400]) }, () =>
          pick([' function ', text(3), 'plain words', '"', '\n', '\\']),
        ).join('');
      const client = pick(CLIENTS);
      const messages = Array.from({ length: 1 + below(20) }, () => {
        const content = pick([
          long(),
          null,
          [{ type: 'text', text: long() }],
          [long()],
          { text: long() },
        ]);
        const block = {
          type: pick(['tool_result', 'text']),
          content,
          text: long(),
          is_error: pick([true, false]),
        };
        return {
          role: pick(['tool', 'user', 'assistant']),
          tool_call_id: long(),
          content: pick([content, [block], [{ ...block, content: [block] }]]),
          type: pick(['function_call_output', 'message']),
          output: pick([content, long()]),
          args: JSON.stringify({ content: long() }),
        };
      });
      const body: JsonObject = {
        [client === 'responses' ? 'input' : 'messages']: messages,
        content: long(),
        tools: pick([[], [], [{ content: long() }]]),
      };
      const written = Buffer.from(JSON.stringify(body, null, pick([0, 1])));
      const { results } = FORMATS[client];
      const verbatim = results && Verbatim.of(written, results);
      if (verbatim === undefined) continue;
      left += 1;
      const back = verbatim.spell(JSON.stringify(verbatim.json));
      expect(JSON.parse(back?.copy().toString() ?? '')).toEqual(JSON.parse(written.toString()));
    }
    expect(left).toBeGreaterThan(50);
  });
});

function resultIn({ json }: Verbatim): string {
  const messages = json['messages'];
  const last: unknown = Array.isArray(messages) ? messages.at(-1) : undefined;
  const content = isObject(last) ? last['content'] : undefined;
  if (typeof content !== 'string') throw new Error('there is no result');
  return content;
}
