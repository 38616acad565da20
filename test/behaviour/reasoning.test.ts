/**
 * Reasoning goes back to the provider that it came from, whatever format the client speaks: over
 * several tool turns, over a restart, over a change of provider. Nothing forged goes anywhere.
 */
import { describe, expect, test } from 'bun:test';
import { array, isObject, type JsonObject, object, parseJson, text } from '../../src/json.ts';
import { FORMAT_NAMES, type FormatName } from '../../src/unified.ts';
import { eventsOf } from '../support/answer.ts';
import { type TestGateway, testGateway } from '../support/gateway.ts';
import { type Step, scriptedReply, sentBody, wantsStream } from '../support/vocabulary/scripted.ts';

// ------------------------------------------------------------------------------ agents

/** An agent that keeps its history as its client does: what the assistant said goes back as it came. */
interface Agent {
  path: string;
  first(question: string): JsonObject;
  /** The request that follows a reply whose one call is answered with `result`. */
  next(request: JsonObject, reply: JsonObject, result: string): JsonObject;
  /** A reply out of the events of a stream. */
  assemble(events: JsonObject[]): JsonObject;
}

const SCHEMA = { type: 'object', properties: { q: { type: 'string' } } };

function listOf(value: unknown): JsonObject[] {
  return array(value).filter(isObject);
}

/** Claude Code: adaptive thinking, blocks sent back as they came. */
const claudeCode: Agent = {
  path: '/v1/messages',
  first: (question) => ({
    model: 'm',
    max_tokens: 9000,
    thinking: { type: 'enabled', budget_tokens: 4000 },
    tools: [{ name: 'look_up', input_schema: SCHEMA }],
    messages: [{ role: 'user', content: question }],
  }),
  next(request, reply, result) {
    const call = listOf(reply['content']).find((block) => block['type'] === 'tool_use');
    const answer = { type: 'tool_result', tool_use_id: call?.['id'], content: result };
    const messages = [
      ...array(request['messages']),
      { role: 'assistant', content: reply['content'] },
      { role: 'user', content: [answer] },
    ];
    return { ...request, messages };
  },
  assemble(events) {
    const content: JsonObject[] = [];
    for (const event of events) {
      const at = Number(event['index']);
      const delta = object(event['delta']) ?? {};
      const block = content[at];
      if (event['type'] === 'content_block_start')
        content[at] = { ...object(event['content_block']) };
      else if (block && event['type'] === 'content_block_delta') {
        if (delta['type'] === 'thinking_delta')
          block['thinking'] = `${block['thinking']}${delta['thinking']}`;
        if (delta['type'] === 'signature_delta') block['signature'] = delta['signature'];
        if (delta['type'] === 'text_delta') block['text'] = `${block['text']}${delta['text']}`;
        if (delta['type'] === 'input_json_delta') {
          block['json'] = `${block['json'] ?? ''}${delta['partial_json']}`;
        }
      }
    }
    for (const block of content) {
      if (block['type'] === 'tool_use') block['input'] = parseJson(text(block['json']) || '{}');
      delete block['json'];
    }
    return { content };
  },
};

/** Codex: items sent back as they came, `store: false`. */
const codex: Agent = {
  path: '/v1/responses',
  first: (question) => ({
    model: 'm',
    store: false,
    include: ['reasoning.encrypted_content'],
    reasoning: { effort: 'medium', summary: 'auto' },
    tools: [{ type: 'function', name: 'look_up', parameters: SCHEMA, strict: false }],
    input: [{ type: 'message', role: 'user', content: [{ type: 'input_text', text: question }] }],
  }),
  next(request, reply, result) {
    const items = listOf(reply['output']);
    const call = items.find((item) => item['type'] === 'function_call');
    const answer = { type: 'function_call_output', call_id: call?.['call_id'], output: result };
    return { ...request, input: [...array(request['input']), ...items, answer] };
  },
  assemble: (events) => ({
    output: events
      .filter((event) => event['type'] === 'response.output_item.done')
      .map((event) => event['item']),
  }),
};

