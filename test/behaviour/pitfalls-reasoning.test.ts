/** What broke reasoning in other gateways (test/README.md, 16–23), each as what must hold here. */
import { describe, expect, test } from 'bun:test';
import { array, type JsonObject, parseJson } from '../../src/json.ts';
import { createEnvelope } from '../../src/transform/envelope.ts';
import { FORMAT_NAMES } from '../../src/unified.ts';
import { dig, eventsOf } from '../support/answer.ts';
import { again, ask, chatReply, messagesEvents, messagesReply } from '../support/ask.ts';

const SIGNATURE = 'RXJvQ0NvVUJDQWNpdg/+==';
const THINKING = { type: 'thinking', thinking: 'Zwei Wege — „é" 東京\n\t\\', signature: SIGNATURE };
const history = (...blocks: JsonObject[]) => ({
  max_tokens: 8000,
  thinking: { type: 'enabled', budget_tokens: 2000 },
  messages: [
    { role: 'user', content: 'Go' },
    { role: 'assistant', content: [...blocks, { type: 'text', text: 'Gone.' }] },
    { role: 'user', content: 'On' },
  ],
});

describe('a thinking block', () => {
  test('goes back letter by letter, also when the request is written anew', async () => {
    const { sent } = await ask({
      client: 'messages',
      provider: 'messages',
      fields: history(THINKING),
      providerConfig: { extraBody: { x: 1 } },
    });
    expect(sent['x']).toBe(1);
    expect(dig(sent, 'messages', 1, 'content', 0)).toEqual(THINKING);
  });

  test('comes to the client letter by letter, plain and streamed', async () => {
    const content = [THINKING, { type: 'text', text: 'Hi' }];
    const config = { providerConfig: { extraBody: { x: 1 } } };
    const common = {
      client: 'messages',
      provider: 'messages',
      fields: history(),
      ...config,
    } as const;
    const plain = await ask({ ...common, says: messagesReply(content) });
    expect(dig(parseJson(plain.body), 'content', 0)).toEqual(THINKING);
    const { body } = await ask({ ...common, says: messagesEvents(content) });
    const deltas = eventsOf(body).map(({ data }) => dig(parseJson(data), 'delta'));
    const join = (key: string) => deltas.map((delta) => dig(delta, key) ?? '').join('');
    expect(join('thinking')).toBe(THINKING.thinking);
    expect(join('signature')).toBe(SIGNATURE);
  });

  test.each(['chat', 'responses', 'gemini'] as const)(
    'of Anthropic’s never reaches a %s provider, and its loss is reported',
    async (provider) => {
      const { sent, reports } = await ask({
        client: 'messages',
        provider,
        fields: history(THINKING),
      });
      expect(JSON.stringify(sent)).not.toContain(SIGNATURE);
      expect(reports).toContain('messages.1.content.0');
    },
  );

  test.each(['messages', 'gemini', 'responses'] as const)(
    'no signature is ever made up: plain reasoning of a chat client at a %s provider',
    async (provider) => {
      const messages = [
        { role: 'user', content: 'Go' },
        { role: 'assistant', content: 'Gone.', reasoning_content: 'Hm.' },
        { role: 'user', content: 'On' },
      ];
      const { sent, reports } = await ask({ client: 'chat', provider, fields: { messages } });
      expect(JSON.stringify(sent)).not.toMatch(/"(\w*signature|encrypted_content|thinking)":/i);
      expect(reports.join()).toContain('messages.1');
    },
  );

  test('whose signature was forged as one of ours is left out and reported', async () => {
    const good = await ask({
      client: 'messages',
      provider: 'chat',
      fields: history(),
      says: chatReply({ content: 'Hi', reasoning_content: 'Hm.' }),
    });
    const block = dig(parseJson(good.body), 'content', 0);
    const sealed = String(dig(block, 'signature'));
    const turn = (signature: string) =>
      again(good.gateway, 'messages', {
        model: 'm',
        ...history({ type: 'thinking', thinking: 'Hm.', signature }),
      });
    expect(dig((await turn(sealed)).sent, 'messages', 1)).toMatchObject({
      reasoning_content: 'Hm.',
    });
    const middle = sealed.length >> 1;
    const letter = sealed[middle] === 'a' ? 'b' : 'a';
    const opaque = { value: '', format: 'chat', provider: 'p', model: 'up' } as const;
    const forgeries = {
      'one letter altered': sealed.slice(0, middle) + letter + sealed.slice(middle + 1),
      'cut short': sealed.slice(0, -4),
      'made with another secret': createEnvelope('another').seal(opaque, 'Hm.'),
    };
    for (const signature of Object.values(forgeries)) {
      const forged = await turn(signature);
      expect(dig(forged.sent, 'messages', 1)).not.toHaveProperty('reasoning_content');
      expect(forged.reports).toContain('messages.1.content.0');
    }
  });
});

