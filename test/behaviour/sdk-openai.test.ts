/** OpenAI's SDK runs a loop of tools through the gateway, against every provider format. */
import { describe, expect, test } from 'bun:test';
import OpenAI from 'openai';
import type {
  ChatCompletion,
  ChatCompletionMessageParam,
  ChatCompletionTool,
} from 'openai/resources/chat/completions';
import type { Response, ResponseInputItem, Tool } from 'openai/resources/responses/responses';
import { FORMAT_NAMES } from '../../src/unified.ts';
import { FINAL, STEP_USAGE } from '../support/scripted.ts';
import {
  BASE,
  type ClientFetch,
  demoGateway,
  expectLoop,
  loopGateway,
  runTool,
} from '../support/sdk.ts';

const client = (fetch: ClientFetch): OpenAI =>
  new OpenAI({ baseURL: `${BASE}/v1`, apiKey: 'any', maxRetries: 0, fetch });

const parameters = (key: string) => ({
  type: 'object',
  properties: { [key]: { type: 'string' } },
  required: [key],
  additionalProperties: false,
});
const ASK = 'Weather in Paris, and the time there and in Tokyo?';

describe('chat completions', () => {
  const tools: ChatCompletionTool[] = [
    { type: 'function', function: { name: 'get_weather', parameters: parameters('city') } },
    { type: 'function', function: { name: 'get_time', parameters: parameters('zone') } },
  ];

  async function ask(
    openai: OpenAI,
    messages: ChatCompletionMessageParam[],
    stream: boolean,
  ): Promise<ChatCompletion> {
    const body = { model: 'm', messages, tools, reasoning_effort: 'high' as const };
    if (!stream) return openai.chat.completions.create(body);
    const options = { stream_options: { include_usage: true } };
    return openai.chat.completions.stream({ ...body, ...options }).finalChatCompletion();
  }

  async function loop(openai: OpenAI, stream: boolean): Promise<ChatCompletion[]> {
    const messages: ChatCompletionMessageParam[] = [{ role: 'user', content: ASK }];
    const answers: ChatCompletion[] = [];
    for (let step = 0; step < 5; step += 1) {
      const answer = await ask(openai, messages, stream);
      answers.push(answer);
      const message = answer.choices[0]?.message;
      if (message === undefined) break;
      messages.push(message);
      for (const call of message.tool_calls ?? []) {
        if (call.type !== 'function') continue;
        const content = runTool(call.function.name, JSON.parse(call.function.arguments));
        messages.push({ role: 'tool', tool_call_id: call.id, content });
      }
      if (answer.choices[0]?.finish_reason !== 'tool_calls') break;
    }
    return answers;
  }

  describe.each(FORMAT_NAMES)('%s provider', (provider) => {
    test.each([false, true])('streamed: %p', async (stream) => {
      const sdk = await loopGateway(provider);
      const answers = await loop(client(sdk.fetch), stream);
      expect(answers.map(({ choices }) => choices[0]?.finish_reason)).toEqual([
        'tool_calls',
        'tool_calls',
        'stop',
      ]);
      expect(answers.at(-1)?.choices[0]?.message.content).toBe(FINAL);
      expect(answers[0]?.choices[0]?.message.tool_calls).toHaveLength(2);
      for (const { usage, model } of answers) {
        expect(model).toBe('m');
        expect(usage).toMatchObject({
          prompt_tokens: STEP_USAGE.input,
          completion_tokens: STEP_USAGE.output,
          prompt_tokens_details: { cached_tokens: STEP_USAGE.cached },
        });
      }
      expectLoop(sdk, provider);
    });
  });

  // The SDK's runner keeps the fields it knows: a token in a call's id comes back, others do not.
  test.each([
    ['chat', 0],
    ['messages', 0],
    ['responses', 0],
    ['gemini', 2],
  ] as const)('the SDK’s own loop of tools: %s provider', async (provider, tokens) => {
    const sdk = await loopGateway(provider);
    const runner = client(sdk.fetch).chat.completions.runTools({
      model: 'm',
      reasoning_effort: 'high',
      messages: [{ role: 'user', content: ASK }],
      tools: (['get_weather', 'get_time'] as const).map((name) => ({
        type: 'function' as const,
        function: {
          name,
          description: name,
          parameters: parameters(name === 'get_time' ? 'zone' : 'city'),
          parse: JSON.parse,
          function: (input: object) => runTool(name, input),
        },
      })),
    });
    expect(await runner.finalContent()).toBe(FINAL);
    expectLoop(sdk, provider, tokens);
  });

  test('the demo provider', async () => {
    const { fetch } = await demoGateway();
    const [first, last] = await loop(client(fetch), true);
    expect(first?.choices[0]?.finish_reason).toBe('tool_calls');
    expect(last?.choices[0]?.message.content).toContain('degrees');
  });
});