/** An SDK's chat loop that appends the whole message. */
const chatLoop: Agent = {
  path: '/v1/chat/completions',
  first: (question) => ({
    model: 'm',
    reasoning_effort: 'medium',
    tools: [{ type: 'function', function: { name: 'look_up', parameters: SCHEMA } }],
    messages: [{ role: 'user', content: question }],
  }),
  next(request, reply, result) {
    const message = object(listOf(reply['choices'])[0]?.['message']) ?? {};
    const [call] = listOf(message['tool_calls']);
    const answer = { role: 'tool', tool_call_id: call?.['id'], content: result };
    return { ...request, messages: [...array(request['messages']), message, answer] };
  },
  assemble(events) {
    const message: JsonObject = { role: 'assistant', content: null };
    const details: JsonObject[] = [];
    let call: JsonObject | undefined;
    let args = '';
    for (const event of events) {
      const delta = object(listOf(event['choices'])[0]?.['delta']) ?? {};
      for (const key of ['content', 'reasoning_content']) {
        if (typeof delta[key] === 'string') message[key] = `${message[key] ?? ''}${delta[key]}`;
      }
      details.push(...listOf(delta['reasoning_details']));
      const [piece] = listOf(delta['tool_calls']);
      const made = object(piece?.['function']);
      if (piece?.['id']) call = { id: piece['id'], type: 'function', name: made?.['name'] };
      args += text(made?.['arguments']) ?? '';
    }
    if (details.length > 0) message['reasoning_details'] = details;
    if (call) {
      const { id, type, name } = call;
      message['tool_calls'] = [{ id, type, function: { name, arguments: args } }];
    }
    return { choices: [{ message }] };
  },
};

/** Google's SDK: contents sent back as they came. */
const geminiLoop: Agent = {
  path: '/v1beta/models/m:generateContent',
  first: (question) => ({
    generationConfig: { thinkingConfig: { includeThoughts: true, thinkingBudget: 4000 } },
    tools: [{ functionDeclarations: [{ name: 'look_up', parametersJsonSchema: SCHEMA }] }],
    contents: [{ role: 'user', parts: [{ text: question }] }],
  }),
  next(request, reply, result) {
    const content = object(listOf(reply['candidates'])[0]?.['content']) ?? {};
    const functionResponse = { name: 'look_up', response: { output: result } };
    const answer = { role: 'user', parts: [{ functionResponse }] };
    return { ...request, contents: [...array(request['contents']), content, answer] };
  },
  assemble(events) {
    const parts = events.flatMap((event) =>
      listOf(object(listOf(event['candidates'])[0]?.['content'])?.['parts']),
    );
    return { candidates: [{ content: { role: 'model', parts } }] };
  },
};

const AGENTS: readonly [FormatName, Agent][] = [
  ['messages', claudeCode],
  ['responses', codex],
  ['chat', chatLoop],
  ['gemini', geminiLoop],
];

// ------------------------------------------------------------------------------ providers

const MODEL: Readonly<Record<FormatName, string>> = {
  chat: 'some-model',
  messages: 'claude-sonnet-4-5',
  responses: 'gpt-5',
  gemini: 'gemini-3-pro-preview',
};

/** Two providers of a format; `m` stands for a model of the first, `n` for one of the second. */
function twoProviders(first: FormatName, second: FormatName): object {
  return {
    providers: {
      a: { type: first, baseUrl: 'http://a.test/v1', apiKey: 'k' },
      b: { type: second, baseUrl: 'http://b.test/v1', apiKey: 'k' },
    },
    models: { m: `a/${MODEL[first]}`, n: `b/${MODEL[second]}` },
  };
}

/** The tool turn number `n`: reasoning with a token where the format has one, then a call. */
function turn(format: FormatName, n: number): Step {
  const call = {
    id: format === 'messages' ? `toolu_${n}` : `call_${n}`,
    name: 'look_up',
    input: { q: `q${n}` },
  };
  const reasoning = `thought number ${n}`;
  if (format === 'gemini') return { reasoning, calls: [{ ...call, token: tokenOf(n) }] };
  return format === 'chat'
    ? { reasoning, token: '', calls: [call] }
    : { reasoning, token: tokenOf(n), calls: [call] };
}
function tokenOf(n: number): string {
  return btoa(`a token for turn ${n}`);
}