describe('reasoning_content', () => {
  test.each(['reasoning_content', 'reasoning'])(
    'of a chat provider (spelled %s) comes back to it on the next turn, from every client',
    async (field) => {
      const says = chatReply(
        {
          content: 'Looking.',
          [field]: 'I must look.',
          tool_calls: [
            {
              id: 'c1',
              type: 'function',
              function: { name: 'get_time', arguments: '{"zone":"x"}' },
            },
          ],
        },
        'tool_calls',
      );
      for (const client of ['messages', 'responses', 'gemini'] as const) {
        const first = await ask({ client, provider: 'chat', says, name: 'reasoning' });
        expect(first.answer.reasoning).toBe('I must look.');
        const reply = parseJson(first.body);
        const bodies: Record<typeof client, () => JsonObject> = {
          messages: () => ({
            messages: [
              { role: 'user', content: 'Go' },
              { role: 'assistant', content: dig(reply, 'content') },
              {
                role: 'user',
                content: [{ type: 'tool_result', tool_use_id: 'c1', content: 'noon' }],
              },
            ],
          }),
          responses: () => ({
            input: [
              { role: 'user', content: 'Go' },
              ...array(dig(reply, 'output')),
              { type: 'function_call_output', call_id: 'c1', output: 'noon' },
            ],
          }),
          gemini: () => ({
            contents: [
              { role: 'user', parts: [{ text: 'Go' }] },
              dig(reply, 'candidates', 0, 'content'),
              {
                role: 'user',
                parts: [
                  {
                    functionResponse: { id: 'c1', name: 'get_time', response: { output: 'noon' } },
                  },
                ],
              },
            ],
          }),
        };
        const common = { model: 'm', max_tokens: 100 };
        const { sent } = await again(first.gateway, client, { ...common, ...bodies[client]() });
        expect(dig(sent, 'messages', 1)).toMatchObject({
          content: 'Looking.',
          [field]: 'I must look.',
          tool_calls: [{ id: 'c1' }],
        });
      }
    },
  );
});

describe('how much a model shall think', () => {
  const THINK = {
    disabled: { thinking: { type: 'disabled' } },
    adaptive: { thinking: { type: 'adaptive' } },
    nothing: {},
  };
  test.each(['chat', 'responses', 'gemini'] as const)(
    'disabled and adaptive are neither "high" nor each other: %s provider',
    async (provider) => {
      const told = async (fields: JsonObject): Promise<string> => {
        const { sent } = await ask({ client: 'messages', provider, fields });
        const { reasoning_effort: effort, reasoning } = sent;
        return JSON.stringify(
          effort ?? reasoning ?? dig(sent, 'generationConfig', 'thinkingConfig') ?? '',
        );
      };
      expect(await told(THINK.nothing)).toBe('""');
      expect(await told(THINK.disabled)).not.toMatch(/high|medium|low|-1/);
      expect(await told(THINK.adaptive)).not.toMatch(/high|none|minimal|:0/);
    },
  );
});

describe('several blocks of reasoning', () => {
  const REDACTED = { type: 'redacted_thinking', data: 'cmVkYWN0ZWQ=' };
  const SECOND = { type: 'thinking', thinking: 'Second.', signature: 'c2Vjb25kIHNpZ25hdHVyZQ==' };
  const content = [THINKING, REDACTED, SECOND, { type: 'text', text: 'Hi' }];

  test('keep their number and order, before the text', async () => {
    const { body } = await ask({
      client: 'messages',
      provider: 'messages',
      says: messagesReply(content),
      fields: history(),
      providerConfig: { extraBody: { x: 1 } },
    });
    expect(dig(parseJson(body), 'content')).toEqual(content);
  });

  test('come back to Anthropic as they were, through a chat client', async () => {
    const says = messagesReply(content);
    const first = await ask({ client: 'chat', provider: 'messages', says, name: 'reasoning' });
    const message = dig(parseJson(first.body), 'choices', 0, 'message');
    const messages = [{ role: 'user', content: 'Go' }, message, { role: 'user', content: 'On' }];
    const body = { model: 'm', messages, reasoning_effort: 'high' };
    const { sent } = await again(first.gateway, 'chat', body as JsonObject);
    expect(dig(sent, 'messages', 1, 'content')).toEqual(content);
  });
});

test('a token of Gemini’s returns on the very call it came with, through every client', async () => {
  const token = 'dG9rZW4gb2YgdGhlIHNlY29uZA==';
  const says = {
    candidates: [
      {
        content: {
          role: 'model',
          parts: [
            { functionCall: { name: 'get_weather', args: { city: 'A' } }, thoughtSignature: token },
            { functionCall: { name: 'get_time', args: { zone: 'B' } } },
          ],
        },
        finishReason: 'STOP',
      },
    ],
  };
  const first = await ask({ client: 'chat', provider: 'gemini', says, name: 'calls' });
  const message = dig(parseJson(first.body), 'choices', 0, 'message');
  const calls = dig(message, 'tool_calls');
  const results = [0, 1].map((at) => ({
    role: 'tool',
    tool_call_id: dig(calls, at, 'id'),
    content: `result ${at}`,
  }));
  const body = { model: 'm', messages: [{ role: 'user', content: 'Go' }, message, ...results] };
  const { sent } = await again(first.gateway, 'chat', body as JsonObject);
  const parts = dig(sent, 'contents', 1, 'parts');
  expect(parts).toMatchObject([
    { functionCall: { name: 'get_weather' }, thoughtSignature: token },
    { functionCall: { name: 'get_time' } },
  ]);
  expect(dig(parts, 1)).not.toHaveProperty('thoughtSignature');
});

describe('an answer is never swallowed because something expected did not come', () => {
  test.each(FORMAT_NAMES)('thinking without a signature: %s client', async (client) => {
    const says = messagesEvents([
      { type: 'thinking', thinking: 'Hm.' },
      { type: 'text', text: 'Here.' },
    ]);
    const { answer } = await ask({ client, provider: 'messages', says, name: 'reasoning' });
    expect(answer).toMatchObject({ text: 'Here.', finish: 'stop' });
  });
  test.each(FORMAT_NAMES)('a think tag that is never closed: %s client', async (client) => {
    const says = chatReply({ content: '<think>Hm. The answer is 4.' });
    const transformer = { use: ['extrathinktag'] };
    const { answer } = await ask({
      client,
      provider: 'chat',
      says,
      providerConfig: { transformer },
      name: 'reasoning',
    });
    expect(answer.text + answer.reasoning).toContain('The answer is 4.');
  });
});