describe('responses', () => {
  const tools: Tool[] = [
    { type: 'function', name: 'get_weather', parameters: parameters('city'), strict: true },
    { type: 'function', name: 'get_time', parameters: parameters('zone'), strict: true },
  ];

  async function ask(
    openai: OpenAI,
    input: ResponseInputItem[],
    stream: boolean,
    more: object,
  ): Promise<Response> {
    const body = {
      model: 'm',
      input,
      tools,
      reasoning: { effort: 'high' as const, summary: 'auto' as const },
      ...more,
    };
    if (!stream) return openai.responses.create(body);
    return openai.responses.stream(body).finalResponse();
  }

  /** @param refers goes on from the last answer by its id, instead of sending all items again */
  async function loop(openai: OpenAI, stream: boolean, refers: boolean): Promise<Response[]> {
    let input: ResponseInputItem[] = [{ role: 'user', content: ASK }];
    const answers: Response[] = [];
    for (let step = 0; step < 5; step += 1) {
      const more = refers
        ? { previous_response_id: answers.at(-1)?.id ?? null }
        : { store: false, include: ['reasoning.encrypted_content' as const] };
      const answer = await ask(openai, input, stream, more);
      answers.push(answer);
      const results: ResponseInputItem[] = [];
      for (const item of answer.output) {
        if (item.type !== 'function_call') continue;
        const output = runTool(item.name, JSON.parse(item.arguments));
        results.push({ type: 'function_call_output', call_id: item.call_id, output });
      }
      if (results.length === 0) break;
      const said = answer.output.filter(
        (item) =>
          item.type === 'message' || item.type === 'reasoning' || item.type === 'function_call',
      );
      input = refers ? results : [...input, ...said, ...results];
    }
    return answers;
  }

  describe.each(FORMAT_NAMES)('%s provider', (provider) => {
    test.each([false, true])('streamed: %p', async (stream) => {
      const sdk = await loopGateway(provider);
      const answers = await loop(client(sdk.fetch), stream, false);
      expect(answers.at(-1)?.output_text).toBe(FINAL);
      for (const { usage, status, model } of answers) {
        expect({ status, model }).toEqual({ status: 'completed', model: 'm' });
        expect(usage).toMatchObject({
          input_tokens: STEP_USAGE.input,
          input_tokens_details: { cached_tokens: STEP_USAGE.cached },
          output_tokens: STEP_USAGE.output,
          output_tokens_details: { reasoning_tokens: STEP_USAGE.reasoning },
        });
      }
      expectLoop(sdk, provider);
    });
  });

  test.each(['chat', 'messages', 'gemini'] as const)(
    'by previous_response_id: %s provider',
    async (provider) => {
      const sdk = await loopGateway(provider);
      const answers = await loop(client(sdk.fetch), true, true);
      expect(answers.at(-1)?.output_text).toBe(FINAL);
      expectLoop(sdk, provider);
    },
  );

  test('the demo provider', async () => {
    const { fetch } = await demoGateway();
    const answers = await loop(client(fetch), true, false);
    expect(answers.at(-1)?.output_text).toContain('degrees');
  });
});