async function gatewayFor(first: FormatName, second: FormatName = first): Promise<TestGateway> {
  let turns = 0;
  return testGateway(twoProviders(first, second), (request) => {
    turns += 1;
    const format = request.url.startsWith('http://a.test') ? first : second;
    return scriptedReply(format, turn(format, turns), wantsStream(request));
  });
}

/** What reasoning a provider was sent, as the format spells it. */
function sentReasoning(format: FormatName, body: JsonObject): string[] {
  switch (format) {
    case 'chat':
      return listOf(body['messages']).flatMap(
        (message) => text(message['reasoning_content']) ?? [],
      );
    case 'messages':
      return listOf(body['messages'])
        .flatMap((message) => listOf(message['content']))
        .filter((block) => block['type'] === 'thinking')
        .map((block) => `${block['thinking']} ${block['signature']}`);
    case 'responses':
      return listOf(body['input'])
        .filter((item) => item['type'] === 'reasoning')
        .map((item) => text(item['encrypted_content']) ?? '');
    case 'gemini':
      return listOf(body['contents'])
        .flatMap((content) => listOf(content['parts']))
        .filter((part) => part['functionCall'] !== undefined)
        .map((part) => text(part['thoughtSignature']) ?? '');
  }
}

/** The same as it must be after `turns` tool turns. */
function expectedReasoning(format: FormatName, turns: number): string[] {
  const numbers = Array.from({ length: turns }, (_, n) => n + 1);
  if (format === 'chat') return numbers.map((n) => `thought number ${n}`);
  if (format === 'messages') return numbers.map((n) => `thought number ${n} ${tokenOf(n)}`);
  return numbers.map(tokenOf);
}

async function exchange(
  gateway: TestGateway,
  agent: Agent,
  request: JsonObject,
  stream: boolean,
): Promise<{ reply: JsonObject; response: Response }> {
  const isGemini = agent === geminiLoop;
  const body = isGemini || !stream ? request : { ...request, stream: true };
  const method = stream ? 'streamGenerateContent?alt=sse' : 'generateContent';
  const model = text(request['model']) ?? 'm';
  const path = isGemini ? `/v1beta/models/${model}:${method}` : agent.path;
  const { model: _, ...bare } = body;
  const response = await gateway.post(path, isGemini ? bare : body);
  const content = await response.text();
  if (response.status !== 200) throw new Error(content);
  if (!stream) return { reply: object(parseJson(content)) ?? {}, response };
  const events = eventsOf(content).map(({ data }) => object(parseJson(data)) ?? {});
  return { reply: agent.assemble(events), response };
}

// ------------------------------------------------------------------------------ tests

