/** What broke the requests of other gateways (test/README.md, 37–46), each as what must hold here. */
import { describe, expect, test } from 'bun:test';
import type { JsonObject } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { dig } from '../support/answer.ts';
import { ask, FOREIGN_PAIRS, PAIRS } from '../support/ask.ts';
import { configOf, jsonReply, oneProvider, testGateway } from '../support/gateway.ts';
import { plainOutline, readFixture } from '../support/matrix.ts';

/** Where each format keeps its limit of output tokens. */
const LIMIT: Readonly<Record<FormatName, readonly string[]>> = {
  chat: ['max_completion_tokens', 'max_tokens'],
  messages: ['max_tokens'],
  responses: ['max_output_tokens'],
  gemini: ['generationConfig.maxOutputTokens'],
};
function at(body: JsonObject, path: string): unknown {
  return dig(body, ...path.split('.'));
}

describe('system text', () => {
  const all = [
    { role: 'system', content: 'One.' },
    { role: 'developer', content: 'Two.' },
    { role: 'system', content: 'Three.' },
    { role: 'user', content: 'Hi' },
  ];
  test.each(['messages', 'responses', 'gemini'] as const)(
    'is all of it system text, none of it the user’s: %s provider',
    async (provider) => {
      const { sent } = await ask({ client: 'chat', provider, fields: { messages: all } });
      expect(plainOutline(provider, sent).filter((line) => !line.startsWith('limit'))).toEqual([
        'system: One. Two. Three.',
        'user: Hi',
      ]);
    },
  );
  test.each(FORMAT_NAMES)('between the turns keeps its place: %s provider', async (provider) => {
    const messages = [
      { role: 'user', content: 'Hi' },
      { role: 'assistant', content: 'Hello.' },
      { role: 'system', content: 'From now on: French.' },
      { role: 'user', content: 'And?' },
    ];
    const { sent } = await ask({ client: 'messages', provider, fields: { messages } });
    const text = JSON.stringify(sent);
    const order = ['Hello.', 'From now on', 'And?'].map((word) => text.indexOf(word));
    expect(order).toEqual(order.toSorted((a, b) => a - b));
    expect(order).not.toContain(-1);
  });
});

describe('the limit of tokens', () => {
  const asked: [FormatName, JsonObject][] = [
    ['chat', { max_tokens: 77 }],
    ['chat', { max_completion_tokens: 77 }],
    ['messages', { max_tokens: 77 }],
    ['responses', { max_output_tokens: 77 }],
    ['gemini', { generationConfig: { maxOutputTokens: 77 } }],
  ];
  describe.each(asked)('of a %s client %o', (client, fields) => {
    test.each(FORMAT_NAMES)('is in one field of a %s provider', async (provider) => {
      const { sent } = await ask({ client, provider, fields });
      expect(LIMIT[provider].map((path) => at(sent, path)).filter(Boolean)).toEqual([77]);
    });
  });

  test.each(['chat', 'responses', 'gemini'] as const)(
    'is added for Anthropic: %s client',
    async (client) => {
      expect((await ask({ client, provider: 'messages' })).sent['max_tokens']).toBeNumber();
    },
  );
});

describe('sampling', () => {
  test.each(FOREIGN_PAIRS)(
    'nothing is set that nobody asked for: %s client, %s provider',
    async (client, provider) => {
      const { sent } = await ask({ client, provider });
      expect(JSON.stringify(sent)).not.toMatch(/temperature|top_?p|top_?k|penalty|seed|"n"/i);
    },
  );
  test.each(PAIRS)('zero is a value: %s client, %s provider', async (client, provider) => {
    const zero =
      client === 'gemini' ? { generationConfig: { temperature: 0 } } : { temperature: 0 };
    const { sent } = await ask({ client, provider, fields: zero });
    expect(
      provider === 'gemini' ? dig(sent, 'generationConfig', 'temperature') : sent['temperature'],
    ).toBe(0);
  });
});

