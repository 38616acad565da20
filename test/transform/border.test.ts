/**
 * The border to llms hooks that are not ours: they see llms text, and whatever they hand on, nothing
 * of an answer is lost: calls, usage, finish, and the tokens that must come back to their maker.
 */
import { beforeEach, describe, expect, test } from 'bun:test';
import { type JsonObject, object, parseJson } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { Quiet } from '../fixtures/transformers/quiet.ts';
import { type Answer, dig, eventsOf, readAnswer } from '../support/answer.ts';
import { PAIRS } from '../support/ask.ts';
import { jsonReply, streamReply, type TestGateway, testGateway } from '../support/gateway.ts';
import { CASES, pathOf, plainOutline, readFixture, requestOf } from '../support/matrix.ts';

const file = (name: string): string =>
  new URL(`../fixtures/transformers/${name}.ts`, import.meta.url).pathname;

function through(provider: FormatName, use: unknown[], reply: string): Promise<TestGateway> {
  return testGateway(
    {
      transformers: [{ path: file('quiet') }, { path: file('loud') }],
      providers: {
        p: { type: provider, baseUrl: 'http://p.test/v1', apiKey: 'k', transformer: { use } },
      },
      models: { m: 'p/up' },
    },
    ({ headers }) =>
      headers['accept'] === 'text/event-stream'
        ? streamReply([readFixture(`${provider}/${reply}.reply.sse`)])
        : jsonReply(readFixture(`${provider}/${reply}.reply.json`)),
  );
}

const WAYS = ['same', 'copy', 'new'];
const cells = FORMAT_NAMES.flatMap((client) =>
  FORMAT_NAMES.flatMap((provider) =>
    ['calls', 'reasoning', 'usage', 'length', 'refusal'].map(
      (name): [FormatName, FormatName, string] => [client, provider, name],
    ),
  ),
);

beforeEach(() => {
  Quiet.read.length = 0;
  Quiet.asked.length = 0;
});

describe('a hook that changes nothing loses nothing', () => {
  /** Made-up ids differ between two runs. */
  const shown = ({ calls, ...rest }: Answer) => ({
    ...rest,
    calls: calls.map(({ name, input }) => ({ name, input })),
  });
  test.each(cells)('%s client, %s provider, %s', async (client, provider, name) => {
    const request = name === 'refusal' || name === 'usage' || name === 'length' ? 'text' : name;
    for (const stream of [false, true]) {
      const ask = async (use: unknown[]): Promise<Answer> => {
        const { post } = await through(provider, use, name);
        const response = await post(pathOf(client, stream), requestOf(client, request, stream));
        return readAnswer(client, await response.text(), stream);
      };
      const without = shown(await ask([]));
      for (const way of WAYS) expect(shown(await ask([['quiet', { way }]]))).toEqual(without);
    }
  });
});

describe('a request through a hook that changes nothing says the same', () => {
  /** Written anew for Anthropic, `top_p` goes where a temperature stands beside it (and is reported). */
  const told = (provider: FormatName, body: JsonObject): string[] =>
    plainOutline(provider, body).filter((line) => !line.startsWith('top_p: '));
  const requests = Object.keys(CASES).filter((name) => (CASES[name]?.request ?? name) === name);
  test.each(PAIRS)('%s client, %s provider', async (client, provider) => {
    for (const name of requests) {
      for (const stream of [false, true]) {
        const ask = async (use: unknown[]) => {
          const { post, sent } = await through(provider, use, 'text');
          await (await post(pathOf(client, stream), requestOf(client, name, stream))).text();
          return object(parseJson(String(sent[0]?.body ?? ''))) ?? {};
        };
        const plain = await ask([]);
        const hooked = await ask(['quiet']);
        if (client !== provider) expect(hooked).toEqual(plain);
        else expect(told(provider, hooked)).toEqual(told(provider, plain));
      }
    }
  });
});