describe.each(AGENTS)('a %s client', (_client, agent) => {
  describe.each(FORMAT_NAMES)('at a %s provider', (format) => {
    test.each([false, true])(
      'gives reasoning back over tool turns and a restart (stream: %p)',
      async (stream) => {
        let turns = 0;
        // A new gateway for every request: nothing but the secret is kept.
        const open = (): Promise<TestGateway> =>
          testGateway(twoProviders(format, format), (request) => {
            turns += 1;
            return scriptedReply(format, turn(format, turns), wantsStream(request));
          });
        let request = agent.first('What is it?');
        for (let done = 0; done < 4; done += 1) {
          const gateway = await open();
          const { reply, response } = await exchange(gateway, agent, request, stream);
          const sent = sentBody(gateway.sent[0]);
          expect(sentReasoning(format, sent)).toEqual(expectedReasoning(format, done));
          expect(response.headers.get('x-plexus-dropped') ?? '').not.toMatch(
            /content\.|parts\.|input\./,
          );
          expect(JSON.stringify(sent)).not.toContain('plexusV');
          request = agent.next(request, reply, `result ${done}`);
        }
      },
    );

    test('leaves it out, and says so, when the provider changes', async () => {
      const gateway = await gatewayFor(format);
      let request = agent.first('What is it?');
      const first = await exchange(gateway, agent, request, false);
      request = { ...agent.next(request, first.reply, 'a result'), model: 'n' };
      const { response } = await exchange(gateway, agent, request, false);
      const sent = sentBody(gateway.sent[1]);
      const isNative = format === _client;
      if (isNative) return; // Whose a native token is cannot be known.
      const foreign = sentReasoning(format, sent).filter((each) => each.includes(tokenOf(1)));
      expect(foreign).toEqual([]);
      expect(JSON.stringify(sent)).not.toContain('thought number 1');
      expect(response.headers.get('x-plexus-dropped')).not.toBeNull();
      expect(JSON.stringify(sent)).toContain('a result');
    });
  });

  test('goes on with a provider of another format in the middle, and back', async () => {
    const gateway = await gatewayFor('messages', 'chat');
    let request = agent.first('What is it?');
    for (const model of ['m', 'n', 'm', 'n']) {
      request = { ...request, model };
      const { reply } = await exchange(gateway, agent, request, false);
      request = agent.next(request, reply, 'a result');
    }
    // Turns 1 and 3 are of the messages provider, 2 and 4 of the chat provider.
    const third = sentReasoning('messages', sentBody(gateway.sent[2]));
    expect(third.filter((each) => !each.startsWith('thought number 1'))).toEqual([]);
    const fourth = sentReasoning('chat', sentBody(gateway.sent[3]));
    expect(fourth).toEqual(['thought number 2']);
  });
});

// ------------------------------------------------------------------------------ forgeries

/** Every place of a request that holds a sealed token, changed. */
function tamper(value: unknown, change: (sealed: string) => string): unknown {
  if (typeof value === 'string') return value.replace(/plexusV[A-Za-z0-9]+/g, change);
  if (Array.isArray(value)) return value.map((each) => tamper(each, change));
  if (!isObject(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, tamper(each, change)]),
  );
}

const CHANGES: readonly [string, (sealed: string) => string][] = [
  [
    'altered',
    (sealed) => sealed.slice(0, 40) + (sealed[40] === 'a' ? 'b' : 'a') + sealed.slice(41),
  ],
  [
    'with another check',
    (sealed) => sealed.slice(0, 14) + (sealed[14] === 'a' ? 'b' : 'a') + sealed.slice(15),
  ],
  ['cut', (sealed) => sealed.slice(0, -4)],
  ['made up', () => 'plexusV1AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA'],
  ['of a later version', (sealed) => sealed.replace('plexusV1', 'plexusV9')],
];

describe.each(AGENTS)('what a %s client sends back', (client, agent) => {
  for (const [what, change] of CHANGES) {
    test.each(FORMAT_NAMES.filter((format) => format !== client))(
      `${what} is left out and reported, never forwarded (%s provider)`,
      async (format) => {
        const gateway = await gatewayFor(format);
        const request = agent.first('What is it?');
        const { reply } = await exchange(gateway, agent, request, false);
        const honest = agent.next(request, reply, 'a result');
        const forged = object(tamper(honest, change)) ?? {};
        if (Bun.deepEquals(forged, honest)) return; // Chat reasoning to chat needs no token.
        const { response } = await exchange(gateway, agent, forged, false);
        const sent = JSON.stringify(sentBody(gateway.sent[1]));
        expect(sent).not.toContain('plexusV');
        expect(sent).not.toContain(tokenOf(1));
        expect(sent).toContain('a result');
        expect(response.headers.get('x-plexus-dropped')).not.toBeNull();
      },
    );
  }
});

test('thinking whose words were changed loses its token', async () => {
  const gateway = await gatewayFor('chat');
  const request = claudeCode.first('What is it?');
  const { reply } = await exchange(gateway, claudeCode, request, false);
  const text = JSON.stringify(claudeCode.next(request, reply, 'a result'));
  const changed = object(parseJson(text.replace('thought number 1', 'thought number 7'))) ?? {};
  const { response } = await exchange(gateway, claudeCode, changed, false);
  expect(sentReasoning('chat', sentBody(gateway.sent[1]))).toEqual([]);
  expect(response.headers.get('x-plexus-dropped')).toContain('messages.1.content.0');
});