describe('the rest of the parameters', () => {
  const fields = {
    chat: { stop: 'END', metadata: { team: 'a' }, service_tier: 'flex', user: 'u1' },
    messages: { stop_sequences: ['END'], metadata: { user_id: 'u1' } },
    responses: { metadata: { team: 'a' }, service_tier: 'flex', user: 'u1', verbosity: undefined },
  };
  test('of chat reach responses', async () => {
    const { sent, reports } = await ask({
      client: 'chat',
      provider: 'responses',
      fields: fields.chat,
    });
    expect(sent).toMatchObject({ metadata: { team: 'a' }, service_tier: 'flex' });
    expect(JSON.stringify(sent)).toContain('"u1"');
    expect(reports).toContain('stop');
  });
  test('of messages reach chat', async () => {
    const { sent } = await ask({ client: 'messages', provider: 'chat', fields: fields.messages });
    expect(sent).toMatchObject({ stop: ['END'], user: 'u1' });
  });
  test('of responses reach chat and Anthropic as far as they have a place', async () => {
    const { sent } = await ask({ client: 'responses', provider: 'chat', fields: fields.responses });
    expect(sent).toMatchObject({ metadata: { team: 'a' }, service_tier: 'flex', user: 'u1' });
    const anthropic = await ask({
      client: 'responses',
      provider: 'messages',
      fields: fields.responses,
    });
    expect(anthropic.sent['metadata']).toEqual({ user_id: 'u1' });
    expect(anthropic.reports).toContain('metadata');
  });
});

describe('media', () => {
  test.each(PAIRS)(
    'base64 is neither prefixed twice nor sent as a link: %s client, %s provider',
    async (client, provider) => {
      for (const name of ['images', 'pdf']) {
        const { sent } = await ask({ client, provider, name });
        const text = JSON.stringify(sent);
        expect(text).not.toMatch(
          /base64,data:|"data":"data:|"(url|image_url|fileUri)":"(iVBOR|JVBER)/,
        );
        expect(text).toContain(name === 'pdf' ? 'JVBERi0xLjQKJeLj' : 'iVBORw0KGgoAAAAN');
        if (name === 'images') expect(text).toContain('https://pictures.test/cat.png');
      }
    },
  );
});

describe('fields of ours and of others', () => {
  const fields = {
    max_tokens: 9000,
    system: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }],
    thinking: { type: 'enabled', budget_tokens: 2000 },
    context_management: { edits: [] },
    tools: [{ name: 'f', input_schema: { type: 'object' }, cache_control: { type: 'ephemeral' } }],
    messages: [
      {
        role: 'user',
        content: [
          { type: 'text', text: 'Hi', cache_control: { type: 'ephemeral' } },
          { type: 'image', source: { type: 'base64', media_type: 'image/png', data: 'iVBOR' } },
        ],
      },
    ],
  };
  test('do not leak to a strict chat provider', async () => {
    const { sent } = await ask({ client: 'messages', provider: 'chat', fields });
    expect(Object.keys(sent).toSorted()).toEqual(
      ['max_tokens', 'messages', 'model', 'reasoning_effort', 'stream', 'tools'].filter(
        (key) => key in sent,
      ),
    );
    expect(JSON.stringify(sent)).not.toMatch(
      /"(path|thinking|reasoning|media_type|cache_control|opaque|extra|developer|continues|context_management)":/,
    );
  });
  test('marks for the cache reach those who take them', async () => {
    const messages = [
      {
        role: 'system',
        content: [{ type: 'text', text: 'S', cache_control: { type: 'ephemeral' } }],
      },
      {
        role: 'user',
        content: [{ type: 'text', text: 'Hi', cache_control: { type: 'ephemeral', ttl: '1h' } }],
      },
    ];
    const { sent } = await ask({ client: 'chat', provider: 'messages', fields: { messages } });
    expect(dig(sent, 'system', 0)).toMatchObject({
      text: 'S',
      cache_control: { type: 'ephemeral' },
    });
    expect(dig(sent, 'messages', 0, 'content', 0)).toMatchObject({
      cache_control: { type: 'ephemeral', ttl: '1h' },
    });
  });
});