describe('what a hook sees', () => {
  test('of a reply: a chat completion with llms’s `thinking`, usage and calls', async () => {
    const { post } = await through('messages', [['quiet', { way: 'copy' }]], 'reasoning');
    await (await post(pathOf('responses', false), requestOf('responses', 'text', false))).text();
    const seen = object(parseJson(Quiet.read[0] ?? '')) ?? {};
    expect(seen).toMatchObject({ object: 'chat.completion', usage: { prompt_tokens: 40 } });
    expect(dig(seen, 'choices', 0, 'message')).toMatchObject({
      content: 'Oslo.',
      thinking: { content: 'First compare, then decide.', signature: expect.any(String) },
    });
    // The token crosses sealed: the hook cannot read it.
    expect(Quiet.read[0]).not.toContain('c2lnbmF0dXJlIG9mIG1lc3NhZ2Vz');
  });

  test('of a stream: chunks of a chat completion', async () => {
    const { post } = await through('gemini', [['quiet', { way: 'copy' }]], 'calls');
    await (await post(pathOf('messages', true), requestOf('messages', 'calls', true))).text();
    const seen = eventsOf(Quiet.read[0] ?? '').map(({ data }) => data);
    expect(seen.at(-1)).toBe('[DONE]');
    expect(seen.join('\n')).toContain('"name":"get_weather"');
    expect(object(parseJson(seen[0] ?? ''))).toMatchObject({ object: 'chat.completion.chunk' });
  });

  test('of a request: reasoning as `thinking`', async () => {
    const { post } = await through('chat', ['quiet'], 'text');
    await post('/v1/chat/completions', HISTORY);
    expect(Quiet.asked[0]).toMatchObject([
      { role: 'user' },
      { role: 'assistant', thinking: { content: 'Because.' } },
      { role: 'user' },
    ]);
  });
});

const HISTORY = {
  model: 'm',
  messages: [
    { role: 'user', content: 'Hi' },
    { role: 'assistant', reasoning_content: 'Because.', content: 'Hello.' },
    { role: 'user', content: 'And?' },
  ],
};

describe('reasoning that goes back', () => {
  const sentMessages = ({ sent }: TestGateway): unknown =>
    dig(parseJson(String(sent.at(-1)?.body ?? '')), 'messages');

  test('reaches a chat provider through a hook', async () => {
    const gateway = await through('chat', ['quiet'], 'text');
    await gateway.post('/v1/chat/completions', HISTORY);
    expect(dig(sentMessages(gateway), 1)).toMatchObject({ reasoning_content: 'Because.' });
  });

  test('does not when a hook took the `thinking` away', async () => {
    const gateway = await through('chat', [['quiet', { way: 'forget the thinking' }]], 'text');
    await gateway.post('/v1/chat/completions', HISTORY);
    expect(dig(sentMessages(gateway), 1)).not.toHaveProperty('reasoning_content');
  });

  /** A chat client that answers with what it was given. */
  async function secondTurn(use: unknown[], stream: boolean): Promise<TestGateway> {
    const gateway = await through('messages', use, 'reasoning');
    const ask = {
      model: 'm',
      messages: [{ role: 'user', content: 'Which?' }],
      reasoning_effort: 'high',
    };
    const text = await (await gateway.post('/v1/chat/completions', { ...ask, stream })).text();
    const messages = stream
      ? eventsOf(text).map(({ data }) => dig(parseJson(data), 'choices', 0, 'delta'))
      : [dig(parseJson(text), 'choices', 0, 'message')];
    const answer: JsonObject = { role: 'assistant', content: 'Oslo.' };
    for (const message of messages) {
      const reasoning = dig(message, 'reasoning_content');
      const details = dig(message, 'reasoning_details');
      if (reasoning !== undefined) {
        answer['reasoning_content'] = `${answer['reasoning_content'] ?? ''}${reasoning}`;
      }
      if (details !== undefined) answer['reasoning_details'] = details;
    }
    const again = [...ask.messages, answer, { role: 'user', content: 'Sure?' }];
    await gateway.post('/v1/chat/completions', { ...ask, messages: again });
    return gateway;
  }

  describe.each([false, true])('streamed: %p', (stream) => {
    test.each(WAYS)('a signature comes back to its maker: %s', async (way) => {
      const gateway = await secondTurn([['quiet', { way }]], stream);
      expect(dig(sentMessages(gateway), 1, 'content', 0)).toEqual({
        type: 'thinking',
        thinking: 'First compare, then decide.',
        signature: 'c2lnbmF0dXJlIG9mIG1lc3NhZ2Vz',
      });
    });

    test('a text that a hook changed never goes back with the signature of another', async () => {
      const gateway = await secondTurn(['loud'], stream);
      expect(JSON.stringify(sentMessages(gateway))).not.toContain('c2lnbmF0dXJl');
    });
  });

  test('nor does a messages client get such a signature', async () => {
    const gateway = await through('messages', ['loud'], 'reasoning');
    for (const stream of [false, true]) {
      const asked = requestOf('messages', 'reasoning', stream);
      const text = await (await gateway.post(pathOf('messages', stream), asked)).text();
      expect(readAnswer('messages', text, stream).reasoning).toBe('FIRST COMPARE, THEN DECIDE.');
      expect(text).not.toContain('c2lnbmF0dXJl');
    }
  });
});