describe('Anthropic’s own', () => {
  test('betas of the client and of the configuration are joined, unknown ones too', async () => {
    const { gateway } = await ask({
      client: 'messages',
      provider: 'messages',
      headers: { 'anthropic-beta': 'of-tomorrow-2027, shared-2025' },
      providerConfig: { headers: { 'anthropic-beta': 'shared-2025,of-the-house-2026' } },
    });
    const betas = gateway.sent[0]?.headers['anthropic-beta']?.split(/\s*,\s*/) ?? [];
    expect(betas.toSorted()).toEqual(['of-the-house-2026', 'of-tomorrow-2027', 'shared-2025']);
  });

  test('the attribution block and the order of `system` stay, also when the body is written anew', async () => {
    const system = [
      { type: 'text', text: 'x-anthropic-billing-header: cc_version=2.1; cch=abc12;' },
      { type: 'text', text: 'You are Claude Code.', cache_control: { type: 'ephemeral' } },
      { type: 'text', text: 'Rules.', cache_control: { type: 'ephemeral' } },
    ];
    const written = await ask({
      client: 'messages',
      provider: 'messages',
      fields: { system },
      providerConfig: { extraBody: { x: 1 } },
    });
    expect(written.sent['system']).toEqual(system);
    // It is for Anthropic only: elsewhere it would spoil the cache of every request.
    const chat = await ask({ client: 'messages', provider: 'chat', fields: { system } });
    expect(JSON.stringify(chat.sent)).not.toContain('billing-header');
  });
});

describe('the address of a provider', () => {
  const rows: [FormatName, object, string][] = [
    ['chat', { baseUrl: 'http://p.test/v1' }, 'http://p.test/v1/chat/completions'],
    ['chat', { baseUrl: 'http://p.test/v1/' }, 'http://p.test/v1/chat/completions'],
    ['chat', { baseUrl: 'http://p.test' }, 'http://p.test/chat/completions'],
    ['messages', { baseUrl: 'http://p.test/anthropic/v1/' }, 'http://p.test/anthropic/v1/messages'],
    ['responses', { baseUrl: 'http://p.test/openai/v1/' }, 'http://p.test/openai/v1/responses'],
    [
      'gemini',
      { baseUrl: 'http://p.test/v1beta/' },
      'http://p.test/v1beta/models/up:generateContent',
    ],
    [
      'chat',
      {
        baseUrl: 'http://p.test/v1',
        endpoints: { chat: 'http://q.test/d/{model}/go?api-version=1' },
      },
      'http://q.test/d/up/go?api-version=1',
    ],
  ];
  test.each(rows)('%s %o → %s', async (provider, providerConfig, url) => {
    const { gateway } = await ask({ client: provider, provider, providerConfig });
    expect(gateway.sent[0]?.url).toBe(url);
  });

  test('of Gemini, given whole, follows the way of answering', async () => {
    const endpoints = { gemini: 'http://q.test/projects/p/{model}:generateContent?x=1' };
    const common = { client: 'chat', provider: 'gemini', providerConfig: { endpoints } } as const;
    const plain = await ask(common);
    expect(plain.gateway.sent[0]?.url).toBe('http://q.test/projects/p/up:generateContent?x=1');
    const streamed = await ask({ ...common, stream: true });
    expect(streamed.gateway.sent[0]?.url).toBe(
      'http://q.test/projects/p/up:streamGenerateContent?x=1&alt=sse',
    );
  });

  test('a base URL with a query is refused at once: `endpoints` takes the whole address', () => {
    const baseUrl = 'http://p.test/openai/deployments/up?api-version=2026-01-01';
    expect(() => configOf(oneProvider('chat', { baseUrl }))).toThrow('without \\"?\\"');
  });
});

test('a Responses body sent to /chat/completions is told where it belongs, or served', async () => {
  const { post } = await testGateway(
    {
      providers: { p: { type: 'messages', baseUrl: 'http://p.test/v1', apiKey: 'k' } },
      models: { m: 'p/up' },
    },
    () => jsonReply(readFixture('messages/text.reply.json')),
  );
  const response = await post('/v1/chat/completions', {
    model: 'm',
    input: 'Hi',
    instructions: 'Be brief.',
  });
  const text = await response.text();
  if (response.status !== 200) {
    expect(response.status).toBe(400);
    expect(text).toContain('/responses');
  }
});
